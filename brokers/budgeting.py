"""Whether a request may leave now: the rule of a rate budget that many processes share.

Pure. Use of a limit is counted in windows of a fixed length; time comes in as seconds since 1970.
Background reads stop first, then comparisons that accounts wait for, then entries and what they
need; what is left is for exits, cancels and questions about orders that were sent. Those are never
refused by a count, which may be wrong: where the rest is used up, or the venue has said 429, they
go one at a time. A ban stops everything.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum


class Priority(IntEnum):
    FIRST = 0
    """Exits, cancels, and questions about orders that were sent."""
    NORMAL = 1
    """Entries, what a decision reads, and the check of an account."""
    REQUIRED = 2
    """Comparisons that accounts may not trade before."""
    LAST = 3
    """Background reads: comparisons, lists, histories."""


SHARES: Mapping[Priority, float] = {
    Priority.FIRST: 1.0,
    Priority.NORMAL: 0.85,
    Priority.REQUIRED: 0.80,
    Priority.LAST: 0.70,
}
"""Up to which share of a limit each may go."""
BEGINNING = 3.0
"""Seconds of a window in which a count may be one of the window before: nobody knows the venue's
clock better than by half of a question's way, which is long for the first one."""
GAP = 1.0
"""Seconds between two requests where they go one at a time, at first."""
MOST_GAP = 16.0
UNTOLD, MOST_UNTOLD = 5.0, 60.0
"""Seconds to be slow after a 429 that does not say how long: at first, and at most."""


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    most: int
    seconds: int
    """The length of a window; windows begin at its multiples."""
    words: str = "requests"
    """What is counted, in a sentence."""

    def window(self, now: float) -> int:
        return int(now // self.seconds)

    def ends_in(self, now: float) -> float:
        return (self.window(now) + 1) * self.seconds - now

    def is_beginning(self, at: float) -> bool:
        return at % self.seconds < min(BEGINNING, self.seconds / 20)


@dataclass(frozen=True, slots=True)
class Use:
    limit: Limit
    used: int
    """In the present window, with what is asked for now and has to follow."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """What the venue said of too many requests. Times as seconds since 1970; 0: never."""

    stopped_until: float = 0.0
    slow_until: float = 0.0
    slow_since: float = 0.0
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Go when both are 0."""

    wait: float = 0.0
    """It may not leave for so many seconds."""
    gap: float = 0.0
    """It may leave when it gets a turn, of which there is one in so many seconds."""
    why: str = ""


def judge(
    uses: Collection[Use], quiets: Collection[Quiet], priority: Priority, now: float
) -> Verdict:
    stopped = max((each.stopped_until for each in quiets), default=0.0) - now
    if stopped > 0:
        return Verdict(wait=stopped, why="The venue has banned this address for a while.")
    slow = max((each.slow_until for each in quiets), default=0.0) - now
    full = [each for each in uses if each.used > each.limit.most * SHARES[priority]]
    if not full and slow <= 0:
        return Verdict()
    why = _of_count(full[0]) if full else "The venue has asked for fewer requests."
    if priority is Priority.FIRST:
        gaps = [each.gap for each in quiets if each.slow_until > now]
        return Verdict(gap=max([GAP, *gaps]), why=why)
    return Verdict(wait=max([slow, *(each.limit.ends_in(now) for each in full)]), why=why)


def slowed(quiet: Quiet, retry_after: float, *, asked_at: float, now: float) -> Quiet:
    """After a 429. Who was let through in a slow time and is told so again waits twice as long."""
    if quiet.slow_until <= now:
        return replace(quiet, slow_until=now + retry_after, slow_since=now, gap=GAP)
    gap = min(quiet.gap * 2, MOST_GAP) if asked_at > quiet.slow_since else quiet.gap
    return replace(quiet, slow_until=max(quiet.slow_until, now + retry_after), gap=gap)


def untold(quiet: Quiet, *, asked_at: float, passed_at: float, now: float) -> float:
    """How long to be slow after a 429 that does not say. Twice as long as the last time when what
    was sent since is told so again, that time is not long over, and nothing has come through to
    the venue (`passed_at`: when something did last) for as long as the shortest lasts."""
    lasted = quiet.slow_until - quiet.slow_since
    soon = asked_at > quiet.slow_since and now < quiet.slow_until + lasted
    goes_on = soon and passed_at < asked_at - UNTOLD
    return min(2 * lasted, MOST_UNTOLD) if goes_on else UNTOLD


def stopped(quiet: Quiet, retry_after: float, *, now: float) -> Quiet:
    """After a 418."""
    return replace(quiet, stopped_until=max(quiet.stopped_until, now + retry_after))


def together(one: Quiet, other: Quiet) -> Quiet:
    """What two memories hold: a venue's word is not forgotten because one of them was emptied."""
    slow = max(one, other, key=lambda each: each.slow_until)
    return replace(slow, stopped_until=max(one.stopped_until, other.stopped_until))


def is_news(limit: Limit, told: int, known: int) -> bool:
    """Whether the venue counts so much more than we do that the others must hear of it."""
    return told > known + limit.most // 50


def _of_count(use: Use) -> str:
    limit = use.limit
    return (
        f"{use.used} of the {limit.most} {limit.words} in {limit.seconds} s are used; "
        "the rest is kept for exits."
    )
