"""Lanes: one worker at a time, a fence in every transaction, things in their order."""

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from brokers.errors import OutcomeUnknown, RateLimited
from brokers.models import BrokerAccount
from orders import work
from orders.lanes import (
    LEASE,
    LONGEST_WAIT,
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
from tradehub.testing.hub import Hub, Venue

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


def lane(account: BrokerAccount) -> tuple[str, datetime | None]:
    found = Lane.objects.get(pk=account.pk)
    return found.holder, found.lease_until


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


def test_a_claim_a_fence_and_a_release_touch_one_lane(
    account: BrokerAccount, alice: User, now: datetime
) -> None:
    other = make_account(alice, now, label="Other")
    mine, theirs = claim(account, "one", now), claim(other, "one", now)
    assert (mine, theirs) == (Claim(account.pk, "one"), Claim(other.pk, "one"))
    assert mine is not None
    hold_lane(mine, now=now + LEASE)
    assert lane(account) == ("one", now + 2 * LEASE)
    assert lane(other) == ("one", now + LEASE)
    release_lane(mine)
    assert lane(account) == ("", None)
    assert lane(other) == ("one", now + LEASE)
    with pytest.raises(LostLane, match=account.pk):
        hold_lane(mine, now=now)


def test_a_lane_that_is_not_there_yet_is_made_beside_the_others(
    account: BrokerAccount, alice: User, now: datetime
) -> None:
    other = make_account(alice, now, label="Other")
    Lane.objects.all().delete()
    Lane.objects.create(account=other)
    assert claim(account, "one", now) == Claim(account.pk, "one")
    assert lane(account) == ("one", now + LEASE)
    assert lane(other) == ("", None)


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


def test_the_oldest_is_asked_for_and_not_just_the_first_that_is_found(
    account: BrokerAccount, now: datetime
) -> None:
    first, _ = queue(account, now, wait=5), queue(account, now)
    LaneItem.objects.filter(pk=first.pk).update(attempts=1)  # PostgreSQL finds it last now
    later = now + timedelta(seconds=5)
    with CaptureQueriesContext(connection) as queries:
        assert next_item(account.pk, now=later) == first
    (asked,) = queries
    # SQLite would happen to find it first all the same.
    assert re.search(r'END ASC, "\w+"\."id" ASC LIMIT 1$', asked["sql"])


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


def test_a_lane_is_busy_until_its_lease_has_run_out(account: BrokerAccount, now: datetime) -> None:
    queue(account, now)
    assert claim(account, "one", now) is not None
    assert lanes_with_work(now=now + LEASE) == []
    assert lanes_with_work(now=now + LEASE + timedelta(microseconds=1)) == [account.pk]


# ---- a clock that is set back ----

BACK = timedelta(hours=1)


def test_a_dead_worker_s_lane_is_free_though_the_clock_was_set_back(
    account: BrokerAccount, now: datetime
) -> None:
    queue(account, now - BACK)
    assert claim(account, "dead", now) is not None
    ahead = now - LEASE  # another host's clock is not quite ours
    assert (lanes_with_work(now=ahead), claim(account, "two", ahead)) == ([], None)
    assert lanes_with_work(now=now - BACK) == [account.pk]
    assert claim(account, "two", now - BACK) is not None
    assert claim(account, "three", now - BACK) is None


@pytest.mark.parametrize("kind", [Kind.DECIDE, Kind.PROTECT])
def test_what_was_queued_by_a_clock_that_was_set_back_is_due(
    account: BrokerAccount, now: datetime, kind: Kind
) -> None:
    item = queue(account, now, kind)
    before = now - LONGEST_WAIT
    assert (lanes_with_work(now=before), next_item(account.pk, now=before)) == ([], None)
    assert lanes_with_work(now=now - BACK) == [account.pk]
    assert next_item(account.pk, now=now - BACK) == item


def test_an_alert_is_executed_though_the_clock_is_set_back(hub: Hub) -> None:
    hub.deliver(action="buy", quantity=1)
    assert claim(hub.account, "dead", hub.clock())
    hub.clock.wait(-BACK.total_seconds())
    hub.sweep()
    assert hub.orders(status="filled")


def test_no_venue_s_patience_is_longer_than_that(hub: Hub, venue: Venue) -> None:
    venue.fail("submit", RateLimited("banned", retry_after=3 * 86_400))
    hub.deliver(action="buy", quantity=1)
    hub.drain()
    due = LaneItem.objects.get(status="queued").due_at
    assert LONGEST_WAIT - timedelta(seconds=1) < due - hub.clock.now <= LONGEST_WAIT
    hub.sweep()
    assert len(venue.asked("submit")) == 1


@pytest.mark.parametrize("trouble", ["in doubt", "not connected"])
def test_what_has_to_wait_waits_though_its_time_was_far_ahead(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    if trouble == "in doubt":
        venue.fail("submit", OutcomeUnknown("504"))
        venue.fail("order", OutcomeUnknown("504"), times=99)
    hub.deliver(action="buy", quantity=1)
    hub.drain()
    hub.deliver(action="buy", quantity=2)
    hub.clock.wait(-BACK.total_seconds())
    if trouble == "not connected":
        monkeypatch.setattr(work, "connect", None)
        with pytest.raises(TypeError):
            hub.drain()
    else:
        assert hub.drain() == 0
    (due,) = LaneItem.objects.filter(status="queued").values_list("due_at", flat=True).distinct()
    assert due > hub.clock.now
    assert due - hub.clock.now <= timedelta(seconds=10)


def test_what_is_done_is_no_work_and_is_not_done_again(
    account: BrokerAccount, now: datetime
) -> None:
    done = queue(account, now)
    LaneItem.objects.filter(pk=done.pk).update(status="done")
    assert lanes_with_work(now=now) == []
    assert next_item(account.pk, now=now) is None


def test_each_lane_has_its_own_items(account: BrokerAccount, alice: User, now: datetime) -> None:
    other = make_account(alice, now, label="Other")
    first, second = queue(account, now), queue(other, now)
    assert lanes_with_work(now=now) == sorted([account.pk, other.pk])
    assert (next_item(account.pk, now=now), next_item(other.pk, now=now)) == (first, second)


@pytest.mark.parametrize("status", ["sending", "unconfirmed"])
def test_an_order_left_half_sent_is_work(hub: Hub, status: str) -> None:
    hub.send(action="buy", quantity=1)
    order = hub.orders()[0]
    type(order).objects.filter(pk=order.pk).update(status=status)
    assert lanes_with_work(now=hub.clock()) == [hub.account.pk]
    other = make_account(hub.owner, hub.clock(), label="Other")
    item = queue(other, hub.clock())
    assert lanes_with_work(now=hub.clock()) == sorted([hub.account.pk, other.pk])
    item.delete()
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
