"""All price feeds of one process: which are held here, what they tell of, and how they fare.

Once a second it asks what is needed. A lease says which process holds a feed, so each symbol is
subscribed to once in the whole hub, and what nobody needs is not: with nothing needed no connection
is open. While Redis is away everybody keeps what it holds. Frames are never logged.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

import structlog
from redis import Redis, RedisError

from brokers.prices.board import Board
from brokers.prices.places import Place, parts_of
from brokers.prices.shared import STATES
from brokers.prices.wires import Keys, Wire, open_wire, seal_of, wires_of
from brokers.streams import states
from brokers.streams.leases import Leases
from brokers.streams.line import FIRST_PAUSE, Line, Means
from brokers.streams.pace import Pace
from brokers.streams.protocol import Raw, Stream
from brokers.streams.rounds import Lines, go_rounds, outlived
from brokers.streams.threads import in_thread

LOOK_SECONDS = 1.0
LINGER_SECONDS = 10.0
"""For so long a symbol is told of after it was needed: who closes may open again."""
SUBJECT = "prices:{feed}"
"""Of the leases."""
AT_ONCE, PER_SECOND = 20, 0.2
"""Connections to a venue, beside those of its accounts."""

log = structlog.get_logger(__name__)


@dataclass
class PriceEar:
    """Puts what is heard on the board."""

    board: Board
    clock: Callable[[], datetime]

    def connected(self, wire: Wire, *, again: bool) -> None:
        self.board.forget(wire.feed, wire.part.name)

    def told(self, wire: Wire, stream: Stream, event: Raw) -> None:
        self.board.put(Place(wire.feed, event["name"]), wire.part.name, event, self.clock())

    def look(self, wire: Wire) -> None:
        """What can't be read tells no price, and prices that are not told are asked for."""


@dataclass
class PriceStation:
    board: Board
    needed: Callable[[], Collection[Place]]
    """Called in a thread; those named first are told first. Raises django.db.Error."""
    leases: Leases
    redis: Redis
    threads: Executor
    clock: Callable[[], datetime]
    every: float = LOOK_SECONDS
    linger: float = LINGER_SECONDS
    first_pause: float = FIRST_PAUSE
    keys: Keys = field(default_factory=Keys)
    _lines: Lines[Wire] = field(default_factory=Lines)
    """By feed."""
    _paces: dict[str, Pace] = field(default_factory=dict)
    _last_needed: dict[Place, float] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        await go_rounds(self.look, stop, self.every)
        await self.close()

    async def look(self) -> None:
        """Never raises: the next look may do better, and what isn't told is polled."""
        with outlived("prices_wait", "prices_not_looked_at"):
            names = self._with_lingering(await in_thread(self.threads, self.needed))
            mine = await in_thread(self.threads, lambda: self._claim(list(names)))
            await self._follow({feed: names[feed] for feed in mine})
            await in_thread(self.threads, self._tell)

    def lines(self) -> list[Line[Wire]]:
        """Also for other threads."""
        return self._lines.all()

    async def close(self) -> None:
        held = self._lines.held
        await self._end(held)

        def leave() -> None:
            states.forget(self.redis, _wires_named(held), key=STATES)
            self.leases.let_go([SUBJECT.format(feed=feed) for feed in held])

        try:
            await in_thread(self.threads, leave)
        except RedisError as error:
            log.warning("feeds_not_left", error=type(error).__name__)

    # ---- what is needed, and whose it is ----

    def _with_lingering(self, needed: Collection[Place]) -> dict[str, list[str]]:
        """By feed."""
        now = monotonic()
        names: dict[str, list[str]] = defaultdict(list)
        known = {place: at for place, at in self._last_needed.items() if now - at < self.linger}
        self._last_needed = known | dict.fromkeys(needed, now)
        for place in dict.fromkeys([*needed, *known]):
            names[place.feed].append(place.name)
        return names

    def _claim(self, feeds: list[str]) -> list[str]:
        """In a thread. Without Redis those that we hold."""
        usable = [feed for feed in feeds if self._has_key(feed)]
        subjects = {SUBJECT.format(feed=feed): feed for feed in usable}
        held = [SUBJECT.format(feed=feed) for feed in self._lines.held]
        try:
            mine = self.leases.hold(list(subjects), held, len(subjects))
            self.leases.let_go([each for each in held if each not in subjects])
        except RedisError as error:
            log.warning("feeds_kept", error=type(error).__name__)
            return [feed for feed in usable if feed in self._lines.held]
        return [subjects[each] for each in mine]

    def _has_key(self, feed: str) -> bool:
        return not Wire(feed, parts_of(feed)[0], self.keys).needs_key or bool(self._seal(feed))

    def _seal(self, feed: str) -> str:
        return seal_of(self.keys.lender(feed))

    def _tell(self) -> None:
        known = {line.account.pk: line.state for line in self.lines()}
        states.tell(self.redis, known, now=self.clock(), key=STATES)

    # ---- in the event loop ----

    async def _follow(self, names: Mapping[str, list[str]]) -> None:
        over = [feed for feed in self._lines.held if feed not in names]
        await self._end([*over, *await in_thread(self.threads, self._with_other_keys)])
        if over:
            gone = _wires_named(over)
            await in_thread(self.threads, lambda: states.forget(self.redis, gone, key=STATES))
        places = {Place(feed, name) for feed, listed in names.items() for name in listed}
        self.board.keep(places)
        for feed, listed in names.items():
            if feed not in self._lines.held:
                wires = wires_of(feed, self.keys)
                self._lines.begin(feed, [self._line(each, listed) for each in wires])
            for line in self._lines.of(feed):
                await self._tend(line, listed)

    def _line(self, wire: Wire, names: list[str]) -> Line[Wire]:
        wire.names = frozenset(names[: wire.part.most])
        ear = PriceEar(self.board, self.clock)
        means: Means[Wire] = Means(ear, open_wire, self.clock, self.first_pause)
        pace = self._paces.setdefault(wire.feed, Pace(AT_ONCE, PER_SECOND))
        return Line(wire, pace, self.threads, means)

    async def _tend(self, line: Line[Wire], names: list[str]) -> None:
        """Tell it what it is to tell, and see whether it does."""
        wire = line.account
        wire.names = frozenset(names[: wire.part.most])
        if not line.is_up:
            self.board.forget(wire.feed, wire.part.name)
        elif wire.stream is not None:
            await line.say(wire.stream.turn_to(wire.names))
        since = max(line.state.connected_since or 0.0, line.state.last_event_at or 0.0)
        silent = self.clock().timestamp() - since
        if line.is_up and silent > wire.patience:
            wire.doubts += 1
            line.doubt("tells nothing")

    async def _end(self, feeds: Collection[str]) -> None:
        for feed in feeds:
            for line in self._lines.of(feed):
                self.board.forget(feed, line.account.part.name)
        await self._lines.end(feeds)

    def _with_other_keys(self) -> list[str]:
        """In a thread: feeds whose key was replaced, or may not be used any more."""
        found = []
        for feed in self._lines.held:
            used = {line.account.seal for line in self._lines.of(feed) if line.account.seal}
            if used and used != {self._seal(feed)}:
                found.append(feed)
        return found


def _wires_named(feeds: Collection[str]) -> list[str]:
    return [f"{feed}/{part.name}" for feed in feeds for part in parts_of(feed)]
