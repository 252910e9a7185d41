"""Polling: what happened at the venue while nobody looked becomes rows; one account's trouble
stays its own."""

from datetime import datetime
from decimal import Decimal

import pytest

from accounts.models import User
from brokers.errors import OutcomeUnknown
from brokers.registry import connect
from orders import syncing, tasks
from orders.models import Order, Position
from orders.tests.by_hand import spoil
from orders.tests.conftest import MakeHub
from tradehub.lib.clock import utc_now
from tradehub.testing.hub import Hub, Venue, assert_books_agree, make_hub, use_venue

pytestmark = pytest.mark.django_db


def fresh(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def test_a_limit_that_filled_is_found_and_found_once(hub: Hub) -> None:
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    connect(hub.account, now=hub.clock).observe("AAPL", Decimal(140), hub.clock())
    assert syncing.sync_account(hub.account, clock=hub.clock) == 1
    assert syncing.sync_account(hub.account, clock=hub.clock) == 0
    assert hub.position().quantity == 2
    assert_books_agree(hub)


def test_only_accounts_with_something_to_ask_are_asked(hub: Hub, bob: User, now: datetime) -> None:
    make_hub(bob, now)
    assert syncing.accounts_at_work() == []
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    assert syncing.accounts_at_work() == [hub.account]
    Order.objects.update(status="unconfirmed")
    assert syncing.accounts_at_work() == [hub.account]
    Order.objects.update(status="filled")
    Position.objects.create(
        owner=hub.owner, account=hub.account, symbol="X", is_open=True, protected=False,
        updated_at=now,
    )  # fmt: skip
    assert syncing.accounts_at_work() == [hub.account]


@pytest.mark.parametrize("error", [OutcomeUnknown("504"), KeyError("bug")])
def test_one_account_s_trouble_does_not_stop_the_poll_of_the_others(
    hub: Hub, bob: User, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    other = make_hub(bob, utc_now())
    limit = {"action": "buy", "quantity": 1, "order_type": "limit", "price": 140}
    for each in (hub, other):
        each.clock.now = utc_now()
        each.send(**limit)
        connect(each.account, now=each.clock).observe("AAPL", Decimal(140), each.clock())
    first, second = syncing.accounts_at_work()
    venue = use_venue(monkeypatch, hub.clock)
    venue.fail("reports", error)
    tasks.sync_open_orders()
    assert Order.objects.get(account=first).status == "open"
    assert Order.objects.get(account=second).status == "filled"


def test_what_can_not_be_recorded_of_one_order_keeps_no_other_from_it(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor a target from being taken; but no entry is decided by such books."""
    hub.send(action="buy", quantity=1, symbol="TSLA", take_profit=160)
    for symbol in ("AAPL", "MSFT"):
        hub.send(action="buy", quantity=2, symbol=symbol, order_type="limit", price=140)
    first, second = hub.orders(order_type="limit", role="entry")
    for symbol in ("AAPL", "MSFT"):
        connect(hub.account, now=hub.clock).observe(symbol, Decimal(140), hub.clock())
    spoil(monkeypatch, first)
    watched = []
    monkeypatch.setattr(syncing, "watch_account", lambda account, *_, **__: watched.append(account))
    syncing.sync_account(hub.account, clock=hub.clock)
    assert [each.status for each in (fresh(first), fresh(second))] == ["open", "filled"]
    assert watched == [hub.account]
    assert hub.codes(action="buy", quantity=1, symbol="NVDA") == ["ACCOUNT_NOT_RECONCILED"]
    assert hub.codes(action="close", symbol="MSFT") == []


def test_a_failed_poll_is_not_read_as_flat_or_gone(hub: Hub, venue: Venue) -> None:
    hub.send(action="buy", quantity=2, stop_loss=140)
    venue.fail("reports", OutcomeUnknown("504"))
    hub.price(151)
    assert hub.position().quantity == 2
    assert [each.role for each in hub.working()] == ["stop_loss"]


def test_what_partly_filled_then_was_cancelled_and_filled_late(make_hub: MakeHub) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    hub.send(action="buy", quantity=10)
    hub.price(150)
    entry = hub.orders()[0]
    connect(hub.account, now=hub.clock).cancel(entry.client_order_id)
    hub.price(150)
    entry.refresh_from_db()
    assert (entry.status, entry.filled_quantity) == ("canceled", hub.position().quantity)
    assert_books_agree(hub)
