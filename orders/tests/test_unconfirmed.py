"""What ends the doubt about an order that was sent without a proven outcome, and what does not."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from brokers.errors import OutcomeUnknown, RateLimited
from brokers.models import PaperOrder
from brokers.paper.adapter import PaperBroker
from brokers.types import ClientIds
from orders.models import Order, OrderEvent
from orders.tests.conftest import MakeHub
from tradehub.testing.hub import Hub, Venue, assert_books_agree, sweep_until_settled, use_venue

pytestmark = pytest.mark.django_db


@pytest.fixture
def hub(make_hub: MakeHub) -> Hub:
    return make_hub()


@pytest.fixture
def venue(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Venue:
    return use_venue(monkeypatch, hub.clock)


def able(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    real = PaperBroker.capabilities
    monkeypatch.setattr(
        PaperBroker, "capabilities", lambda broker: replace(real(broker), **changes)
    )


def lose(hub: Hub, venue: Venue, *, heard: bool) -> Order:
    venue.fail("submit", OutcomeUnknown("closed"), heard=heard)
    hub.send(action="buy", quantity=1)
    order = Order.objects.get()
    assert (order.status, order.reason) == ("unconfirmed", "OUTCOME_UNKNOWN")
    return order


def looks_until_resent(hub: Hub, venue: Venue, every: float) -> tuple[int, float]:
    """How often the venue was asked, and how many seconds passed, before the second request."""
    began = hub.clock.now
    for _ in range(60):
        if len(venue.asked("submit")) == 2:
            break
        hub.sweep(every)
    return len(venue.asked("order")), (hub.clock.now - began).total_seconds()


@pytest.mark.parametrize("every", [0.5, 2, 7])
def test_not_found_counts_in_three_looks_over_five_seconds(
    hub: Hub, venue: Venue, every: float
) -> None:
    order = lose(hub, venue, heard=False)
    looks, seconds = looks_until_resent(hub, venue, every)
    assert looks >= 3
    assert 5 <= seconds <= 30
    first, second = venue.asked("submit")
    assert first == second, "a resend asks the very same"
    order.refresh_from_db()
    assert (order.status, order.attempts, order.looks) == ("filled", 2, 0)
    asked = {
        event.event: event.data["request"]
        for event in OrderEvent.objects.filter(event__in=["send", "resend"])
    }
    assert asked["send"] == asked["resend"]
    assert_books_agree(hub)


def test_looks_come_later_each_time(hub: Hub, venue: Venue) -> None:
    lose(hub, venue, heard=False)
    venue.fail("order", OutcomeUnknown("504"), times=99)
    for _ in range(110):
        hub.sweep(0.5)
    assert 6 <= len(venue.asked("order")) <= 14


def test_a_look_without_an_answer_is_none(hub: Hub, venue: Venue) -> None:
    """Twenty time-outs prove as little as one."""
    order = lose(hub, venue, heard=False)
    venue.fail("order", OutcomeUnknown("504"), times=4)
    for _ in range(4):
        hub.sweep(11)
    order.refresh_from_db()
    assert (order.status, order.looks) == ("unconfirmed", 0)
    assert len(venue.asked("submit")) == 1


@pytest.mark.parametrize("listed", ["open_orders", "closed_orders", "fills"])
def test_what_only_a_list_knows_is_adopted(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    """An id may be free again when its order has ended, and look-ups may lag behind lists."""
    able(monkeypatch, client_ids=ClientIds.UNIQUE_WHILE_OPEN)
    for name in {"open_orders", "closed_orders", "fills"} - {listed}:
        monkeypatch.setattr(PaperBroker, name, lambda *_: [])
    if listed == "open_orders":
        venue.fail("submit", OutcomeUnknown("closed"), heard=True)
        hub.send(action="buy", quantity=1, order_type="limit", limit_price="100")
        order = Order.objects.get()
    else:
        order = lose(hub, venue, heard=True)
    venue.hidden.add(order.client_order_id)
    sweep_until_settled(hub)
    order.refresh_from_db()
    assert order.status == ("open" if listed == "open_orders" else "filled")
    assert len(venue.asked("submit")) == 1
    assert PaperOrder.objects.count() == 1
    assert_books_agree(hub)


def test_fills_without_their_order_are_adopted_as_far_as_they_go(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(options={"fill_limit": "0.4"})
    venue = use_venue(monkeypatch, hub.clock)
    for name in ("open_orders", "closed_orders"):
        monkeypatch.setattr(PaperBroker, name, lambda *_: [])
    venue.fail("submit", OutcomeUnknown("closed"), heard=True)
    hub.send(action="buy", quantity=1, symbol="BTC/USD", price=100)
    order = Order.objects.get()
    venue.hidden.add(order.client_order_id)
    for _ in range(4):
        hub.sweep(3)
    order.refresh_from_db()
    assert order.status in ("partially_filled", "filled")
    assert order.filled_quantity >= Decimal("0.4")
    assert len(venue.asked("submit")) == 1


def test_a_venue_without_ids_is_never_sent_an_order_twice(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    able(monkeypatch, client_ids=ClientIds.NONE)
    order = lose(hub, venue, heard=False)
    sweep_until_settled(hub)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")
    assert "Look at the venue" in order.reason_text
    assert order.events.filter(event="review").count() == 1
    assert len(venue.asked("submit")) == 1
    assert hub.codes(action="buy", quantity=1) == ["SYMBOL_NOT_RECONCILED"]
    assert hub.codes(action="buy", quantity=1, symbol="MSFT") == []


def test_a_minute_without_an_answer_hands_it_to_its_owner(hub: Hub, venue: Venue) -> None:
    order = lose(hub, venue, heard=False)
    venue.fail("order", RateLimited("slow down"), times=99)
    for _ in range(9):
        hub.sweep(9.5)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")
    assert len(venue.asked("submit")) == 1


def test_a_hub_that_was_away_hands_nothing_over_after_one_look(hub: Hub, venue: Venue) -> None:
    """A minute in which nobody asked is no minute of silence."""
    order = lose(hub, venue, heard=False)
    hub.sweep(90)
    order.refresh_from_db()
    assert order.reason == "OUTCOME_UNKNOWN"
    sweep_until_settled(hub)
    order.refresh_from_db()
    assert (order.status, order.attempts) == ("filled", 2)
