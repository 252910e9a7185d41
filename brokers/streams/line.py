"""One account's stream, kept up: connected, listened to, watched for silence, connected anew.

Lives in an event loop; what may wait for a venue or a disk runs in `threads`. Whatever goes wrong
ends the connection only: the line pauses, longer each time, and opens the next. Who wants to know
what was missed meanwhile is told of every new connection. Frames and credentials are never logged.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from typing import Any, Generic, Protocol, TypeVar

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from brokers.errors import BadCredentials, BrokerError, RateLimited
from brokers.streams.pace import Pace
from brokers.streams.protocol import Look, News, Over, Raw, Ready, Refused, Say, Stream, Told
from brokers.streams.states import StreamState
from brokers.streams.threads import in_thread

S = TypeVar("S", bound=Any)
"""What a line is for, with `pk` and `kind`: a broker account, or one socket of a price feed."""
S_contra = TypeVar("S_contra", bound=Any, contravariant=True)

CONNECT_SECONDS = 10.0
READY_SECONDS = 10.0
"""From the connection to the venue's word that it will tell."""
CLOSE_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
STEADY_SECONDS = 60.0
"""A connection that lasted so long was a good one: the next pause is the first again."""
RENEW_SECONDS = 23 * 3600.0
"""Binance cuts after 24 h, all those at once that began at once."""
MOST_BYTES = 256 * 1024
INTERNAL_ERROR = "INTERNAL_ERROR"

log = structlog.get_logger(__name__)

# At DEBUG it would write every frame, and the first ones hold keys.
_wire_log = logging.getLogger("brokers.streams.wire")
_wire_log.setLevel(logging.WARNING)


class Ear(Protocol[S_contra]):
    """Who is told, in the event loop; it must not wait."""

    def connected(self, account: S_contra, /, *, again: bool) -> None:
        """It tells from now on. `again`: it did before, and something may have been missed."""

    def told(self, account: S_contra, stream: Stream, event: Raw, /) -> None: ...

    def look(self, account: S_contra, /) -> None: ...


class Lost(Exception):
    """The connection is over. `seconds`: how long to wait; 0: as long as it has failed."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.seconds = seconds


@cache
def _tls() -> ssl.SSLContext:
    """One for all: each holds all certificates of the world."""
    return ssl.create_default_context()


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """Nobody is followed: the first words hold keys."""
        return exc


@dataclass(frozen=True)
class Means(Generic[S]):
    """What all lines of a process share."""

    ear: Ear[S]
    open_stream: Callable[[S], Stream]
    """Called in a thread."""
    clock: Callable[[], datetime]
    first_pause: float = FIRST_PAUSE


@dataclass
class Line(Generic[S]):
    account: S
    pace: Pace
    threads: Executor
    means: Means[S]
    state: StreamState = field(default_factory=StreamState)
    _failures: int = 0
    _was_up: bool = False
    _socket: ClientConnection | None = None

    @property
    def is_up(self) -> bool:
        return self.state.connected_since is not None

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            began = asyncio.get_running_loop().time()
            lost = await self._connection()
            if asyncio.get_running_loop().time() - began >= STEADY_SECONDS:
                self._failures = 0
            self._note_lost(lost)
            await asyncio.sleep(self._pause(lost))

    def doubt(self, why: str) -> None:
        """It is connected and does not tell: make it anew."""
        if self._socket is not None:
            log.warning("stream_doubted", account=self.account.pk, why=why)
            self._socket.transport.abort()

    async def say(self, texts: Iterable[str]) -> None:
        """More than the greeting. Nothing while it is not connected."""
        socket = self._socket
        if socket is not None:
            with suppress(ConnectionClosed):
                for text in texts:
                    await socket.send(text)

    async def _connection(self) -> Lost:
        """One, from its beginning to its end, and why it ended."""
        try:
            stream = await in_thread(self.threads, partial(self.means.open_stream, self.account))
            where = await in_thread(self.threads, stream.where)
            await asyncio.sleep(self.pace.wait(asyncio.get_running_loop().time()))
            await self._listen(stream, where)
        except Lost as lost:
            return lost
        except RateLimited as error:
            return Lost(error.code, error.retry_after)
        except BadCredentials as error:
            return Lost(error.code, Refused(error.code).seconds)
        except BrokerError as error:
            return Lost(error.code)
        except (WebSocketException, OSError, TimeoutError) as error:
            return Lost(type(error).__name__)
        except Exception as error:  # a mistake of ours ends this connection, no other account's
            log.exception("stream_broke", account=self.account.pk, error=type(error).__name__)
            return Lost(INTERNAL_ERROR)
        raise AssertionError("unreachable")

    async def _listen(self, stream: Stream, where: str) -> None:
        beat = stream.silence_seconds / 2
        socket = await _Connect(
            where,
            open_timeout=CONNECT_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=beat,
            ping_timeout=beat,
            compression=None,
            ssl=_tls() if where.startswith("wss:") else None,
            max_size=MOST_BYTES,
            logger=_wire_log,
        )
        self._socket = socket
        keeping = asyncio.create_task(self._keep(stream, socket))
        try:
            greeting = stream.greeting()
            for text in greeting:
                await socket.send(text)
            if not greeting:
                self._note_up()
            await self._hear_for(READY_SECONDS, stream, socket, until_ready=True)
            lifetime = RENEW_SECONDS * random.uniform(0.9, 1)  # noqa: S311  # no secret
            await self._hear_for(lifetime, stream, socket)
            raise Lost("renewed")
        finally:
            self._socket = None
            keeping.cancel()
            try:
                with suppress(OSError, ConnectionClosed):
                    await socket.close()
            finally:
                socket.transport.abort()  # whatever cut the farewell short

    async def _hear_for(
        self, seconds: float, stream: Stream, socket: ClientConnection, *, until_ready: bool = False
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (until_ready and self.is_up):
                    await self._hear(stream, socket)
        if not self.is_up:
            raise Lost("not ready in time")

    async def _hear(self, stream: Stream, socket: ClientConnection) -> None:
        for news in stream.hear(await socket.recv()):
            if isinstance(news, Say):
                await socket.send(news.text)
            else:
                self._heed(stream, news)

    def _heed(self, stream: Stream, news: News) -> None:
        """Raises Lost."""
        if isinstance(news, Over):
            raise Lost(news.why)
        if isinstance(news, Refused):
            raise Lost(news.code, news.seconds)
        if isinstance(news, Ready):
            self._note_up()
            return
        now = self.means.clock().timestamp()
        self.state = replace(self.state, last_event_at=now)
        if isinstance(news, Told):
            self.means.ear.told(self.account, stream, news.event)
        elif isinstance(news, Look):
            self.means.ear.look(self.account)

    async def _keep(self, stream: Stream, socket: ClientConnection) -> None:
        while stream.keep_seconds is not None:
            await asyncio.sleep(stream.keep_seconds)
            try:
                await in_thread(self.threads, stream.keep)
            except Exception as error:  # whatever it is: a new connection begins from nothing
                log.warning("stream_not_kept", account=self.account.pk, error=type(error).__name__)
                await socket.close()

    def _note_up(self) -> None:
        log.info("stream_connected", account=self.account.pk, kind=self.account.kind)
        self.state = replace(self.state, connected_since=self.means.clock().timestamp())
        self.means.ear.connected(self.account, again=self._was_up)
        self._was_up = True

    def _note_lost(self, lost: Lost) -> None:
        told = log.info if self._failures else log.warning  # once, however long it lasts
        told("stream_lost", account=self.account.pk, kind=self.account.kind, why=lost.why)
        self._failures += 1
        now = self.means.clock().timestamp()
        self.state = replace(
            self.state, connected_since=None, last_error=lost.why, last_error_at=now
        )

    def _pause(self, lost: Lost) -> float:
        """Longer each time, whoever ended it; spread, so that those who lost a venue together
        don't come back together."""
        longer = self.means.first_pause * 2.0 ** min(self._failures - 1, 20)
        least = lost.seconds or min(longer, LONGEST_PAUSE)
        return max(least, self.means.first_pause) * random.uniform(1, 1.5)  # noqa: S311  # no secret
