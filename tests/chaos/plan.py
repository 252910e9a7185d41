"""Which fault comes when: an endless schedule, the same for the same seed.

Pure. Cycles of a storm, in which processes die, and a calm, in which they are only stopped: `up`
restarts a child with a pause that doubles until it has lived for a minute, and a hub that is down
proves nothing. The venue misbehaves in both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from random import Random

from tests.venue.faults import CrashPoint, FaultKind

STORM_SECONDS = 35.0
CALM_SECONDS = 65.0
CYCLE_SECONDS = STORM_SECONDS + CALM_SECONDS
F = FaultKind


class Do(StrEnum):
    KILL = "kill"
    """-9 a process of the hub; `up` itself takes all of them with it."""
    STOP = "stop"
    """SIGSTOP, and SIGCONT after `seconds`."""
    CRASH = "crash"
    """A worker kills itself at a named point of its next submit."""
    VENUE_DOWN = "venue_down"
    """-9, and started again after `seconds`."""
    LAG = "lag"
    """What an account did is unseen for a while."""
    MIX = "mix"
    """From now on the venue misbehaves so."""
    SOCKETS = "sockets"
    """Its streams do, for `seconds`; `role` says how."""


@dataclass(frozen=True, slots=True)
class Step:
    at: float
    """Seconds since the start."""
    do: Do
    role: str = ""
    seconds: float = 0
    point: CrashPoint | None = None
    account: int = 0
    mixes: Mapping[str, Mapping[FaultKind | str, float]] = field(default_factory=dict)
    """By operation: each kind's probability; `seconds` is how long it hangs."""


Draw = tuple[float, Do, str]
_STORM: tuple[Draw, ...] = (
    (8, Do.KILL, "worker"),
    (6, Do.KILL, "web"),
    (3, Do.KILL, "beat"),
    (4, Do.KILL, "redis"),
    (2.5, Do.KILL, "up"),
    (12, Do.CRASH, "worker"),
)
_ANYTIME: tuple[Draw, ...] = (
    (3, Do.STOP, "worker"),
    (2, Do.STOP, "web"),
    (2, Do.STOP, "redis"),
    (1, Do.STOP, "beat"),
    (1, Do.VENUE_DOWN, ""),
    (2, Do.LAG, ""),
)
_STREAMS_STORM: tuple[Draw, ...] = ((5, Do.KILL, "stream"),)
_STREAMS: tuple[Draw, ...] = (
    (2, Do.STOP, "stream"),
    *((1.5, Do.SOCKETS, kind) for kind in ("drop", "mute", "late", "copies")),
    (0.7, Do.SOCKETS, "silent"),
)
"""Where the venue has streams, these come too."""
SOCKET_SECONDS = (2.0, 12.0)
BEYOND_THE_LEASE = (11.0, 15.0)
SHORT_STOP = (0.1, 5.0)
LONG_STOPS = 0.2
LAG_SECONDS = (4.0, 10.0)

_NOT_TAKEN = {
    F.DELAY: 2, F.HANG_BEFORE: 2, F.CLOSE_BEFORE: 3, F.RESET_BEFORE: 3, F.REFUSE_500: 2,
    F.REFUSE_504: 2, F.REFUSE_429: 2, F.REFUSE_401: 0.3, F.REFUSE_403: 0.3, F.REDIRECT: 1,
}  # fmt: skip
_TAKEN = {
    F.ACCEPT_THEN_DELAY: 2, F.ACCEPT_THEN_HANG: 2, F.ACCEPT_THEN_CLOSE: 4, F.ACCEPT_THEN_RESET: 4,
    F.ACCEPT_THEN_500: 3, F.ACCEPT_THEN_504: 3, F.ACCEPT_THEN_429: 2, F.ACCEPT_THEN_400: 2,
    F.TRUNCATED_JSON: 2, F.CUT_BODY: 2, F.EMPTY_ANSWER: 2, F.HUGE_BODY: 0.3,
}  # fmt: skip
_ORDERING = {**_NOT_TAKEN, **_TAKEN, F.REJECT: 2}
_READING = {**_NOT_TAKEN, **_TAKEN}
_LISTING = {**_READING, F.EMPTY_LIST: 1}
_OF: Mapping[str, tuple[Mapping[FaultKind, float], float, float]] = {
    # how likely any fault is in a storm, and in a calm
    "submit": (_ORDERING, 0.4, 0.3),
    "cancel": (_ORDERING, 0.4, 0.25),
    "order": (_READING, 0.08, 0.05),
    "open_orders": (_LISTING, 0.06, 0.04),
    "closed_orders": (_LISTING, 0.06, 0.04),
    "fills": (_LISTING, 0.06, 0.04),
    "positions": (_LISTING, 0.06, 0.04),
    "account": (_READING, 0.04, 0.03),
    "instrument": (_READING, 0.04, 0.03),
    "quotes": (_READING, 0.04, 0.03),
}


def schedule(seed: int, accounts: int, *, streams: bool = False) -> Iterator[Step]:
    """In order of time, without end."""
    anytime = _ANYTIME + (_STREAMS if streams else ())
    storm = _STORM + (_STREAMS_STORM if streams else ()) + anytime
    for cycle in count():
        random = Random(f"{seed}|{cycle}")
        begin = cycle * CYCLE_SECONDS
        yield _mix(begin, 1, random)
        yield from _steps(begin, STORM_SECONDS, (1.0, 3.5), storm, accounts, random)
        begin += STORM_SECONDS
        yield _mix(begin, 2, random)
        yield from _steps(begin, CALM_SECONDS, (3.0, 8.0), anytime, accounts, random)


def _steps(
    begin: float,
    seconds: float,
    pauses: tuple[float, float],
    draws: tuple[Draw, ...],
    accounts: int,
    random: Random,
) -> Iterator[Step]:
    at = begin + random.uniform(*pauses)
    while at < begin + seconds:
        _, do, role = random.choices(draws, [weight for weight, _, _ in draws])[0]
        if do is Do.STOP:
            long = role == "worker" and random.random() < LONG_STOPS
            yield Step(at, do, role, random.uniform(*(BEYOND_THE_LEASE if long else SHORT_STOP)))
        elif do is Do.CRASH:
            yield Step(at, do, role, point=random.choice(list(CrashPoint)))
        elif do is Do.VENUE_DOWN:
            yield Step(at, do, seconds=random.uniform(0.2, 4))
        elif do is Do.LAG:
            length = random.uniform(*LAG_SECONDS)
            yield Step(at, do, seconds=length, account=random.randrange(accounts))
        elif do is Do.SOCKETS:
            yield Step(at, do, role, random.uniform(*SOCKET_SECONDS))
        else:
            yield Step(at, do, role)
        at += random.uniform(*pauses)


def _mix(at: float, column: int, random: Random) -> Step:
    mixes: dict[str, Mapping[FaultKind | str, float]] = {}
    for operation, row in _OF.items():
        weights, likely = row[0], (row[1], row[2])[column - 1]
        total = sum(weights.values())
        mixes[operation] = {kind: likely * weight / total for kind, weight in weights.items()}
    return Step(at, Do.MIX, seconds=random.uniform(1, 6), mixes=mixes)
