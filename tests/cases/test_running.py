"""Cases 1, 4, 21 and 22: a hub of two web processes and two workers, on each engine."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from redis import Redis

from tests.cases.world import ENGINES, Desk, World, many, running
from tests.hub import Answer
from tradehub.redis_address import embedded_url

pytestmark = pytest.mark.processes

SENDER_WAITS = 3.0
"""The case's own bound, and the contract's: who sends an alert hangs up then."""
SWEPT_WITHIN = 30.0
PAST_THE_LEASE = 12.0
"""Seconds: another worker has taken the lane, and `up` has not given up the stopped one yet."""


@pytest.fixture(scope="module", params=ENGINES)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("cases"), request.param) as world:
        yield world


def timed(desk: Desk, number: int) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = desk.alert(alert_id=f"ack-{number}")
    return answer, time.monotonic() - began


def is_filled_once(desk: Desk) -> bool:
    statuses = [each["status"] for each in desk.orders()]
    return statuses == ["filled"]


def test_case_01_alerts_are_acknowledged_while_the_venue_hangs(world: World) -> None:
    """Wall time is asserted, for here it is the promise itself; the median is a hundredth of it."""
    desk = world.desk()
    world.control.fault("*", "hang_before", account=desk.key, times=1000, seconds=60)
    count = many(100, 600)
    with ThreadPoolExecutor(60) as pool:
        sent = []
        for number in range(count):
            sent.append(pool.submit(timed, desk, number))
            time.sleep(1 / 20)
        answers = [each.result() for each in sent]
    assert {answer.status for answer, _ in answers} == {202}
    assert max(seconds for _, seconds in answers) < SENDER_WAITS
    ids = {answer.json["signal_id"] for answer, _ in answers}
    assert len(ids) == count
    assert ids <= desk.signals().keys()


def test_case_04_fifty_twins_at_once_are_one_order(world: World) -> None:
    desk = world.desk()
    body = {"symbol": "AAPL", "action": "buy", "quantity": 1, "price": 100}
    with ThreadPoolExecutor(50) as pool:
        post = partial(desk.hub.alert, desk.token, body)
        answers = [each.result() for each in [pool.submit(post) for _ in range(50)]]
    assert sorted(each.status for each in answers) == [200] * 49 + [202]
    (signal_id,) = {each.json["signal_id"] for each in answers}
    desk.hub.until(partial(is_filled_once, desk), what="one filled order")
    assert len(world.control.posts(desk.key)) == 1
    desk.assert_books_agree({signal_id})
    assert desk.signals()[signal_id]["deliveries"] == 50


def wake(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # `up` has given it up and begun another
            os.kill(pid, signal.SIGCONT)


def hang_up(redis: Redis) -> None:
    """On whoever waits at a queue: a stopped worker would find its bell in the socket later."""
    clients: Any = redis.client_list()
    for client in clients:
        if client["cmd"] == "brpop":
            redis.client_kill_filter(_id=client["id"])


def test_case_21_an_alert_whose_task_is_lost_is_found_by_the_sweeper(world: World) -> None:
    desk = world.desk()
    workers = world.children("worker")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        with Redis.from_url(embedded_url(desk.hub.home)) as redis:
            hang_up(redis)
            answer = desk.alert(alert_id="lost")
            assert answer.status == 202
            desk.hub.until(lambda: redis.llen("trade"), what="the bell")
            redis.delete("trade")
        assert world.control.posts(desk.key) == []
    finally:
        wake(workers)
    found = partial(is_filled_once, desk)
    desk.hub.until(found, within=SWEPT_WITHIN, what="found by the sweeper")
    desk.assert_books_agree({answer.json["signal_id"]})


def test_case_22_a_worker_that_wakes_up_sends_nothing_again(world: World) -> None:
    """Both are stopped while a request of one is on its way; the lease runs out meanwhile."""
    desk = world.desk()
    workers = world.children("worker")
    world.control.fault("submit", "accept_then_delay", account=desk.key, seconds=1.5)
    first = desk.alert(alert_id="before")
    desk.hub.until(lambda: world.control.posts(desk.key), what="a request on its way")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        second = desk.alert(alert_id="meanwhile")
        assert (first.status, second.status) == (202, 202)
        time.sleep(PAST_THE_LEASE)
    finally:
        wake(workers)
    ids = {each.json["signal_id"] for each in (first, second)}
    desk.hub.until(partial(desk.all_final, ids), what="both done")
    desk.assert_books_agree(ids)
    assert len(world.control.posts(desk.key)) == 2
