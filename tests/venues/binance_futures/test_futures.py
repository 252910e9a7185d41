"""What is Binance futures' own, beside the contract of all venues: its traps, each by name."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers import budget
from brokers.binance.models import ConditionalOrder
from brokers.binance.seats import close_seats
from brokers.budgeting import Priority
from brokers.errors import BrokerError, NotSent, OrderRejected, OutcomeUnknown, Unsupported
from brokers.types import OrderReport, ReportStatus
from tests.venues.binance_futures.books import Order
from tests.venues.binance_futures.fixtures import KEY, Desk, make_broker
from tests.venues.binance_futures.venue import filters
from tradehub.core.intent import Trail
from tradehub.lib.clock import utc_now
from tradehub.testing.hub import Clock

R = ReportStatus


def found(desk: Desk, name: str) -> OrderReport:
    report = desk.broker.order(name)
    assert report is not None
    return report


def stopped(desk: Desk, price: str = "95", **more: str) -> OrderReport:
    """A position of 2 with its stop."""
    desk.place("buy", "2")
    return desk.place("sell", "2", "stop", stop_price=price, reduce_only=True, **more)


# ---- trap 3: conditional orders are in another book ----


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("stop", {"stop_price": "95"}),
        ("stop_limit", {"stop_price": "95", "limit_price": "94"}),
        ("trailing_stop", {"trail": Trail(percent=D(5))}),
    ],
)
def test_trap_3_every_conditional_order_goes_to_the_algo_book(
    desk: Desk, kind: str, more: dict[str, str]
) -> None:
    """The ordinary endpoint refuses them (-4120)."""
    desk.place("buy", "2")
    report = desk.place("sell", "2", kind, reduce_only=True, id="mine", **more)
    assert report.status is R.OPEN
    assert report.venue_order_id.startswith("BTCUSDT:algo:")
    (algo,) = desk.books.algos
    assert (algo.client_id, algo.reduce_only) == ("mine", True)
    assert [each.client_id for each in desk.books.orders] != ["mine"]


def test_trap_3_a_conditional_order_is_looked_up_listed_and_cancelled_in_its_book(
    desk: Desk,
) -> None:
    stopped(desk, id="mine")
    desk.place("sell", "1", "limit", limit_price="120", reduce_only=True, id="target")
    for broker in (desk.broker, desk.reopen()):
        names = {each.client_order_id for each in broker.open_orders()}
        assert names == {"mine", "target"}
        told = broker.reports(["mine", "target", "unknown"])
        assert [each.client_order_id for each in told] == ["mine", "target"]
    ended = desk.reopen().cancel("mine")
    assert (ended.client_order_id, ended.status) == ("mine", R.CANCELED)
    assert desk.broker.cancel("mine").status is R.CANCELED
    assert [each.client_order_id for each in desk.broker.open_orders()] == ["target"]


@pytest.mark.parametrize("keeps_names", [False, True])
def test_trap_3_what_a_triggered_order_filled_is_told_under_its_own_name(
    desk: Desk, keeps_names: bool
) -> None:
    """Whatever the ordinary order is called that the venue made of it, and whoever asks."""
    desk.books.keeps_names = keeps_names
    report = stopped(desk, id="mine")
    desk.venue.set_price("BTCUSDT", "94")
    for broker in (desk.broker, desk.reopen()):
        fills = broker.fills(report.at)
        assert [each.client_order_id for each in fills if each.price == 94] == ["mine"]
        told = broker.order("mine")
        assert told is not None
        assert (told.status, told.filled_quantity) == (R.FILLED, 2)
        assert told.venue_order_id == report.venue_order_id
        assert [each.venue_fill_id for each in told.fills] == [fills[-1].venue_fill_id]
        listed = broker.closed_orders(report.at - timedelta(minutes=1))
        assert [each.status for each in listed] == [R.FILLED, R.FILLED]
        assert "mine" in {each.client_order_id for each in listed}
        assert broker.open_orders() == []


def test_trap_3_a_stop_limit_that_rests_after_its_trigger_is_one_order(desk: Desk) -> None:
    desk.place("buy", "2")
    desk.place("sell", "2", "stop_limit", stop_price="95", limit_price="94", reduce_only=True,
               id="mine")  # fmt: skip
    desk.venue.set_price("BTCUSDT", "90")
    for broker in (desk.broker, desk.reopen()):
        (listed,) = broker.open_orders()
        assert listed.client_order_id == "mine"
        assert found(desk, "mine").status is R.OPEN
    ended = desk.broker.cancel("mine")
    assert (ended.status, ended.filled_quantity) == (R.CANCELED, 0)
    assert not any(each.working for each in desk.books.orders)
    assert desk.broker.open_orders() == []


def test_trap_3_a_stop_that_was_seen_only_in_a_list_is_known_when_it_fills(desk: Desk) -> None:
    """Somebody else's, placed at the venue's own site: it has one name all along."""
    report = stopped(desk, id="by-hand")
    ConditionalOrder.objects.all().delete()
    broker = desk.reopen()
    assert [each.client_order_id for each in broker.open_orders()] == ["by-hand"]
    desk.venue.set_price("BTCUSDT", "94")
    assert desk.reopen().fills(report.at)[-1].client_order_id == "by-hand"


def test_trap_3_a_fill_is_not_told_while_it_is_not_known_whose_it_is(desk: Desk) -> None:
    """The venue tells of the ordinary order before it says that the conditional one became it."""
    report = stopped(desk, id="mine")
    desk.venue.set_price("BTCUSDT", "94")
    (algo,) = desk.books.algos
    number, algo.order_id, algo.status = algo.order_id, None, "TRIGGERING"
    broker = desk.reopen()
    for ask in (lambda: broker.fills(report.at), lambda: broker.closed_orders(report.at)):
        with pytest.raises(OutcomeUnknown, match="being triggered"):
            ask()
    algo.status = "NEW"  # told late: as young as it is, it may be that one
    with pytest.raises(OutcomeUnknown):
        broker.fills(report.at)
    algo.order_id = number
    assert broker.fills(report.at)[-1].client_order_id == "mine"


def test_trap_3_a_stop_is_not_told_as_ended_before_what_became_of_it_is_told(desk: Desk) -> None:
    clock = Clock(utc_now())
    desk.venue.clock = lambda: clock.now
    desk.broker = make_broker(desk.account, clock)
    stopped(desk, id="mine")
    clock.wait(60)
    desk.books.order_lag, desk.books.trades_lag = 30, True
    desk.venue.set_price("BTCUSDT", "94")
    with pytest.raises(OutcomeUnknown, match="became of mine"):
        desk.broker.order("mine")
    clock.wait(30)
    desk.books.trades_lag = False
    assert found(desk, "mine").status is R.FILLED


def test_trap_3_a_cancel_while_it_triggers_is_not_taken_for_one(desk: Desk) -> None:
    stopped(desk, id="mine")
    desk.books.slow_trigger = True
    desk.venue.set_price("BTCUSDT", "94")
    assert desk.broker.cancel("mine").status is R.OPEN
    desk.venue.trigger_now(KEY, "mine")
    assert desk.broker.cancel("mine").status is R.FILLED


def test_a_stop_that_is_refused_when_it_triggers_is_told(desk: Desk) -> None:
    """Margin, or that there is nothing to close, is looked at only then."""
    stopped(desk, id="mine")
    desk.place("sell", "2", reduce_only=True)
    desk.venue.set_price("BTCUSDT", "94")
    report = found(desk, "mine")
    assert (report.status, report.filled_quantity, report.code) == (R.REJECTED, 0, "REJECTED")


def test_a_stop_beyond_the_market_is_refused_for_certain(desk: Desk) -> None:
    desk.place("buy", "2")
    with pytest.raises(OrderRejected, match="immediately trigger"):
        desk.place("sell", "2", "stop", stop_price="101", reduce_only=True)


def test_trap_3_an_algo_book_without_reduce_only_gets_stops_of_the_whole_position(
    desk: Desk,
) -> None:
    """Reports contradict each other about `reduceOnly` there, so either is handled."""
    desk.books.algo_reduces = False
    desk.place("buy", "2")
    stop: dict[str, Any] = {"stop_price": "95", "reduce_only": True, "closes_all": True}
    with pytest.raises(NotSent):
        desk.place("sell", "2", "stop", **stop, id="mine")
    report = desk.place("sell", "2", "stop", **stop, id="mine")
    assert (report.status, report.quantity) == (R.OPEN, 2)
    with pytest.raises(Unsupported, match="by a part"):
        desk.place("sell", "1", "stop", **stop)
    with pytest.raises(Unsupported, match="by a part"):
        desk.place("sell", "2", "stop", **{**stop, "closes_all": False})  # another's is there
    desk.venue.fault("positions", "refuse_500", key=KEY)
    with pytest.raises(NotSent):
        desk.place("sell", "2", "stop", **stop)
    desk.venue.set_price("BTCUSDT", "94")
    assert found(desk, "mine").filled_quantity == 2
    assert desk.broker.positions() == []


# ---- trap 7: prices of fills ----


@pytest.mark.parametrize("with_average", [False, True])
def test_trap_7_prices_come_from_the_trades_and_never_from_the_answer(
    desk: Desk, with_average: bool
) -> None:
    """Answers have no `avgPrice` since 2026-07-15; while they have one, it is not read."""
    desk.venue.with_average = with_average
    desk.venue.set_price("BTCUSDT", "100", bid="99.9", ask="100.1")
    report = desk.place("buy", "1")
    assert [each.price for each in report.fills] == [D("100.1")]


def test_trap_7_an_order_that_filled_before_its_trades_are_told_is_asked_for_again(
    desk: Desk,
) -> None:
    desk.books.trades_lag = True
    report = desk.place("buy", "1", id="mine")
    assert (report.status, report.filled_quantity, report.fills) == (R.FILLED, 1, ())
    desk.books.trades_lag = False
    assert sum(each.quantity for each in found(desk, "mine").fills) == 1


def test_fees_in_bnb_are_told_and_valued_and_not_taken_from_the_position(desk: Desk) -> None:
    desk.books.pays_in_bnb = True
    desk.books.wallets["BNB"] = D(1)
    (fill,) = desk.place("buy", "5").fills
    assert (fill.fee, fill.fee_currency, fill.kept) == (D("0.00045"), "BNB", 0)
    assert fill.cost == D("0.225")
    assert desk.broker.positions()[0].quantity == 5


def test_what_rests_is_as_large_as_it_says(desk: Desk) -> None:
    """Even where the venue tells of less than is held: it can only reduce."""
    desk.place("buy", "1")
    target = desk.place("sell", "1.5", "limit", limit_price="110", reduce_only=True)
    assert (target.status, target.quantity) == (R.OPEN, D("1.5"))
    assert desk.place("sell", "1.5", reduce_only=True).filled_quantity == 1


# ---- trap 8: refusals that are none ----


def test_trap_8_a_close_of_what_is_flat_is_no_failure(desk: Desk) -> None:
    desk.place("buy", "1")
    desk.place("sell", "1", reduce_only=True)
    report = desk.place("sell", "1", reduce_only=True)
    assert (report.status, report.filled_quantity, report.code) == (R.CANCELED, 0, "-2022")
    assert report.found_flat
    assert desk.broker.positions() == []


def test_trap_8_a_refused_close_of_what_is_held_is_a_refusal(desk: Desk) -> None:
    desk.place("buy", "1")
    desk.venue.fault(
        "submit", "reject", key=KEY, code="-2022", text="ReduceOnly Order is rejected."
    )
    with pytest.raises(OrderRejected):
        desk.place("sell", "1", reduce_only=True)
    desk.venue.fault("submit", "reject", key=KEY, code="-2022", text="ReduceOnly is rejected.")
    desk.venue.fault("positions", "accept", key=KEY)
    desk.venue.fault("positions", "refuse_500", key=KEY)
    with pytest.raises(OrderRejected):
        desk.place("sell", "1", reduce_only=True)
    assert desk.broker.positions()[0].quantity == 1


def test_trap_8_an_unknown_order_is_not_a_cancelled_one(desk: Desk) -> None:
    """-2011: it may have filled."""
    desk.place("buy", "1", id="filled")
    assert desk.broker.cancel("filled").status is R.FILLED
    desk.place("buy", "1", "limit", limit_price="90", id="works")
    desk.venue.fault("cancel", "reject", key=KEY, code="-2011", text="Unknown order sent.")
    assert desk.broker.cancel("works").status is R.OPEN
    with pytest.raises(BrokerError):
        desk.broker.cancel("never")


# ---- trap 13: the wrong side ----


def test_trap_13_an_exit_never_flips(desk: Desk) -> None:
    desk.place("buy", "1")
    report = desk.place("sell", "3", reduce_only=True, id="exit")
    assert (report.status, report.filled_quantity) == (R.FILLED, 1)
    assert desk.sent("exit")["reduceOnly"] == "true"
    assert desk.broker.positions() == []


def test_an_exit_that_expires_with_a_part_and_leaves_something_is_not_done(desk: Desk) -> None:
    """Or when nobody can say what it leaves."""
    desk.place("buy", "1")
    desk.venue.fault("positions", "refuse_500", key=KEY)
    assert desk.place("sell", "3", reduce_only=True).status is R.EXPIRED


def test_an_exit_closes_all_though_the_venue_tells_of_its_position_late(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.place("buy", "1")
    told = desk.broker.holdings.legs("BTCUSDT")
    desk.place("buy", "2")
    monkeypatch.setattr(desk.broker.holdings, "legs", lambda *_: told)
    report = desk.place("sell", "3", reduce_only=True)
    assert (report.status, report.filled_quantity) == (R.FILLED, 3)
    monkeypatch.undo()
    assert desk.broker.positions() == []


def test_an_exit_that_is_refused_as_too_much_is_cut_to_what_is_held_once(hedged: Desk) -> None:
    hedged.place("buy", "2")
    report = hedged.place("sell", "3", reduce_only=True, id="exit")
    assert (report.status, report.filled_quantity) == (R.FILLED, 2)
    posts = [x.params for x in hedged.venue.asked("submit")]
    sent = [x["quantity"] for x in posts if x["newClientOrderId"] == "exit"]
    assert sent == ["3", "2"]
    assert hedged.broker.positions() == []


def test_a_cut_exit_that_is_refused_too_is_refused(hedged: Desk) -> None:
    hedged.place("buy", "2")
    hedged.venue.fault("submit", "accept", key=KEY)
    hedged.venue.fault("submit", "reject", key=KEY, code="-2019", text="Margin is insufficient.")
    with pytest.raises(OrderRejected, match="Margin"):
        hedged.place("sell", "3", reduce_only=True, id="exit")
    assert hedged.venue.posts("exit") == 2


def test_a_cut_exit_that_took_too_long_is_not_sent(
    hedged: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certain: the first was refused and the second has not left."""
    hedged.place("buy", "2")
    less = hedged.broker._fitting.less
    later = hedged.broker.client.now() + timedelta(seconds=30)

    def slow(fitted: Any) -> Any:
        found = less(fitted)
        monkeypatch.setattr(hedged.broker.client, "now", lambda: later)
        return found

    monkeypatch.setattr(hedged.broker._fitting, "less", slow)
    with pytest.raises(NotSent):
        hedged.place("sell", "3", reduce_only=True, id="exit")
    assert hedged.venue.posts("exit") == 1


def test_trap_13_in_hedge_mode_every_order_names_its_position(hedged: Desk) -> None:
    hedged.place("buy", "2", id="entry")
    hedged.place("sell", "2", "stop", stop_price="95", reduce_only=True, id="stop")
    hedged.place("sell", "2", reduce_only=True, id="exit")
    for name in ("entry", "stop", "exit"):
        params = hedged.sent(name)
        assert params["positionSide"] == "LONG"
        assert "reduceOnly" not in params
    assert hedged.broker.positions() == []
    hedged.place("sell", "1", id="short")
    assert hedged.sent("short")["positionSide"] == "SHORT"
    assert [each.quantity for each in hedged.broker.positions()] == [-1]
    hedged.place("buy", "1", reduce_only=True, id="cover")
    assert hedged.sent("cover")["positionSide"] == "SHORT"


def test_trap_13_the_other_side_is_not_opened_beside_one_in_hedge_mode(hedged: Desk) -> None:
    hedged.place("buy", "2")
    with pytest.raises(Unsupported, match="other side of BTCUSDT is open"):
        hedged.place("sell", "3", id="flip")
    assert hedged.venue.posts("flip") == 0


def test_trap_13_both_sides_open_are_told_as_their_difference(hedged: Desk) -> None:
    hedged.place("buy", "2")
    now = hedged.venue.now()
    by_hand = Order(0, "web_1", "BTCUSDT", "SELL", "MARKET", "GTC", D(3), now, now,
                    position_side="SHORT")  # fmt: skip
    hedged.venue.by_hand(KEY, by_hand)
    (net,) = hedged.broker.positions()
    assert net.quantity == -1
    for side in ("buy", "sell"):
        with pytest.raises(Unsupported, match="BTCUSDT is open"):
            hedged.place(side, "1")
    assert hedged.place("sell", "5", reduce_only=True).filled_quantity == 2
    (net,) = hedged.broker.positions()
    assert net.quantity == -3


# ---- ids ----


@pytest.mark.parametrize("kind", ["limit", "stop"])
def test_a_duplicate_is_looked_up_and_returned(desk: Desk, kind: str) -> None:
    more = {"limit_price": "90"} if kind == "limit" else {"stop_price": "110"}
    first = desk.place("buy", "1", kind, id="same", **more)
    again = desk.place("buy", "1", kind, id="same", **more)
    assert (again.venue_order_id, again.status) == (first.venue_order_id, R.OPEN)
    assert desk.venue.posts("same") == 2
    assert len(desk.books.orders) + len(desk.books.algos) == 1


@pytest.mark.parametrize("kind", ["refuse_429", "refuse_401", "refuse_500", "close_before"])
def test_a_duplicate_that_can_not_be_looked_up_is_not_certain(desk: Desk, kind: str) -> None:
    desk.place("buy", "1", "limit", limit_price="90", id="same")
    desk.venue.fault("order", kind, key=KEY)
    with pytest.raises(OutcomeUnknown):
        desk.place("buy", "1", "limit", limit_price="90", id="same")


@pytest.mark.parametrize("kind", ["accept_then_close", "accept_then_500", "truncated_json"])
def test_a_stop_whose_answer_is_lost_is_found_in_the_algo_book(desk: Desk, kind: str) -> None:
    desk.place("buy", "2")
    desk.venue.fault("submit", kind, key=KEY)
    with pytest.raises(OutcomeUnknown):
        desk.place("sell", "2", "stop", stop_price="95", reduce_only=True, id="lost")
    assert found(desk, "lost").status is R.OPEN
    other = desk.reopen().order("lost")
    assert other is not None
    assert other.status is R.OPEN


def test_a_stop_that_never_arrived_is_denied_by_both_books(desk: Desk) -> None:
    desk.place("buy", "2")
    desk.venue.fault("submit", "close_before", key=KEY)
    with pytest.raises(OutcomeUnknown):
        desk.place("sell", "2", "stop", stop_price="95", reduce_only=True, id="lost")
    assert desk.broker.order("lost") is None
    assert desk.reopen().order("lost") is None


def test_another_process_finds_an_order_without_knowing_its_symbol(desk: Desk) -> None:
    desk.place("buy", "1", symbol="ETHUSDT")
    desk.place("buy", "1", "limit", limit_price="90", id="mine")
    other = desk.reopen()
    report = other.order("mine")
    assert report is not None
    assert report.symbol == "BTCUSDT"
    assert desk.reopen().cancel("mine").status is R.CANCELED


def test_an_order_that_took_too_long_to_prepare_does_not_leave(desk: Desk) -> None:
    """Another worker may hold it for lost by now, and send it again after the settle time."""
    clock = Clock(utc_now())
    desk.venue.clock = lambda: clock.now
    broker = make_broker(desk.account, clock)
    broker.account()
    slow = broker.client.futures_symbol_config

    def wait(**asked: str) -> object:
        clock.wait(11)
        return slow(**asked)

    broker.client.futures_symbol_config = wait
    asked = desk.ask("buy", "1")
    with pytest.raises(NotSent, match="too long"):
        broker.submit(asked)
    assert desk.venue.posts(asked.client_order_id) == 0
    assert broker.submit(asked).filled_quantity == 1


# ---- rules ----


def test_what_a_rule_of_the_contract_forbids_is_not_sent(desk: Desk) -> None:
    for quantity, more in (
        ("0.04", {}), ("0.0001", {}), ("9001", {}), ("1", {"limit_price": "100.05"}),
    ):  # fmt: skip
        kind, prices = ("limit", {"limit_price": "100", **more})
        asked = desk.ask("buy", quantity, kind, **prices)
        with pytest.raises(Unsupported):
            desk.broker.submit(asked)
        assert desk.venue.posts(asked.client_order_id) == 0


def test_what_reduces_may_be_worth_as_little_as_it_likes(desk: Desk) -> None:
    desk.place("buy", "1")
    report = desk.place("sell", "0.01", "limit", limit_price="110", reduce_only=True)
    assert report.status is R.OPEN


def test_a_stop_of_more_than_a_market_order_may_have_is_refused_at_once(desk: Desk) -> None:
    """Else it would be when it triggers."""
    market = desk.venue.books.markets["BTCUSDT"]
    market.filters["MARKET_LOT_SIZE"] = {"minQty": "0.001", "maxQty": "2", "stepSize": "0.001"}
    with pytest.raises(Unsupported, match="MARKET_LOT_SIZE"):
        desk.place("sell", "3", "stop", stop_price="95", reduce_only=True)


def test_rules_that_the_venue_has_changed_are_read_again(desk: Desk) -> None:
    desk.place("buy", "1")
    lot = {"minQty": "0.1", "maxQty": "9000", "stepSize": "0.1"}
    desk.venue.books.markets["BTCUSDT"].filters = filters(LOT_SIZE=lot, MARKET_LOT_SIZE=lot)
    with pytest.raises(OrderRejected, match="step size"):
        desk.place("buy", "0.25")


@pytest.mark.parametrize(
    "trail",
    [
        Trail(percent=D("0.05")),
        Trail(percent=D(11)),
        Trail(offset=D("0.04")),
        Trail(offset=D("10.06")),
        None,
    ],
)
def test_a_trailing_stop_keeps_its_distance_in_percent(desk: Desk, trail: Trail | None) -> None:
    with pytest.raises(Unsupported, match="percent"):
        desk.place("sell", "1", "trailing_stop", trail=trail)
    assert desk.venue.asked("submit") == []


@pytest.mark.parametrize(
    ("offset", "price", "rate"),
    [
        ("5", "100", "5"),
        ("1", "3", None),
        ("1", "30", "3.3"),
        ("7", "99.9", "7"),
        ("250", "65431", "0.4"),
    ],
)
def test_a_distance_in_price_is_sent_as_percent_of_the_last_price(
    desk: Desk, offset: str, price: str, rate: str | None
) -> None:
    desk.place("buy", "1")
    desk.venue.set_price("BTCUSDT", price)
    trail = Trail(offset=D(offset))
    if rate is None:
        with pytest.raises(Unsupported, match=r"1 at a price of 3 is 33\.3"):
            desk.place("sell", "1", "trailing_stop", trail=trail, reduce_only=True)
        return
    desk.place("sell", "1", "trailing_stop", trail=trail, reduce_only=True, id="trails")
    assert desk.sent("trails")["callbackRate"] == rate


def test_a_distance_in_price_waits_for_the_price(desk: Desk) -> None:
    asked = desk.ask("sell", "1", "trailing_stop", trail=Trail(offset=D(5)))
    desk.venue.fault("prices", "refuse_500", key=KEY)
    with pytest.raises(NotSent):
        desk.broker.submit(asked)
    assert desk.venue.posts(asked.client_order_id) == 0


def test_a_contract_of_another_margin_is_not_traded(desk: Desk) -> None:
    assert desk.broker.instrument("BTCUSDC") is None
    with pytest.raises(Unsupported, match="USDT"):
        desk.place("buy", "1", symbol="BTCUSDC")


# ---- the past ----


def test_more_than_fits_one_answer_is_asked_for_in_halves(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brokers.binance.futures_history.PAGE", 3)
    clock = Clock(utc_now())
    desk.venue.clock = lambda: clock.now
    broker = make_broker(desk.account, clock)
    since = clock.now
    for _ in range(7):
        clock.wait(1)
        broker.submit(desk.ask("buy", "1"))
    fills = broker.fills(since)
    assert len({each.venue_fill_id for each in fills}) == len(fills) == 7
    assert len(broker.closed_orders(since)) == 7


def test_what_is_longer_ago_than_one_question_may_span_is_asked_for_in_parts(desk: Desk) -> None:
    clock = Clock(utc_now())
    desk.venue.clock = lambda: clock.now
    broker = make_broker(desk.account, clock)
    since = clock.now
    for _ in range(3):
        broker.submit(desk.ask("buy", "1"))
        clock.wait(5 * 24 * 3600)
    assert len(broker.fills(since)) == 3


def test_what_waits_is_looked_at_once_for_all_orders_that_are_older(desk: Desk) -> None:
    clock = Clock(utc_now())
    desk.venue.clock = lambda: clock.now
    desk.broker = make_broker(desk.account, clock)
    since = clock.now
    stopped(desk, id="mine")
    desk.place("buy", "1")
    desk.place("buy", "1")
    clock.wait(60)
    close_seats()
    assert len(make_broker(desk.account, clock).fills(since)) == 3
    asked = [each for each in desk.venue.asked("order") if "clientAlgoId" in each.params]
    assert len(asked) == 1


# ---- ids that others gave ----


@pytest.mark.parametrize("name", ["web:1/2", "x-a_b.C-9"])
def test_an_order_with_any_id_that_the_venue_takes_can_be_cancelled(desk: Desk, name: str) -> None:
    """The owner's own, too: what is signed is what is sent."""
    desk.place("buy", "1", "limit", id=name, limit_price="90")
    assert desk.broker.cancel(name).status is R.CANCELED


# ---- what is kept of the market ----


@pytest.fixture
def hours(desk: Desk) -> tuple[Desk, list[datetime]]:
    """A desk whose time goes on by hand."""
    at = [utc_now()]
    desk.venue.clock = lambda: at[0]
    desk.broker = make_broker(desk.account, lambda: at[0])
    return desk, at


@pytest.mark.parametrize("operation", ["instrument", "time"])
def test_an_exit_leaves_by_what_was_known_where_an_entry_waits(
    hours: tuple[Desk, list[datetime]], operation: str
) -> None:
    desk, at = hours
    desk.place("buy", "1")
    at[0] += timedelta(minutes=61)
    desk.venue.fault(operation, "refuse_500", times=2)
    with pytest.raises(NotSent):
        desk.place("buy", "1")
    assert desk.place("sell", "1", reduce_only=True).status is R.FILLED


def doubt_by_refusal(desk: Desk) -> None:
    desk.place("buy", "1")
    lot = {"minQty": "0.1", "maxQty": "9000", "stepSize": "0.1"}
    market = desk.venue.books.markets["BTCUSDT"]
    before, market.filters = market.filters, filters(LOT_SIZE=lot, MARKET_LOT_SIZE=lot)
    with pytest.raises(OrderRejected, match="step size"):
        desk.place("buy", "0.25")
    market.filters = before


def break_the_contract(desk: Desk) -> None:
    desk.venue.books.markets["BTCUSDT"].status = "SETTLING"
    desk.broker.instrument("BTCUSDT")


def grow_old(desk: Desk) -> None:
    desk.broker.instrument("BTCUSDT")


@pytest.mark.parametrize(
    ("begin", "minutes"), [(doubt_by_refusal, 2), (break_the_contract, 2), (grow_old, 61)]
)
def test_an_exit_asks_in_vain_for_rules_once_a_minute(
    hours: tuple[Desk, list[datetime]], begin: Callable[[Desk], None], minutes: int
) -> None:
    desk, at = hours
    begin(desk)
    at[0] += timedelta(minutes=minutes)
    desk.venue.fault("instrument", "refuse_500", times=2)
    asked = len(desk.venue.asked("instrument"))
    for seconds, more in ((0, 1), (1, 1), (58, 1), (1, 2), (59, 2), (1, 3)):
        at[0] += timedelta(seconds=seconds)
        with budget.at(Priority.FIRST):
            for _ in range(3):
                assert desk.broker.instrument("BTCUSDT") is not None
        assert len(desk.venue.asked("instrument")) == asked + more


def test_a_check_and_an_entry_ask_for_rules_at_once(hours: tuple[Desk, list[datetime]]) -> None:
    desk, at = hours
    break_the_contract(desk)
    at[0] += timedelta(minutes=2)
    desk.venue.fault("instrument", "refuse_500", times=2)
    asked = len(desk.venue.asked("instrument"))
    with budget.at(Priority.FIRST):
        desk.broker.instrument("BTCUSDT")
    with pytest.raises(BrokerError):
        desk.broker.instrument("BTCUSDT")
    desk.broker.doubt()
    with budget.at(Priority.FIRST):
        desk.broker.instrument("BTCUSDT")
    assert len(desk.venue.asked("instrument")) == asked + 3


def test_a_contract_that_was_delisted_spoils_no_price(desk: Desk) -> None:
    desk.venue.add_market("GONE", "USDT", "1")
    assert set(desk.broker.quotes(["BTCUSDT", "GONEUSDT"])) == {"BTCUSDT", "GONEUSDT"}
    del desk.venue.books.markets["GONEUSDT"]
    assert set(desk.broker.quotes(["BTCUSDT", "GONEUSDT"])) == {"BTCUSDT"}


def test_a_contract_that_trades_again_is_seen_within_a_minute(
    hours: tuple[Desk, list[datetime]],
) -> None:
    desk, at = hours
    desk.venue.books.markets["BTCUSDT"].status = "SETTLING"
    tradable = []
    for seconds in (0, 59, 1):
        at[0] += timedelta(seconds=seconds)
        instrument = desk.broker.instrument("BTCUSDT")
        desk.venue.books.markets["BTCUSDT"].status = "TRADING"
        tradable.append(instrument is not None and instrument.tradable)
    assert tradable == [False, False, True]
