"""Snapshots: when an account is due, what is noted, and what is kept how long."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from brokers.errors import NotSent
from brokers.models import AccountSnapshot, BrokerAccount, Examination
from orders import snapshots
from orders.models import Fill
from orders.snapshots import HOLDING, IDLE, claim_due, take_snapshot, thin_snapshots
from tradehub.testing.builders import make_account
from tradehub.testing.hub import Hub

MakeHub = Callable[..., Hub]


@pytest.fixture
def hub(make_hub: MakeHub) -> Hub:
    hub = make_hub()
    BrokerAccount.objects.update(snapshot_due_at=hub.clock())
    return hub


def note(hub: Hub) -> AccountSnapshot | None:
    return take_snapshot(hub.account, clock=hub.clock)


def test_an_account_that_holds_nothing_is_due_every_hour(hub: Hub) -> None:
    begun = hub.clock()
    assert claim_due(now=begun) == [hub.account.pk]
    assert claim_due(now=begun) == []
    assert claim_due(now=begun + IDLE - timedelta(seconds=1)) == []
    assert claim_due(now=begun + IDLE) == [hub.account.pk]


def test_of_two_workers_at_one_tick_one_gets_it(hub: Hub) -> None:
    """The second has read the row before the first moved it on."""
    due_at = BrokerAccount.objects.get().snapshot_due_at
    assert snapshots._claim(hub.account.pk, due_at, due_at + IDLE)
    assert not snapshots._claim(hub.account.pk, due_at, due_at + HOLDING)
    assert BrokerAccount.objects.get().snapshot_due_at == due_at + IDLE


def test_a_key_that_has_not_passed_tells_no_worth(hub: Hub) -> None:
    """It may be another account's."""
    Examination.objects.filter(pk=hub.account.pk).update(passed=None)
    assert claim_due(now=hub.clock()) == []
    assert note(hub) is None
    assert not AccountSnapshot.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_without_room_comes_back_by_a_write_that_has_its_turn(hub: Hub) -> None:
    claim_due(now=hub.clock())
    now, in_transaction = hub.clock(), []

    def heard(execute: Any, sql: str, *given: Any) -> Any:
        if sql.startswith("UPDATE"):
            in_transaction.append(connection.in_atomic_block)
        return execute(sql, *given)

    with connection.execute_wrapper(heard):
        snapshots.come_back(hub.account.pk, now=now)
    assert in_transaction == [True]
    assert claim_due(now=now + snapshots.NO_ROOM) == [hub.account.pk]


def test_one_that_holds_something_every_five_minutes(hub: Hub) -> None:
    hub.send(action="buy", quantity=10)
    begun = hub.clock()
    assert claim_due(now=begun) == [hub.account.pk]
    note(hub)
    assert claim_due(now=begun + HOLDING - timedelta(seconds=1)) == []
    assert claim_due(now=begun + HOLDING) == [hub.account.pk]


def test_a_fill_makes_it_due_once(hub: Hub) -> None:
    assert claim_due(now=hub.clock())
    note(hub)
    assert claim_due(now=hub.clock()) == []
    hub.send(action="buy", quantity=10)
    assert claim_due(now=hub.clock()) == [hub.account.pk]
    note(hub)
    assert claim_due(now=hub.clock()) == []


def test_a_fill_that_no_snapshot_can_follow_does_not_hurry_for_ever(hub: Hub) -> None:
    hub.send(action="buy", quantity=10)
    filled_at = Fill.objects.get().at
    assert claim_due(now=filled_at + timedelta(seconds=30)) == [hub.account.pk]
    assert claim_due(now=filled_at + timedelta(seconds=60)) == [hub.account.pk]
    assert claim_due(now=filled_at + timedelta(seconds=310)) == []


def test_what_the_venue_says_is_noted_to_the_digit(hub: Hub) -> None:
    hub.send(action="buy", quantity=10)
    hub.price("150.123456789")
    made = note(hub)
    assert made is not None
    made.refresh_from_db()
    assert made.equity == Decimal("100001.23456789")
    assert made.cash == Decimal(98_500)
    assert made.currency == "USD"


def test_a_venue_that_does_not_tell_leaves_no_row(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise NotSent("no route")

    monkeypatch.setattr(snapshots, "connect", fails)
    assert note(hub) is None
    assert not AccountSnapshot.objects.exists()


def test_disabled_accounts_are_left_alone(hub: Hub) -> None:
    BrokerAccount.objects.update(enabled=False)
    assert claim_due(now=hub.clock()) == []


def test_a_tick_takes_so_many_and_the_next_one_goes_on(
    hub: Hub, alice: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "AT_ONCE", 2)
    for number in range(3):
        make_account(alice, now, label=f"a{number}")
    BrokerAccount.objects.update(snapshot_due_at=now)
    ticks = [claim_due(now=hub.clock()) for _ in range(3)]
    assert [len(each) for each in ticks] == [2, 2, 0]
    assert len(set(ticks[0] + ticks[1])) == 4


def test_the_first_of_a_day_stays_and_the_first_of_an_hour_for_months(hub: Hub) -> None:
    begun = hub.clock.now.replace(hour=22, minute=0)
    hub.clock.now = begun
    for _ in range(16):
        note(hub)
        hub.clock.wait(15 * 60)
    rows = AccountSnapshot.objects.order_by("at")
    grains = [each.grain for each in rows]
    assert grains == ["day", *["fine"] * 3, "hour", *["fine"] * 3] * 2
    last = rows.reverse()[0].at
    assert thin_snapshots(now=last) == 0
    assert thin_snapshots(now=last + timedelta(days=2)) == 11
    assert thin_snapshots(now=last + timedelta(days=3)) == 1
    assert thin_snapshots(now=last + timedelta(days=93)) == 2
    assert [each.grain for each in AccountSnapshot.objects.all()] == ["day", "day"]
    assert thin_snapshots(now=last + timedelta(days=3650)) == 0


def test_thinning_stops_after_its_batches_and_goes_on_next_time(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "BATCH", 2)
    monkeypatch.setattr(snapshots, "BATCHES", 2)
    for _ in range(7):
        note(hub)
        hub.clock.wait(1)
    later = hub.clock() + timedelta(days=3)
    assert [thin_snapshots(now=later) for _ in range(3)] == [4, 2, 0]
