"""What is Binance spot's own, beside the contract of all venues: its traps, each by name."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers import budget
from brokers.binance.seats import close_seats
from brokers.budget import urgency
from brokers.budgeting import Priority
from brokers.errors import BrokerError, NotSent, OrderRejected, OutcomeUnknown, Unsupported
from brokers.types import ClientIds, ReportStatus
from tests.venues.binance.fixtures import KEY, Desk, SpotVenue, make_account, make_broker
from tests.venues.binance.venue import filters
from tradehub.core.words import OrderType

R = ReportStatus


# ---- ids ----


def test_the_id_of_an_ended_order_makes_a_second_one(desk: Desk) -> None:
    """Which is why the capability says so, and nothing is ever sent again unasked."""
    first, second = (desk.place("buy", "1", id="twice") for _ in range(2))
    assert first.venue_order_id != second.venue_order_id
    able = desk.broker.capabilities()
    assert able.client_ids is ClientIds.UNIQUE_WHILE_OPEN
    assert able.settle_seconds >= 15


def test_a_duplicate_is_looked_up_and_returned(desk: Desk) -> None:
    first = desk.place("buy", "1", "limit", limit_price="90", id="same")
    again = desk.place("buy", "1", "limit", limit_price="90", id="same")
    assert (again.venue_order_id, again.status) == (first.venue_order_id, R.OPEN)
    assert desk.venue.posts("same") == 2
    assert len(desk.books.orders) == 1


@pytest.mark.parametrize("kind", ["refuse_429", "refuse_401", "refuse_500", "close_before"])
def test_a_duplicate_that_can_not_be_looked_up_is_not_certain(desk: Desk, kind: str) -> None:
    """Else an order that works would be taken for one that was refused, or never sent."""
    desk.place("buy", "1", "limit", limit_price="90", id="same")
    desk.venue.fault("order", kind, key=KEY)
    with pytest.raises(OutcomeUnknown):
        desk.place("buy", "1", "limit", limit_price="90", id="same")


@pytest.mark.parametrize("kind", ["refuse_429", "refuse_401", "refuse_500", "close_before"])
def test_a_failing_question_after_an_order_was_taken_does_not_undo_it(
    desk: Desk, kind: str
) -> None:
    desk.books.lean_answers = True
    desk.venue.fault("fills", kind, key=KEY)
    report = desk.place("buy", "1", id="taken")
    assert (report.status, report.filled_quantity, report.fills) == (R.FILLED, 1, ())
    if kind == "refuse_429":
        close_seats()  # that address waits; another does not
        desk.reopen()
    found = desk.broker.order("taken")
    assert found is not None
    assert sum(each.quantity for each in found.fills) == 1


def test_numbers_of_orders_and_trades_are_told_apart_by_their_symbol(desk: Desk) -> None:
    """Both begin at 1 in each symbol: a fill of one is not a fill of the other."""
    bitcoin, ether = desk.place("buy", "1"), desk.place("buy", "2", symbol="ETHUSDT")
    assert bitcoin.venue_order_id != ether.venue_order_id
    assert bitcoin.fills[0].venue_fill_id != ether.fills[0].venue_fill_id
    told = desk.broker.fills(bitcoin.at)
    assert {each.venue_fill_id for each in told} == {
        bitcoin.fills[0].venue_fill_id, ether.fills[0].venue_fill_id
    }  # fmt: skip


def test_another_process_finds_an_order_without_knowing_its_symbol(desk: Desk) -> None:
    desk.place("buy", "1", symbol="ETHUSDT")
    desk.place("buy", "1", "limit", limit_price="90", id="mine")
    other = desk.reopen()
    found = other.order("mine")
    assert found is not None
    assert found.symbol == "BTCUSDT"
    assert desk.reopen().cancel("mine").status is R.CANCELED


def test_who_says_the_symbol_has_one_request_made(desk: Desk) -> None:
    desk.place("buy", "1", symbol="ETHUSDT")
    desk.place("buy", "1", "limit", limit_price="90", id="mine")
    other = desk.reopen()
    other.expect("mine", "BTCUSDT")
    before = len(desk.venue.asked("order"))
    assert other.order("mine") is not None
    assert len(desk.venue.asked("order")) == before + 1


def test_a_symbol_is_noted_before_its_first_order_leaves(desk: Desk) -> None:
    desk.venue.fault("submit", "accept_then_close", key=KEY)
    with pytest.raises(OutcomeUnknown):
        desk.place("buy", "1", symbol="ETHUSDT", id="lost")
    found = desk.reopen().order("lost")
    assert found is not None
    assert found.status is R.FILLED


# ---- quantities ----


def test_what_was_bought_less_its_fee_can_be_sold_whole(desk: Desk) -> None:
    bought = desk.place("buy", "0.12345")
    assert bought.fills[0].kept == D("0.00012345")
    held = D("0.12332655")
    assert [(x.symbol, x.quantity) for x in desk.broker.positions()] == [("BTCUSDT", held)]
    sold = desk.place("sell", str(held), reduce_only=True)
    assert (sold.status, sold.filled_quantity) == (R.FILLED, D("0.12332"))
    (left,) = desk.broker.positions()
    assert left.quantity == D("0.00000655") < left.least


def quantities_sent(desk: Desk, name: str) -> list[str]:
    posts = [each.params for each in desk.venue.asked("submit")]
    return [each["quantity"] for each in posts if each["newClientOrderId"] == name]


def test_an_exit_sells_all_though_the_venue_tells_of_its_balance_late(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.place("buy", "1")
    told = desk.broker._held()
    desk.place("buy", "1")
    monkeypatch.setattr(desk.broker, "_held", lambda: told)
    sold = desk.place("sell", "1.998", reduce_only=True, id="exit")
    assert (sold.status, sold.filled_quantity) == (R.FILLED, D("1.998"))
    assert quantities_sent(desk, "exit") == ["1.998"]


def test_an_exit_that_is_refused_is_cut_to_what_is_free_once(desk: Desk) -> None:
    desk.place("buy", "2")
    desk.place("sell", "1", "limit", limit_price="110")
    sold = desk.place("sell", "1.998", reduce_only=True, id="exit")
    assert (sold.status, sold.filled_quantity) == (R.FILLED, D("0.998"))
    assert quantities_sent(desk, "exit") == ["1.998", "0.998"]


def test_a_cut_exit_that_is_refused_too_is_refused(desk: Desk) -> None:
    desk.place("buy", "2")
    desk.place("sell", "1", "limit", limit_price="110")
    desk.venue.fault("submit", "accept", key=KEY)
    text = "Account has insufficient balance for requested action."
    desk.venue.fault("submit", "reject", key=KEY, code="-2010", text=text)
    with pytest.raises(OrderRejected):
        desk.place("sell", "1.998", reduce_only=True, id="exit")
    assert quantities_sent(desk, "exit") == ["1.998", "0.998"]


def test_another_refusal_of_an_exit_is_no_reason_to_cut_it(desk: Desk) -> None:
    desk.place("buy", "2")
    desk.place("sell", "1", "limit", limit_price="110")
    desk.venue.fault("submit", "reject", key=KEY, code="-2010", text="Market is closed.")
    with pytest.raises(OrderRejected):
        desk.place("sell", "1.998", reduce_only=True, id="exit")
    assert quantities_sent(desk, "exit") == ["1.998"]


def test_an_exit_that_is_refused_is_so_when_nobody_knows_what_is_free(desk: Desk) -> None:
    desk.place("buy", "2")
    desk.place("sell", "1", "limit", limit_price="110")
    desk.venue.fault("account", "refuse_500", key=KEY)
    with pytest.raises(OrderRejected):
        desk.place("sell", "1.998", reduce_only=True, id="exit")
    assert quantities_sent(desk, "exit") == ["1.998"]


def test_with_everything_locked_an_exit_is_refused_and_not_cut(desk: Desk) -> None:
    desk.place("buy", "2")
    desk.place("sell", "1.998", "limit", limit_price="110")
    with pytest.raises(OrderRejected):
        desk.place("sell", "1.998", reduce_only=True, id="exit")
    assert quantities_sent(desk, "exit") == ["1.998"]


def test_an_order_that_took_too_long_to_prepare_is_not_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then another worker may have been told that it was lost."""
    fitting, later = desk.broker._fitting, desk.broker.client.now() + timedelta(seconds=30)
    judged = fitting._judged

    def slow(request: Any) -> Any:
        found = judged(request)
        monkeypatch.setattr(desk.broker.client, "now", lambda: later)
        return found

    monkeypatch.setattr(fitting, "_judged", slow)
    with pytest.raises(NotSent, match="too long"):
        desk.place("buy", "1", id="late")
    assert desk.venue.posts("late") == 0


def test_a_quantity_off_its_step_is_rounded_down_on_the_wire(desk: Desk) -> None:
    desk.place("buy", "1.000019", id="off")
    (note,) = (x for x in desk.venue.asked("submit") if x.params["newClientOrderId"] == "off")
    assert note.params["quantity"] == "1.00001"


def test_a_market_order_that_expires_with_a_part_is_told_by_what_filled(desk: Desk) -> None:
    desk.venue.books.markets["BTCUSDT"].depth = D("0.5")
    report = desk.place("buy", "2")
    assert (report.status, report.filled_quantity) == (R.EXPIRED, D("0.5"))
    assert report.text == "INSUFFICIENT_LIQUIDITY"
    assert [each.quantity for each in report.fills] == [D("0.5")]


def test_fees_in_bnb_are_told_and_valued(desk: Desk) -> None:
    desk.books.pays_in_bnb = True
    desk.books.balance("BNB").free = D(1)
    (fill,) = desk.place("buy", "5").fills
    assert (fill.fee, fill.fee_currency, fill.kept) == (D("0.00075"), "BNB", 0)
    assert fill.cost == D("0.375")


# ---- rules ----


@pytest.mark.parametrize(
    ("kind", "more", "name"),
    [
        ("market", {"quantity": "0.000001"}, "LOT_SIZE"),
        ("market", {"quantity": "7000"}, "MARKET_LOT_SIZE"),
        ("limit", {"quantity": "1", "limit_price": "90.001"}, "PRICE_FILTER"),
        ("limit", {"quantity": "0.01", "limit_price": "90"}, "NOTIONAL"),
    ],
)
def test_what_the_venue_would_refuse_does_not_leave(
    desk: Desk, kind: str, more: dict[str, str], name: str
) -> None:
    asked = desk.ask("buy", more.pop("quantity"), kind, **more)
    with pytest.raises(Unsupported) as refused:
        desk.broker.submit(asked)
    assert refused.value.venue_code == name
    assert desk.venue.posts(asked.client_order_id) == 0


def test_rules_are_kept_and_read_again_when_the_venue_refuses_by_one(desk: Desk) -> None:
    for _ in range(3):
        desk.place("buy", "1")
    assert len(desk.venue.asked("instrument")) == 1
    coarse = {"minQty": "0.1", "maxQty": "9000", "stepSize": "0.1"}
    desk.venue.books.markets["BTCUSDT"].filters = filters(LOT_SIZE=coarse)
    with pytest.raises(OrderRejected) as refused:
        desk.place("buy", "1.05")
    assert refused.value.venue_code == "-1013"
    assert refused.value.text.startswith("Filter failure: LOT_SIZE It goes in steps of 0.00001")
    assert desk.place("buy", "1.05").filled_quantity == 1
    instrument = desk.broker.instrument("BTCUSDT")
    assert instrument is not None
    assert instrument.quantity_step == D("0.1")


def test_an_order_is_not_refused_by_old_rules(alice: Any, spot_venue: SpotVenue) -> None:
    at = [datetime(2026, 3, 18, 15, 0, tzinfo=UTC)]
    spot_venue.venue.clock = lambda: at[0]
    spot_venue.open()
    market = spot_venue.venue.books.markets["BTCUSDT"]
    market.filters = filters(NOTIONAL=filters()["NOTIONAL"] | {"minNotional": "500"})
    desk = Desk(spot_venue, make_account(alice))
    desk.broker = make_broker(desk.account, lambda: at[0])
    small: dict[str, str] = {"limit_price": "90"}
    with pytest.raises(Unsupported):
        desk.place("buy", "1", "limit", **small)
    market.filters = filters()
    with pytest.raises(Unsupported):
        desk.place("buy", "1", "limit", **small)
    at[0] += timedelta(minutes=2)
    assert desk.place("buy", "1", "limit", **small).status is R.OPEN


def test_rules_grow_old_after_an_hour(alice: Any, spot_venue: SpotVenue) -> None:
    at = [datetime(2026, 3, 18, 15, 0, tzinfo=UTC)]
    spot_venue.venue.clock = lambda: at[0]
    spot_venue.open()
    broker = make_broker(make_account(alice), lambda: at[0])
    for minutes, read in ((0, 1), (59, 1), (2, 2)):
        at[0] += timedelta(minutes=minutes)
        broker.instrument("BTCUSDT")
        assert len(spot_venue.venue.asked("instrument")) == read


@pytest.fixture
def hours(alice: Any, spot_venue: SpotVenue) -> tuple[Desk, list[datetime]]:
    """A desk whose time goes on by hand."""
    at = [datetime(2026, 3, 18, 15, 0, tzinfo=UTC)]
    spot_venue.venue.clock = lambda: at[0]
    spot_venue.open(USDT="30000", BTC="5", ETH="5")
    desk = Desk(spot_venue, make_account(alice))
    desk.broker = make_broker(desk.account, lambda: at[0])
    return desk, at


@pytest.mark.parametrize("operation", ["instrument", "prices", "time"])
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
    at[0] += timedelta(minutes=1)
    read = len(desk.venue.asked(operation))
    desk.place("buy", "1")
    assert len(desk.venue.asked(operation)) == read + 1


def test_an_exit_asks_in_vain_for_the_rules_of_a_locked_pair_once_a_minute(
    hours: tuple[Desk, list[datetime]],
) -> None:
    desk, at = hours
    desk.venue.books.markets["BTCUSDT"].status = "BREAK"
    desk.broker.instrument("BTCUSDT")
    at[0] += timedelta(minutes=2)
    desk.venue.fault("instrument", "refuse_500", times=3)
    asked = len(desk.venue.asked("instrument"))
    for seconds, more in ((0, 1), (1, 1), (58, 1), (1, 2)):
        at[0] += timedelta(seconds=seconds)
        with budget.at(Priority.FIRST):
            for _ in range(3):
                assert desk.broker.instrument("BTCUSDT") is not None
        assert len(desk.venue.asked("instrument")) == asked + more
    with pytest.raises(BrokerError):  # an entry asks for itself
        desk.broker.instrument("BTCUSDT")
    desk.broker.doubt()
    with budget.at(Priority.FIRST):
        desk.broker.instrument("BTCUSDT")
    assert len(desk.venue.asked("instrument")) == asked + 4


def test_a_delisted_pair_spoils_no_position(hours: tuple[Desk, list[datetime]]) -> None:
    desk, at = hours
    assert len(desk.broker.positions()) == 2
    at[0] += timedelta(minutes=58)
    desk.venue.add_market("DOGE", "USDT", "1")
    desk.broker.instrument("DOGEUSDT")  # the list of names is read again
    at[0] += timedelta(minutes=3)  # and rules are an hour old
    del desk.venue.books.markets["ETHUSDT"]
    assert [each.symbol for each in desk.broker.positions()] == ["BTCUSDT"]
    assert desk.broker.instrument("ETHUSDT") is None


def test_a_delisted_pair_spoils_no_comparison(desk: Desk) -> None:
    """The account had it once: of it nothing is told any more, of the others everything."""
    fill = desk.place("buy", "1").fills[0]
    resting = desk.place("buy", "1", "limit", limit_price="90")
    desk.broker._symbols.add(["GONEUSDT"])
    here = {"BTCUSDT", "GONEUSDT"}
    for symbols in (None, here):
        assert [x.venue_fill_id for x in desk.broker.fills(fill.at, symbols)] == [
            fill.venue_fill_id
        ]
        assert len(desk.broker.closed_orders(fill.at, symbols)) == 1
        (listed,) = desk.broker.open_orders(symbols)
        assert listed.client_order_id == resting.client_order_id
    assert ["GONEUSDT" in str(each) for each in desk.venue.asked("open_orders")].count(True) == 1


def test_a_symbol_that_trades_again_is_seen_within_a_minute(
    hours: tuple[Desk, list[datetime]],
) -> None:
    desk, at = hours
    desk.venue.books.markets["BTCUSDT"].status = "BREAK"
    tradable = []
    for seconds in (0, 59, 1):
        at[0] += timedelta(seconds=seconds)
        instrument = desk.broker.instrument("BTCUSDT")
        desk.venue.books.markets["BTCUSDT"].status = "TRADING"
        tradable.append(instrument is not None and instrument.tradable)
    assert tradable == [False, False, True]


def test_an_order_whose_rules_can_not_be_read_was_not_sent(desk: Desk) -> None:
    desk.venue.fault("instrument", "refuse_500")
    asked = desk.ask("buy", "1")
    with pytest.raises(NotSent):
        desk.broker.submit(asked)
    assert desk.venue.posts(asked.client_order_id) == 0
    assert desk.broker.submit(asked).status is R.FILLED


def test_a_halted_symbol_says_so(desk: Desk) -> None:
    desk.venue.books.markets["BTCUSDT"].status = "HALT"
    instrument = desk.broker.instrument("BTCUSDT")
    assert instrument is not None
    assert not instrument.tradable
    with pytest.raises(Unsupported) as refused:
        desk.place("buy", "1")
    assert "HALT" in refused.value.text


def test_a_symbol_without_market_stops_says_so(desk: Desk) -> None:
    desk.venue.books.markets["BTCUSDT"].types = ("LIMIT", "MARKET", "STOP_LOSS_LIMIT")
    instrument = desk.broker.instrument("BTCUSDT")
    assert instrument is not None
    assert instrument.order_types is not None
    assert OrderType.STOP not in instrument.order_types
    with pytest.raises(Unsupported):
        desk.place("sell", "1", "stop", stop_price="95")


def test_a_pair_in_another_currency_is_not_this_accounts(desk: Desk) -> None:
    """Its money would be counted in the wrong currency."""
    assert desk.broker.instrument("ETHBTC") is None
    with pytest.raises(Unsupported) as refused:
        desk.place("buy", "1", symbol="ETHBTC")
    assert "USDT" in refused.value.text


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("trailing_stop", {}),
        ("market", {"tif": "opg"}),
        ("market", {"reduce_only": True}),
        ("market", {"leverage": D(2)}),
    ],
)
def test_what_spot_does_not_have_is_not_sent(desk: Desk, kind: str, more: Any) -> None:
    asked = desk.ask("buy", "1", kind, **more)
    with pytest.raises(Unsupported):
        desk.broker.submit(asked)
    assert desk.venue.posts(asked.client_order_id) == 0


def test_a_day_has_no_end_where_the_market_never_closes(desk: Desk) -> None:
    report = desk.place("buy", "1", "limit", limit_price="90", tif="day", id="day")
    assert report.status is R.OPEN
    assert desk.books.orders[0].tif == "GTC"


def test_a_stop_beyond_the_price_is_refused_for_certain(desk: Desk) -> None:
    desk.place("buy", "1")
    with pytest.raises(OrderRejected) as refused:
        desk.place("sell", "0.5", "stop", stop_price="105")
    assert refused.value.text == "Order would trigger immediately."


# ---- cancel ----


def test_a_cancel_that_finds_nothing_tells_how_the_order_ended(desk: Desk) -> None:
    """-2011 is not "cancelled": it may have filled."""
    report = desk.place("buy", "1", "limit", limit_price="90")
    desk.venue.set_price("BTCUSDT", "90")
    ended = desk.broker.cancel(report.client_order_id)
    assert (ended.status, len(ended.fills)) == (R.FILLED, 1)


def test_a_cancel_of_what_never_was_is_refused(desk: Desk) -> None:
    desk.place("buy", "1")
    with pytest.raises(OrderRejected) as refused:
        desk.broker.cancel("never")
    assert refused.value.venue_code == "-2011"


# ---- what is never made smaller, or more urgent ----


def test_a_stop_that_the_free_balance_does_not_cover_is_refused_and_not_cut(desk: Desk) -> None:
    """It would say that it guards what it does not."""
    desk.place("buy", "2")
    desk.place("sell", "0.5", "limit", limit_price="120")
    with pytest.raises(OrderRejected):
        desk.place("sell", "1.9", "stop", stop_price="95", reduce_only=True)
    assert [each.type for each in desk.books.orders if each.working] == ["LIMIT"]
    exit_ = desk.place("sell", "1.9", reduce_only=True)
    assert (exit_.status, exit_.filled_quantity) == (R.FILLED, D("1.498"))


def test_a_poll_takes_no_turns_of_exits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    report = desk.place("buy", "1", "limit", limit_price="90")
    asked: list[Priority] = []
    find = desk.broker._history.find

    def found(name: str) -> Any:
        asked.append(urgency(Priority.LAST))
        return find(name)

    monkeypatch.setattr(desk.broker._history, "find", found)
    desk.broker.reports([report.client_order_id])
    desk.broker.order(report.client_order_id)
    assert asked == [Priority.NORMAL, Priority.FIRST]
