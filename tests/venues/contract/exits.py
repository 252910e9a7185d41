"""Cases of the contract suite about the stop and the target of one position.

As in `cases`, where the others are. What a hub makes of it is in `test_protected.py` of each venue.
"""

from contextlib import suppress
from typing import cast

import pytest

from brokers.base import PairBroker
from brokers.errors import OrderRejected, OutcomeUnknown, Unsupported
from brokers.pairs import stop_id_of
from brokers.types import OrderRequest, Pairs, ReportStatus
from tests.venues.contract.cases import case
from tests.venues.contract.desk import Can, VenueDesk, gained, held, now, order, place

R = ReportStatus
STOP, TARGET = "95", "110"


@case()
def a_stop_and_a_target_both_rest_or_the_stop_stays_alone(desk: VenueDesk) -> None:
    """The capability says which: where the balance is held, targets are ours to watch."""
    size = str(gained(*place(desk, "buy", "2").fills))
    stop = place(desk, "sell", size, "stop", stop_price=STOP, reduce_only=True, link="exits")
    target = {"limit_price": TARGET, "reduce_only": True, "link": "exits"}
    if desk.broker.capabilities().holds_balance:
        with pytest.raises((OrderRejected, Unsupported)):
            place(desk, "sell", size, "limit", **target)
        (listed,) = desk.broker.open_orders()
        assert listed.client_order_id == stop.client_order_id
    else:
        place(desk, "sell", size, "limit", **target)
        assert len(desk.broker.open_orders()) == 2
    desk.set_price("94")
    assert now(desk, stop).status is R.FILLED
    assert held(desk) == 0


@case()
def a_stop_and_a_target_rest_as_a_pair_and_one_ends_the_other(desk: VenueDesk) -> None:
    """Where a venue has pairs. The quantity is sold once, whatever comes of either."""
    able = desk.broker.capabilities()
    instrument = desk.broker.instrument(desk.symbol)
    assert instrument is not None
    if able.pairs is Pairs.NONE:
        assert not hasattr(desk.broker, "submit_pair")
        return
    assert able.holds_balance
    broker = cast(PairBroker, desk.broker)
    size = gained(*place(desk, "buy", "2").fills)
    assert instrument.pair_step is not None
    assert not size % instrument.pair_step
    for end, price in (("cancel", ""), ("stop", "94"), ("target", "111")):
        stop, target = _pair(desk, str(size))
        told = broker.submit_pair(stop, target)
        assert [each.status for each in told] == [R.OPEN, R.OPEN]
        names = [each.client_order_id for each in told]
        assert names == [stop.client_order_id, target.client_order_id]
        assert {each.client_order_id for each in broker.open_orders()} == set(names)
        if end == "cancel":
            assert broker.cancel(names[0]).status is R.CANCELED
        else:
            desk.set_price(price)
        ended = [now(desk, each).status for each in told]
        assert not broker.open_orders()
        filled = {"cancel": [], "stop": [0], "target": [1]}[end]
        assert [n for n, each in enumerate(ended) if each is R.FILLED] == filled
        if filled:
            assert held(desk) == 0
            desk.set_price("100")
            place(desk, "buy", "2")


@case(Can.FAULTS)
def a_pair_whose_answer_is_lost_is_found_by_both_names(desk: VenueDesk) -> None:
    if desk.broker.capabilities().pairs is Pairs.NONE:
        return
    size = str(gained(*place(desk, "buy", "2").fills))
    for kind, arrives in (("accept_then_close", True), ("close_before", False)):
        stop, target = _pair(desk, size)
        desk.fault("submit", kind)
        with pytest.raises(OutcomeUnknown):
            cast(PairBroker, desk.broker).submit_pair(stop, target)
        fresh = desk.reopen()
        for each in (stop, target):
            assert (fresh.order(each.client_order_id) is not None) is arrives
        assert len(fresh.open_orders()) == (2 if arrives else 0)
        if arrives:
            fresh.cancel(target.client_order_id)


def _pair(desk: VenueDesk, size: str) -> tuple[OrderRequest, OrderRequest]:
    target = order(desk, "sell", size, "limit", limit_price=TARGET, reduce_only=True)
    name = stop_id_of(target.client_order_id)
    return order(desk, "sell", size, "stop", stop_price=STOP, reduce_only=True, id=name), target


@case()
def a_target_is_taken_once_its_stop_is_cancelled_and_the_rest_is_guarded(desk: VenueDesk) -> None:
    size = str(gained(*place(desk, "buy", "2").fills))
    stop = place(desk, "sell", size, "stop", stop_price=STOP, reduce_only=True)
    desk.set_price("111")
    assert desk.broker.cancel(stop.client_order_id).status is R.CANCELED
    taken = place(desk, "sell", "1", "limit", limit_price=TARGET, tif="ioc", reduce_only=True)
    assert taken.status is R.FILLED
    assert min(each.price for each in taken.fills) >= 110
    rest = place(desk, "sell", str(held(desk)), "stop", stop_price=STOP, reduce_only=True)
    assert rest.status is R.OPEN
    desk.set_price("94")
    assert now(desk, rest).status is R.FILLED
    assert held(desk) == 0


@case()
def a_target_whose_price_has_gone_sells_nothing_and_holds_nothing(desk: VenueDesk) -> None:
    size = str(gained(*place(desk, "buy", "2").fills))
    missed = place(desk, "sell", size, "limit", limit_price=TARGET, tif="ioc", reduce_only=True)
    ended = now(desk, missed)
    assert ended.status in (R.CANCELED, R.EXPIRED)
    assert ended.filled_quantity == 0
    stop = place(desk, "sell", size, "stop", stop_price=STOP, reduce_only=True)
    assert stop.status is R.OPEN


@case()
def a_stop_that_the_price_has_passed_never_rests(desk: VenueDesk) -> None:
    size = str(gained(*place(desk, "buy", "2").fills))
    desk.set_price("94")
    with suppress(OrderRejected):
        stop = place(desk, "sell", size, "stop", stop_price=STOP, reduce_only=True)
        assert now(desk, stop).status is R.FILLED
    assert desk.broker.open_orders() == []
