"""Typed readers of one JSON object. A reader gives the value, or None when nothing was said.

What is wrong is noted with its pointer and read as None, so that all errors come out together; the
caller raises when there are any, and never uses what it read until then. null and "" mean "not
said"; 0, NaN, a negative or a word where a number belongs is an error, never "not said".
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from signals.parsing.names import EXTRA, MAX_NAME, REFUSED, SECRET, field_of, squash, why_refused
from signals.parsing.problems import MAX_ERRORS, FieldError, join_pointer, shown
from tradehub.core.money import HUNDRED, NotANumber, to_decimal

_Word = TypeVar("_Word", bound=StrEnum)

_TRUE = frozenset({"true", "yes", "on", "1", "y"})
_FALSE = frozenset({"false", "no", "off", "0", "n"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 10**11
"""An epoch time from here on is in milliseconds: as seconds it would be the year 5138."""
_SANE_YEARS = range(2000, 2101)


class Fields:
    """What one object says, under the names of `signals.parsing.names`."""

    __slots__ = ("at", "errors", "keys", "leftovers", "said")

    def __init__(
        self,
        document: Mapping[str, Any],
        at: str,
        errors: list[FieldError],
        field_name: Callable[[str], str] = field_of,
    ) -> None:
        self.at = at
        self.errors = errors
        self.said: dict[str, Any] = {}
        self.keys: dict[str, str] = {}
        """Field name -> the key that said it."""
        self.leftovers: list[tuple[str, Any]] = []
        for key, value in document.items():
            if value is None or (value.__class__ is str and not value.strip()):
                continue
            name = field_name(key) if len(key) <= MAX_NAME else EXTRA
            if name is EXTRA:
                self.leftovers.append((key, value))
            elif name is REFUSED:
                if value is not False:
                    self._note(join_pointer(at, key), "UNSUPPORTED_FIELD", why_refused(key))
            elif name is not SECRET:
                self._take(name, key, value)

    def has(self, name: str) -> bool:
        return name in self.said

    def pointer(self, name: str) -> str:
        """Where a field was said, or would be."""
        return join_pointer(self.at, self.keys.get(name, name))

    def fail(self, name: str, code: str, detail: str) -> None:
        self._note(self.pointer(name), code, detail)

    def missing(self, name: str, detail: str) -> None:
        self.fail(name, "MISSING_FIELD", detail)

    def contradiction(self, name: str, detail: str) -> None:
        self.fail(name, "CONTRADICTORY_FIELDS", detail)

    def invalid(self, name: str, detail: str) -> None:
        self.fail(name, "INVALID_FIELD", detail)

    def positive(self, name: str, *, below: Decimal | None = None) -> Decimal | None:
        value = self.said.get(name)
        if value is None:
            return None
        number = self.signed(name)
        if number is None:
            return None
        if number <= 0 or (below is not None and number >= below):
            limit = "" if below is None else f" and below {below}"
            self.invalid(name, f"{shown(value)} can't be: this is a number above 0{limit}.")
            return None
        return number

    def signed(self, name: str) -> Decimal | None:
        value = self.said.get(name)
        if value is None:
            return None
        try:
            return to_decimal(value)
        except NotANumber as error:
            self.invalid(name, f"{shown(value)} is no number to trade with: {error}.")
            return None

    def percent(self, name: str, *, below: Decimal | None = None) -> Decimal | None:
        """Like `positive`; a percent sign behind the number is understood."""
        value = self.said.get(name)
        if isinstance(value, str) and value.rstrip().endswith("%"):
            self.said[name] = value.rstrip()[:-1]
        return self.positive(name, below=below)

    def is_percent(self, name: str) -> bool:
        value = self.said.get(name)
        return isinstance(value, str) and value.rstrip().endswith("%")

    def text(self, name: str, *, most: int, cut: bool = False) -> str | None:
        value = self.said.get(name)
        if value is None:
            return None
        if isinstance(value, bool | dict | list):
            self.invalid(name, f"{shown(value)} is no text.")
            return None
        text = value.strip() if isinstance(value, str) else str(value)
        if len(text) > most and not cut:
            self.invalid(name, f"{len(text)} characters are too long; {most} is the most.")
            return None
        return text[:most]

    def word(self, name: str) -> str | None:
        """A text to look up in a table: `Stop-Limit`, `STOP LIMIT` and `stop_limit` are one."""
        value = self.said.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.invalid(name, f"{shown(value)} is no word.")
            return None
        return value.strip().lower().replace(" ", "_").replace("-", "_")

    def choice(self, name: str, words: Mapping[str, _Word]) -> _Word | None:
        word = self.word(name)
        if word is None:
            return None
        chosen = words.get(word)
        if chosen is None:
            known = ", ".join(dict.fromkeys(each.value for each in words.values()))
            self.invalid(name, f"{shown(self.said[name])} is not understood; say {known}.")
        return chosen

    def truth(self, name: str) -> bool | None:
        value = self.said.get(name)
        if value is None or isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in _TRUE:
            return True
        if word not in _FALSE:
            self.invalid(name, f"{shown(value)} is neither true nor false.")
            return None
        return False

    def moment(self, name: str) -> datetime | None:
        """ISO-8601, or seconds or milliseconds since 1970; UTC where no zone is said."""
        value = self.said.get(name)
        if value is None:
            return None
        try:
            return _moment(value)
        except (ValueError, OverflowError):
            self.invalid(name, f"{shown(value)} is no time; say 2026-01-05T10:00:00Z.")
            return None

    def secret(self, name: str) -> str | None:
        """A text exactly as it was said; never quoted in an error."""
        value = self.said.get(name)
        if value is None:
            return None
        if isinstance(value, bool | dict | list):
            self.invalid(name, "This is no text.")
            return None
        text = str(value)
        return text if text.isascii() else text.encode("utf-8", "replace").decode()

    def _take(self, name: str, key: str, value: Any) -> None:
        if name not in self.said:
            self.said[name] = value
            self.keys[name] = key
        elif not _same(self.said[name], value):
            first = self.keys[name]
            detail = f"`{first}` and `{key}` mean the same and say different things."
            if squash(first) == squash(key):
                detail = "This is said twice, differently."
            self._note(join_pointer(self.at, key), "CONTRADICTORY_FIELDS", detail)

    def _note(self, pointer: str, code: str, detail: str) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(FieldError(pointer, code, detail))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if one == other:
        return True
    try:
        return to_decimal(one) == to_decimal(other)
    except NotANumber:
        if isinstance(one, str) and isinstance(other, str):
            return one.strip().casefold() == other.strip().casefold()
        return False


def _moment(value: Any) -> datetime:
    try:
        number = to_decimal(value)
    except NotANumber:
        if not isinstance(value, str):
            raise
        return _sane(datetime.fromisoformat(value.strip()))
    milliseconds = number if abs(number) >= _MILLISECONDS_FROM else number * 1000
    if not 0 < milliseconds < 10**13:
        raise ValueError("out of bounds")
    return _sane(_EPOCH + timedelta(microseconds=int(milliseconds * 1000)))


def _sane(moment: datetime) -> datetime:
    if moment.year not in _SANE_YEARS:
        raise ValueError("not of this century")
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


PERCENT_LIMIT = HUNDRED
"""A stop or a trail of 100 % or more is below nothing."""
