"""Cases of the contract suite about an order that takes the place of another.

As in `cases`, where the others are. A venue that replaces as one request is asked for that; at the
others the old order is cancelled first, and the rest is for the core (`orders.replacing`).
"""

import pytest

from brokers.errors import BrokerError, NotReplaced, OutcomeUnknown
from brokers.types import OrderReport, OrderRequest, ReportStatus
from tests.venues.contract.cases import Case, case
from tests.venues.contract.desk import Can, VenueDesk, gained, held, now, order, place

R = ReportStatus
LOST = {"accept_then_close": True, "close_before": False}
"""Whether the request was taken; the answer says nothing."""


def replaced(desk: VenueDesk, old: OrderReport, request: OrderRequest) -> OrderReport:
    """The new order. Raises NotReplaced where something of the old one has filled."""
    if not desk.broker.capabilities().replaces:
        ended = desk.broker.cancel(old.client_order_id)
        assert ended.status in (R.CANCELED, R.FILLED)
        if ended.filled_quantity:
            raise NotReplaced("It has filled.")
        return desk.broker.submit(request)
    found = desk.broker.replace(old.client_order_id, request)  # type: ignore[attr-defined]  # a ReplacingBroker
    assert (found.ended.client_order_id, found.ended.status) == (old.client_order_id, R.CANCELED)
    assert found.ended.filled_quantity == 0
    if isinstance(found.placed, BrokerError):
        raise found.placed
    assert isinstance(found.placed, OrderReport)
    return found.placed


@case()
def another_price_takes_its_place(desk: VenueDesk) -> None:
    old = place(desk, "buy", "1", "limit", limit_price="90")
    new = replaced(desk, old, order(desk, "buy", "1", "limit", limit_price="95"))
    assert (now(desk, old).status, new.status) == (R.CANCELED, R.OPEN)
    (listed,) = desk.broker.open_orders()
    assert (listed.client_order_id, listed.quantity) == (new.client_order_id, 1)
    desk.set_price("94")
    assert now(desk, new).status is R.FILLED
    assert now(desk, old).filled_quantity == 0


@case()
def another_quantity_takes_its_place(desk: VenueDesk) -> None:
    """More than half of the money, so what the old one held is the new one's."""
    old = place(desk, "buy", "60", "limit", limit_price="90")
    new = replaced(desk, old, order(desk, "buy", "70", "limit", limit_price="90"))
    (listed,) = desk.broker.open_orders()
    assert (listed.client_order_id, listed.quantity) == (new.client_order_id, 70)


@case()
def another_trigger_takes_its_place(desk: VenueDesk) -> None:
    place(desk, "buy", "2")
    old = place(desk, "sell", "1", "stop", stop_price="90")
    new = replaced(desk, old, order(desk, "sell", "1", "stop", stop_price="95"))
    assert now(desk, old).status is R.CANCELED
    desk.set_price("94")
    assert now(desk, new).status is R.FILLED


@case(Can.PARTIAL)
def what_has_filled_in_part_is_cancelled_first(desk: VenueDesk) -> None:
    """And what is left of four is three."""
    old = place(desk, "buy", "4", "limit", limit_price="90")
    desk.fill(old.client_order_id, "1")
    with pytest.raises(NotReplaced):
        replaced(desk, old, order(desk, "buy", "4", "limit", limit_price="95"))
    ended = desk.broker.cancel(old.client_order_id)
    assert (ended.status, ended.filled_quantity) == (R.CANCELED, ended.fills[0].quantity)
    rest = place(desk, "buy", "3", "limit", limit_price="95")
    desk.set_price("94")
    assert held(desk) == gained(*ended.fills, *now(desk, rest).fills)
    assert len(desk.broker.open_orders()) == 0


@case()
def what_has_filled_meanwhile_is_not_replaced(desk: VenueDesk) -> None:
    old = place(desk, "buy", "1", "limit", limit_price="90")
    desk.set_price("89")
    asked = order(desk, "buy", "1", "limit", limit_price="80")
    with pytest.raises(NotReplaced):
        replaced(desk, old, asked)
    assert now(desk, old).status is R.FILLED
    assert desk.broker.order(asked.client_order_id) is None
    assert desk.broker.open_orders() == []


def _unknown(kind: str, taken: bool) -> Case:
    def lost(desk: VenueDesk) -> None:
        old = place(desk, "buy", "1", "limit", limit_price="90")
        asked = order(desk, "buy", "1", "limit", limit_price="95")
        desk.fault("submit", kind)
        with pytest.raises(OutcomeUnknown):
            replaced(desk, old, asked)
        assert desk.posts(asked.client_order_id) == 1
        found = desk.broker.order(asked.client_order_id)
        assert (found is not None) is taken
        if desk.broker.capabilities().replaces:
            assert now(desk, old).status is (R.CANCELED if taken else R.OPEN)
        names = [each.client_order_id for each in desk.broker.open_orders()]
        assert len(names) <= 1

    lost.__name__ = f"a_replace_whose_answer_is_lost_is_asked_for_{kind}"
    return lost


for _kind, _taken in LOST.items():
    case(Can.FAULTS)(_unknown(_kind, _taken))


@case()
def a_refused_one_leaves_the_old_one_or_says_that_it_is_gone(desk: VenueDesk) -> None:
    old = place(desk, "buy", "1", "limit", limit_price="90")
    too_much = order(desk, "buy", "5000", "limit", limit_price="90")
    with pytest.raises(BrokerError):
        replaced(desk, old, too_much)
    known = desk.broker.order(too_much.client_order_id)
    assert known is None or known.status is R.REJECTED
    assert len(desk.broker.open_orders()) == (now(desk, old).status is R.OPEN)
