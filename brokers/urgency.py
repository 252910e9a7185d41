"""How urgent a request is, and what belongs together: said around it, heard by `brokers.budget`.

An adapter says it of its methods (`prioritised`), a caller of whatever is asked within (`at`). The
outermost `at` is one undertaking: it gets one turn where turns are given, and what was taken ahead
for its later requests (`ahead`) is theirs until it ends.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from brokers.budgeting import Priority

T = TypeVar("T")
C = TypeVar("C", bound=type)

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


@dataclass(slots=True)
class Paid:
    """Taken ahead in one window, and not asked for yet."""

    left: int
    give_back: Callable[[int], None]


@dataclass(slots=True)
class Span:
    """One undertaking."""

    turns: set[str] = field(default_factory=set)
    """Scopes at which it has got its turn: an exit may take several requests."""
    paid: dict[str, Paid] = field(default_factory=dict)
    """By the name of the place where it is counted."""
    ahead: int = 0
    """To be taken with the next request."""

    def covers(self, place: str, weight: int) -> bool:
        return 0 < weight <= (self.paid[place].left if place in self.paid else 0)

    def end(self) -> None:
        for each in self.paid.values():
            if each.left:
                each.give_back(each.left)


_priority: ContextVar[Priority | None] = ContextVar("priority", default=None)
_span: ContextVar[Span | None] = ContextVar("span", default=None)


def urgency(default: Priority) -> Priority:
    """Of a request that is made now; `default` is its own."""
    said = _priority.get()
    return default if said is None else said


def current_span() -> Span | None:
    return _span.get()


@contextmanager
def at(priority: Priority) -> Iterator[None]:
    """For what is asked within. Whatever was said outside, if it was more urgent, stays."""
    said, outer = _priority.get(), _span.get()
    span = outer or Span()
    token = _priority.set(priority if said is None else min(said, priority))
    within = _span.set(span)
    try:
        yield
    finally:
        _span.reset(within)
        _priority.reset(token)
        if outer is None:
            span.end()


@contextmanager
def ahead(weight: int) -> Iterator[None]:
    """What is asked within is of no use without what is asked next, of this weight: it leaves only
    where both have room, and both are paid. Exits leave all the same, and pay for themselves only.
    What the undertaking has not asked for in the end is given back."""
    outer = _span.get()
    span = outer or Span()
    within = _span.set(span)
    before, span.ahead = span.ahead, weight
    try:
        yield
    finally:
        span.ahead = before
        _span.reset(within)
        if outer is None:
            span.end()


def prioritised(broker: C) -> C:
    """Of an adapter's class: its methods say how urgent their requests are."""
    for name, priority in PRIORITIES.items():
        setattr(broker, name, _at(priority, getattr(broker, name)))
    adapter: Any = broker
    submit = adapter.submit

    @wraps(submit)
    def ordered(self: Any, request: Any) -> Any:
        with at(Priority.FIRST if request.reduce_only else Priority.NORMAL):
            return submit(self, request)

    adapter.submit = ordered
    return broker


def _at(priority: Priority, method: Callable[..., T]) -> Callable[..., T]:
    @wraps(method)
    def within(*given: Any, **named: Any) -> T:
        with at(priority):
            return method(*given, **named)

    return within
