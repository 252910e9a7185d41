"""The rate budget of each venue and address, shared by all workers through Redis.

`ask` before a request (one round trip), `told` after its answer, `slow` after a 429, `stop` after
a 418. A refusal is RateLimited, and nothing was sent. The rule is `brokers.budgeting`. While Redis
is away each process counts for itself, from what it knew last: nobody waits for Redis, exits least.
How urgent a request is its adapter says (`prioritised`, `at`), for whatever is asked within.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields
from functools import wraps
from hashlib import blake2s
from threading import Lock
from typing import Any, Protocol, TypeVar, cast

import structlog
from redis import Redis, RedisError

from brokers import budgeting
from brokers.budgeting import Limit, Priority, Quiet, Use
from brokers.errors import RateLimited
from tradehub.lib.heartbeat import redis_client

AWAY_SECONDS = 5.0
"""After Redis failed to answer, it is left alone for so long."""
MOST_KEPT = 2000
PREFIX = "tradehub:budget:"
_RAISE = """
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) > used then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
"""A count is only ever raised: answers come in any order."""

T = TypeVar("T")
C = TypeVar("C", bound=type)
log = structlog.get_logger(__name__)

# ---- how urgent ----

_priority: ContextVar[Priority | None] = ContextVar("priority", default=None)
_turns: ContextVar[set[str] | None] = ContextVar("turns", default=None)
"""Scopes at which what is done now has got its turn: an exit may take several requests."""
_ahead: ContextVar[int] = ContextVar("ahead", default=0)
MOST_AHEAD = 4
"""At most this part of a limit, or what weighs very much would never leave."""
PRIORITIES: Mapping[str, Priority] = {
    "cancel": Priority.FIRST,
    "order": Priority.FIRST,
    "reports": Priority.NORMAL,
    "open_orders": Priority.LAST,
    "closed_orders": Priority.LAST,
    "fills": Priority.LAST,
    "positions": Priority.LAST,
    "cash_entries": Priority.LAST,
}
"""Of the methods of `Broker`; `submit` is as urgent as its request."""


def urgency(default: Priority) -> Priority:
    """Of a request that is made now; `default` is its own."""
    said = _priority.get()
    return default if said is None else said


@contextmanager
def at(priority: Priority) -> Iterator[None]:
    """For what is asked within. Whatever was said outside, if it was more urgent, stays."""
    said, turns = _priority.get(), _turns.get()
    token = _priority.set(priority if said is None else min(said, priority))
    turn = _turns.set(set() if turns is None else turns)
    try:
        yield
    finally:
        _turns.reset(turn)
        _priority.reset(token)


@contextmanager
def ahead(weight: int) -> Iterator[None]:
    """What is asked within is of no use without what is asked next, of this weight: it leaves only
    where that would find room too. Nothing is taken for it, and exits leave all the same."""
    token = _ahead.set(weight)
    try:
        yield
    finally:
        _ahead.reset(token)


def prioritised(broker: C) -> C:
    """Of an adapter's class: its methods say how urgent their requests are."""
    for name, priority in PRIORITIES.items():
        setattr(broker, name, _at(priority, getattr(broker, name)))
    submit = broker.submit  # type: ignore[attr-defined]  # a `Broker`, whose methods a TypeVar can't name

    @wraps(submit)
    def ordered(self: Any, request: Any) -> Any:
        with at(Priority.FIRST if request.reduce_only else Priority.NORMAL):
            return submit(self, request)

    broker.submit = ordered  # type: ignore[attr-defined]  # as above
    return broker


def _at(priority: Priority, method: Callable[..., T]) -> Callable[..., T]:
    @wraps(method)
    def within(*given: Any, **named: Any) -> T:
        with at(priority):
            return method(*given, **named)

    return within


# ---- what is counted ----


@dataclass(frozen=True, slots=True)
class Charge:
    """A part of what a request costs."""

    scope: str
    """Of whom it is counted: see `scope_of`."""
    limit: Limit
    weight: int

    def place(self, now: float) -> "Place":
        limit = self.limit
        name = f"{PREFIX}{self.scope}:{limit.name}:{limit.window(now)}"
        return Place(name, self.weight, limit.seconds + 60)


def scope_of(venue: str, address: str, key: str = "") -> str:
    """Of an address, or of one key there; the key itself is not in it."""
    whose = f"#{blake2s(key.encode(), digest_size=8).hexdigest()}" if key else ""
    return f"{venue}:{address}{whose}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window is counted."""

    name: str
    weight: int
    seconds: int
    """How long it is kept."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Of a request that was let through."""

    charges: tuple[Charge, ...]
    used: tuple[int, ...]
    """Of each charge's window, with this request."""
    at: float


class Store(Protocol):
    def take(
        self, places: Sequence[Place], scopes: Sequence[str]
    ) -> tuple[list[int], list[Quiet]]: ...

    def give_back(self, places: Sequence[Place]) -> None: ...

    def raise_to(self, place: Place, used: int) -> None: ...

    def quieten(self, scope: str, quiet: Quiet, seconds: float) -> None: ...


class Shared:
    """In Redis. Everything raises RedisError, also where OSError is meant."""

    def __init__(self, client: Callable[[], Redis]) -> None:
        self._client = client

    def take(self, places: Sequence[Place], scopes: Sequence[str]) -> tuple[list[int], list[Quiet]]:
        with self._client().pipeline(transaction=False) as together:
            for place in places:
                together.incrby(place.name, place.weight)
            for scope in scopes:
                together.hgetall(_quiet_name(scope))
            for place in places:
                together.expire(place.name, place.seconds)
            said = together.execute()
        counts, quiets = said[: len(places)], said[len(places) :][: len(scopes)]
        return counts, [_quiet(each) for each in quiets]

    def give_back(self, places: Sequence[Place]) -> None:
        with self._client().pipeline(transaction=False) as together:
            for place in places:
                together.decrby(place.name, place.weight)
            together.execute()

    def raise_to(self, place: Place, used: int) -> None:
        self._client().eval(_RAISE, 1, place.name, used, place.seconds)

    def quieten(self, scope: str, quiet: Quiet, seconds: float) -> None:
        name = _quiet_name(scope)
        with self._client().pipeline() as together:
            together.hset(name, mapping={each: repr(at) for each, at in asdict(quiet).items()})
            together.expire(name, int(seconds) + 60)
            together.execute()

    def forget(self) -> None:
        for name in self._client().scan_iter(f"{PREFIX}*"):
            self._client().delete(name)


class Own:
    """Of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._quiets: dict[str, Quiet] = {}

    def take(self, places: Sequence[Place], scopes: Sequence[str]) -> tuple[list[int], list[Quiet]]:
        with self._lock:
            for place in places:
                self._set(place.name, self._counts.get(place.name, 0) + place.weight)
            counts = [self._counts[each.name] for each in places]
            return counts, [self._quiets.get(each, Quiet()) for each in scopes]

    def give_back(self, places: Sequence[Place]) -> None:
        with self._lock:
            for place in places:
                self._set(place.name, self._counts.get(place.name, 0) - place.weight)

    def raise_to(self, place: Place, used: int) -> None:
        with self._lock:
            self._set(place.name, max(used, self._counts.get(place.name, 0)))

    def quieten(self, scope: str, quiet: Quiet, seconds: float = 0) -> None:
        with self._lock:
            self._quiets[scope] = quiet

    def _set(self, name: str, used: int) -> None:
        self._counts[name] = used
        self._counts.move_to_end(name)
        while len(self._counts) > MOST_KEPT:
            self._counts.popitem(last=False)


# ---- the budget ----


class Budget:
    """Times are seconds since 1970, of the venue's clock where it is known."""

    def __init__(self, client: Callable[[], Redis] = redis_client) -> None:
        self._shared = Shared(client)
        self._own = Own()
        self._away_until = 0.0

    def ask(self, charges: Sequence[Charge], priority: Priority, now: float) -> Ticket:
        """Raises RateLimited when the request may not leave now."""
        places = [each.place(now) for each in charges]
        scopes = list(dict.fromkeys(each.scope for each in charges))
        counts, quiets = self._take(places, scopes, now)
        uses = [
            Use(each.limit, used + _room_for(each, priority))
            for each, used in zip(charges, counts, strict=True)
        ]
        verdict = budgeting.judge(uses, quiets, priority, now)
        if verdict.gap and not self._has_turn(scopes[0], verdict.gap, now):
            verdict = budgeting.Verdict(wait=verdict.gap - now % verdict.gap, why=verdict.why)
        if verdict.wait:
            self._do(now, lambda store: store.give_back(places))
            text = f"Nothing was sent. {verdict.why} It may go on in {verdict.wait:.0f} s."
            raise RateLimited(text, retry_after=verdict.wait, venue_code="HELD")
        return Ticket(tuple(charges), tuple(counts), now)

    def told(self, ticket: Ticket, used: Mapping[str, int], now: float) -> None:
        """What the venue's answer says is used, by the names of limits."""
        for charge, known in zip(ticket.charges, ticket.used, strict=True):
            limit, said = charge.limit, used.get(charge.limit.name)
            same_window = limit.window(ticket.at) == limit.window(now)
            if said is not None and same_window and budgeting.is_news(limit, said, known):
                self._raise(charge.place(now), said, now)

    def slow(self, scope: str, retry_after: float, *, asked_at: float, now: float) -> None:
        """The venue said 429 to a request of `asked_at`."""
        (_turns.get() or set()).discard(scope)
        known = self._quiet_of(scope, now)
        quiet = budgeting.slowed(known, retry_after, asked_at=asked_at, now=now)
        self._quieten(scope, quiet, retry_after, now)
        if known.slow_until > now and quiet.gap > known.gap:
            self._take([_turn(scope, quiet.gap, now)], [], now)  # not at once again

    def stop(self, scope: str, retry_after: float, *, now: float) -> None:
        """The venue said 418."""
        quiet = budgeting.stopped(self._quiet_of(scope, now), retry_after, now=now)
        self._quieten(scope, quiet, retry_after, now)

    def forget(self) -> None:
        """All that was counted and said, here and in Redis: for tests, which begin anew."""
        self._own = Own()
        self._away_until = 0.0
        self._try(0.0, self._shared.forget)
        self._away_until = 0.0

    def _take(
        self, places: list[Place], scopes: list[str], now: float
    ) -> tuple[list[int], list[Quiet]]:
        found = self._try(now, lambda: self._shared.take(places, scopes))
        if found is None:
            return self._own.take(places, scopes)
        counts, said = found
        for place, used in zip(places, counts, strict=True):
            self._own.raise_to(place, used)
        own = self._own.take([], scopes)[1]
        quiets = [budgeting.together(*both) for both in zip(said, own, strict=True)]
        for scope, quiet in zip(scopes, quiets, strict=True):
            self._own.quieten(scope, quiet)
        return counts, quiets

    def _has_turn(self, scope: str, gap: float, now: float) -> bool:
        """Each is given once, for all that is asked within one `at`."""
        turns = _turns.get()
        if turns is not None and scope in turns:
            return True
        (taken,), _ = self._take([_turn(scope, gap, now)], [], now)
        if turns is not None and taken == 1:
            turns.add(scope)
        return taken == 1

    def _quiet_of(self, scope: str, now: float) -> Quiet:
        return self._take([], [scope], now)[1][0]

    def _raise(self, place: Place, used: int, now: float) -> None:
        self._do(now, lambda store: store.raise_to(place, used))

    def _quieten(self, scope: str, quiet: Quiet, seconds: float, now: float) -> None:
        log.warning("venue_limits", scope=scope, seconds=round(seconds, 1))
        self._do(now, lambda store: store.quieten(scope, quiet, seconds))

    def _do(self, now: float, act: Callable[[Store], None]) -> None:
        """Here, and there if Redis answers."""
        act(self._own)
        self._try(now, lambda: act(self._shared))

    def _try(self, now: float, act: Callable[[], T]) -> T | None:
        """None when Redis does not answer, or has not a moment ago."""
        if 0 < self._away_until - now <= AWAY_SECONDS:
            return None
        try:
            return act()
        except (RedisError, OSError) as error:
            self._away_until = now + AWAY_SECONDS
            log.warning("budget_without_redis", error=type(error).__name__)
            return None


def _room_for(charge: Charge, priority: Priority) -> int:
    """What has to be free besides."""
    if priority is Priority.FIRST or not charge.weight:
        return 0
    return min(_ahead.get(), charge.limit.most // MOST_AHEAD)


def _turn(scope: str, gap: float, now: float) -> Place:
    return Place(f"{PREFIX}{scope}:turn:{gap:g}:{int(now // gap)}", 1, int(gap) + 60)


def _quiet_name(scope: str) -> str:
    return f"{PREFIX}{scope}:quiet"


def _quiet(said: object) -> Quiet:
    found = cast("Mapping[bytes, bytes]", said)
    names = {each.name: each.name.encode() for each in fields(Quiet)}
    return Quiet(**{name: float(found[raw]) for name, raw in names.items() if raw in found})


budget = Budget()
"""Of this process."""
