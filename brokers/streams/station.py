"""All streams of one process: which accounts are followed, by whom, and how they fare.

Every few seconds it looks: accounts that may be followed are read from the database, leases say
which of them are this process's, lines are begun and ended. An account whose key was replaced gets
a new line. The look is also the process's sign of life.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from redis import Redis, RedisError

from brokers.models import BrokerAccount
from brokers.pools import Pools
from brokers.streams import states
from brokers.streams.leases import Leases
from brokers.streams.line import Line, Means
from brokers.streams.pace import Pace
from brokers.streams.rounds import Lines, go_rounds, outlived
from brokers.streams.states import StreamState
from brokers.streams.threads import in_thread
from brokers.streams.venues import STREAMS, followed_accounts

LOOK_SECONDS = 3.0
OF_ONE_KIND = 4
POLLS = "polls"
"""The lease of the process that also polls: one is enough."""

log = structlog.get_logger(__name__)


def _accounts() -> list[BrokerAccount]:
    return list(followed_accounts().order_by("pk"))


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
    distrusted: dict[str, float] = field(default_factory=dict)
    """Account -> until when, in seconds since the epoch, its stream saves no polling."""
    _lines: Lines[BrokerAccount] = field(default_factory=Lines)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _pools: Pools = field(default_factory=lambda: Pools("streams", OF_ONE_KIND))
    """By kind of account: nor one venue another's."""

    async def run(self, stop: asyncio.Event) -> None:
        await go_rounds(self.look, stop, self.every)
        await self.close()

    async def look(self) -> None:
        """Never raises: the next look may do better."""
        with outlived("streams_wait", "streams_not_looked_at"):
            await in_thread(self.threads, lambda: self.lives(self.means.clock()))
            wanted = {each.pk: each for each in await in_thread(self.threads, _accounts)}
            try:
                mine = await in_thread(self.threads, lambda: self._claim(list(wanted)))
            except RedisError:
                # Nobody can tell whose the others are; what may not be followed ends all the same.
                held = wanted.keys() & set(self._lines.held)
                await self._follow({key: wanted[key] for key in held})
                raise
            await self._follow({key: wanted[key] for key in mine})
            await in_thread(self.threads, self._tell)

    def lines(self) -> Mapping[str, Line[BrokerAccount]]:
        """By account; also for other threads."""
        return {line.account.pk: line for line in self._lines.all()}

    def states(self) -> dict[str, StreamState]:
        """Of our own lines; also for other threads."""
        return {
            key: replace(line.state, distrusted_until=self.distrusted.get(key))
            for key, line in self.lines().items()
        }

    async def close(self) -> None:
        mine = self._lines.held
        await self._lines.end(mine)

        def leave() -> None:
            states.forget(self.redis, mine)
            self.leases.leave([*mine, POLLS])

        try:
            await in_thread(self.threads, leave)
        except RedisError as error:
            log.warning("leases_not_left", error=type(error).__name__)
        self._pools.close()

    # ---- in a thread ----

    def _claim(self, wanted: list[str]) -> set[str]:
        try:
            self.polls = POLLS in self.leases.hold([POLLS], [POLLS], 1)
        except RedisError:
            self.polls = True
            raise
        most = self.leases.share(len(wanted), now=self.means.clock())
        return self.leases.hold(wanted, self._lines.held, most)

    def _tell(self) -> None:
        now = self.means.clock()
        states.tell(self.redis, self.states(), now=now)
        self.looked(now)

    # ---- in the event loop ----

    async def _follow(self, accounts: Mapping[str, BrokerAccount]) -> None:
        over = [
            key
            for key, line in self.lines().items()
            if key not in accounts or _seal(line.account) != _seal(accounts[key])
        ]
        await self._lines.end(over)
        held = self._lines.held
        for key, account in accounts.items():
            if key not in held:
                pace, pool = self._pace(account.kind), self._pools.of(account.kind)
                self._lines.begin(key, [Line(account, pace, pool, self.means)])
        gone = [key for key in over if key not in accounts]
        await in_thread(self.threads, lambda: self._let_go(gone))

    def _let_go(self, gone: Collection[str]) -> None:
        states.forget(self.redis, gone)
        self.leases.let_go(gone)

    def _pace(self, kind: str) -> Pace:
        if kind not in self._paces:
            venue = STREAMS[kind]
            self._paces[kind] = Pace(venue.at_once, venue.per_second)
        return self._paces[kind]
