"""A cancel that the venue does not understand: an order that may still work is never called ended
without proof, and is not forgotten either."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from brokers.errors import BadCredentials, NotSent, OrderRejected, OutcomeUnknown
from brokers.models import PaperOrder
from brokers.registry import connect
from brokers.types import OrderReport
from orders import syncing
from orders.cancelling import WORKS_ON
from orders.models import LaneItem, Order
from orders.reconciling import Reconciled, reconcile_account
from orders.services import cancel_order, emergency_stop, halt_trading
from orders.tests.by_hand import ByHand
from orders.tests.holding_venue import HoldingDesk, HoldingVenue, use_holding_venue
from orders.tests.slow_venue import use_slow_venue
from signals.routes import bump_route_version
from tradehub.core.words import Scope
from tradehub.testing.hub import Hub, Venue, assert_books_agree, make_hub, waiting_items

pytestmark = pytest.mark.django_db

UNKNOWN = OrderRejected("unknown order", venue_code="-2011")
LIMIT: dict[str, Any] = {"action": "buy", "quantity": 1, "order_type": "limit", "price": 140}


def resting(hub: Hub, venue: Venue, *, unseen: int, **alert: Any) -> Order:
    """An order that the venue has taken, and denies to know when it is asked to cancel it (so
    often) or about it (until `venue.hidden` is cleared)."""
    hub.send(**LIMIT | alert)
    (order,) = hub.working()
    venue.fail("cancel", UNKNOWN, times=unseen)
    venue.hidden.add(order.client_order_id)
    return order


def ask_to_cancel(hub: Hub, order: Order) -> None:
    cancel_order(order=order, actor=hub.owner, now=hub.clock())
    hub.drain()


def status(order: Order) -> str:
    order.refresh_from_db()
    return order.status


def works_there(order: Order) -> bool:
    return PaperOrder.objects.get(client_order_id=order.client_order_id).status == "open"


def compare(hub: Hub, hand: ByHand, after: float = 3) -> Reconciled:
    hub.clock.wait(after)
    return reconcile_account(hub.account, hand, clock=hub.clock)


def test_an_order_that_is_not_visible_yet_is_not_called_cancelled(hub: Hub, venue: Venue) -> None:
    order = resting(hub, venue, unseen=3)
    ask_to_cancel(hub, order)
    assert (status(order), works_there(order)) == ("open", True)
    assert waiting_items(hub) == ["cancel"]
    for _ in range(2):
        hub.sweep(11)
        assert status(order) == "open"
    venue.hidden.clear()
    hub.sweep(11)
    assert (status(order), works_there(order)) == ("canceled", False)
    assert waiting_items(hub) == []
    assert len(venue.asked("cancel")) == 4
    assert_books_agree(hub)


def test_a_cancel_in_doubt_asks_for_a_comparison_and_comes_back_later_each_time(
    hub: Hub, venue: Venue
) -> None:
    order = resting(hub, venue, unseen=99)
    hand = ByHand(connect(hub.account, now=hub.clock))
    compare(hub, hand)
    ask_to_cancel(hub, order)
    hub.account.reconciliation.refresh_from_db()
    assert hub.account.reconciliation.due_at <= hub.clock.now
    for _ in range(120):
        hub.sweep(0.5)
    assert 6 <= len(venue.asked("cancel")) <= 15


def test_what_is_proven_gone_ends_past_the_settle_time(hub: Hub, venue: Venue) -> None:
    order = resting(hub, venue, unseen=99)
    hand = ByHand(connect(hub.account, now=hub.clock))
    hand.unlisted = hand.unknown = {order.client_order_id}
    ask_to_cancel(hub, order)
    began = hub.clock.now
    for _ in range(10):
        compare(hub, hand)
        hub.sweep(0.5)
        if status(order) != "open":
            break
    assert status(order) == "canceled"
    assert hub.clock.now - began >= timedelta(seconds=5)
    for _ in range(2):
        hub.sweep(11)
    assert waiting_items(hub) == []


def test_a_look_without_an_answer_proves_nothing_either(hub: Hub, venue: Venue) -> None:
    hub.send(**LIMIT)
    (order,) = hub.working()
    venue.fail("cancel", UNKNOWN)
    venue.fail("order", OutcomeUnknown("504"))
    ask_to_cancel(hub, order)
    assert (status(order), waiting_items(hub)) == ("open", ["cancel"])
    hub.sweep()
    assert (status(order), works_there(order)) == ("canceled", False)


def test_an_exit_does_not_wait_for_the_doubt_about_an_entry(hub: Hub, venue: Venue) -> None:
    """And the entry is cancelled all the same as soon as it can be seen."""
    hub.send(action="buy", quantity=2)
    hub.strategy.max_adds = 1
    hub.strategy.save(update_fields=["max_adds"])
    order = place_add(hub)
    venue.fail("cancel", UNKNOWN, times=2)
    venue.hidden.add(order.client_order_id)
    hub.send(action="close")
    assert hub.position().quantity == 0
    assert (status(order), waiting_items(hub)) == ("open", ["cancel"])
    venue.hidden.clear()
    hub.sweep()
    hub.sweep()
    assert (status(order), works_there(order)) == ("canceled", False)
    assert_books_agree(hub)


def place_add(hub: Hub) -> Order:
    bump_route_version()
    hub.send(**LIMIT)
    (order,) = hub.working(role="entry")
    return order


def test_a_halt_comes_back_to_what_it_could_not_cancel(hub: Hub, venue: Venue) -> None:
    order = resting(hub, venue, unseen=1)
    halt_trading(
        scope=Scope.ACCOUNT,
        scope_id=hub.account.pk,
        reason="lunch",
        owner=hub.owner,
        actor=hub.owner,
        now=hub.clock(),
    )
    hub.drain()
    assert status(order) == "open"
    venue.hidden.clear()
    hub.sweep()
    assert (status(order), works_there(order)) == ("canceled", False)
    assert waiting_items(hub) == []


def test_the_same_doubt_is_one_item_however_often_it_comes_up(hub: Hub, venue: Venue) -> None:
    order = resting(hub, venue, unseen=99)
    for _ in range(3):
        hub.send(action="cancel")
    ask_to_cancel(hub, order)
    assert LaneItem.objects.filter(kind="cancel", subject=order.pk, status="queued").count() == 1


def test_a_key_that_is_refused_proves_nothing(hub: Hub, venue: Venue) -> None:
    hub.send(**LIMIT)
    (order,) = hub.working()
    for method in ("cancel", "order"):
        venue.fail(method, BadCredentials("key"), times=2)
    ask_to_cancel(hub, order)
    hub.sweep()
    assert (status(order), waiting_items(hub)) == ("open", ["cancel"])
    hub.sweep(11)
    assert status(order) == "canceled"


@pytest.mark.parametrize("method", ["cancel", "order"])
def test_an_adapter_that_breaks_ends_no_cancel(hub: Hub, venue: Venue, method: str) -> None:
    """Neither is it forgotten after some failures, nor does an exit wait for it."""
    hub.send(action="buy", quantity=1, symbol="MSFT")
    order = resting(hub, venue, unseen=8 if method == "order" else 0)
    venue.hidden.clear()
    venue.fail(method, RuntimeError("a bug of ours"), times=8)
    ask_to_cancel(hub, order)
    hub.send(action="close", symbol="MSFT")
    assert hub.position("MSFT").quantity == 0
    for _ in range(5):
        hub.sweep(11)
    assert (status(order), waiting_items(hub)) == ("open", ["cancel"])
    for _ in range(5):
        hub.sweep(11)
    assert (status(order), works_there(order), waiting_items(hub)) == ("canceled", False, [])


# ---- what the venue refuses, or takes and does not carry out ----

NOT_NOW = OrderRejected("order is not cancelable now", venue_code="422")
CANCELS: list[tuple[str, Callable[[Hub, Order], Any]]] = [
    ("user", ask_to_cancel),
    ("halt", lambda hub, order: halt(hub)),
    ("alert", lambda hub, order: hub.send(action="cancel")),
    ("exit", lambda hub, order: hub.send(action="close")),
    ("emergency", lambda hub, order: stop_all(hub)),
]
anybody = pytest.mark.parametrize("cancel", [x for _, x in CANCELS], ids=[x for x, _ in CANCELS])


def halt(hub: Hub) -> None:
    halt_trading(
        scope=Scope.ACCOUNT, scope_id=hub.account.pk, reason="lunch", owner=hub.owner,
        actor=hub.owner, now=hub.clock(),
    )  # fmt: skip
    hub.drain()


def stop_all(hub: Hub) -> None:
    emergency_stop(owner=hub.owner, reason="fire", actor=hub.owner, now=hub.clock())
    hub.drain()


def look(hub: Hub, times: int, seconds: float = 5) -> None:
    for _ in range(times):
        hub.clock.wait(seconds)
        syncing.sync_account(hub.account, clock=hub.clock)
        hub.sweep()


@anybody
def test_a_cancel_that_is_refused_is_asked_for_again(
    hub: Hub, venue: Venue, cancel: Callable[[Hub, Order], Any]
) -> None:
    hub.send(**LIMIT)
    (order,) = hub.working()
    venue.fail("cancel", NOT_NOW, times=2)
    cancel(hub, order)
    assert (status(order), waiting_items(hub)) == ("open", ["cancel"])
    look(hub, 2)
    assert (status(order), works_there(order)) == ("canceled", False)
    assert waiting_items(hub) == []


@anybody
def test_a_cancel_that_comes_to_nothing_is_asked_for_again(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, cancel: Callable[[Hub, Order], Any]
) -> None:
    slow = use_slow_venue(monkeypatch, hub.clock)
    hub.send(**LIMIT)
    (order,) = hub.working()
    slow.slow = True
    cancel(hub, order)
    assert (status(order), waiting_items(hub)) == ("open", ["cancel"])
    slow.slow = False
    look(hub, 2)
    assert (status(order), works_there(order), waiting_items(hub)) == ("canceled", False, [])


def test_an_owner_is_told_of_a_cancel_that_is_never_carried_out(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = use_slow_venue(monkeypatch, hub.clock)
    hub.send(**LIMIT)
    (order,) = hub.working()
    slow.slow = True
    ask_to_cancel(hub, order)
    for _ in range(25):
        hub.sweep()
    assert (status(order), order.reason_text, waiting_items(hub)) == ("open", "", ["cancel"])
    for _ in range(10):
        hub.sweep()
    assert (status(order), order.reason_text) == ("open", WORKS_ON)
    assert waiting_items(hub) == []
    assert 10 <= len(slow.asked("cancel")) <= 20
    slow.slow = False
    ask_to_cancel(hub, order)
    assert (status(order), works_there(order)) == ("canceled", False)


def test_the_minute_begins_when_the_venue_can_be_asked(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = use_slow_venue(monkeypatch, hub.clock)
    hub.send(**LIMIT)
    (order,) = hub.working()
    slow.fail("cancel", NotSent("away"), times=99)
    ask_to_cancel(hub, order)
    look(hub, 20)
    slow.faults.clear()
    slow.slow = True
    look(hub, 3)
    assert (status(order), waiting_items(hub)) == ("open", ["cancel"])
    slow.carry_out(hub)
    look(hub, 2)
    assert (status(order), waiting_items(hub)) == ("canceled", [])


def test_nobody_cancels_an_order_of_another_account(hub: Hub, venue: Venue, bob: Any) -> None:
    other = make_hub(bob, hub.clock.now)
    other.clock = hub.clock
    other.send(**LIMIT)
    (theirs,) = other.working()
    now = hub.clock()
    LaneItem.objects.create(
        account=hub.account, kind="cancel", subject=theirs.pk, due_at=now, created_at=now
    )
    for _ in range(6):
        hub.sweep(30)
    assert status(theirs) == "open"
    assert LaneItem.objects.get(kind="cancel").status == "parked"


# ---- what waits for a slow cancel ----


def test_an_exit_waits_for_a_second_slow_cancel_as_for_the_first(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first came to nothing: the venue took it, and the stop worked on."""
    venue = use_holding_venue(monkeypatch, hub.clock)
    hub.send(action="buy", quantity=2, stop_loss=140)
    with monkeypatch.context() as slow:
        slow.setattr(HoldingDesk, "cancel", _take_and_do_nothing)
        hub.send(action="close")
        assert exits_sent(venue) == 0, "it waits for the quantity"
        for _ in range(8):
            hub.sweep()
        assert exits_sent(venue) == 1, "not for ever"
        assert [each.status for each in hub.orders(role="exit")] == ["rejected"]
        hub.clock.wait(60)
        hub.send(action="close")
        for _ in range(3):
            hub.sweep()
        assert exits_sent(venue) == 1, "and for the next cancel it waits again"
    for _ in range(4):
        hub.sweep()
    assert [each.status for each in hub.orders(role="exit")] == ["rejected", "filled"]
    assert (exits_sent(venue), hub.position().quantity) == (2, 0)
    assert_books_agree(hub)


def _take_and_do_nothing(desk: HoldingDesk, name: str) -> OrderReport:
    report = desk._broker.order(name)
    assert report is not None
    return report


def exits_sent(venue: HoldingVenue) -> int:
    asked = venue.asked("submit")
    return sum(1 for each in asked if each.reduce_only and each.stop_price is None)
