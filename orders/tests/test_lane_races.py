"""Races for one lane, round after round, on whatever engine the suite runs on: threads with
connections of their own claim it, lose it and write. At no moment has it two holders, who lost it
writes nothing, and nothing in it is done twice."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from accounts.models import User
from brokers.models import BrokerAccount, PaperOrder
from orders import work
from orders.lanes import LEASE, Claim, LostLane, claim_lane, hold_lane, next_item, release_lane
from orders.models import Decision, Lane, LaneItem, OrderEvent
from signals.models import Signal
from tradehub.lib.db import in_write_transaction
from tradehub.testing.builders import make_account
from tradehub.testing.hub import Hub, assert_books_agree, use_venue

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 60
WORKERS = 3
PATIENCE = 30
PAST_THE_LEASE = LEASE + timedelta(microseconds=1)


def together(count: int, job: Callable[[int], object]) -> None:
    """In so many threads at once, each with a connection of its own; their first error is ours."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            job(number)
        except BaseException as error:  # told below, in the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]


class Worker:
    """Claims, picks an item, and is stopped before it writes: until the next round, when its lease
    has run out and the others are after the lane."""

    def __init__(self, account: BrokerAccount, number: int) -> None:
        self._account = account
        self._name = f"worker {number}"
        self.claim: Claim | None = None
        self._left: Claim | None = None
        self._picked: LaneItem | None = None

    def turn(self, name: str, now: datetime) -> str | None:
        """What it got done, if anything."""
        if self.claim is not None:
            return self.write(now)
        self.claim = claim_lane(
            account_id=self._account.pk, holder=f"{self._name}, {name}", now=now
        )
        if self.claim is None:
            return None
        self._picked = next_item(self._account.pk, now=now)
        return f"{self._name} claimed"

    def write(self, now: datetime) -> str | None:
        """What it picked, in a transaction like those of `orders.work`: only the fence stands
        between it and an item that somebody else has done meanwhile."""
        claim, picked = self.claim, self._picked
        assert claim is not None
        self._left, self.claim, self._picked = claim, None, None

        def done() -> None:
            hold_lane(claim, now=now)
            if picked is not None:
                ended = {"status": "done", "finished_at": now, "reason": claim.holder[:40]}
                LaneItem.objects.filter(pk=picked.pk).update(attempts=F("attempts") + 1, **ended)

        try:
            in_write_transaction(done)
        except LostLane:
            return None
        return f"{self._name} wrote"

    def let_go(self) -> None:
        """When the round is over; also of a lane that it had lost."""
        if self._left is not None:
            release_lane(self._left)
            self._left = None


@pytest.fixture
def account(alice: User, now: datetime) -> BrokerAccount:
    return make_account(alice, now)


@pytest.mark.parametrize("known", [True, False])
def test_of_all_who_want_a_lane_in_the_same_moment_one_gets_it_or_keeps_it(
    account: BrokerAccount, now: datetime, known: bool
) -> None:
    """Each round the lease has run out. Its last holder, if one is left, wakes up and writes: if
    that comes first nobody gets the lane, and if somebody gets it that writes nothing. In every
    other round the holder sleeps on until somebody else has the lane, and must lose."""
    LaneItem.objects.bulk_create(
        LaneItem(account=account, kind="decide", due_at=now, created_at=now) for _ in range(ROUNDS)
    )
    workers = [Worker(account, number) for number in range(WORKERS)]
    got: list[list[str]] = [[] for _ in range(ROUNDS)]
    overslept: list[str | None] = []
    meet = threading.Barrier(WORKERS)

    def job(number: int) -> None:
        me = workers[number]
        for turn in range(ROUNDS):
            moment = now + turn * 2 * LEASE
            sleeps = turn % 2 == 1 and me.claim is not None
            if number == 0 and not known:
                Lane.objects.filter(lease_until__isnull=True).delete()
            meet.wait(PATIENCE)
            if not sleeps and (done := me.turn(f"round {turn}", moment)):
                got[turn].append(done)
            meet.wait(PATIENCE)
            if sleeps:
                overslept.append(me.write(moment))
            me.let_go()
            meet.wait(PATIENCE)

    together(WORKERS, job)
    assert [len(each) for each in got] == [1] * ROUNDS, got
    assert overslept, "nobody was ever late"
    assert set(overslept) == {None}, "who lost the lane has written"
    items = list(LaneItem.objects.order_by("id"))
    assert {each.attempts for each in items} <= {0, 1}, "an item was done twice"
    done = [each.status == "done" for each in items]
    assert done == sorted(done, reverse=True), "an item was passed over"
    written = sum("wrote" in each for one in got for each in one)
    assert sum(done) == written


class Stopped:
    """A broker through which everything goes; after every third order its sender sleeps."""

    def __init__(
        self, broker: Any, *, submits: list[str], lock: threading.Lock, sleep: Callable[[], None]
    ) -> None:
        self._broker = broker
        self._submits = submits
        self._lock = lock
        self._sleep = sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def submit(self, request: Any) -> Any:
        report = self._broker.submit(request)
        with self._lock:
            self._submits.append(request.client_order_id)
            third = len(self._submits) % 3 == 0
        if third:
            self._sleep()
        return report


def test_workers_on_one_lane_send_each_order_once(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real work: each alert is decided once and its order leaves once, though every third worker is
    stopped, longer than its lease, between the venue's answer and the record of it."""
    alerts = 9
    clock = hub.clock
    venue = use_venue(monkeypatch, clock)
    sent = [hub.deliver(action="buy", quantity=1, symbol=f"S{n}").stored_id for n in range(alerts)]
    connect = venue.connect
    submits: list[str] = []
    over = threading.Event()

    def sleep() -> None:
        clock.wait(PAST_THE_LEASE.total_seconds())
        over.wait(0.3)  # the others see that the lease has run out

    stopped = partial(Stopped, submits=submits, lock=threading.Lock(), sleep=sleep)
    monkeypatch.setattr(work, "connect", lambda *a, **k: stopped(connect(*a, **k)))
    meet = threading.Barrier(WORKERS)

    def waits() -> bool:
        queued = LaneItem.objects.filter(status="queued").exists()
        return queued or Signal.objects.exclude(status="processed").exists()

    def job(_: int) -> None:
        meet.wait(PATIENCE)
        for _ in range(500):
            if not waits():
                break
            work.drain_lane(hub.account.pk, clock=clock)
            clock.wait(0.25)
            over.wait(0.005)

    together(WORKERS, job)
    assert sorted(submits) == sorted(set(submits)), "an order has left twice"
    assert len(submits) == PaperOrder.objects.count() == alerts
    assert OrderEvent.objects.filter(event="lose").exists(), "nobody has lost the lane"
    decided = Decision.objects.values_list("signal_id", flat=True)
    assert sorted(decided) == sorted(sent)
    assert {each.status for each in hub.orders()} == {"filled"}
    assert LaneItem.objects.filter(status="queued").count() == 0
    assert_books_agree(hub)
