"""An operator takes a stuck item out of its lane, or puts it back: none is left half done."""

from decimal import Decimal

import pytest

from accounts.models import User
from brokers.errors import NotSent
from orders.models import LaneItem, Order
from orders.parking import park_item, requeue_item
from signals.models import Signal
from tradehub.testing.hub import Hub, Venue

pytestmark = pytest.mark.django_db


def stuck_exit(hub: Hub, venue: Venue) -> tuple[LaneItem, Order]:
    hub.send(action="buy", quantity=10)
    venue.fail("submit", NotSent("no connection"))
    hub.deliver(action="close")
    hub.drain()
    (order,) = hub.orders(role="exit", status="queued")
    return LaneItem.objects.get(status="queued", kind="decide"), order


def test_what_a_parked_item_had_still_to_send_ends(hub: Hub, venue: Venue, alice: User) -> None:
    item, order = stuck_exit(hub, venue)
    assert park_item(item=item, actor=alice, now=hub.clock())
    order.refresh_from_db()
    assert (order.status, order.reason) == ("denied", "INTERNAL_ERROR")
    assert "taken its item out" in order.reason_text
    assert Signal.objects.get(pk=order.signal_id).status == "failed"
    hub.send(action="close")
    assert hub.position().quantity == Decimal(0), "the next one closes"


def test_queued_again_it_sends_nothing_that_has_ended(hub: Hub, venue: Venue, alice: User) -> None:
    item, order = stuck_exit(hub, venue)
    assert park_item(item=item, actor=alice, now=hub.clock())
    assert requeue_item(item=item, actor=alice, now=hub.clock())
    hub.sweep()
    assert LaneItem.objects.get(pk=item.pk).status == "done"
    assert hub.orders(role="exit") == [order]
    assert hub.position().quantity == 10
