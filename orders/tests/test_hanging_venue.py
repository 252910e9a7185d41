"""A venue that hangs keeps its own accounts waiting and nobody else's: neither their lanes nor
their comparisons. Real threads, as in a worker; what hangs does so until the test lets it go."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import User
from brokers.errors import OutcomeUnknown
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.types import Capabilities
from orders import reconciler, seats, tasks, work
from orders.models import Lane, LaneItem, Order, Reconciliation
from orders.reconciler import Reconciler
from orders.seats import Seats
from orders.sweeper import Sweeper
from tradehub.core.words import OrderType, TimeInForce
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import make_account
from tradehub.testing.hub import Hub, make_hub

PATIENCE = 15
MANY = max(settings.CELERY_WORKER_CONCURRENCY, reconciler.OF_ONE_VENUE) + 2
ABLE = Capabilities(frozenset(OrderType), frozenset(TimeInForce), shorts=True, linked_orders=False)


class Hanging:
    """The broker of some accounts: every question waits until all is over, and gets no answer."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._lock = threading.Lock()
        self.waiting = 0

    def capabilities(self) -> Capabilities:
        return ABLE

    def __getattr__(self, name: str) -> Any:
        def ask(*_: Any) -> Any:
            with self._lock:
                self.waiting += 1
            assert self.over.wait(PATIENCE * 2)
            raise OutcomeUnknown("no answer")

        return ask


def until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)


@pytest.fixture
def hub(alice: User) -> Hub:
    """At a venue that answers."""
    return make_hub(alice, utc_now() - timedelta(minutes=10))


@pytest.fixture
def hung(alice: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hanging, list[str]]]:
    """A venue that hangs, and more accounts at it than a worker has threads; each has work."""
    venue = Hanging()
    accounts = [
        BrokerAccount.objects.create(
            owner=alice, kind="scripted", environment="test", label=f"Hung {number}"
        )
        for number in range(MANY)
    ]
    ids = {each.pk for each in accounts}

    def reach(account: BrokerAccount, **named: Any) -> Any:
        return venue if account.pk in ids else connect(account, **named)

    monkeypatch.setattr(work, "connect", reach)
    monkeypatch.setattr(reconciler, "connect", reach)
    yield venue, [each.pk for each in accounts]
    venue.over.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """The worker's threads, as Celery's pool has them."""
    with ThreadPoolExecutor(settings.CELERY_WORKER_CONCURRENCY) as pool:
        yield pool


def give_work(account_ids: list[str]) -> None:
    now = utc_now()
    LaneItem.objects.bulk_create(
        LaneItem(account_id=each, kind="halt", due_at=now, created_at=now) for each in account_ids
    )


def closing(job: Callable[[], object]) -> None:
    try:
        job()
    finally:
        connection.close()


def end(venue: Hanging, running: Sweeper | Reconciler) -> None:
    venue.over.set()
    running.stop(wait=True)


def is_filled(hub: Hub) -> bool:
    return Order.objects.filter(account=hub.account, status="filled").exists()


@pytest.mark.django_db(transaction=True)
def test_a_hanging_account_keeps_no_other_of_its_venue_waiting(
    hub: Hub, alice: User, hung: tuple[Hanging, list[str]]
) -> None:
    """Of the same kind: three that hang, and one that does not."""
    venue, ids = hung
    BrokerAccount.objects.filter(pk__in=ids).update(kind="paper")
    give_work(ids[:3])
    running = Sweeper()
    try:
        running.sweep()
        until(lambda: venue.waiting == 3, "three hang")
        hub.deliver(action="buy", quantity=1)
        assert running.sweep() == 1
        until(partial(is_filled, hub), "the other's order")
        assert Lane.objects.filter(pk__in=ids[:3]).exclude(holder="").count() == 3
        assert venue.waiting == 3
    finally:
        end(venue, running)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("redis", [True, False])
def test_a_hanging_venue_takes_not_all_of_the_worker_s_threads(
    hub: Hub, hung: tuple[Hanging, list[str]], pool: ThreadPoolExecutor, redis: bool
) -> None:
    """All bells of the venue that hangs ring before the other's, and the worker's own look has seen
    the lanes too; without Redis it is all there is."""
    venue, ids = hung
    give_work(ids)
    running = Sweeper()
    try:
        for each in ids if redis else ():
            pool.submit(closing, partial(tasks.drain_lane, each))
        running.sweep()
        until(lambda: venue.waiting == seats.OF_ONE_KIND, "as many hang as may")
        hub.deliver(action="buy", quantity=1)
        if redis:
            pool.submit(closing, partial(tasks.drain_lane, hub.account.pk))
        else:
            running.sweep()
        until(partial(is_filled, hub), "the other's order")
        hub.deliver(action="sell")

        def is_closed() -> bool:
            running.sweep()
            return not hub.position().is_open

        until(is_closed, "the other's exit, by the worker's own look")
        assert venue.waiting == seats.OF_ONE_KIND
    finally:
        pool.shutdown(wait=False)
        end(venue, running)


@pytest.mark.django_db(transaction=True)
def test_a_hanging_venue_keeps_no_other_from_being_compared(
    hub: Hub, alice: User, hung: tuple[Hanging, list[str]]
) -> None:
    venue, _ = hung
    running = Reconciler()
    try:
        assert running.look() == MANY + 1
        until(lambda: venue.waiting == reconciler.OF_ONE_VENUE, "as many hang as may")
        done = Reconciliation.objects.filter(reconciled_at__isnull=False)
        until(lambda: done.filter(pk=hub.account.pk).exists(), "the other's comparison")
        later = make_account(alice, utc_now(), label="Later")
        assert running.look() == 1
        until(lambda: done.filter(pk=later.pk).exists(), "one that came later")
        assert venue.waiting == reconciler.OF_ONE_VENUE
    finally:
        end(venue, running)


# ---- seats ----


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the first letter of an account's id."""
    monkeypatch.setattr(seats, "kind_of", lambda account_id: account_id[0])


@pytest.mark.usefixtures("kinds")
def test_who_stands_up_takes_the_lanes_that_found_no_seat() -> None:
    room, done = Seats(1), list[str]()

    def drain(lane: str) -> None:
        done.append(lane)
        if lane == "a1":
            for other in ("a2", "a3", "a2"):
                assert not room.drain(other, drain)
            assert room.drain("b1", drain), "another kind has seats of its own"

    assert room.drain("a1", drain)
    assert done == ["a1", "b1", "a2", "a3"]
    assert room.drain("a4", drain)
    assert done[-1] == "a4"


@pytest.mark.usefixtures("kinds")
def test_a_lane_that_fails_gives_its_seat_back() -> None:
    room, done = Seats(1), list[str]()

    def fail(lane: str) -> None:
        room.drain("a2", fail)
        raise KeyError(lane)

    with pytest.raises(KeyError):
        room.drain("a1", fail)
    assert room.drain("a3", done.append)
    assert done == ["a3", "a2"], "and what was left is not forgotten"


@pytest.mark.usefixtures("kinds")
def test_no_lane_is_left_behind_however_they_come_and_go() -> None:
    """Threads in haste: whoever comes as the last one goes is either seated or taken along."""
    room, lock, drained = Seats(2), threading.Lock(), list[str]()

    def drain(lane: str) -> None:
        with lock:
            drained.append(lane)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: room.drain(f"a{n}", drain), range(3000)))
    assert sorted(drained) == sorted(f"a{n}" for n in range(3000))


@pytest.mark.django_db
def test_the_kind_of_an_account_is_asked_once(
    alice: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    account = make_account(alice, utc_now())
    with django_assert_num_queries(1):
        assert [seats.kind_of(account.pk) for _ in range(3)] == ["paper"] * 3
    assert seats.kind_of("acc_gone") == ""
