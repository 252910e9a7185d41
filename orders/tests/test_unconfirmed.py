"""What ends the doubt about an order that was sent without a proven outcome, and what does not."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from brokers.base import Broker
from brokers.errors import OutcomeUnknown, RateLimited
from brokers.models import PaperOrder
from brokers.paper.adapter import PaperBroker
from brokers.types import ClientIds, FillReport, ReportStatus
from orders.models import Order, OrderEvent
from orders.services import halt_trading
from orders.tests.by_hand import spoil
from orders.tests.conftest import MakeHub
from orders.unconfirmed import find_at_venue
from tradehub.core.words import OrderSide, Scope
from tradehub.testing.hub import (
    Hub,
    Venue,
    assert_books_agree,
    sweep_until_settled,
    use_venue,
    waiting_items,
)

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


@pytest.mark.parametrize("operation", ["open_orders", "closed_orders", "fills"])
def test_a_venue_that_denies_the_id_is_not_silent_though_its_lists_fail(
    hub: Hub, venue: Venue, operation: str
) -> None:
    """They are many requests, and one of them fails easily where many do."""
    order = lose(hub, venue, heard=False)
    venue.fail(operation, RateLimited("slow down"), times=99)
    for _ in range(20):
        hub.sweep(9.5)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "OUTCOME_UNKNOWN")
    assert len(venue.asked("submit")) == 1
    venue.faults.clear()
    sweep_until_settled(hub)
    order.refresh_from_db()
    assert (order.status, order.attempts) == ("filled", 2)


def test_lists_that_can_not_be_read_for_minutes_hand_it_over(hub: Hub, venue: Venue) -> None:
    order = lose(hub, venue, heard=False)
    venue.fail("fills", RateLimited("slow down"), times=99)
    for _ in range(40):
        hub.sweep(9.5)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")
    assert len(venue.asked("submit")) == 1


def test_one_that_can_not_be_recorded_keeps_nothing_else_of_its_account_waiting(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is as good as silence: exits of other symbols go on, and after a minute all does."""
    hub.send(action="buy", quantity=2, symbol="MSFT")
    venue.fail("submit", OutcomeUnknown("closed"), heard=True)
    hub.send(action="buy", quantity=1)
    (order,) = hub.orders(status="unconfirmed")
    spoil(monkeypatch, order)
    hub.deliver(action="close", symbol="MSFT")
    hub.sweep()
    assert hub.position("MSFT").quantity == 0
    hub.deliver(action="buy", quantity=2, symbol="MSFT")
    for _ in range(8):
        hub.sweep(10)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")
    assert not waiting_items(hub)


def test_the_next_look_does_not_wait_for_a_clock_that_was_set_back(hub: Hub, venue: Venue) -> None:
    lose(hub, venue, heard=True)
    venue.fail("order", OutcomeUnknown("504"))
    hub.sweep()
    hub.clock.wait(-3600)
    hub.sweep()
    assert Order.objects.get().status == "filled"


def test_a_hub_that_was_away_hands_nothing_over_after_one_look(hub: Hub, venue: Venue) -> None:
    """A minute in which nobody asked is no minute of silence."""
    order = lose(hub, venue, heard=False)
    hub.sweep(90)
    order.refresh_from_db()
    assert order.reason == "OUTCOME_UNKNOWN"
    sweep_until_settled(hub)
    order.refresh_from_db()
    assert (order.status, order.attempts) == ("filled", 2)


def test_before_it_goes_out_again_the_gate_is_asked_again(hub: Hub, venue: Venue) -> None:
    """Halted meanwhile: nothing leaves, and the order ends for certain."""
    order = lose(hub, venue, heard=False)
    halt_trading(
        scope=Scope.ACCOUNT, scope_id=hub.account.pk, owner=hub.owner, actor=hub.owner,
        reason="enough", now=hub.clock.now,
    )  # fmt: skip
    sweep_until_settled(hub)
    order.refresh_from_db()
    assert (order.status, order.reason, order.attempts) == ("denied", "TRADING_HALTED", 1)
    assert order.reason_text
    assert len(venue.asked("submit")) == 1
    assert_books_agree(hub)


def test_what_never_arrives_is_given_up_after_five_requests(hub: Hub, venue: Venue) -> None:
    order = lose(hub, venue, heard=False)
    venue.fail("submit", OutcomeUnknown("closed"), times=99)
    for _ in range(40):
        hub.sweep(5)
    order.refresh_from_db()
    assert (order.status, order.reason, order.attempts) == ("denied", "NOT_SENT", 5)
    assert "did not take it" in order.reason_text
    assert len(venue.asked("submit")) == 5


def test_a_worker_that_dies_while_it_sends_leaves_an_order_in_doubt(hub: Hub, venue: Venue) -> None:
    class Killed(BaseException):
        pass

    venue.fail("submit", Killed(), heard=True)
    with pytest.raises(Killed):
        hub.send(action="buy", quantity=1)
    order = Order.objects.get()
    assert order.status == "sending"
    venue.fail("order", OutcomeUnknown("504"))
    hub.sweep(30)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "OUTCOME_UNKNOWN")
    assert order.events.get(event="lose").data["error"] == "RuntimeError"
    sweep_until_settled(hub)
    order.refresh_from_db()
    assert (order.status, order.attempts) == ("filled", 1)


# ---- where it is looked for ----


def fill(fill_id: str, quantity: str, at: datetime, **more: Any) -> FillReport:
    return FillReport(
        venue_fill_id=fill_id, client_order_id=more.pop("name", "ours"), symbol="AAPL",
        side=OrderSide.BUY, quantity=Decimal(quantity), price=Decimal(150), fee=Decimal(0),
        fee_currency="USD", at=at, **more,
    )  # fmt: skip


class Lists:
    """A venue that knows orders by their fills alone, and from when on it was asked."""

    def __init__(self, fills: list[FillReport]) -> None:
        self._fills = fills
        self.since: list[datetime] = []

    def capabilities(self) -> Any:
        return SimpleNamespace(name_of=lambda client_id, venue_id: client_id)

    def order(self, name: str) -> None:
        return None

    def open_orders(self, symbols: Collection[str] | None = None) -> list[Any]:
        return []

    def closed_orders(self, since: datetime, symbols: Collection[str] | None = None) -> list[Any]:
        self.since.append(since)
        return []

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        self.since.append(since)
        return self._fills


@pytest.fixture
def lost(hub: Hub, venue: Venue) -> Order:
    order = lose(hub, venue, heard=False)
    order.client_order_id = "ours"
    return order


@pytest.mark.parametrize(
    ("quantities", "status"),
    [(["0.25", "0.5"], "partially_filled"), (["0.25", "0.75"], "filled"), (["1"], "filled")],
)
def test_fills_tell_of_their_order(lost: Order, quantities: list[str], status: str) -> None:
    at = lost.created_at
    fills = [
        fill(f"f{number}", quantity, at + timedelta(seconds=number), venue_order_id="v1")
        for number, quantity in enumerate(quantities)
    ]
    others = [fill("x1", "9", at, name="another")]
    lists = Lists([*others, *fills, *fills])  # a list may tell one twice
    report = find_at_venue(cast(Broker, lists), lost, thorough=True)
    assert report is not None
    assert report.status is ReportStatus(status)
    assert report.filled_quantity == sum(Decimal(each) for each in quantities)
    assert report.fills == tuple(fills)
    assert (report.quantity, report.at) == (Decimal(1), fills[-1].at)
    assert (report.client_order_id, report.venue_order_id) == ("ours", "v1")
    assert (report.symbol, report.side) == ("AAPL", OrderSide.BUY)


def test_lists_are_read_only_for_proof_and_from_before_it_left(lost: Order) -> None:
    """The venue's clock may be behind ours."""
    lists = Lists([])
    assert find_at_venue(cast(Broker, lists), lost, thorough=False) is None
    assert lists.since == []
    assert find_at_venue(cast(Broker, lists), lost, thorough=True) is None
    assert lost.submitted_at is not None
    assert set(lists.since) == {lost.submitted_at - timedelta(minutes=5)}
