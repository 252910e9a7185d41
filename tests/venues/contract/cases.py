"""What every adapter must do, as cases against the Broker protocol, over the venue's own wire.

Each function is one case; its name says what holds. `needs` says what a venue must have for it
(`desk.Can`); without any, every venue runs it. Those of doubt are in `doubts`.
"""

from collections.abc import Callable
from decimal import Decimal

import pytest

from brokers.errors import BrokerError, OrderRejected, Unsupported
from brokers.types import ClientIds, ReportStatus
from tests.venues.contract.desk import Can, VenueDesk, gained, held, now, order, place
from tradehub.core.intent import Trail
from tradehub.core.words import TimeInForce

R = ReportStatus
Case = Callable[[VenueDesk], None]
CASES: dict[str, Case] = {}
NEEDS: dict[str, frozenset[Can]] = {}


def case(*needs: Can) -> Callable[[Case], Case]:
    def add(function: Case) -> Case:
        CASES[function.__name__] = function
        NEEDS[function.__name__] = frozenset(needs)
        return function

    return add


# ---- each type of order ----


@case()
def a_market_order_fills_and_is_told_the_same_everywhere(desk: VenueDesk) -> None:
    report = place(desk, "buy", "3")
    assert report.status is R.FILLED
    assert report.filled_quantity == sum(fill.quantity for fill in report.fills) == 3
    found = now(desk, report)
    assert (found.status, found.fills) == (R.FILLED, report.fills)
    assert found.venue_order_id == report.venue_order_id
    told = desk.broker.reports([report.client_order_id, "unknown"])
    assert [each.client_order_id for each in told] == [report.client_order_id]
    listed = desk.broker.fills(report.fills[0].at)
    assert [each.venue_fill_id for each in listed] == [f.venue_fill_id for f in report.fills]
    assert held(desk) == gained(*report.fills)
    assert desk.broker.open_orders() == []


@case()
def a_limit_rests_until_it_is_touched(desk: VenueDesk) -> None:
    report = place(desk, "buy", "1", "limit", limit_price="90")
    assert report.status is R.OPEN
    (listed,) = desk.broker.open_orders()
    assert listed.client_order_id == report.client_order_id
    assert listed.limit_price in (None, 90)  # our own prices need not be told
    assert desk.broker.closed_orders(report.at) == []
    desk.set_price("89")
    filled = now(desk, report)
    assert filled.status is R.FILLED
    assert filled.fills[0].price <= 90
    assert filled.venue_order_id == report.venue_order_id
    assert desk.broker.open_orders() == []


@case()
def what_is_asked_for_some_symbols_is_told_of_those(desk: VenueDesk) -> None:
    """Others may be told too: it is for venues that weigh each symbol."""
    filled = place(desk, "buy", "1")
    resting = place(desk, "buy", "1", "limit", limit_price="90")
    ended = place(desk, "buy", "1", "limit", limit_price="90")
    desk.broker.cancel(ended.client_order_id)
    here, since = {filled.symbol}, filled.fills[0].at
    for symbols in (here, None):
        (listed,) = desk.broker.open_orders(symbols)
        assert listed.client_order_id == resting.client_order_id
        closed = [each.client_order_id for each in desk.broker.closed_orders(since, symbols)]
        assert {filled.client_order_id, ended.client_order_id} <= set(closed)
        (told,) = desk.broker.fills(since, symbols)
        assert told.venue_fill_id == filled.fills[0].venue_fill_id
    for symbols in (set[str](), {"GONE" + filled.symbol}):
        assert len(desk.broker.open_orders(symbols)) <= 1
        assert len(desk.broker.fills(since, symbols)) <= 1


@case()
def a_stop_fills_once_reached(desk: VenueDesk) -> None:
    place(desk, "buy", "2")
    report = place(desk, "sell", "1", "stop", stop_price="95")
    assert report.status is R.OPEN
    (listed,) = desk.broker.open_orders()
    assert listed.stop_price in (None, 95)
    desk.set_price("94")
    assert now(desk, report).status is R.FILLED


@case()
def a_stop_to_buy_fills_above_the_market(desk: VenueDesk) -> None:
    report = place(desk, "buy", "1", "stop", stop_price="105")
    assert report.status is R.OPEN
    desk.set_price("106")
    assert now(desk, report).status is R.FILLED


@case()
def a_stop_limit_does_not_fill_below_its_limit(desk: VenueDesk) -> None:
    place(desk, "buy", "2")
    report = place(desk, "sell", "1", "stop_limit", stop_price="95", limit_price="94")
    desk.set_price("90")
    assert now(desk, report).status is R.OPEN
    desk.set_price("95")
    assert now(desk, report).status is R.FILLED


@case(Can.TRAILS)
def a_trailing_stop_follows(desk: VenueDesk) -> None:
    place(desk, "buy", "2")
    report = place(desk, "sell", "1", "trailing_stop", trail=Trail(percent=Decimal(5)))
    desk.set_price("110")
    desk.set_price("106")
    assert now(desk, report).status is R.OPEN
    desk.set_price("104")
    assert now(desk, report).status is R.FILLED


@case(Can.TRAILS)
def a_trailing_stop_by_price_follows(desk: VenueDesk) -> None:
    """As a price, or as so many percent where the venue knows no other distance."""
    place(desk, "buy", "2")
    report = place(desk, "sell", "1", "trailing_stop", trail=Trail(offset=Decimal(5)))
    desk.set_price("110")
    desk.set_price("106")
    assert now(desk, report).status is R.OPEN
    desk.set_price("104")
    assert now(desk, report).status is R.FILLED


@case()
def an_order_that_can_not_wait_ends_by_itself(desk: VenueDesk) -> None:
    able = desk.broker.capabilities().times_in_force
    for tif in sorted({TimeInForce.IOC, TimeInForce.FOK} & able):
        report = place(desk, "buy", "1", "limit", limit_price="90", tif=tif.value)
        ended = now(desk, report)
        assert ended.status in (R.CANCELED, R.EXPIRED)
        assert ended.filled_quantity == 0
        assert desk.broker.open_orders() == []


@case()
def what_it_cannot_do_is_not_sent(desk: VenueDesk) -> None:
    able = desk.broker.capabilities()
    for tif in sorted(set(TimeInForce) - able.times_in_force):
        asked = order(desk, "buy", "1", tif=tif.value)
        with pytest.raises(Unsupported):
            desk.broker.submit(asked)
        assert desk.broker.order(asked.client_order_id) is None


# ---- cancel ----


@case()
def cancel_ends_a_working_order_and_leaves_an_ended_one(desk: VenueDesk) -> None:
    report = place(desk, "buy", "1", "limit", limit_price="90")
    ended = desk.broker.cancel(report.client_order_id)
    assert (ended.client_order_id, ended.status) == (report.client_order_id, R.CANCELED)
    assert desk.broker.cancel(report.client_order_id).status is R.CANCELED
    filled = place(desk, "buy", "1")
    again = desk.broker.cancel(filled.client_order_id)
    assert (again.status, again.fills) == (R.FILLED, filled.fills)
    listed = desk.broker.closed_orders(report.at)
    statuses = {each.client_order_id: each.status for each in listed}
    assert statuses[report.client_order_id] is R.CANCELED
    assert statuses[filled.client_order_id] is R.FILLED


@case()
def what_was_never_sent_is_none(desk: VenueDesk) -> None:
    assert desk.broker.order("never") is None
    assert desk.broker.reports(["never"]) == []
    with pytest.raises(BrokerError):
        desk.broker.cancel("never")


@case(Can.PARTIAL)
def a_part_that_filled_stays_when_the_rest_is_cancelled(desk: VenueDesk) -> None:
    report = place(desk, "buy", "2", "limit", limit_price="90")
    desk.fill(report.client_order_id, "0.5")
    part = now(desk, report)
    assert (part.status, part.filled_quantity) == (R.PARTIALLY_FILLED, Decimal("0.5"))
    assert [each.quantity for each in part.fills] == [Decimal("0.5")]
    (listed,) = desk.broker.open_orders()
    assert listed.filled_quantity == Decimal("0.5")
    ended = desk.broker.cancel(report.client_order_id)
    assert (ended.status, ended.filled_quantity) == (R.CANCELED, Decimal("0.5"))
    assert ended.fills == part.fills
    assert held(desk) == gained(*part.fills)


@case(Can.PARTIAL)
def a_cancel_that_a_fill_overtakes_tells_the_fill(desk: VenueDesk) -> None:
    report = place(desk, "buy", "2", "limit", limit_price="90")
    desk.fill(report.client_order_id, "2")
    assert desk.broker.cancel(report.client_order_id).status is R.FILLED


# ---- refusals ----


@case()
def a_refusal_is_certain_and_moves_nothing(desk: VenueDesk) -> None:
    too_much = order(desk, "buy", "5000")
    with pytest.raises(OrderRejected) as refused:
        desk.broker.submit(too_much)
    assert refused.value.venue_code
    assert refused.value.text
    assert held(desk) == 0
    known = desk.broker.order(too_much.client_order_id)
    assert known is None or known.status is R.REJECTED


@case(Can.NO_SHORTS)
def more_than_is_held_is_not_sold(desk: VenueDesk) -> None:
    report = place(desk, "buy", "1")
    with pytest.raises(OrderRejected):
        place(desk, "sell", "2")
    assert held(desk) == gained(*report.fills)


@case(Can.SHORTS)
def a_flip_in_one_order_ends_on_the_other_side(desk: VenueDesk) -> None:
    place(desk, "buy", "1")
    place(desk, "sell", "3")
    assert held(desk) == -2


@case()
def an_unknown_symbol_is_none_and_a_quote_has_a_time(desk: VenueDesk) -> None:
    assert desk.broker.instrument("no symbol") is None
    assert desk.broker.quote("no symbol") is None
    quote = desk.broker.quote(desk.symbol)
    assert quote is not None
    assert quote.bid <= quote.last <= quote.ask
    assert quote.at.tzinfo is not None
    instrument = desk.broker.instrument(desk.symbol)
    assert instrument is not None
    assert instrument.tradable
    assert instrument.quantity_step > 0


@case(Can.LISTS)
def a_symbol_that_is_not_listed_spoils_no_question(desk: VenueDesk) -> None:
    assert desk.broker.instrument("NOSUCHPAIR") is None
    assert desk.broker.quote("NOSUCHPAIR") is None
    assert list(desk.broker.quotes([desk.symbol, "NOSUCHPAIR"])) == [desk.symbol]


# ---- ids ----


@case(Can.FAULTS)
def an_id_that_works_is_not_given_to_a_second_order(desk: VenueDesk) -> None:
    first = place(desk, "buy", "1", "limit", limit_price="90", id="contract-once")
    again = place(desk, "buy", "1", "limit", limit_price="90", id="contract-once")
    assert again.venue_order_id == first.venue_order_id
    assert len(desk.broker.open_orders()) == 1


@case(Can.FAULTS)
def an_id_that_ended_is_refused_for_ever_or_known_to_be_free(desk: VenueDesk) -> None:
    """The capability says which: only where it is for ever may an order be sent again unasked."""
    first = place(desk, "buy", "1", id="contract-twice")
    second = place(desk, "buy", "1", id="contract-twice")
    forever = desk.broker.capabilities().client_ids is ClientIds.UNIQUE_FOREVER
    assert (second.venue_order_id == first.venue_order_id) is forever


# ---- positions ----


@case()
def all_that_is_held_can_be_sold(desk: VenueDesk) -> None:
    """Whatever the venue kept as a fee: an exit of everything leaves nothing that can be traded."""
    place(desk, "buy", "3")
    report = place(desk, "sell", str(held(desk)), reduce_only=True)
    assert report.status is R.FILLED
    assert held(desk) == 0


@case()
def an_exit_of_more_than_is_held_never_opens_the_opposite(desk: VenueDesk) -> None:
    place(desk, "buy", "2")
    report = place(desk, "sell", "3", reduce_only=True)
    assert report.status is R.FILLED
    assert held(desk) == 0


@case()
def a_position_is_protected_at_the_venue(desk: VenueDesk) -> None:
    bought = place(desk, "buy", "2")
    size = str(gained(*bought.fills))
    stop = place(desk, "sell", size, "stop", stop_price="95", reduce_only=True)
    assert stop.status is R.OPEN
    desk.set_price("94")
    assert now(desk, stop).status is R.FILLED
    assert held(desk) == 0


@case(Can.LINKS)
def linked_orders_cancel_each_other(desk: VenueDesk) -> None:
    place(desk, "buy", "2")
    stop = place(desk, "sell", "2", "stop", stop_price="95", link="pair")
    target = place(desk, "sell", "2", "limit", limit_price="110", link="pair")
    desk.set_price("111")
    assert now(desk, target).status is R.FILLED
    assert now(desk, stop).status is R.CANCELED
    desk.set_price("90")
    assert held(desk) == 0


@case()
def the_account_adds_up(desk: VenueDesk) -> None:
    before = desk.broker.account()
    report = place(desk, "buy", "2")
    after = desk.broker.account()
    fees = sum(
        (each.fee if each.fee_value is None else each.fee_value for each in report.fills),
        Decimal(0),
    )
    assert after.equity == before.equity - fees
    assert after.buying_power < before.buying_power
    desk.set_price("110")
    assert desk.broker.account().equity == after.equity + 10 * gained(*report.fills)
