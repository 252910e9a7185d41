"""Answers of Binance, taken apart. Pure.

What can't be read says nothing: its outcome is unknown.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from brokers.binance.errors import unreadable

T = TypeVar("T")


def parsed(read: Callable[[], T]) -> T:
    """What `read` makes of an answer."""
    try:
        return read()
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise unreadable() from error


def object_of(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise unreadable()
    return raw


def list_of(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise unreadable()
    return raw
