"""Cases 11 and 12: PostgreSQL and Redis stop, are frozen, and come back. From outside."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.client import Monitor

from tests.hub import Answer, RunningHub
from tests.servers import Postgres, postgres_binaries
from tradehub.redis_address import embedded_url

pytestmark = pytest.mark.processes
_numbers = count(1)
SENDER_WAITS = 3.0  # the promise itself: whoever sends an alert hangs up then


class OwnPostgres(Postgres):
    """One that can be stopped in several ways, and started again where it was."""

    def processes(self) -> list[int]:
        """The server's first, then its children."""
        assert self.process is not None
        first = self.process.pid
        listed = Path(f"/proc/{first}/task/{first}/children").read_text()
        return [first, *(int(each) for each in listed.split())]

    def freeze(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in reversed(self.processes()):
            os.kill(pid, signal.SIGCONT)

    def shut_down(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    server = OwnPostgres(postgres_binaries())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def pg_hub(postgres: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    running = RunningHub(
        tmp_path_factory.mktemp("pg"), "--no-stream", DATABASE_URL=postgres.address
    )
    try:
        yield running.wait_ready()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def pg_demo(pg_hub: RunningHub) -> dict[str, Any]:
    return pg_hub.demo()


def buy() -> dict[str, Any]:
    number = next(_numbers)
    symbol = f"D{chr(65 + number // 26)}{chr(65 + number % 26)}"
    return {"symbol": symbol, "action": "buy", "quantity": 1, "price": 100, "alert_id": symbol}


def is_taken(hub: RunningHub, demo: dict[str, Any], alert: dict[str, Any]) -> bool:
    return hub.alert(demo["webhook_token"], alert).status in (200, 202)


def is_one_filled_order(hub: RunningHub, demo: dict[str, Any], alert: dict[str, Any]) -> bool:
    found = hub.get(f"/api/v1/orders/?symbol={alert['symbol']}", key=demo["api_key"])
    if found.status != 200:
        return False
    statuses = [each["status"] for each in found.json["results"]]
    assert len(statuses) <= 1
    return statuses == ["filled"]


def timed(hub: RunningHub, demo: dict[str, Any], alert: dict[str, Any]) -> tuple[Answer, float]:
    began = time.monotonic()
    return hub.alert(demo["webhook_token"], alert), time.monotonic() - began


def assert_refused(hub: RunningHub, demo: dict[str, Any], alerts: list[dict[str, Any]]) -> None:
    """All at once: none is acknowledged, and each sender is told before it hangs up."""
    with ThreadPoolExecutor(len(alerts)) as pool:
        answers = list(pool.map(partial(timed, hub, demo), alerts))
    assert [answer.status for answer, _ in answers] == [503] * len(alerts)
    assert {answer.json["code"] for answer, _ in answers} == {"NOT_STORED"}
    assert max(seconds for _, seconds in answers) < SENDER_WAITS


def assert_not_stored(hub: RunningHub, demo: dict[str, Any], alerts: list[dict[str, Any]]) -> None:
    """What was refused stays refused, though the database was only asleep. One writer stores in
    order, so a later alert that is stored tells that the others are not on their way."""
    hub.until(partial(is_taken, hub, demo, buy()), what="taken again")
    listed = hub.get("/api/v1/signals/?page_size=500", key=demo["api_key"])
    assert listed.status == 200
    stored = {intent["symbol"] for each in listed.json["results"] for intent in each["intents"]}
    assert stored.isdisjoint(alert["symbol"] for alert in alerts)


def assert_normal(hub: RunningHub, demo: dict[str, Any], alerts: list[dict[str, Any]]) -> None:
    """As TradingView resends: each is taken, and is one order."""
    for alert in alerts:
        hub.until(partial(is_taken, hub, demo, alert), what="taken again")
    for alert in alerts:
        hub.until(partial(is_one_filled_order, hub, demo, alert), what="one filled order")


@pytest.mark.parametrize("warm", [True, False], ids=["cached-route", "unknown-route"])
def test_case_11_postgresql_frozen(
    pg_hub: RunningHub, pg_demo: dict[str, Any], postgres: OwnPostgres, warm: bool
) -> None:
    if warm:
        assert_normal(pg_hub, pg_demo, [buy()])
    else:
        time.sleep(3)  # until a route must be looked up again
    children, alerts = pg_hub.children(), [buy() for _ in range(5)]
    postgres.freeze()
    try:
        assert_refused(pg_hub, pg_demo, alerts[:3])
        assert_refused(pg_hub, pg_demo, alerts)
        assert pg_hub.get("/readyz/ingest").status == 503
    finally:
        postgres.thaw()
    assert_not_stored(pg_hub, pg_demo, alerts)
    assert_normal(pg_hub, pg_demo, alerts)
    assert pg_hub.children() == children


def test_case_11_postgresql_stopped_and_started(
    pg_hub: RunningHub, pg_demo: dict[str, Any], postgres: OwnPostgres
) -> None:
    assert_normal(pg_hub, pg_demo, [buy()])
    children, alerts = pg_hub.children(), [buy() for _ in range(5)]
    postgres.shut_down()
    try:
        for _ in range(3):
            assert_refused(pg_hub, pg_demo, alerts)
    finally:
        postgres.launch()
    assert_normal(pg_hub, pg_demo, alerts)
    pg_hub.wait_ready()
    assert pg_hub.children() == children


def test_case_12_redis_emptied_and_frozen(hub: RunningHub, demo: dict[str, Any]) -> None:
    """Alerts are taken all the same, and executed once by the worker's own look."""
    with Redis.from_url(embedded_url(hub.home)) as redis:
        redis.flushall()
    alerts = [buy() for _ in range(6)]
    for alert in alerts[:3]:
        assert hub.alert(demo["webhook_token"], alert).status == 202
    redis_process = hub.children()["redis"]
    os.kill(redis_process, signal.SIGSTOP)
    try:
        for alert in alerts[3:]:
            answer, seconds = timed(hub, demo, alert)
            assert answer.status == 202
            assert seconds < SENDER_WAITS
        assert_normal(hub, demo, alerts)
    finally:
        with suppress(ProcessLookupError):  # `up` has given it up and begun another
            os.kill(redis_process, signal.SIGCONT)
    hub.wait_ready()
    assert_normal(hub, demo, alerts)


def test_case_30_a_halt_from_the_command_line_has_rung_when_it_ends(
    hub: RunningHub, demo: dict[str, Any]
) -> None:
    """Redis tells what it was sent: a bell in the queue is gone as soon as a worker hears it."""
    with Redis.from_url(embedded_url(hub.home)) as redis, redis.monitor() as monitor:
        try:
            hub.manage("halt", "--scope", "account", "--id", demo["account_id"])
            redis.echo("the halt has ended")
            before = takewhile(lambda told: "the halt has ended" not in told, commands(monitor))
            assert any(is_bell(told) for told in before)
        finally:
            hub.manage(
                "resume", "--scope", "account", "--id", demo["account_id"], "--reason", "over"
            )


def commands(monitor: Monitor) -> Iterator[str]:
    while True:
        yield monitor.next_command()["command"]


def is_bell(told: str) -> bool:
    return told.startswith("LPUSH trade ") and "orders.tasks.drain_lane" in told
