"""Where a trading day begins, and that its losses count from there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from brokers.models import BrokerAccount, Examination
from brokers.registry import connect
from orders import day_starts
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


@pytest.fixture
def unopenable(bob: User) -> BrokerAccount:
    """Its key is not in FIELD_ENCRYPTION_KEYS any more."""
    account = BrokerAccount(owner=bob, kind="alpaca", environment="test", label="Broken")
    account.pk = "acc_" + "0" * 26
    account.sealed_credentials = "v1:deadbeef:AAAA"
    account.save(force_insert=True)
    Examination.objects.create(account=account, passed=True)
    return account


def test_an_account_that_breaks_keeps_no_other_from_its_day(
    make_hub: Callable[..., Hub], unopenable: BrokerAccount, now: datetime
) -> None:
    make_strategy(unopenable.owner, unopenable, make_profile(unopenable.owner, now), name="B")
    accounts = [unopenable, make_hub().account]
    note_day_starts(now=now)
    assert [each.day_starts.exists() for each in accounts] == [False, True]


@pytest.mark.parametrize("passed", [None, False])
def test_a_key_that_has_not_passed_begins_no_day(
    make_hub: Callable[..., Hub], passed: bool | None
) -> None:
    hub = make_hub()
    Examination.objects.filter(pk=hub.account.pk).update(passed=passed)
    assert note_day_starts(now=hub.clock()) == 0
    assert not DayStart.objects.exists()


def test_nor_does_one_that_was_replaced_while_it_was_asked(
    make_hub: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub()

    def slow(account: BrokerAccount, **named: Any) -> Any:
        BrokerAccount.objects.filter(pk=account.pk).update(sealed_credentials="another")
        return connect(account, **named)

    monkeypatch.setattr(day_starts, "connect", slow)
    assert note_day_starts(now=hub.clock()) == 0
    assert not DayStart.objects.exists()


def test_nor_does_a_decision_with_such_a_key(make_hub: Callable[..., Hub]) -> None:
    hub = make_hub()
    BrokerAccount.objects.filter(pk=hub.account.pk).update(trouble="Not yet.")
    assert hub.send(action="buy", quantity=1).outcome == "denied"
    assert not DayStart.objects.exists()
    BrokerAccount.objects.filter(pk=hub.account.pk).update(trouble="")
    assert hub.send(action="buy", quantity=1).outcome == "approved"
    assert DayStart.objects.exists()


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
