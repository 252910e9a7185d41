"""An entry whose alert cancels others first: it leaves when those are gone, or not at all."""

from decimal import Decimal
from typing import Any

import orjson
import pytest

from brokers.registry import connect
from orders import syncing
from orders.models import Order
from orders.tests.conftest import MakeHub
from orders.tests.slow_venue import SlowDesk, SlowVenue, use_slow_venue
from tradehub.testing.builders import deliver
from tradehub.testing.hub import Hub, assert_books_agree, waiting_items

pytestmark = pytest.mark.django_db
D = Decimal
TEN: dict[str, Any] = {"action": "buy", "quantity": 10, "order_type": "limit"}


@pytest.fixture
def hub(make_hub: MakeHub) -> Hub:
    """It may hold ten."""
    return make_hub({"max_position_value": "1600", "max_order_value": "1600"})


@pytest.fixture
def slow(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> SlowVenue:
    return use_slow_venue(monkeypatch, hub.clock)


def move(hub: Hub, *commands: dict[str, Any]) -> None:
    """One alert."""
    hub.clock.wait(60)
    body = orjson.dumps([{"symbol": "AAPL", **each} for each in commands])
    deliver(hub.token, body, hub.clock())
    hub.drain()


def moved(hub: Hub, price: int = 141) -> tuple[Order, Order]:
    """A resting buy of ten is cancelled, and another sent. Both as they stand."""
    hub.send(**TEN, price=140)
    move(hub, {"action": "cancel"}, {**TEN, "price": price})
    first, second = hub.orders()
    return first, second


def look(hub: Hub, times: int = 5, seconds: float = 2) -> None:
    for _ in range(times):
        hub.clock.wait(seconds)
        syncing.sync_account(hub.account, clock=hub.clock)
        hub.sweep()


def stands(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, order.reason


def test_what_is_cancelled_in_time_lets_it_leave_at_once(hub: Hub, slow: SlowVenue) -> None:
    first, second = moved(hub)
    assert (first.status, second.status) == ("canceled", "open")
    hub.price(139)
    assert hub.position().quantity == 10


def test_it_waits_for_a_slow_cancel(hub: Hub, slow: SlowVenue) -> None:
    slow.slow = True
    first, second = moved(hub)
    assert (first.status, second.status) == ("open", "queued")
    slow.carry_out(hub)
    slow.slow = False
    look(hub)
    assert (stands(first), stands(second)) == (("canceled", ""), ("open", ""))
    hub.price(139)
    assert hub.position().quantity == 10
    assert_books_agree(hub)


def test_it_does_not_leave_beside_one_that_works_on(hub: Hub, slow: SlowVenue) -> None:
    slow.slow = True
    first, second = moved(hub)
    look(hub)
    assert stands(first) == ("open", "")
    assert stands(second) == ("denied", "NOT_CLEARED")
    assert f"{first.pk} was to be cancelled first, and 10 of it may yet fill" in second.reason_text
    hub.price(139)
    assert hub.position().quantity == 10
    assert_books_agree(hub)


def filled_as_it_is_cancelled(
    patch: pytest.MonkeyPatch, hub: Hub, price: int, *, only_first: bool = False
) -> None:
    real = SlowDesk.cancel
    asked: list[str] = []

    def cancel(desk: SlowDesk, name: str) -> Any:
        asked.append(name)
        if not only_first or len(asked) == 1:
            connect(hub.account, now=hub.clock).observe("AAPL", D(price), hub.clock())
        return real(desk, name)

    patch.setattr(SlowDesk, "cancel", cancel)


def test_it_does_not_leave_when_the_other_filled_as_it_was_cancelled(
    hub: Hub, slow: SlowVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled_as_it_is_cancelled(monkeypatch, hub, 139)
    first, second = moved(hub)
    assert (first.status, stands(second)) == ("filled", ("denied", "NOT_CLEARED"))
    assert f"{first.pk} filled 10 of 10 while it was cancelled" in second.reason_text
    assert waiting_items(hub) == []
    assert hub.position().quantity == 10


def test_nor_when_a_part_did(make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = make_hub({"max_order_value": "2000"}, options={"fill_limit": "4"})
    use_slow_venue(monkeypatch, hub.clock)
    filled_as_it_is_cancelled(monkeypatch, hub, 139)
    first, second = moved(hub)
    assert (first.status, first.filled_quantity) == ("canceled", 4)
    assert stands(second) == ("denied", "NOT_CLEARED")
    assert "filled 4 of 10" in second.reason_text


def test_what_had_filled_before_the_decision_was_counted_then(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub({"max_order_value": "2000"}, options={"fill_limit": "4"}, max_adds=3)
    use_slow_venue(monkeypatch, hub.clock)
    hub.send(**TEN, price=140)
    hub.price(139)
    move(hub, {"action": "cancel"}, {**TEN, "price": 130})
    first, second = hub.orders()
    assert (first.status, first.filled_quantity) == ("canceled", 4)
    assert stands(second) == ("open", "")


def test_a_flip_goes_on_when_an_add_filled_as_it_was_cancelled(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit is one of all that is held, so nothing of the add is left."""
    hub = make_hub(max_adds=3, on_opposite="reverse")
    use_slow_venue(monkeypatch, hub.clock)
    hub.send(action="buy", quantity=2)
    hub.send(action="buy", quantity=3, order_type="limit", price=140)
    filled_as_it_is_cancelled(monkeypatch, hub, 139, only_first=True)
    hub.send(action="sell", quantity=4)
    assert [(each.role, each.status) for each in hub.orders()] == [
        ("entry", "filled"),
        ("entry", "filled"),
        ("exit", "filled"),
        ("entry", "filled"),
    ]
    assert hub.orders(role="exit")[0].quantity == 5
    assert hub.position().quantity < 0
    assert_books_agree(hub)


def test_a_flip_ends_flat_when_an_add_works_on(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(max_adds=3, on_opposite="reverse")
    slow = use_slow_venue(monkeypatch, hub.clock)
    hub.send(action="buy", quantity=2)
    hub.send(action="buy", quantity=3, order_type="limit", price=140)
    slow.slow = True
    hub.send(action="sell", quantity=4)
    assert hub.position().quantity == 0, "the exit does not wait at this venue"
    look(hub)
    assert stands(hub.orders()[-1]) == ("denied", "NOT_CLEARED")
    assert_books_agree(hub)
