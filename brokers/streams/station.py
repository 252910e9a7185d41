"""All streams of one process: which accounts are followed, by whom, and how they fare.

Every few seconds it looks: accounts that may be followed are read from the database, leases say
which of them are this process's, lines are begun and ended. An account whose key was replaced gets
a new line. The look is also the process's sign of life.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import structlog
from django.db import Error, close_old_connections
from redis import Redis, RedisError

from brokers.models import BrokerAccount
from brokers.streams import states
from brokers.streams.leases import Leases
from brokers.streams.line import Line, Means
from brokers.streams.pace import Pace
from brokers.streams.venues import STREAMS, followed_accounts

T = TypeVar("T")

LOOK_SECONDS = 3.0
OF_ONE_KIND = 4
POLLS = "polls"
"""The lease of the process that also polls: one is enough."""

log = structlog.get_logger(__name__)


def _accounts() -> list[BrokerAccount]:
    """In a thread of our own: its connection is given back."""
    try:
        close_old_connections()
        return list(followed_accounts().order_by("pk"))
    finally:
        close_old_connections()


def _seal(account: BrokerAccount) -> tuple[object, ...]:
    """What a line was begun with."""
    return (
        account.sealed_credentials,
        account.environment,
        sorted(account.options.items(), key=str),
    )


@dataclass
class Station:
    means: Means[BrokerAccount]
    leases: Leases
    redis: Redis
    threads: Executor
    """Its own: a venue that hangs must not keep it from looking."""
    lives: Callable[[datetime], None] = lambda now: None
    """Called in a thread before each look."""
    looked: Callable[[datetime], None] = lambda now: None
    """Called in a thread after each look that went well."""
    every: float = LOOK_SECONDS
    polls: bool = True
    """Whether this process polls; while nobody can tell, it does."""
    _lines: dict[str, tuple[Line[BrokerAccount], "asyncio.Task[None]"]] = field(
        default_factory=dict
    )
    _paces: dict[str, Pace] = field(default_factory=dict)
    _pools: dict[str, ThreadPoolExecutor] = field(default_factory=dict)
    """By kind of account: nor one venue another's."""

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.look()
            try:
                async with asyncio.timeout(self.every):
                    await stop.wait()
            except TimeoutError:
                continue
        await self.close()

    async def look(self) -> None:
        """Never raises: the next look may do better."""
        try:
            await self._in_thread(lambda: self.lives(self.means.clock()))
            wanted = {each.pk: each for each in await self._in_thread(_accounts)}
            mine = await self._in_thread(lambda: self._claim(list(wanted)))
            await self._follow({key: wanted[key] for key in mine})
            await self._in_thread(self._tell)
        except (RedisError, Error) as error:
            log.warning("streams_wait", error=type(error).__name__)
        except Exception as error:  # as the docstring says; it shows as a look that is late
            log.exception("streams_not_looked_at", error=type(error).__name__)

    def lines(self) -> Mapping[str, Line[BrokerAccount]]:
        """By account; also for other threads."""
        return {key: line for key, (line, _) in list(self._lines.items())}

    async def close(self) -> None:
        mine = [*self._lines]
        await self._end(mine)

        def leave() -> None:
            states.forget(self.redis, mine)
            self.leases.leave([*mine, POLLS])

        try:
            await self._in_thread(leave)
        except RedisError as error:
            log.warning("leases_not_left", error=type(error).__name__)
        for each in self._pools.values():
            each.shutdown(wait=False)

    # ---- in a thread ----

    def _claim(self, wanted: list[str]) -> set[str]:
        try:
            self.polls = POLLS in self.leases.hold([POLLS], [POLLS], 1)
        except RedisError:
            self.polls = True
            raise
        most = self.leases.share(len(wanted), now=self.means.clock())
        return self.leases.hold(wanted, list(self._lines), most)

    def _tell(self) -> None:
        now = self.means.clock()
        known = {key: line.state for key, line in self.lines().items()}
        states.tell(self.redis, known, now=now)
        self.looked(now)

    # ---- in the event loop ----

    async def _follow(self, accounts: Mapping[str, BrokerAccount]) -> None:
        over = [
            key
            for key, (line, _) in self._lines.items()
            if key not in accounts or _seal(line.account) != _seal(accounts[key])
        ]
        await self._end(over)
        gone = [key for key in over if key not in accounts]
        await self._in_thread(lambda: self._let_go(gone))
        for key, account in accounts.items():
            if key not in self._lines:
                kind = account.kind
                line = Line(account, self._pace(kind), self._pool(kind), self.means)
                self._lines[key] = line, asyncio.create_task(line.run())

    def _let_go(self, gone: Collection[str]) -> None:
        states.forget(self.redis, gone)
        self.leases.let_go(gone)

    async def _end(self, keys: Collection[str]) -> None:
        tasks = [self._lines.pop(key)[1] for key in keys]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _pace(self, kind: str) -> Pace:
        if kind not in self._paces:
            venue = STREAMS[kind]
            self._paces[kind] = Pace(venue.at_once, venue.per_second)
        return self._paces[kind]

    def _pool(self, kind: str) -> ThreadPoolExecutor:
        if kind not in self._pools:
            self._pools[kind] = ThreadPoolExecutor(OF_ONE_KIND, f"streams-{kind}")
        return self._pools[kind]

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)
