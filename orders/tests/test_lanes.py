"""Lanes: one worker at a time, a fence in every transaction, things in their order."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection

from accounts.models import User
from brokers.models import BrokerAccount
from orders.lanes import (
    LEASE,
    Claim,
    LostLane,
    claim_lane,
    hold_lane,
    lanes_with_work,
    next_item,
    release_lane,
)
from orders.models import Lane, LaneItem
from tradehub.lib.db import in_write_transaction
from tradehub.testing.builders import make_account
from tradehub.testing.hub import Hub

pytestmark = pytest.mark.django_db
Kind = LaneItem.Kind


@pytest.fixture
def account(alice: User, now: datetime) -> BrokerAccount:
    return make_account(alice, now)


def claim(account: BrokerAccount, holder: str, now: datetime) -> Claim | None:
    return claim_lane(account_id=account.pk, holder=holder, now=now)


def queue(
    account: BrokerAccount, now: datetime, kind: Kind = Kind.DECIDE, wait: int = 0
) -> LaneItem:
    return LaneItem.objects.create(
        account=account, kind=kind.value, due_at=now + timedelta(seconds=wait), created_at=now
    )


def test_a_held_lane_is_not_claimed_again_until_it_is_let_go(
    account: BrokerAccount, now: datetime
) -> None:
    first = claim(account, "one", now)
    assert first is not None
    assert claim(account, "two", now + LEASE) is None
    release_lane(first)
    assert claim(account, "two", now) is not None


def test_a_lost_lease_can_not_write_and_can_not_let_go_of_another_s_lane(
    account: BrokerAccount, now: datetime
) -> None:
    stopped = claim(account, "one", now)
    assert stopped is not None
    later = now + LEASE + timedelta(microseconds=1)
    second = claim(account, "two", later)
    assert second is not None
    with pytest.raises(LostLane):
        hold_lane(stopped, now=later)
    release_lane(stopped)
    hold_lane(second, now=later)


def test_work_renews_the_lease(account: BrokerAccount, now: datetime) -> None:
    held = claim(account, "one", now)
    assert held is not None
    hold_lane(held, now=now + LEASE)
    assert claim(account, "two", now + LEASE + LEASE / 2) is None


def test_things_are_done_in_order_and_none_overtakes_one_that_waits(
    account: BrokerAccount, now: datetime
) -> None:
    first, second = queue(account, now, wait=5), queue(account, now)
    assert next_item(account.pk, now=now) is None
    assert next_item(account.pk, now=now + timedelta(seconds=5)) == first
    LaneItem.objects.filter(pk=first.pk).update(status="done")
    assert next_item(account.pk, now=now) == second


@pytest.mark.parametrize("kind", [Kind.PROTECT, Kind.CANCEL, Kind.HALT])
def test_protection_cancels_and_halts_pass_all_others(
    account: BrokerAccount, now: datetime, kind: Kind
) -> None:
    queue(account, now, wait=5)
    ahead = queue(account, now, kind)
    assert next_item(account.pk, now=now) == ahead


def test_protection_that_waits_holds_nobody_up(account: BrokerAccount, now: datetime) -> None:
    queue(account, now, Kind.PROTECT, wait=60)
    exit_item = queue(account, now)
    assert next_item(account.pk, now=now) == exit_item


def test_only_lanes_with_something_due_and_nobody_at_work_are_looked_at(
    account: BrokerAccount, alice: User, now: datetime
) -> None:
    other = make_account(alice, now, label="Other")
    queue(account, now)
    queue(other, now, wait=60)
    assert lanes_with_work(now=now) == [account.pk]
    held = claim(account, "one", now)
    assert lanes_with_work(now=now) == []
    assert lanes_with_work(now=now + LEASE + timedelta(seconds=1)) == [account.pk]
    assert held is not None


@pytest.mark.parametrize("status", ["sending", "unconfirmed"])
def test_an_order_left_half_sent_is_work(hub: Hub, status: str) -> None:
    hub.send(action="buy", quantity=1)
    order = hub.orders()[0]
    type(order).objects.filter(pk=order.pk).update(status=status)
    assert lanes_with_work(now=hub.clock()) == [hub.account.pk]
    type(order).objects.filter(pk=order.pk).update(reason="NEEDS_REVIEW")
    assert lanes_with_work(now=hub.clock()) == []


def _together(count: int, work: Callable[[int], object]) -> list[object]:
    """Run in so many threads at once, each with a connection of its own."""
    barrier = threading.Barrier(count)
    found: list[object] = [None] * count

    def run(number: int) -> None:
        try:
            barrier.wait(10)
            found[number] = work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [True, False])
def test_of_many_workers_one_gets_the_lane(
    account: BrokerAccount, now: datetime, known: bool
) -> None:
    Lane.objects.all().delete()
    if known:
        Lane.objects.create(account=account)
    claims = _together(6, lambda number: claim(account, f"worker {number}", now))
    assert sum(each is not None for each in claims) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_the_same_moment_one_gets_the_lane_every_time(
    account: BrokerAccount, now: datetime
) -> None:
    rounds = 50
    start = threading.Barrier(2)

    def work(number: int) -> list[bool]:
        won = []
        for turn in range(rounds):
            later = now + turn * 2 * LEASE  # the lease of the last round has run out
            start.wait(10)
            won.append(claim(account, f"worker {number}, {turn}", later) is not None)
        return won

    first, second = _together(2, work)
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert [one + other for one, other in zip(first, second, strict=True)] == [1] * rounds


@pytest.mark.django_db(transaction=True)
def test_a_fence_waits_for_the_one_who_is_writing(account: BrokerAccount, now: datetime) -> None:
    """The old holder's transaction is either before the new claim or refused; never beside it."""
    held = claim(account, "old", now)
    assert held is not None
    later = now + LEASE + timedelta(seconds=1)

    def work(number: int) -> str:
        if number:
            return "claimed" if claim(account, "new", later) else "held"

        def write() -> str:
            hold_lane(held, now=later)
            return "written"

        try:
            return in_write_transaction(write)
        except LostLane:
            return "lost"

    assert _together(2, work) in (["written", "held"], ["lost", "claimed"])
