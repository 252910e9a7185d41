import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import User
from signals import ingest
from signals.models import RouteVersion
from tradehub import health
from tradehub.health import Check, Probe
from tradehub.lib import duties, heartbeat
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import arrive, make_account, make_profile, make_strategy, make_token

OK = [Check("it", True, "fine")]


@pytest.fixture(autouse=True)
def _nothing_asked_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_database", Probe(["database"], health.look_at_database))
    monkeypatch.setattr(health, "_redis", Probe(health._REDIS, health.look_at_redis))


@pytest.fixture
def silent() -> Iterator[threading.Event]:
    """Something that answers only when told to."""
    told = threading.Event()
    yield told
    told.set()


def soon() -> float:
    return time.monotonic() + 20


def test_an_answer_is_good_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CACHE_SECONDS", 3600.0)  # a second of this machine may be over
    asked: list[int] = []

    def ask() -> Sequence[Check]:
        asked.append(1)
        return OK

    probe = Probe(["it"], ask)
    for _ in range(3):
        probe.begin()
        assert probe.result(soon()) == OK
    assert len(asked) == 1
    probe._found_at -= 3600
    probe.begin()
    assert probe.result(soon()) == OK
    assert len(asked) == 2


def test_what_hangs_is_answered_for_and_asked_once(silent: threading.Event) -> None:
    asked: list[int] = []

    def ask() -> Sequence[Check]:
        asked.append(1)
        silent.wait(30)
        return OK

    probe = Probe(["it"], ask)
    for _ in range(2):
        probe.begin()
        assert probe.result(time.monotonic() + 0.01) == [Check("it", False, "does not answer")]
    silent.set()
    assert probe.result(soon()) == OK
    assert len(asked) == 1


def test_what_breaks_is_not_ready_and_quotes_nothing() -> None:
    def ask() -> Sequence[Check]:
        raise OSError("redis://user:hunter2@10.1.2.3")

    probe = Probe(["it", "that"], ask)
    probe.begin()
    assert probe.result(soon()) == [Check("it", False, "OSError"), Check("that", False, "OSError")]


def test_alive(client: Client) -> None:
    response = client.get("/livez")
    assert response.json() == {"status": "ok"}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_writes_keeps_nothing_of_them(client: Client) -> None:
    response = client.get("/readyz/ingest")
    assert response.status_code == 200
    assert [each["name"] for each in response.json()["checks"]] == ["database", "ingest"]
    assert not RouteVersion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_no_writes_is_not_ready() -> None:
    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            raise OperationalError("disk of 10.1.2.3 is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        assert health.look_at_database() == [
            Check("database", False, "does not take writes (OperationalError)")
        ]


@pytest.mark.django_db(transaction=True)
def test_a_stuck_writer_is_not_ready(
    alice: User,
    now: datetime,
    client: Client,
    silent: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storing = threading.Event()

    def hang(batch: Any) -> None:
        storing.set()
        silent.wait(30)

    monkeypatch.setattr(ingest, "store_batch", hang)
    writer = ingest.Writer()
    monkeypatch.setattr(health, "writer", writer)
    account, profile = make_account(alice, now), make_profile(alice, now)
    token = make_token(make_strategy(alice, account, profile))
    arrived = utc_now()
    assert writer.put(arrive(token, {"ticker": "AAPL", "action": "buy"}, arrived))
    assert storing.wait(20)
    assert writer.waiting() == 1
    assert health.check_ingest_writer(now=arrived + timedelta(seconds=2)).ok
    late = health.check_ingest_writer(now=arrived + timedelta(seconds=2.1))
    assert late == Check("ingest", False, "the oldest alert waits for 2.1 s")
    silent.set()
    writer.close()
    assert writer.oldest_waiting() is None


@pytest.fixture
def heard(redis_server: str) -> None:
    now = utc_now()
    heartbeat.beat_pulse(now)
    for queue in heartbeat.QUEUES:
        heartbeat.canary_seen(queue, now)
    for duty in duties.LATE_AFTER:
        heartbeat.duty_done(duty, now)


def names_of_failed(response: Any) -> list[str]:
    return [each["name"] for each in response.json()["checks"] if not each["ok"]]


@pytest.mark.usefixtures("heard")
@pytest.mark.django_db(transaction=True)
def test_all_of_it_is_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "missing_assets", lambda folder: [])
    response = client.get("/readyz")
    assert names_of_failed(response) == []
    assert response.status_code == 200
    assert [each["name"] for each in response.json()["checks"]] == [
        "database", "ingest", "redis", "beat", "worker_trade", "worker_background", "duties",
        "assets",
    ]  # fmt: skip


def say_beat(at: datetime) -> None:
    heartbeat.beat_pulse(at)


def say_canary(at: datetime) -> None:
    heartbeat.canary_seen("trade", at)


def say_sweeper(at: datetime) -> None:
    heartbeat.duty_done("sweeper", at)


SILENT: list[tuple[Any, list[str], str]] = [
    (say_beat, ["beat", "duties"], "late: beat 31 s"),
    (say_canary, ["worker_trade", "duties"], "late: canary_trade 31 s"),
    (say_sweeper, ["duties"], "late: sweeper 31 s"),
]


@pytest.mark.usefixtures("heard")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("say", "failed", "detail"), SILENT)
def test_case_22_after_30_seconds_of_silence_it_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, say: Any, failed: list[str], detail: str
) -> None:
    """A stopped worker lets no canary through; a queue or a duty may also stop alone."""
    monkeypatch.setattr(health, "missing_assets", lambda folder: [])
    now = utc_now()
    monkeypatch.setattr(health, "utc_now", lambda: now)
    say(now - timedelta(seconds=31))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"
    assert names_of_failed(response) == failed
    details = {each["name"]: each["detail"] for each in response.json()["checks"]}
    assert details["duties"] == detail


@pytest.mark.django_db(transaction=True)
def test_missing_assets_are_not_ready(
    client: Client, tmp_path: Path, settings: Any, redis_server: str
) -> None:
    settings.ASSETS_DIR = tmp_path / "nothing"
    response = client.get("/readyz")
    assert "assets" in names_of_failed(response)
    assert str(tmp_path) not in response.content.decode()


@pytest.mark.usefixtures("no_redis")
@pytest.mark.django_db(transaction=True)
def test_without_redis_alerts_are_still_taken(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert {"redis", "beat", "worker_trade", "worker_background", "duties"} <= set(
        names_of_failed(response)
    )
    assert "nowhere" not in response.content.decode()
    assert client.get("/readyz/ingest").status_code == 200
