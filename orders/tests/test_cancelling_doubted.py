"""A cancel of an order in review: the venue is asked, and what it says counts."""

from datetime import timedelta
from typing import Any

import pytest

from orders import syncing, work
from orders.models import Decision, LaneItem, Order
from orders.services import cancel_order, halt_trading
from orders.tests.near_venue import NearVenue, Steps
from orders.tests.near_venue import Trouble as T
from signals.routes import bump_route_version
from tests.venue.books import Order as VenueOrder
from tradehub.core.words import Scope
from tradehub.testing.hub import Hub, waiting_items

pytestmark = pytest.mark.django_db

LIMIT: dict[str, Any] = {"action": "buy", "quantity": 1, "order_type": "limit", "price": 140}
ASKED = "The venue was asked to cancel it at "
DENIED = "and says that it knows no such order. Look at the venue"


@pytest.fixture
def near(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> NearVenue:
    venue = NearVenue(lambda: hub.clock.now, Steps())
    venue.do("set_instrument", symbol="AAPL", step="1")
    venue.do("set_quote", symbol="AAPL", bid="150", ask="150", last="150")
    for module in (work, syncing):
        monkeypatch.setattr(module, "connect", venue.connect)
    return venue


def in_review(hub: Hub, near: NearVenue, what: T, **alert: Any) -> Order:
    """Its answer was lost, and no look at the venue got one for a minute."""
    near.trouble("submit", what, 1)
    near.trouble("order", T.TOO_MANY, 99)
    hub.send(**LIMIT | alert)
    for _ in range(8):
        hub.sweep(9.5)
    near.troubles.clear()
    hub.sweep(11)
    (order,) = hub.orders(status="unconfirmed")
    assert order.reason == "NEEDS_REVIEW"
    return order


def ask_to_cancel(hub: Hub, order: Order) -> None:
    cancel_order(order=order, actor=hub.owner, now=hub.clock())
    hub.drain()


def said(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, order.reason


def there(near: NearVenue, order: Order) -> VenueOrder:
    (found,) = (x for x in near.books.orders.values() if x.client_order_id == order.client_order_id)
    return found


def test_what_works_there_is_cancelled_and_its_doubt_is_over(hub: Hub, near: NearVenue) -> None:
    order = in_review(hub, near, T.LOST_AFTER)
    assert there(near, order).working
    ask_to_cancel(hub, order)
    assert (said(order), order.reason_text) == (("canceled", ""), "CANCELED Cancelled on request.")
    assert not there(near, order).working
    assert waiting_items(hub) == []


def test_what_has_filled_there_is_taken_over_as_filled(hub: Hub, near: NearVenue) -> None:
    order = in_review(hub, near, T.LOST_AFTER)
    near.do("fill", key="near", order_id=there(near, order).id, quantity="1")
    ask_to_cancel(hub, order)
    assert said(order) == ("filled", "")
    assert hub.position().quantity == 1


def test_what_the_venue_denies_stays_with_its_owner_and_says_so(hub: Hub, near: NearVenue) -> None:
    order = in_review(hub, near, T.LOST_BEFORE)
    before = order.updated_at, order.version
    ask_to_cancel(hub, order)
    assert said(order) == ("unconfirmed", "NEEDS_REVIEW")
    assert order.reason_text.startswith(ASKED)
    assert DENIED in order.reason_text
    assert (order.updated_at, order.version) == (before[0], before[1] + 1)
    assert waiting_items(hub) == [], "the venue has answered"


@pytest.mark.parametrize("operation", ["cancel", "order"])
def test_without_an_answer_it_is_asked_for_again(hub: Hub, near: NearVenue, operation: str) -> None:
    order = in_review(hub, near, T.LOST_AFTER)
    near.trouble(operation, T.LOST_BEFORE, 3)
    if operation == "order":  # asked when the cancel was refused
        near.trouble("cancel", T.REFUSED, 3)
    text = order.reason_text
    ask_to_cancel(hub, order)
    assert said(order) == ("unconfirmed", "NEEDS_REVIEW")
    assert (order.reason_text, waiting_items(hub)) == (text, ["cancel"])
    for _ in range(6):
        hub.sweep(11)
    assert said(order) == ("canceled", "")
    assert waiting_items(hub) == []


def test_an_exit_does_not_wait_for_it(hub: Hub, near: NearVenue) -> None:
    """Nor does it for the time that a venue takes to answer."""
    hub.send(action="buy", quantity=2)
    hub.strategy.max_adds = 1
    hub.strategy.save(update_fields=["max_adds"])
    bump_route_version()
    order = in_review(hub, near, T.LOST_BEFORE)
    near.trouble("cancel", T.LOST_BEFORE, 2)
    sent = len(near.submits)
    hub.send(action="close")
    assert len(near.submits) == sent + 1
    assert said(order) == ("unconfirmed", "NEEDS_REVIEW")
    for _ in range(4):
        hub.sweep(11)
    assert order.pk in Decision.objects.latest("id").cancels
    assert hub.position().quantity == 0
    assert said(order) == ("unconfirmed", "NEEDS_REVIEW")
    assert order.reason_text.startswith(ASKED)


def test_a_halt_asks_for_it_too(hub: Hub, near: NearVenue) -> None:
    order = in_review(hub, near, T.LOST_AFTER)
    halt_trading(
        scope=Scope.ACCOUNT,
        scope_id=hub.account.pk,
        reason="lunch",
        owner=hub.owner,
        actor=hub.owner,
        now=hub.clock(),
    )
    hub.drain()
    hub.sweep()
    assert said(order)[0] == "canceled"


def test_a_venue_that_knows_only_its_own_ids_is_not_asked(
    hub: Hub, near: NearVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless = near.connect
    monkeypatch.setattr(
        work,
        "connect",
        lambda account, now: nameless(account, now, client_ids="none"),
    )
    near.trouble("submit", T.LOST_AFTER, 1)
    hub.send(**LIMIT)
    hub.sweep(11)
    (order,) = hub.orders()
    assert said(order) == ("unconfirmed", "NEEDS_REVIEW")
    ask_to_cancel(hub, order)
    assert said(order) == ("unconfirmed", "NEEDS_REVIEW")
    assert "can't be asked to cancel" in order.reason_text
    item = LaneItem.objects.get(kind="cancel")
    assert (item.status, item.finished_at is not None) == ("done", True)
    assert hub.clock.now - item.created_at < timedelta(seconds=1)
