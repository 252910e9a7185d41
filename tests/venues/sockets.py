"""The web-socket door of a local venue: who is connected, what is told, and how it misbehaves.

A server in a thread with a loop of its own. What is said is the venue's business: it watches its
books whenever somebody lets go of the venue's lock, and tells what is new. Nothing is told again.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

PATIENCE = 20.0


class Watched:
    """A lock that has something done each time that its holder is about to let go."""

    def __init__(self, lock: Any, before: Callable[[], None]) -> None:
        self._lock = lock
        self._before = before
        self._depth = 0

    def __enter__(self) -> "Watched":
        self._lock.acquire()
        self._depth += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._depth == 1:
                self._before()
        finally:
            self._depth -= 1
            self._lock.release()


@dataclass(eq=False)
class Listener:
    """One connection."""

    connection: ServerConnection
    key: str = ""
    """Whose orders it is told of; empty until it has asked for that."""
    known_as: str = ""
    """Who it has shown to be, where that is a step of its own."""


@dataclass
class Told:
    key: str
    frame: str | bytes


@dataclass
class Manners:
    """How the door behaves; tests change it."""

    mute: bool = False
    """It tells nothing, and all else is as ever."""
    copies: int = 1
    """How often everything is told."""
    refuses: bool = False
    """It lets nobody in."""
    held: list[Told] | None = None
    """Not None: what would be told waits here."""


class SocketDoor(ABC):
    def __init__(self, port: int = 0) -> None:
        self.manners = Manners()
        self.listeners: list[Listener] = []
        self.accepted = 0
        self.told = 0
        """How many frames were told to somebody, copies among them."""
        self.said: list[Any] = []
        """What clients said, without their secrets."""
        self._loop = asyncio.new_event_loop()
        self._port = port
        self._server: Server | None = None
        self._ready = threading.Event()
        self._closing: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE), "it does not listen"

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @abstractmethod
    async def answer(self, listener: Listener, frame: str | bytes) -> None:
        """Something was said by a client."""

    async def welcome(self, listener: Listener) -> None:
        """Somebody has connected."""
        listener.key = ""

    # What a test does

    def up(self, key: str) -> int:
        """How many connections are told of this account."""
        return sum(each.key == key for each in list(self.listeners))

    def drop(self) -> None:
        """Every connection is cut, without a word."""
        self._do(self._drop)

    def shut(self) -> None:
        """Nobody listens any more; also twice."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(PATIENCE)

    def open_again(self) -> None:
        """At the same address."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(PATIENCE)

    def fall_silent(self) -> None:
        """Those that are connected stay so, and hear nothing more: no answer to a ping either."""
        self._do(self._fall_silent)

    def say(self, key: str, frame: str | bytes) -> None:
        """Tell one account's connections."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._say, Told(key, frame))

    def release(self, order: Callable[[list[Told]], list[Told]] = list) -> None:
        """Tell what was held, in another order."""

        def tell() -> None:
            held, self.manners.held = self.manners.held or [], None
            for each in order(held):
                self._say(each)

        self._do(tell)

    def close(self) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._close)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it does not end"

    # In its loop

    def _say(self, told: Told) -> None:
        if self.manners.mute:
            return
        if self.manners.held is not None:
            self.manners.held.append(told)
            return
        for each in self.listeners:
            if each.key == told.key:
                for _ in range(self.manners.copies):
                    self.told += 1
                    self._loop.create_task(_send(each.connection, told.frame))

    def _drop(self) -> None:
        for each in self.listeners:
            each.connection.transport.abort()

    def _fall_silent(self) -> None:
        for each in self.listeners:
            each.connection.transport.pause_reading()
            each.key = ""

    def _close(self) -> None:
        if not self._closing.done():
            self._closing.set_result(None)

    def _do(self, work: Callable[[], object]) -> None:
        done = threading.Event()

        def both() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(both)
        assert done.wait(PATIENCE), "its loop hangs"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        await self._open()
        self._ready.set()
        await self._closing
        await self._shut()

    async def _open(self) -> None:
        if self._server is None:
            self._server = await serve(
                self._one, "127.0.0.1", self._port, compression=None, ping_interval=None,
                process_request=self._let_in,
            )  # fmt: skip
            self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def _shut(self) -> None:
        server, self._server = self._server, None
        self._drop()
        if server is not None:
            server.close()
            await server.wait_closed()

    def _let_in(self, connection: ServerConnection, request: Request) -> Response | None:
        refused = self.manners.refuses
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "") if refused else None

    async def _one(self, connection: ServerConnection) -> None:
        self.accepted += 1
        listener = Listener(connection)
        self.listeners.append(listener)
        try:
            await self.welcome(listener)
            async for frame in connection:
                await self.answer(listener, frame)
        except ConnectionClosed:
            pass
        finally:
            self.listeners.remove(listener)


async def _send(connection: ServerConnection, frame: str | bytes) -> None:
    with suppress(ConnectionClosed):
        await connection.send(frame)
