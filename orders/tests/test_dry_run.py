"""A dry run decides everything and sends nothing, and keeps what it would have done."""

from collections.abc import Callable

import pytest

from orders.models import Decision, LaneItem, Order
from signals.models import Signal, Subscription
from signals.routes import bump_route_version
from tradehub.testing.hub import Hub, use_venue

MakeHub = Callable[..., Hub]


def test_it_decides_and_asks_but_sends_nothing(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(mode="dry_run")
    venue = use_venue(monkeypatch, hub.clock)
    decision = hub.send(action="buy", quantity=3, stop_loss=140)
    assert decision.outcome == "approved"
    assert decision.sizing is not None
    assert decision.checks
    assert decision.rehearsal is not None
    (order,) = decision.rehearsal["orders"]
    wanted = {"symbol": "AAPL", "side": "buy", "role": "entry", "quantity": "3"}
    assert wanted.items() <= order.items()
    assert order["protection"]
    assert (venue.asked("account") != [], venue.asked("submit")) == (True, [])
    assert not Order.objects.exists()
    assert not LaneItem.objects.filter(status="queued").exists()
    assert Signal.objects.get().status == "processed"


def test_limits_deny_it_as_they_would_a_real_one(make_hub: MakeHub) -> None:
    hub = make_hub(mode="dry_run", limits={"max_order_value": "100"})
    decision = hub.send(action="buy", quantity=3)
    assert decision.outcome == "denied"
    assert decision.rehearsal == {"orders": [], "cancels": []}


def test_it_cancels_nothing_either(make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity=3, order_type="limit", price=100)
    (working,) = hub.working()
    Subscription.objects.update(mode="dry_run")
    bump_route_version()
    venue = use_venue(monkeypatch, hub.clock)
    decision = hub.send(action="cancel")
    assert decision.rehearsal == {"orders": [], "cancels": [working.pk]}
    assert decision.cancels == []
    assert venue.asked("cancel") == []
    assert [each.pk for each in hub.working()] == [working.pk]


def test_one_alert_that_only_rehearses_makes_no_other_come_too_late(make_hub: MakeHub) -> None:
    hub = make_hub()
    sent = int(hub.clock().timestamp())
    hub.send(action="buy", quantity=1, dry_run=True, timestamp=sent)
    assert Decision.objects.get().rehearsal is not None
    older = hub.send(action="buy", quantity=1, timestamp=sent - 60)
    assert (older.outcome, older.sent_at is not None) == ("approved", True)
    assert Order.objects.filter(role="entry", status="filled").count() == 1


def test_what_is_sent_rehearses_nothing(make_hub: MakeHub) -> None:
    assert make_hub().send(action="buy", quantity=1).rehearsal is None
