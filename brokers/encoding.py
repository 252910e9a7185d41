"""The words of `brokers.types` as plain JSON and back, between processes.

Pure. Decimals and times are texts; what a value is, the annotation says, never the text itself.
"""

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from tradehub.core.money import plain


def to_plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, Collection) and not isinstance(value, str):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: Any, data: Any) -> Any:
    """`data` as a value of the annotation `kind`. Raises TypeError, ValueError or KeyError for
    what it is not."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _of_union(get_args(kind), data)
    if origin is not None and issubclass(origin, Mapping):
        item = get_args(kind)[1]
        return {name: from_plain(item, value) for name, value in data.items()}
    if origin is not None:
        held = list if origin not in (tuple, frozenset, set) else origin
        return held(from_plain(get_args(kind)[0], each) for each in data)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: from_plain(hints[name], value) for name, value in data.items()})
    return _single(kind, data)


def _of_union(kinds: tuple[Any, ...], data: Any) -> Any:
    if data is None:
        return None
    (kind,) = [each for each in kinds if each is not NoneType]
    return from_plain(kind, data)


def _single(kind: Any, data: Any) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(data)
    if kind in (NoneType, None, bool):
        return data
    return kind(data)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
