"""Background duties: who is late, who shouts, and that telling never hurts."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from django.test import Client

from accounts.models import User
from orders import day_starts, sweeper, tasks
from tradehub.lib import duties, heartbeat, metrics
from tradehub.lib.clock import utc_now


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "_told", {})
    metrics.last_success.clear()


def told() -> dict[str, float]:
    return heartbeat.read().duties


def test_late_is_later_than_the_limit_and_never_counts_from_the_start(now: datetime) -> None:
    seconds = now.timestamp()
    on_time: dict[str, float | None] = {
        duty: seconds - limit for duty, limit in duties.LATE_AFTER.items()
    }
    assert duties.late(on_time, now=now, since=now) == {}
    late = on_time | {"sweeper": seconds - 31}
    assert duties.late(late, now=now, since=now) == {"sweeper": 31}
    never = on_time | {"sweeper": None}
    assert duties.late(never, now=now, since=now - timedelta(seconds=30)) == {}
    assert duties.late(never, now=now, since=now - timedelta(seconds=31)) == {"sweeper": 31}


def test_beat_and_the_canaries_are_duties_too(redis_server: str, now: datetime) -> None:
    heartbeat.beat_pulse(now)
    heartbeat.canary_seen("background", now)
    duties.done("sweeper", now)
    found = {duty: at for duty, at in duties.last_successes().items() if at is not None}
    assert found == dict.fromkeys(["beat", "canary_background", "sweeper"], now.timestamp())


def test_what_is_done_all_the_time_is_not_told_all_the_time(
    redis_server: str, now: datetime
) -> None:
    for milliseconds in range(0, 4000, 500):
        duties.done("sweeper", now + timedelta(milliseconds=milliseconds))
    assert told() == {"sweeper": now.timestamp()}
    later = now + timedelta(seconds=5)
    duties.done("sweeper", later)
    assert told() == {"sweeper": later.timestamp()}


@pytest.mark.usefixtures("no_redis")
def test_without_redis_a_duty_is_done_all_the_same(now: datetime) -> None:
    duties.done("sweeper", now)
    assert metrics.last_success.labels("sweeper")._value.get() == now.timestamp()


@pytest.fixture
def shouted(monkeypatch: pytest.MonkeyPatch) -> Any:
    with structlog.testing.capture_logs() as logs:
        monkeypatch.setattr(duties, "log", structlog.get_logger("captured"))
        yield logs


def test_a_late_duty_is_an_error_with_a_code_once_a_minute(
    redis_server: str, now: datetime, shouted: Any
) -> None:
    for duty in duties.LATE_AFTER:
        heartbeat.duty_done(duty, now)
    heartbeat.beat_pulse(now)
    for queue in heartbeat.QUEUES:
        heartbeat.canary_seen(queue, now)
    watch = duties.Watch(now)
    assert watch.look(now + timedelta(seconds=30)) == {}
    heartbeat.duty_done("sweeper", now - timedelta(seconds=15))
    for _ in range(3):
        assert watch.look(now + timedelta(seconds=20)) == {"sweeper": 35}
    errors = [each for each in shouted if each["log_level"] == "error"]
    assert errors == [
        {
            "event": "duty_late",
            "code": "DUTY_LATE",
            "duty": "sweeper",
            "seconds": 35,
            "log_level": "error",
        }
    ]
    heartbeat.duty_done("sweeper", now)
    watch.look(now + timedelta(seconds=20))
    assert shouted[-1]["event"] == "duty_on_time_again"


@pytest.mark.django_db(transaction=True)
def test_the_duties_say_when_they_are_done(redis_server: str) -> None:
    before = utc_now().timestamp()
    sweeper.Sweeper()._sweep_once()
    tasks.sync_open_orders()
    tasks.note_day_starts()
    assert set(told()) == {"sweeper", "open_orders", "day_starts"}
    assert min(told().values()) >= before


@pytest.mark.django_db(transaction=True)
def test_a_duty_that_failed_is_not_done(redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise OSError

    monkeypatch.setattr(day_starts, "note_day_starts", fail)
    with pytest.raises(OSError):  # noqa: PT011  # whatever it is
        tasks.note_day_starts()
    assert told() == {}


def test_every_worker_looks_out_for_late_duties(
    redis_server: str, shouted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = sweeper.Sweeper()
    looking._watch = duties.Watch(utc_now() - timedelta(hours=1))
    looking._look_at_duties()
    assert {each["duty"] for each in shouted} == set(duties.LATE_AFTER)


@pytest.mark.django_db
def test_status_tells_when_each_was_done_and_which_are_late(
    redis_server: str, client: Client, alice: User
) -> None:
    now = utc_now()
    heartbeat.duty_done("sweeper", now - timedelta(seconds=31))
    heartbeat.duty_done("open_orders", now)
    client.force_login(alice)
    said = client.get("/api/v1/status/").json()
    assert said["duties_late"] == ["sweeper"]
    assert datetime.fromisoformat(said["duties"]["open_orders"]) == now
    assert said["duties"]["beat"] is None


@pytest.mark.usefixtures("no_redis")
@pytest.mark.django_db
def test_status_answers_without_redis(client: Client, alice: User) -> None:
    client.force_login(alice)
    said = client.get("/api/v1/status/").json()
    assert said["duties"] == dict.fromkeys(duties.LATE_AFTER)
    assert said["duties_late"] == []
