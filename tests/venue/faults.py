"""What the scripted venue does instead of answering as it should, request by request.

Pure. A fault is scripted for an account and an operation ("*" is any); what is queued goes first,
then a seeded mix. `NOT_TAKEN` are those after which the request surely had no effect.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

ANY = "*"
OPERATIONS = (
    "submit", "cancel", "order", "open_orders", "closed_orders", "fills", "positions", "account",
    "instrument", "quotes", "time",
)  # fmt: skip


class FaultKind(StrEnum):
    ACCEPT = "accept"
    """No fault: fills a place in the queue."""
    REJECT = "reject"
    DELAY = "delay"
    """Waits, takes the request then, and answers: the client may be gone."""
    HANG_BEFORE = "hang_before"
    CLOSE_BEFORE = "close_before"
    RESET_BEFORE = "reset_before"
    REFUSE_500 = "refuse_500"
    REFUSE_504 = "refuse_504"
    REFUSE_429 = "refuse_429"
    """The venue's own, with Retry-After."""
    REFUSE_401 = "refuse_401"
    REFUSE_403 = "refuse_403"
    REDIRECT = "redirect"
    ACCEPT_THEN_DELAY = "accept_then_delay"
    """Takes the request at once and answers late."""
    ACCEPT_THEN_HANG = "accept_then_hang"
    ACCEPT_THEN_CLOSE = "accept_then_close"
    ACCEPT_THEN_RESET = "accept_then_reset"
    ACCEPT_THEN_500 = "accept_then_500"
    ACCEPT_THEN_504 = "accept_then_504"
    ACCEPT_THEN_429 = "accept_then_429"
    ACCEPT_THEN_400 = "accept_then_400"
    TRUNCATED_JSON = "truncated_json"
    """Taken; a whole HTTP answer whose JSON stops in the middle."""
    CUT_BODY = "cut_body"
    """Taken; the connection ends within the body."""
    EMPTY_ANSWER = "empty_answer"
    """Taken; 200 with no body."""
    EMPTY_LIST = "empty_list"
    """A list that claims that there is nothing."""
    HUGE_BODY = "huge_body"
    """Taken; an answer without end."""


F = FaultKind
NOT_TAKEN = frozenset({
    F.REJECT, F.HANG_BEFORE, F.CLOSE_BEFORE, F.RESET_BEFORE, F.REFUSE_500, F.REFUSE_504,
    F.REFUSE_429, F.REFUSE_401, F.REFUSE_403, F.REDIRECT,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    kind: FaultKind
    seconds: float = 30
    """How long it hangs or delays."""
    code: str = "ORDER_REJECTED"
    text: str = "The venue does not take this order."
    retry_after: float = 1

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Fault":
        return cls(**{**given, "kind": FaultKind(given["kind"])})


@dataclass(slots=True)
class Mix:
    random: Random
    faults: Sequence[tuple[float, Fault]]
    """Each with its probability; what is left of 1 is no fault."""

    def next(self) -> Fault | None:
        drawn = self.random.random()
        for probability, fault in self.faults:
            drawn -= probability
            if drawn < 0:
                return fault
        return None


@dataclass(slots=True)
class Script:
    queues: dict[tuple[str, str], deque[Fault]] = field(default_factory=dict)
    mixes: dict[tuple[str, str], Mix] = field(default_factory=dict)

    def add(self, account: str, operation: str, fault: Fault, times: int) -> None:
        known_operation(operation)
        self.queues.setdefault((account, operation), deque()).extend([fault] * times)

    def mix(
        self, account: str, operation: str, seed: str, faults: Sequence[tuple[float, Fault]]
    ) -> None:
        """Replaces the mix of this account and operation; no faults end it."""
        known_operation(operation)
        self.mixes[account, operation] = Mix(Random(f"{seed}|{account}|{operation}"), faults)

    def next(self, account: str, operation: str) -> Fault | None:
        places = [
            (owner, named) for owner in (account, ANY) for named in (operation, ANY)
        ]  # the nearest first
        for place in places:
            if self.queues.get(place):
                return self.queues[place].popleft()
        for place in places:
            if place in self.mixes:
                return self.mixes[place].next()
        return None

    def left(self) -> dict[str, int]:
        return {"/".join(place): len(queue) for place, queue in self.queues.items() if queue}


def known_operation(name: str) -> None:
    if name != ANY and name not in OPERATIONS:
        raise ValueError(f"{name!r} is none of {', '.join(OPERATIONS)}")


class CrashPoint(StrEnum):
    """Where an adapter kills its own process, in the middle of a submit."""

    BEFORE_SEND = "before_send"
    IN_SEND = "in_send"
    """All bytes are written; the answer is not read."""
    AFTER_REPLY = "after_reply"


@dataclass(slots=True)
class Crashes:
    """Instructions to crash, each handed out once."""

    queues: dict[str, deque[CrashPoint]] = field(default_factory=dict)
    mixes: dict[str, tuple[Random, float, tuple[CrashPoint, ...]]] = field(default_factory=dict)
    given: list[dict[str, str]] = field(default_factory=list)

    def add(self, account: str, point: CrashPoint, times: int) -> None:
        self.queues.setdefault(account, deque()).extend([point] * times)

    def mix(
        self, account: str, seed: str, probability: float, points: Sequence[CrashPoint]
    ) -> None:
        self.mixes[account] = (Random(f"{seed}|{account}"), probability, tuple(points))

    def next(self, account: str, client_order_id: str, at: str) -> CrashPoint | None:
        point = self._drawn(account) or self._drawn(ANY)
        if point is not None:
            who = {"account": account, "client_order_id": client_order_id}
            self.given.append({"point": point.value, "at": at, **who})
        return point

    def _drawn(self, account: str) -> CrashPoint | None:
        if self.queues.get(account):
            return self.queues[account].popleft()
        if account in self.mixes:
            random, probability, points = self.mixes[account]
            if random.random() < probability:
                return random.choice(points)
        return None
