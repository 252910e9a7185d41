"""Cases of the contract suite about the stop and the target of one position.

As in `cases`, where the others are. What a hub makes of it is in `test_protected.py` of each venue.
"""

from contextlib import suppress

import pytest

from brokers.errors import OrderRejected, Unsupported
from brokers.types import ReportStatus
from tests.venues.contract.cases import case
from tests.venues.contract.desk import VenueDesk, gained, held, now, place

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
