"""The supervisor's parts that need no real hub: back-off, lines, command lines, the canary."""

import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradehub.lib.clock import utc_now
from tradehub.lib.heartbeat import CANARY_KEY, QUEUES, canary_seen
from tradehub.supervisor.canary import CANARY_KEYS, canary_times
from tradehub.supervisor.children import LONGEST_PAUSE, STABLE_SECONDS, Child, printed
from tradehub.supervisor.plan import Setup, Wanted, children
from tradehub.supervisor.sockets import BACKLOG, PortTaken, http_status, listen
from tradehub.supervisor.supervise import GRACE_SECONDS, SILENT_SECONDS, Supervisor

SETUP = Setup(
    home=Path("/home-of-it"),
    host="127.0.0.1",
    port=8000,
    public_url="",
    redis_url="unix:///home-of-it/redis/redis.sock",
    redis_embedded=True,
    redis_binary="/bin/redis-server",
    threads=8,
)


def ended(code: int) -> Child:
    child = Child("web", [sys.executable, "-c", f"print('so long'); raise SystemExit({code})"])
    child.start()
    assert child.process is not None
    child.process.wait(20)
    return child


def test_a_child_that_dies_at_once_waits_longer_each_time() -> None:
    pauses = []
    child = ended(3)
    for _ in range(7):
        pauses.append(child.pause)
        assert f"exit code 3), starts again in {child.pause:g} s" in child.plan_restart()
        child.start()
        assert child.process is not None
        child.process.wait(20)
    child.close()
    assert pauses == [1, 2, 4, 8, 16, 30, LONGEST_PAUSE]


def test_a_child_that_had_been_stable_starts_again_at_once() -> None:
    child = ended(0)
    child.pause = LONGEST_PAUSE
    child.started_at = time.monotonic() - STABLE_SECONDS
    assert "again in 1 s" in child.plan_restart()


def test_lines_come_whole() -> None:
    child = ended(0)
    assert child.read_lines() == ["so long"]
    assert child.read_lines() == []
    child.close()


def test_lines_are_prefixed_and_coloured_on_a_terminal_only() -> None:
    assert printed("web", "hello", colour=False) == "web      | hello"
    assert printed("web2", "hello", colour=True) == "\x1b[36mweb2     |\x1b[0m hello"


def test_children_can_be_told_apart_by_their_command_lines() -> None:
    planned = {child.name: " ".join(child.command) for child in children(SETUP, Wanted(), 7)}
    assert list(planned) == ["redis", "web", "worker", "beat", "stream"]
    assert planned["redis"].startswith("/bin/redis-server ")
    assert "-m daphne -v 0 --fd 7 tradehub.asgi:application" in planned["web"]
    assert "celery" in planned["worker"]
    assert " worker " in planned["worker"]
    assert "--queues=trade,background" in planned["worker"]
    assert "celery" in planned["beat"]
    assert " beat " in planned["beat"]
    assert planned["stream"].endswith("manage.py stream")


def test_a_redis_of_ones_own_several_web_processes_and_no_stream() -> None:
    own = replace(SETUP, redis_embedded=False, redis_url="redis://host")
    planned = [child.name for child in children(own, Wanted(web=2, workers=2, stream=False), 7)]
    assert planned == ["web1", "web2", "worker1", "worker2", "beat"]


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port}: Address already in use"):
            listen("127.0.0.1", port)
    assert BACKLOG >= 2048


def test_an_ipv6_host_is_refused_by_name() -> None:
    with pytest.raises(PortTaken, match="HOST must be an IPv4"):
        listen("::1", 0)


def test_nobody_there_is_status_0() -> None:
    with listen("127.0.0.1", 0) as listener:
        address = listener.getsockname()
    assert http_status(address, "/readyz", 0.5) == 0


def test_the_supervisor_reads_the_keys_that_the_canary_writes(redis_server: str) -> None:
    assert tuple(CANARY_KEY.format(queue=queue) for queue in QUEUES) == CANARY_KEYS
    when = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
    canary_seen("trade", when)
    assert canary_times(redis_server) == [when.timestamp(), None]


def test_a_redis_that_does_not_answer_says_nothing_about_the_worker(tmp_path: Path) -> None:
    assert canary_times(f"unix://{tmp_path}/nobody.sock") is None


@pytest.fixture
def sleepers(redis_server: str) -> Iterator[Supervisor]:
    """A supervisor whose worker, beat and web only sleep, and have for a while."""
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    planned = [Child(name, sleep) for name in ("web", "worker", "beat")]
    for child in planned:
        child.start()
        child.started_at -= SILENT_SECONDS + GRACE_SECONDS + 1
    yield Supervisor(replace(SETUP, redis_url=redis_server), planned, "http://x", ("127.0.0.1", 1))
    for child in planned:
        child.send(signal.SIGKILL)
        assert child.process is not None
        child.process.wait(20)
        child.close()


def ended_by(supervisor: Supervisor) -> list[str]:
    """Who was told to end by one look at the canaries."""
    supervisor._look_for_deaf_workers()
    time.sleep(0.3)
    return [child.name for child in supervisor.children if child.has_ended()]


def test_a_worker_that_lets_no_canary_through_is_restarted(sleepers: Supervisor) -> None:
    canary_seen("trade", utc_now())
    canary_seen("background", utc_now() - timedelta(seconds=SILENT_SECONDS + 1))
    assert ended_by(sleepers) == ["worker"]


def test_a_worker_whose_canaries_come_is_left_alone(sleepers: Supervisor) -> None:
    for queue in QUEUES:
        canary_seen(queue, utc_now())
    assert ended_by(sleepers) == []


def test_nobody_is_deaf_before_a_canary_had_time_to_come(sleepers: Supervisor) -> None:
    canary_seen("trade", utc_now() - timedelta(seconds=59))
    sleepers.children[2].started_at = time.monotonic()  # beat
    assert ended_by(sleepers) == []


def test_a_deaf_worker_that_does_not_end_is_killed(sleepers: Supervisor) -> None:
    sleepers.killing["worker"] = time.monotonic() - 1
    sleepers.next_canary = time.monotonic() + 60
    assert ended_by(sleepers) == ["worker"]
