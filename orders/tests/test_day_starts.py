"""Where a trading day begins, and that its losses count from there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import User
from brokers.registry import connect
from orders.day_starts import note_day_starts
from orders.models import DayStart
from tradehub.testing.builders import make_account, make_profile, make_strategy
from tradehub.testing.hub import Hub

pytestmark = pytest.mark.django_db


def test_a_day_is_noted_once_for_each_way_it_begins(alice: User, now: datetime) -> None:
    account = make_account(alice, now)
    utc = make_profile(alice, now, name="UTC")
    tokyo = make_profile(alice, now, name="Tokyo", timezone="Asia/Tokyo")
    make_strategy(alice, account, utc, name="A")
    make_strategy(alice, account, tokyo, name="B")
    assert note_day_starts(now=now) == 2
    assert note_day_starts(now=now + timedelta(minutes=5)) == 0
    assert note_day_starts(now=now + timedelta(days=1)) == 2
    assert set(DayStart.objects.values_list("equity", flat=True)) == {Decimal(100000)}


def test_a_loss_before_the_first_alert_of_the_day_counts(make_hub: Callable[..., Hub]) -> None:
    hub = make_hub(limits={"max_daily_loss_amount": "500"})
    hub.send(action="buy", quantity=100)
    hub.clock.now += timedelta(days=1)
    note_day_starts(now=hub.clock.now)
    broker = connect(hub.account, now=hub.clock)
    broker.observe("AAPL", Decimal(144), hub.clock())
    decision = hub.send(action="buy", quantity=1, symbol="MSFT", price=10)
    assert [reason["code"] for reason in decision.reasons] == ["DAILY_LOSS_REACHED"]
    assert decision.reasons[0]["measured"] == "600"
