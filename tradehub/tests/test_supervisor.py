"""The supervisor's parts that need no real hub: back-off, lines, command lines, the canary."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orders import stream_process
from tests.servers import RedisServer
from tradehub.lib import heartbeat
from tradehub.supervisor.canary import signs_of_life
from tradehub.supervisor.children import LONGEST_PAUSE, STABLE_SECONDS, Child, printed
from tradehub.supervisor.hearing import GRACE_SECONDS, SILENT_SECONDS, ears_for
from tradehub.supervisor.plan import Setup, Wanted, children, own_queue
from tradehub.supervisor.sockets import BACKLOG, PortTaken, http_status, listen
from tradehub.supervisor.supervise import DEAF_SECONDS, Supervisor

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


def test_the_supervisor_reads_the_keys_that_are_written(redis_server: str) -> None:
    when = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
    planned = children(SETUP, Wanted(stream=False), 7)
    signs = [child.sign for child in planned if child.sign]
    heartbeat.canary_seen(own_queue("worker", SETUP.home), when)
    assert signs_of_life(redis_server, signs) == dict(
        zip(signs, [when.timestamp(), None], strict=True)
    )
    heartbeat.beat_pulse(when)
    assert signs_of_life(redis_server, signs) == dict.fromkeys(signs, when.timestamp())


def test_a_stream_is_told_where_to_leave_its_sign_and_listened_to(
    redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
    (stream,) = (child for child in children(SETUP, Wanted(), 7) if child.name == "stream")
    monkeypatch.setenv(stream_process.SIGN, stream.environment[stream_process.SIGN])
    stream_process.lives(when)
    stream_process.looked(when)
    assert signs_of_life(redis_server, [stream.sign]) == {stream.sign: when.timestamp()}
    assert ears_for([stream]).keys() == [stream.sign]
    assert heartbeat.read().duties[stream_process.DUTY] == when.timestamp()


def test_a_redis_that_does_not_answer_says_nothing_about_others(tmp_path: Path) -> None:
    assert signs_of_life(f"unix://{tmp_path}/nobody.sock", ["tradehub:beat"]) is None


def test_each_worker_and_each_home_has_a_queue_of_its_own() -> None:
    planned = children(SETUP, Wanted(workers=2, stream=False), 7)
    elsewhere = children(replace(SETUP, home=Path("/other")), Wanted(workers=2, stream=False), 7)
    queues = [
        word.rpartition(",")[2]
        for child in [*planned, *elsewhere]
        for word in child.command
        if word.startswith("--queues=trade,background,only.worker")
    ]
    assert len(set(queues)) == 4


def test_each_web_process_has_a_door_of_its_own() -> None:
    with listen("127.0.0.1", 0) as one, listen("127.0.0.1", 0) as two:
        planned = children(SETUP, Wanted(web=2), 7, [one, two])[1:3]
        for child, door in zip(planned, (one, two), strict=True):
            assert child.door == door.getsockname()
            assert f"fd:fileno={door.fileno()}" in child.command
            assert child.keep_open == (7, door.fileno())


def running(name: str, **known: Any) -> Child:
    child = Child(name, [sys.executable, "-c", "import time; time.sleep(60)"], **known)
    child.start()
    return child


def end(child: Child) -> None:
    child.send(signal.SIGKILL)
    if child.process is not None:
        child.process.wait(20)
        child.close()


@pytest.fixture
def beat() -> Iterator[Child]:
    child = running("beat", sign="beat's")
    yield child
    end(child)


def test_a_sign_that_changes_is_heard_and_one_that_stays_is_silence(beat: Child) -> None:
    ears = ears_for([beat])
    start, limit = beat.started_at, SILENT_SECONDS["beat"]
    assert ears.keys() == ["beat's"]
    assert ears.deaf({"beat's": 1.0}, now=start) == []
    assert ears.deaf({"beat's": 2.0}, now=start + 1) == []
    assert ears.deaf({"beat's": 2.0}, now=start + 1 + limit) == []
    assert [ear.child for ear in ears.deaf({"beat's": 2.0}, now=start + 1.1 + limit)] == [beat]
    assert ears.deaf({"beat's": 3.0}, now=start + 1.2 + limit) == []


def test_what_was_left_by_another_life_is_no_sign(beat: Child) -> None:
    """Or a child that starts slowly would be taken for one that fell silent."""
    ears = ears_for([beat])
    start, limit = beat.started_at, SILENT_SECONDS["beat"]
    ears.deaf({"beat's": 1.0}, now=start)
    assert ears.deaf({"beat's": 1.0}, now=start + GRACE_SECONDS + limit) == []
    assert ears.deaf({"beat's": None}, now=start + GRACE_SECONDS + limit + 0.1)


def test_nobody_is_deaf_while_redis_is_away_nor_at_once_after_it(beat: Child) -> None:
    ears = ears_for([beat])
    start, limit = beat.started_at, SILENT_SECONDS["beat"]
    ears.deaf({"beat's": 1.0}, now=start)
    ears.deaf({"beat's": 2.0}, now=start + 1)
    assert ears.deaf(None, now=start + 500) == []
    assert ears.deaf({"beat's": None}, now=start + 500 + limit) == []
    assert ears.deaf({"beat's": None}, now=start + 500.1 + limit)


def test_a_child_that_was_started_again_has_time_to_start(beat: Child) -> None:
    ears = ears_for([beat])
    start = beat.started_at
    ears.deaf({"beat's": 1.0}, now=start)
    ears.deaf({"beat's": 2.0}, now=start + 1)
    beat.started_at += 500
    assert ears.deaf({"beat's": 2.0}, now=start + 510) == []


def test_one_that_answers_late_is_heard_and_one_that_does_not_is_deaf() -> None:
    with listen("127.0.0.1", 0) as door:
        door.setblocking(True)
        web = running("web", door=door.getsockname())
        ears = ears_for([web])
        try:
            start, limit = web.started_at, SILENT_SECONDS["web"]
            ears.deaf(None, now=start)
            slow = start + GRACE_SECONDS + limit
            assert ears.deaf(None, now=slow) == []
            caller, _ = door.accept()
            assert caller.recv(100).startswith(b"GET /livez ")
            assert ears.deaf(None, now=slow + 1)
            caller.sendall(b"HTTP/1.1 200 OK")
            caller.close()
            assert until(lambda: not ears.deaf(None, now=slow + 1))
            assert ears.deaf(None, now=slow + 1 + limit) == []
            assert ears.deaf(None, now=slow + 1.1 + limit)
        finally:
            ears.close()
            end(web)


def test_a_door_that_closes_without_a_word_is_silence() -> None:
    with listen("127.0.0.1", 0) as door:
        door.setblocking(True)
        web = running("web", door=door.getsockname())
        ears = ears_for([web])
        try:
            after = web.started_at + GRACE_SECONDS + SILENT_SECONDS["web"] + 1
            for number in range(3):
                assert ears.deaf(None, now=after + 10 * number)
                door.accept()[0].close()
                assert ears.deaf(None, now=after + 10 * number)
        finally:
            ears.close()
            end(web)


def test_a_stopped_redis_is_silent_and_one_that_goes_on_is_heard(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    assert server.process is not None
    redis = running("redis", door=str(server.path))
    ears = ears_for([redis])
    try:
        after = redis.started_at + GRACE_SECONDS + SILENT_SECONDS["redis"] + 1
        server.process.send_signal(signal.SIGSTOP)
        assert ears.deaf(None, now=after)
        time.sleep(0.1)
        assert ears.deaf(None, now=after)
        server.process.send_signal(signal.SIGCONT)
        assert until(lambda: not ears.deaf(None, now=after))
    finally:
        server.process.send_signal(signal.SIGCONT)
        ears.close()
        end(redis)
        server.stop()


@pytest.fixture
def supervisor(redis_server: str, beat: Child) -> Iterator[Supervisor]:
    """Of a beat and a web that only sleep."""
    web = running("web")
    setup = replace(SETUP, redis_url=redis_server)
    yield Supervisor(setup, [web, beat], "http://x", ("127.0.0.1", 1))
    end(web)


def test_the_deaf_is_told_to_end_and_killed_when_it_is_stopped(supervisor: Supervisor) -> None:
    web, beat = supervisor.children
    assert beat.process is not None
    beat.process.send_signal(signal.SIGSTOP)
    supervisor._end_the_deaf()
    supervisor.ears.of[0].heard_at = time.monotonic() - SILENT_SECONDS["beat"] - 1
    patience = []
    for _ in range(2):  # asked once, however often it is found deaf
        supervisor.next_look = 0
        supervisor._end_the_deaf()
        patience.append(supervisor.killing["beat"])
    assert patience[0] == patience[1]
    assert list(supervisor.killing) == ["beat"]
    assert not beat.has_ended()
    supervisor.killing["beat"] -= DEAF_SECONDS
    supervisor._end_the_deaf()
    assert until(beat.has_ended)
    assert not web.has_ended()


def until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()
