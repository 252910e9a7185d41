"""What is particular about Alpaca, over a socket: ids, holds, coins, parts of shares, hours."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.errors import BadCredentials, OrderRejected, OutcomeUnknown, Unsupported
from brokers.types import ReportStatus
from tests.venue.faults import FaultKind as F
from tests.venues.alpaca.fixtures import KEY, Alpaca, now_of, request
from tradehub.core.intent import Trail
from tradehub.lib.clock import utc_now
from tradehub.testing.hub import Clock

R = ReportStatus


def test_every_number_on_the_wire_is_text(alpaca: Alpaca) -> None:
    broker = alpaca.broker(fractional=True)
    broker.submit(request(quantity="0.300000000"))
    broker.submit(request(id="o2", kind="limit", limit_price="90.10"))
    for post in alpaca.venue.posts():
        assert not [value for value in post.body.values() if isinstance(value, int | float)]
    assert [post.body["qty"] for post in alpaca.venue.posts()] == ["0.3", "2"]


def test_one_connection_is_kept(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    for number in range(5):
        broker.submit(request(id=f"o{number}", quantity="1"))
    assert len(alpaca.venue.asked) > 10
    assert alpaca.server.accepted == 1


def test_the_first_answer_tells_nothing_and_a_second_look_does(alpaca: Alpaca) -> None:
    report = alpaca.broker().submit(request())
    assert (report.status, len(report.fills)) == (R.FILLED, 1)
    asked = [each.operation for each in alpaca.venue.asked]
    assert asked == ["instrument", "submit", "order", "fills"]


def test_an_order_that_is_taken_is_taken_whatever_the_second_look_does(alpaca: Alpaca) -> None:
    for operation, status in (("order", R.OPEN), ("fills", R.FILLED)):
        alpaca.venue.fault(operation, F.REFUSE_500)
        report = alpaca.broker().submit(request(id=operation, quantity="1"))
        assert (report.status, report.fills) == (status, ())
        assert len(now_of(alpaca.broker(), operation).fills) == 1


# ---- ids ----


def test_an_id_is_taken_for_ever_and_the_first_order_answers(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    first = broker.submit(request(quantity="1"))
    again = broker.submit(request("sell", "7"))
    assert (again.venue_order_id, again.side, again.quantity) == (
        first.venue_order_id,
        first.side,
        1,
    )
    assert alpaca.venue.positions(KEY) == {"AAPL": 1}


def test_an_id_that_is_taken_and_can_not_be_looked_up_is_unknown(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request(quantity="1"))
    alpaca.venue.fault("order", F.REFUSE_500)
    with pytest.raises(OutcomeUnknown):
        broker.submit(request(quantity="1"))
    alpaca.venue.change(KEY, order_lag=60)
    with pytest.raises(OutcomeUnknown):
        broker.submit(request(quantity="1"))


def test_fills_are_told_with_the_ids_of_their_orders(alpaca: Alpaca) -> None:
    """Alpaca's own activities name its own ids only."""
    began = utc_now() - timedelta(seconds=1)
    alpaca.broker().submit(request(quantity="1"))
    alpaca.venue.by_hand(KEY, symbol="MSFT", qty="2", side="buy", type="market",
                         time_in_force="day")  # fmt: skip
    mine, theirs = alpaca.broker().fills(began)
    assert (mine.client_order_id, mine.symbol) == ("order1", "AAPL")
    assert re.fullmatch(r"[0-9a-f-]{36}", theirs.client_order_id)
    assert alpaca.broker().fills(theirs.at) == [theirs]
    assert alpaca.broker().fills(theirs.at + timedelta(seconds=1)) == []


def test_many_fills_and_orders_come_in_pages(alpaca: Alpaca) -> None:
    began = utc_now() - timedelta(seconds=1)
    for number in range(230):
        alpaca.venue.by_hand(KEY, symbol="AAPL", qty="1", side="buy", type="market",
                             time_in_force="day", client_order_id=f"o{number}")  # fmt: skip
    broker = alpaca.broker()
    fills = broker.fills(began)
    assert [each.client_order_id for each in fills] == [f"o{number}" for number in range(230)]
    assert alpaca.asked("fills") == 3
    assert alpaca.asked("order") == 0
    ended = broker.closed_orders(began)
    assert [len(each.fills) for each in ended] == [1] * 230


def test_lists_longer_than_a_page_are_read_to_their_end(
    alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brokers.alpaca.reading.ORDERS_PAGE", 2)
    for number in range(7):
        alpaca.venue.by_hand(KEY, symbol="AAPL", qty="1", side="buy", type="limit",
                             limit_price="90", time_in_force="gtc",
                             client_order_id=f"o{number}")  # fmt: skip
    found = alpaca.broker().open_orders()
    assert [each.client_order_id for each in found] == [f"o{number}" for number in range(7)]
    told = alpaca.broker().reports([f"o{number}" for number in range(7)])
    assert len(told) == 7


def test_working_orders_are_read_in_one_list(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    ids = [f"o{number}" for number in range(6)]
    for each in ids:
        broker.submit(request(id=each, kind="limit", limit_price="90", quantity="1"))
    alpaca.venue.asked.clear()
    assert [each.status for each in broker.reports(ids)] == [R.OPEN] * 6
    assert [each.operation for each in alpaca.venue.asked] == ["open_orders"]


def test_fills_that_come_late_are_waited_for(alpaca: Alpaca) -> None:
    alpaca.venue.change(KEY, fill_lag=60)
    broker = alpaca.broker()
    report = broker.submit(request())
    assert (report.status, report.filled_quantity, report.fills) == (R.FILLED, 2, ())
    alpaca.venue.change(KEY, fill_lag=0)
    assert [fill.quantity for fill in now_of(broker, "order1").fills] == [2]


# ---- cancel ----


def test_a_cancel_is_waited_for(alpaca: Alpaca) -> None:
    alpaca.venue.change(KEY, cancel_seconds=0.2)
    broker = alpaca.broker()
    broker.submit(request(kind="limit", limit_price="90"))
    assert broker.cancel("order1").status is R.CANCELED


def test_a_cancel_that_hangs_leaves_the_order_as_it_stands(alpaca: Alpaca) -> None:
    alpaca.venue.change(KEY, cancel_seconds=60)
    broker = alpaca.broker()
    broker.submit(request(kind="limit", limit_price="90"))
    assert broker.cancel("order1").status is R.OPEN
    assert now_of(broker, "order1").status is R.OPEN


def test_a_fill_that_overtakes_a_cancel_is_told(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request(kind="limit", limit_price="90"))
    alpaca.venue.fill(KEY, "order1", "2")
    report = broker.cancel("order1")
    assert (report.status, report.filled_quantity) == (R.FILLED, 2)
    assert alpaca.asked("cancel") == 0


def test_a_cancel_that_alpaca_refuses_is_looked_up(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request(kind="limit", limit_price="90"))
    alpaca.venue.fault("cancel", F.REJECT, text="order is already in a final state")
    assert broker.cancel("order1").status is R.OPEN
    assert alpaca.asked("order") == 2


def test_an_order_that_was_never_sent_can_not_be_cancelled(alpaca: Alpaca) -> None:
    with pytest.raises(OrderRejected) as refused:
        alpaca.broker().cancel("never")
    assert refused.value.venue_code == "UNKNOWN_ORDER"


@pytest.mark.parametrize(("status", "told"), [("expired", R.EXPIRED), ("rejected", R.REJECTED),
                                              ("replaced", R.CANCELED)])  # fmt: skip
def test_how_an_order_ended(alpaca: Alpaca, status: str, told: R) -> None:
    broker = alpaca.broker()
    broker.submit(request(kind="limit", limit_price="90"))
    alpaca.venue.end(KEY, "order1", status)
    report = now_of(broker, "order1")
    assert (report.status, report.code) == (told, status.upper())
    assert broker.open_orders() == []


def test_a_fill_after_the_cancel_is_told(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request(kind="limit", limit_price="90"))
    broker.cancel("order1")
    alpaca.venue.fill(KEY, "order1", "1")
    report = now_of(broker, "order1")
    assert (report.status, [fill.quantity for fill in report.fills]) == (R.CANCELED, [1])


# ---- holds, money, flips ----


def test_shares_that_an_order_holds_are_not_there_for_another(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request())
    broker.submit(request("sell", "2", "stop", id="stop", stop_price="95", tif="gtc",
                          reduce_only=True))  # fmt: skip
    with pytest.raises(OrderRejected) as refused:
        broker.submit(request("sell", "2", "limit", id="target", limit_price="110", tif="gtc",
                              reduce_only=True))  # fmt: skip
    assert refused.value.venue_code == "40310000"
    assert refused.value.text == (
        "insufficient qty available for order (requested: 2, available: 0)"
    )
    broker.cancel("stop")
    assert broker.submit(request("sell", "2", id="exit", reduce_only=True)).status is R.FILLED
    assert broker.positions() == []


def test_the_other_side_waits_for_what_works(alpaca: Alpaca) -> None:
    """Alpaca calls it a wash trade: an entry beside the stop of what is held is refused."""
    broker = alpaca.broker()
    broker.submit(request())
    broker.submit(request("sell", "2", "stop", id="stop", stop_price="95", tif="gtc",
                          reduce_only=True))  # fmt: skip
    with pytest.raises(OrderRejected) as refused:
        broker.submit(request(id="more"))
    assert "wash trade" in refused.value.text
    assert "opposite side market/stop order exists" in refused.value.text


def test_too_little_buying_power(alpaca: Alpaca) -> None:
    with pytest.raises(OrderRejected) as refused:
        alpaca.broker().submit(request(quantity="501"))
    assert refused.value.text == "insufficient buying power"
    assert alpaca.broker().order("order1") is None


def test_no_flip_in_one_order(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request())
    with pytest.raises(OrderRejected):
        broker.submit(request("sell", "3", id="flip"))
    assert broker.submit(request("sell", "2", id="exit", reduce_only=True)).status is R.FILLED
    assert broker.submit(request("sell", "1", id="short")).status is R.FILLED
    (held,) = broker.positions()
    assert (held.symbol, held.quantity, held.average_price) == ("AAPL", -1, 100)


def test_an_exit_can_not_open_the_other_side(alpaca: Alpaca) -> None:
    """Somebody else has closed the position: Alpaca refuses, as the order says its intent."""
    broker = alpaca.broker()
    for kind, more in (("market", {}), ("stop", {"stop_price": "95"})):
        with pytest.raises(OrderRejected) as refused:
            broker.submit(request("sell", "2", kind, id=kind, reduce_only=True, **more))
        assert "position intent mismatch" in refused.value.text
    assert alpaca.venue.positions(KEY) == {}


def test_an_exit_goes_out_though_the_position_can_not_be_read(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request())
    alpaca.venue.fault("positions", F.REFUSE_500)
    assert broker.submit(request("sell", "2", id="exit", reduce_only=True)).status is R.FILLED


@pytest.mark.parametrize("kind", ["market", "limit"])
def test_an_exit_closes_all_though_the_position_is_told_late(alpaca: Alpaca, kind: str) -> None:
    broker = alpaca.broker()
    broker.submit(request(quantity="1"))
    alpaca.venue.change(KEY, position_lag=60)
    broker.submit(request(id="more", quantity="2"))
    more = {} if kind == "market" else {"limit_price": "99"}
    broker.submit(request("sell", "3", kind, id="exit", reduce_only=True, **more))
    assert now_of(broker, "exit").filled_quantity == 3
    assert alpaca.venue.positions(KEY) == {}


def test_an_exit_that_is_refused_as_too_much_is_cut_to_what_is_held_once(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request())
    sold = broker.submit(request("sell", "3", id="exit", reduce_only=True))
    assert (sold.status, sold.quantity, sold.filled_quantity) == (R.FILLED, 2, 2)
    assert [post.body["qty"] for post in alpaca.venue.posts("exit")] == ["3", "2"]


def test_an_exit_is_cut_neither_for_what_is_unknown_nor_for_what_another_order_holds(
    alpaca: Alpaca,
) -> None:
    broker = alpaca.broker()
    broker.submit(request())
    alpaca.venue.fault("positions", F.REFUSE_500)
    with pytest.raises(OrderRejected):
        broker.submit(request("sell", "3", id="unknown", reduce_only=True))
    broker.submit(request("sell", "1", "limit", id="rests", limit_price="120"))
    with pytest.raises(OrderRejected) as refused:
        broker.submit(request("sell", "2", id="held", reduce_only=True))
    assert "available: 1" in refused.value.text
    assert [len(alpaca.venue.posts(name)) for name in ("unknown", "held")] == [1, 1]


def test_a_stop_of_shares_is_never_cut(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request())
    stop = request("sell", "3", "stop", id="stop", stop_price="95", tif="gtc", reduce_only=True)
    with pytest.raises(OrderRejected):
        broker.submit(stop)
    assert len(alpaca.venue.posts("stop")) == 1


def test_a_stop_is_placed_whole_though_the_position_is_told_late(alpaca: Alpaca) -> None:
    alpaca.venue.change(KEY, position_lag=60)
    broker = alpaca.broker()
    broker.submit(request())
    stop = broker.submit(request("sell", "2", "stop", id="stop", stop_price="95", tif="gtc",
                                 reduce_only=True))  # fmt: skip
    assert (stop.status, stop.quantity) == (R.OPEN, 2)


def test_shorts_are_refused_before_they_are_sent(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    alpaca.venue.assets["MSFT"].borrow_status = "hard_to_borrow"
    with pytest.raises(Unsupported, match="locate"):
        broker.submit(request("sell", symbol="MSFT"))
    alpaca.venue.change(KEY, shorting_enabled=False)
    assert broker.capabilities().shorts
    broker.account()
    assert not broker.capabilities().shorts
    with pytest.raises(Unsupported, match="may not sell short"):
        broker.submit(request("sell"))
    assert not alpaca.venue.posts()


def test_what_is_known_of_an_asset_is_dropped_when_alpaca_says_otherwise(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    assert broker.instrument("AAPL") is not None
    alpaca.venue.assets["AAPL"].tradable = False
    with pytest.raises(OrderRejected, match="is not tradable"):
        broker.submit(request())
    instrument = broker.instrument("AAPL")
    assert instrument is not None
    assert not instrument.tradable
    with pytest.raises(Unsupported, match="not tradable"):
        broker.submit(request(id="again"))


# ---- parts of shares, hours ----


def test_the_stop_of_a_part_of_a_share_is_for_the_day(alpaca: Alpaca) -> None:
    """As Alpaca has no other; when the day has ended it is expired, and can be placed anew."""
    broker = alpaca.broker(fractional=True)
    broker.submit(request(quantity="1.5"))
    stop = request("sell", "1.5", "stop", id="stop", stop_price="95", tif="gtc", reduce_only=True)
    assert broker.submit(stop).status is R.OPEN
    assert alpaca.venue.posts("stop")[0].body["time_in_force"] == "day"
    alpaca.venue.end_day()
    assert now_of(broker, "stop").status is R.EXPIRED


def test_what_is_sent_at_night_waits_for_the_open(alpaca: Alpaca) -> None:
    """As exits are; which entries are not sent is in `test_hours`."""
    alpaca.venue.open_market(is_open=False)
    broker = alpaca.broker()
    assert not broker.clock()[0].is_open
    assert broker.submit(request()).status is R.OPEN
    looks = alpaca.asked("order")
    assert looks == 1
    night = request(id="night", kind="limit", limit_price="101", extended_hours=True, symbol="MSFT")
    broker.submit(night)
    assert now_of(broker, "night").status is R.FILLED
    alpaca.venue.open_market(is_open=True)
    assert now_of(broker, "order1").status is R.FILLED


def test_a_trailing_stop_by_price(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request())
    broker.submit(request("sell", "2", "trailing_stop", id="trail", tif="gtc", reduce_only=True,
                          trail=Trail(offset=Decimal(5))))  # fmt: skip
    alpaca.venue.set_price("AAPL", "110")
    alpaca.venue.set_price("AAPL", "106")
    assert now_of(broker, "trail").status is R.OPEN
    alpaca.venue.set_price("AAPL", "105")
    assert now_of(broker, "trail").status is R.FILLED


# ---- coins ----


def test_coins_are_bought_less_the_fee_and_sold_to_the_last(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    coin = {"symbol": "BTCUSD", "tif": "gtc"}
    bought = broker.submit(request(quantity="2", **coin))
    assert alpaca.venue.posts()[0].body["symbol"] == "BTC/USD"
    (fill,) = bought.fills
    assert (fill.symbol, fill.kept, fill.fee_currency) == ("BTCUSD", Decimal("0.005"), "BTC")
    (held,) = broker.positions()
    assert held.quantity == 2 - fill.kept == Decimal("1.995")
    stop = broker.submit(request("sell", "2", "stop", id="stop", stop_price="90",
                                 reduce_only=True, **coin))  # fmt: skip
    assert (stop.status, stop.quantity) == (R.OPEN, Decimal("1.995"))
    sent = alpaca.venue.posts("stop")[0].body
    assert (sent["type"], sent["stop_price"], sent["limit_price"]) == ("stop_limit", "90", "81")
    alpaca.venue.set_price("BTCUSD", "85")
    assert now_of(broker, "stop").status is R.FILLED
    assert broker.positions() == []


def test_an_exit_of_coins_is_on_their_step(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    coin = {"symbol": "BTCUSD", "tif": "gtc"}
    broker.submit(request(quantity="0.3", **coin))
    sold = broker.submit(request("sell", "0.3", id="exit", reduce_only=True, **coin))
    assert (sold.status, sold.quantity) == (R.FILLED, Decimal("0.2992"))
    (left,) = broker.positions()
    assert left.quantity == Decimal("0.00005") < left.least


def test_coins_trade_when_the_market_is_closed(alpaca: Alpaca) -> None:
    alpaca.venue.open_market(is_open=False)
    report = alpaca.broker().submit(request(quantity="1", symbol="BTCUSD"))
    assert report.status is R.FILLED


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (request("sell", "1", symbol="BTCUSD", tif="gtc"), "no short sales"),
        (request("buy", "1", "stop", symbol="BTCUSD", tif="gtc", stop_price="110"), "not stop"),
        (request("buy", "1", "limit", symbol="BTCUSD", limit_price="90"), "gtc or ioc"),
        (request("buy", "0.00001", symbol="BTCUSD", tif="gtc"), "The least"),
        (request(quantity="0.5", tif="gtc"), "for the day only"),
        (request(extended_hours=True), "extended hours"),
    ],
)
def test_what_alpaca_can_not_do_is_not_sent(alpaca: Alpaca, asked: object, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        alpaca.broker(fractional=True).submit(asked)  # type: ignore[arg-type]  # parametrized
    assert not alpaca.venue.posts()


# ---- account, prices ----


def test_an_asset_that_trades_again_is_seen_within_a_minute(alpaca: Alpaca) -> None:
    clock = Clock(utc_now())
    broker = alpaca.broker(lambda: clock.now)
    alpaca.venue.assets["MSFT"].tradable = False
    tradable = []
    for seconds in (0, 59, 1):
        clock.wait(seconds)
        instrument = broker.instrument("MSFT")
        alpaca.venue.assets["MSFT"].tradable = True
        tradable.append(instrument is not None and instrument.tradable)
    assert tradable == [False, False, True]


def test_many_quotes_in_two_requests(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    alpaca.venue.set_price("AAPL", "150.15", bid="150.1", ask="150.2", age=30)
    symbols = ["AAPL", "MSFT", "TSLA", "BTCUSD", "ETHUSD", "NOSUCH"]
    found = broker.quotes(symbols)
    assert set(found) == {"AAPL", "MSFT", "BTCUSD"}
    assert (found["AAPL"].bid, found["AAPL"].ask) == (Decimal("150.1"), Decimal("150.2"))
    assert found["AAPL"].last == Decimal("150.15")
    assert timedelta(seconds=29) < utc_now() - found["AAPL"].at < timedelta(seconds=40)
    assert alpaca.asked("quotes") == 2
    broker.quotes(symbols)
    assert alpaca.asked("instrument") == len(symbols)
    assert broker.quotes([]) == {}
    assert alpaca.asked("quotes") == 4


def test_a_price_of_zero_is_none(alpaca: Alpaca) -> None:
    alpaca.venue.set_price("AAPL", "150", bid="0", ask="150.2")
    assert alpaca.broker().quote("AAPL") is None


def test_a_feed_without_its_subscription_is_an_error(alpaca: Alpaca) -> None:
    with pytest.raises(OutcomeUnknown):
        alpaca.broker(feed="sip").quote("AAPL")


def test_the_tick_of_a_stock_below_a_dollar(alpaca: Alpaca) -> None:
    alpaca.venue.set_price("TSLA", "0.5")
    broker = alpaca.broker()
    instrument = broker.instrument("TSLA")
    assert instrument is not None
    assert instrument.price_tick == Decimal("0.0001")
    broker.instrument("TSLA")
    assert alpaca.asked("quotes") == 1


def test_symbols_with_a_dot_and_none_at_all(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    assert broker.instrument("BRK.B") is not None
    asked = len(alpaca.venue.asked)
    for strange in ("no symbol", "../account", "A/B", "", "BTC/USD", "aapl"):
        assert broker.instrument(strange) is None
    assert len(alpaca.venue.asked) == asked


def test_a_wrong_key_is_certain(alpaca: Alpaca) -> None:
    broker = alpaca.broker(secret="wrong")
    for ask in (broker.account, broker.open_orders, lambda: broker.submit(request())):
        with pytest.raises(BadCredentials):
            ask()


def test_the_account_is_named_by_alpaca(alpaca: Alpaca) -> None:
    state = alpaca.broker().account()
    assert state.venue_account_id == alpaca.venue.accounts[KEY].id
    assert (state.equity, state.currency) == (50_000, "USD")


def test_capabilities_ask_nothing(alpaca: Alpaca) -> None:
    able = alpaca.broker().capabilities()
    assert (able.settle_seconds, able.client_ids.value) == (30, "unique_forever")
    assert not able.linked_orders
    assert alpaca.venue.asked == []
