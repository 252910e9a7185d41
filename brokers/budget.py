"""The rate budget of each venue and address, shared by all workers through Redis.

`ask` before a request (one round trip), `told` after its answer, `slow` after a 429, `stop` after
a 418. A refusal is RateLimited, and nothing was sent. The rule is `brokers.budgeting`. While Redis
is away each process counts for itself, from what it knew last: nobody waits for Redis, exits least.
How urgent a request is, and what is paid with it, is said by `brokers.urgency`.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from hashlib import blake2s
from threading import Lock
from typing import Protocol, TypeVar, cast

import structlog
from redis import Redis, RedisError

from brokers import budgeting
from brokers.budgeting import Limit, Priority, Quiet, Use
from brokers.errors import RateLimited
from brokers.urgency import Paid, Span, ahead, at, current_span, prioritised, urgency
from tradehub.lib.heartbeat import redis_client

AWAY_SECONDS = 5.0
"""After Redis failed to answer, it is left alone for so long."""
MOST_KEPT = 2000
MOST_AHEAD = 4
"""At most this part of a limit is taken ahead, or what weighs very much would never leave."""
HELD = "HELD"
"""In the place of a venue's code: it was not asked at all."""
PREFIX = "tradehub:budget:"
_RAISE = """
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) > used then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
"""A count is only ever raised: answers come in any order."""

__all__ = [
    "HELD",
    "Budget",
    "Charge",
    "Ticket",
    "ahead",
    "at",
    "budget",
    "prioritised",
    "scope_of",
    "urgency",
]

T = TypeVar("T")
log = structlog.get_logger(__name__)

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
                together.expire(place.name, place.seconds)
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
        self._passed: dict[str, float] = {}
        """When a request of ours last came through to the venue, by scope."""

    def ask(self, charges: Sequence[Charge], priority: Priority, now: float) -> Ticket:
        """Raises RateLimited when the request may not leave now."""
        span = current_span() or Span()
        parts = [_part(span, each, priority, now) for each in charges]
        places = [each.place for each in parts]
        scopes = list(dict.fromkeys(each.scope for each in charges))
        counts, quiets = self._take(places, scopes, now)
        uses = [
            Use(part.charge.limit, used)
            for part, used in zip(parts, counts, strict=True)
            if not part.covered
        ]
        verdict = budgeting.judge(uses, quiets, priority, now)
        if verdict.gap and not self._has_turn(scopes[0], verdict.gap, now):
            verdict = budgeting.Verdict(wait=verdict.gap - now % verdict.gap, why=verdict.why)
        if verdict.wait:
            self._give_back(places, now)
            text = f"Nothing was sent. {verdict.why} It may go on in {verdict.wait:.0f} s."
            raise RateLimited(text, retry_after=verdict.wait, venue_code=HELD)
        for part in parts:
            self._pay(span, part, now)
        return Ticket(tuple(charges), tuple(counts), now)

    def told(self, ticket: Ticket, used: Mapping[str, int], now: float) -> None:
        """What the venue's answer says is used, by the names of limits. Empty: it says nothing, as
        what stands before the venue."""
        if used:
            self._passed[ticket.charges[0].scope] = ticket.at
        for charge, known in zip(ticket.charges, ticket.used, strict=True):
            limit, said = charge.limit, used.get(charge.limit.name)
            same_window = limit.window(ticket.at) == limit.window(now)
            if limit.is_beginning(ticket.at) or not same_window:
                continue
            if said is not None and budgeting.is_news(limit, said, known):
                self._raise(charge.place(now), said, now)

    def slow(self, scope: str, retry_after: float | None, *, asked_at: float, now: float) -> None:
        """The venue said 429 to a request of `asked_at`; None: without saying for how long."""
        span = current_span()
        if span is not None:
            span.turns.discard(scope)
        known = self._quiet_of(scope, now)
        if retry_after is None:
            passed_at = self._passed.get(scope, 0.0)
            retry_after = budgeting.untold(known, asked_at=asked_at, passed_at=passed_at, now=now)
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
        self._passed.clear()
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
        span = current_span()
        if span is not None and scope in span.turns:
            return True
        (taken,), _ = self._take([_turn(scope, gap, now)], [], now)
        if span is not None and taken == 1:
            span.turns.add(scope)
        return taken == 1

    def _pay(self, span: Span, part: "_Part", now: float) -> None:
        """What was asked for is paid from what was taken ahead; or more was taken, for the next."""
        name = part.place.name
        if part.covered:
            span.paid[name].left -= part.charge.weight
        elif part.extra:
            left = span.paid[name].left if name in span.paid else 0
            span.paid[name] = Paid(left + part.extra, partial(self._return, part.place, now))
            span.ahead = 0

    def _return(self, place: Place, at: float, weight: int) -> None:
        self._give_back([replace(place, weight=weight)], at)

    def _give_back(self, places: list[Place], now: float) -> None:
        self._do(now, lambda store: store.give_back(places))

    def _quiet_of(self, scope: str, now: float) -> Quiet:
        return self._take([], [scope], now)[1][0]

    def _raise(self, place: Place, used: int, now: float) -> None:
        self._do(now, lambda store: store.raise_to(place, used))

    def _quieten(self, scope: str, quiet: Quiet, seconds: float, now: float) -> None:
        log.warning("venue_limits", scope=scope, seconds=round(seconds, 1))
        kept = max(seconds, quiet.stopped_until - now, quiet.slow_until - now)
        self._do(now, lambda store: store.quieten(scope, quiet, kept))

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


@dataclass(frozen=True, slots=True)
class _Part:
    """Of what is asked for: one charge, as it is taken now."""

    charge: Charge
    place: Place
    covered: bool
    """It has been paid ahead, so nothing is taken."""
    extra: int
    """Taken besides, for what comes next."""


def _part(span: Span, charge: Charge, priority: Priority, now: float) -> _Part:
    place = charge.place(now)
    if span.covers(place.name, charge.weight):
        return _Part(charge, replace(place, weight=0), covered=True, extra=0)
    extra = 0
    if charge.weight and priority is not Priority.FIRST:
        extra = min(span.ahead, charge.limit.most // MOST_AHEAD)
    return _Part(charge, replace(place, weight=charge.weight + extra), covered=False, extra=extra)


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
