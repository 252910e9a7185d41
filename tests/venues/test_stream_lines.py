"""One line and its connection, whatever the venue: kept alive, ended, and begun again."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from brokers.errors import BadCredentials, NotSent, RateLimited
from brokers.models import BrokerAccount
from brokers.streams import line as lines
from brokers.streams.line import Line, Means
from brokers.streams.pace import Pace
from brokers.streams.protocol import Look, News, Over, Raw, Ready, Refused, Told
from brokers.types import OrderReport
from tests.venues.sockets import Listener, SocketDoor
from tradehub.lib.clock import utc_now

WORDS: dict[str, News] = {
    "ready": Ready(),
    "told": Told({}),
    "look": Look(),
    "over": Over("its end"),
    "refused": Refused("BAD_CREDENTIALS", 0.0),
}


class Door(SocketDoor):
    """Answers the greeting with words of a test's."""

    def __init__(self, *answers: str) -> None:
        self.answers = answers
        super().__init__()

    async def answer(self, listener: Listener, frame: str | bytes) -> None:
        self.said.append(frame)
        for each in self.answers:
            await listener.connection.send(each)


@dataclass
class Talk:
    url: str
    keep_seconds: float | None = None
    silence_seconds: float = 50.0
    error: Exception | None = None
    """Of `where`."""
    kept: list[int] = field(default_factory=list)
    keeps: Exception | None = None

    def where(self) -> str:
        if self.error is not None:
            raise self.error
        return self.url

    def greeting(self) -> list[str]:
        return ["hello"]

    def hear(self, frame: str | bytes) -> list[News]:
        return [WORDS[str(frame)]]

    def keep(self) -> None:
        self.kept.append(1)
        if self.keeps is not None:
            raise self.keeps

    def report(self, event: Raw) -> OrderReport:
        raise NotImplementedError


@dataclass
class Ear:
    heard: list[str] = field(default_factory=list)

    def connected(self, account: BrokerAccount, *, again: bool) -> None:
        self.heard.append("again" if again else "first")

    def told(self, account: BrokerAccount, stream: Any, event: Raw) -> None:
        self.heard.append("told")

    def look(self, account: BrokerAccount) -> None:
        self.heard.append("look")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def live(talk: Talk, ear: Ear, threads: ThreadPoolExecutor, holds: Any) -> Line:
    """Run a line until something holds; the line as it was then."""

    async def scene() -> Line:
        means = Means(ear, lambda account: talk, utc_now, first_pause=0.01)
        line = Line(BrokerAccount(kind="alpaca"), Pace(1000, 1000), threads, means)
        task = asyncio.create_task(line.run())
        async with asyncio.timeout(20):
            while not holds(line):
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return line

    return asyncio.run(scene())


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    made = Door(*getattr(request, "param", ("ready",)))
    yield made
    made.close()


@pytest.mark.parametrize("door", [("ready", "told", "look")], indirect=True)
def test_what_is_said_is_told(door: Door, threads: ThreadPoolExecutor) -> None:
    ear = Ear()
    line = live(Talk(door.url), ear, threads, lambda _: len(ear.heard) == 3)
    assert ear.heard == ["first", "told", "look"]
    assert line.state.last_event_at is not None


def test_it_is_kept_alive(door: Door, threads: ThreadPoolExecutor) -> None:
    talk = Talk(door.url, keep_seconds=0.01)
    live(talk, Ear(), threads, lambda _: len(talk.kept) == 3)
    assert door.accepted == 1


def test_what_cant_be_kept_is_begun_anew(door: Door, threads: ThreadPoolExecutor) -> None:
    ear = Ear()
    talk = Talk(door.url, keep_seconds=0.01, keeps=NotSent("no"))
    live(talk, ear, threads, lambda _: "again" in ear.heard)
    assert door.accepted >= 2


@pytest.mark.parametrize("door", [("ready", "over")], indirect=True)
def test_its_last_words_have_it_begun_anew(door: Door, threads: ThreadPoolExecutor) -> None:
    ear = Ear()
    line = live(Talk(door.url), ear, threads, lambda _: "again" in ear.heard)
    assert line.state.last_error == "its end"


@pytest.mark.parametrize(
    ("door", "why"),
    [
        (("ready", "no such word"), "INTERNAL_ERROR"),
        ((), "not ready in time"),
        (("refused",), "BAD_CREDENTIALS"),
    ],
    indirect=["door"],
)
def test_what_goes_wrong_ends_the_connection_only(
    door: Door, threads: ThreadPoolExecutor, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "not ready in time":
        monkeypatch.setattr(lines, "READY_SECONDS", 0.1)
    line = live(Talk(door.url), Ear(), threads, lambda _: door.accepted > 2)
    assert line.state.last_error == why


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (NotSent("x"), "NOT_SENT"),
        (RateLimited("x", retry_after=60), "VENUE_RATE_LIMITED"),
        (BadCredentials("x"), "BAD_CREDENTIALS"),
        (OSError("x"), "OSError"),
    ],
)
def test_an_address_that_cant_be_had_is_asked_for_again(
    threads: ThreadPoolExecutor, error: Exception, why: str
) -> None:
    line = live(Talk("", error=error), Ear(), threads, lambda line: line.state.last_error)
    assert line.state.last_error == why
    assert not line.is_up


@pytest.mark.parametrize(
    ("seconds", "failures", "least", "most"),
    [
        (0.0, 1, 0.5, 0.75),
        (0.0, 3, 2, 3),
        (0.0, 50, 60, 90),
        (30.0, 9, 30, 45),
    ],
)
def test_pauses_grow_and_are_spread(
    threads: ThreadPoolExecutor, seconds: float, failures: int, least: float, most: float
) -> None:
    means = Means(Ear(), lambda account: Talk(""), utc_now)
    line = Line(BrokerAccount(), Pace(1, 1), threads, means)
    line._failures = failures
    pauses = {line._pause(lines.Lost("x", seconds)) for _ in range(50)}
    assert least <= min(pauses) < max(pauses) <= most


def test_a_redirect_is_not_followed(threads: ThreadPoolExecutor) -> None:
    """What is said first holds keys."""

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 307 Elsewhere\r\nLocation: {theirs.url}/\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        writer.close()

    async def scene() -> str:
        server = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        means = Means(Ear(), lambda account: Talk(f"ws://127.0.0.1:{port}"), utc_now)
        line = Line(BrokerAccount(), Pace(10, 10), threads, means)
        task = asyncio.create_task(line.run())
        async with asyncio.timeout(20):
            while not line.state.last_error:
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()
        return line.state.last_error

    theirs = Door("ready")
    try:
        assert asyncio.run(scene()) == "InvalidStatus"
        assert theirs.accepted == 0
    finally:
        theirs.close()
