"""Case 20: a drain that Celery delivers again, or to two workers at once, sends one order."""

import threading
from typing import Any

import pytest
from django.db import connection

from orders.tasks import drain_lane
from tradehub.celery import app
from tradehub.testing.hub import Hub, Venue, assert_books_agree


class SlowCalls(list[tuple[str, Any]]):
    """A venue that waits inside the request until it may answer."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = threading.Event()
        self.may_answer = threading.Event()

    def append(self, call: tuple[str, Any]) -> None:
        super().append(call)
        if call[0] == "submit":
            self.inside.set()
            assert self.may_answer.wait(60)


def _drain_in_threads(account_id: str, count: int) -> list[threading.Thread]:
    barrier = threading.Barrier(count)

    def run() -> None:
        try:
            barrier.wait(20)
            drain_lane(account_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.django_db(transaction=True)
def test_case_20_a_drain_delivered_to_several_workers_sends_one_order(
    hub: Hub, venue: Venue
) -> None:
    hub.deliver(action="buy", quantity=1)
    for thread in _drain_in_threads(hub.account.pk, 4):
        thread.join(60)
    drain_lane(hub.account.pk)  # those who found it taken may have left while it was let go of
    assert [order.status for order in hub.orders()] == ["filled"]
    assert len(venue.asked("submit")) == 1
    assert_books_agree(hub)


@pytest.mark.django_db(transaction=True)
def test_case_20_a_drain_delivered_again_while_the_venue_takes_its_time(
    hub: Hub, venue: Venue
) -> None:
    """As after Redis' visibility time-out: the first copy is still inside the request."""
    venue.calls = slow = SlowCalls()
    hub.deliver(action="buy", quantity=1)
    (first,) = _drain_in_threads(hub.account.pk, 1)
    assert slow.inside.wait(60)
    again = _drain_in_threads(hub.account.pk, 3)
    for thread in again:
        thread.join(60)
    slow.may_answer.set()
    first.join(60)
    assert len(venue.asked("submit")) == 1
    assert [order.status for order in hub.orders()] == ["filled"]
    assert_books_agree(hub)


def test_a_task_is_acknowledged_late_and_none_is_hoarded() -> None:
    """A worker that dies gives back what it had begun; one that is slow holds nobody else's."""
    assert app.conf.task_acks_late
    assert app.conf.worker_prefetch_multiplier == 1
    assert not app.conf.task_publish_retry
    assert app.conf.task_ignore_result


def test_no_task_waits_inside_a_worker_for_its_time() -> None:
    """No ETA or countdown: Redis would deliver it again at each visibility time-out."""
    for entry in app.conf.beat_schedule.values():
        assert not {"eta", "countdown"} & set(entry.get("options", {}))
    assert app.conf.broker_transport_options["visibility_timeout"] < 300
