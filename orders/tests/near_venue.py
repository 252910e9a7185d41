"""The scripted venue without a socket: its exchange, its trading API and its adapter, in this
process, with troubles between them. For tests that need thousands of requests.

`Steps` counts the commits of the order path and its requests to the venue; after one of them it
does what it was told: kills the worker, or lets somebody else do something in between.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from threading import RLock
from typing import Any

import orjson
import pytest

from brokers.models import BrokerAccount
from tests.venue.adapter import Options, ScriptedBroker
from tests.venue.books import Books, Refused
from tests.venue.exchange import Exchange
from tests.venue.trading_api import Reply, Request, act, refusal, understand
from tests.venue.transport import Answer, NoAnswer, NotWritten

KEY = "near"


class Trouble(StrEnum):
    UNREACHABLE = "unreachable"
    """No connection: not a byte left."""
    LOST_BEFORE = "lost_before"
    """No answer, and the venue never heard of it."""
    LOST_AFTER = "lost_after"
    """No answer, and the venue has done it."""
    BROKEN_BEFORE = "broken_before"
    BROKEN_AFTER = "broken_after"
    """A page of something in between, 502, after the venue has done it."""
    UNREADABLE = "unreadable"
    """Done; the JSON stops in the middle."""
    REFUSED = "refused"
    TOO_MANY = "too_many"


T = Trouble
_NOT_DONE = {T.UNREACHABLE, T.LOST_BEFORE, T.BROKEN_BEFORE, T.REFUSED, T.TOO_MANY}
_LOOK_UPS = ("order", "open_orders", "closed_orders", "fills")
_REFUSALS = {
    T.REFUSED: Refused("ORDER_REJECTED", "The venue does not take this order."),
    T.TOO_MANY: Refused("RATE_LIMITED", "Not now.", status=429),
}


class Killed(BaseException):
    """kill -9: no handler of ours runs."""


class Steps:
    """After the step `at` (1 is the first) `then` happens, once."""

    def __init__(self) -> None:
        self._left = 0
        self._depth = 0
        self._then: Callable[[], None] = lambda: None
        self.dead = False

    @contextmanager
    def interrupted(self, at: int, then: Callable[[], None]) -> Iterator[None]:
        self._left, self._then = at, then
        try:
            yield
        finally:
            self._left, self.dead = 0, False

    def kill(self) -> None:
        self.dead = True
        raise Killed

    def taken(self) -> None:
        if self._left:
            self._left -= 1
            if not self._left:
                self._then()

    def commits(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Around `in_write_transaction`: only the outermost commits."""

        def wrapped(*given: Any, **named: Any) -> Any:
            self._depth += 1
            try:
                answer = function(*given, **named)
            finally:
                self._depth -= 1
            if not self._depth:
                self.taken()
            return answer

        return wrapped

    def spared(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Around what a `finally` of ours would do, and a killed process does not."""
        return lambda *given: None if self.dead else function(*given)


class NearVenue:
    """What `tests.venue.trading_api` asks of a venue; nothing of it is kept on disk."""

    def __init__(self, clock: Callable[[], datetime], steps: Steps, **rules: Any) -> None:
        self.now = clock
        self.lock = RLock()
        self.exchange = Exchange()
        self.troubles: dict[str, deque[Trouble]] = {}
        self.submits: list[str] = []
        """Client order ids of the requests that left for the venue, troubled or not."""
        self.was_silent = False
        """Whether it ever failed to say what became of an order."""
        self._steps = steps
        self.do("open_account", key=KEY, cash="10000000", rules=rules)

    @property
    def books(self) -> Books:
        return self.exchange.books(KEY)

    def do(self, command: str, **arguments: Any) -> Any:
        return self.exchange.apply(command, arguments, self.now())

    def trouble(self, operation: str, trouble: Trouble, times: int) -> None:
        self.troubles.setdefault(operation, deque()).extend([trouble] * times)

    def connect(
        self, account: BrokerAccount, now: Callable[[], datetime], **options: Any
    ) -> ScriptedBroker:
        broker = ScriptedBroker(Options(url="", api_key=KEY, **options), now)
        broker._wire = self  # type: ignore[assignment]  # the same call, without a socket
        return broker

    def call(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        written: Callable[[], None] = lambda: None,
    ) -> Answer:
        """As `tests.venue.transport.Wire.call`."""
        request = Request(method, target, headers, body or b"")
        call = understand(request)
        assert call is not None
        queue = self.troubles.get(call.operation)
        trouble = queue.popleft() if queue else None
        self.was_silent |= trouble is not None and call.operation in _LOOK_UPS
        if call.operation == "submit":
            self.submits.append(request.json()["client_order_id"])
        if trouble in _NOT_DONE:
            reply = refusal(_REFUSALS.get(trouble, Refused("", "")))
        else:
            try:
                reply = act(self, call, request)  # type: ignore[arg-type]  # all that it asks for
            except Refused as refused:
                reply = refusal(refused)
        if call.operation in ("submit", "cancel"):
            self._steps.taken()
        return _delivered(trouble, reply)


def _delivered(trouble: Trouble | None, reply: Reply) -> Answer:
    body = orjson.dumps(reply.body)
    if trouble is T.UNREACHABLE:
        raise NotWritten("ConnectionRefusedError")
    if trouble in (T.LOST_BEFORE, T.LOST_AFTER):
        raise NoAnswer("TimeoutError")
    if trouble in (T.BROKEN_BEFORE, T.BROKEN_AFTER):
        return Answer(502, {}, b"<html>Bad gateway</html>")
    if trouble is T.UNREADABLE:
        return Answer(reply.status, {}, body[: len(body) // 2])
    return Answer(reply.status, reply.headers, body)


def stand_between(
    patch: pytest.MonkeyPatch, steps: Steps, connect: Callable[..., ScriptedBroker]
) -> None:
    """Every module of the order path speaks to `connect`, and each of its commits is a step."""
    modules = [each for name, each in sys.modules.items() if name.startswith("orders.")]
    for module in modules:
        if module.__name__.startswith("orders.tests"):
            continue
        if hasattr(module, "in_write_transaction"):
            patch.setattr(
                module, "in_write_transaction", steps.commits(module.in_write_transaction)
            )
        if hasattr(module, "connect"):
            patch.setattr(module, "connect", connect)
        if hasattr(module, "release_lane"):
            patch.setattr(module, "release_lane", steps.spared(module.release_lane))
