"""What each field of a risk profile accepts.

Pure. The doors (API, forms, commands) hand over strings, numbers or None; `parse_fields` gives what
the row stores, or raises BadInput with a JSON pointer. None, "" and an empty list mean "not
limited". Nothing here knows the other fields; `check_together` looks at the whole.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from risk.clock import is_timezone
from risk.types import DayTradeRule, Direction, OnUnprotected, SizeLimits, SizingMethod
from tradehub.core.errors import BadInput
from tradehub.core.money import HUNDRED, ONE, NotANumber, plain, to_decimal
from tradehub.core.symbols import BadSymbol, parse_symbol

MAX_NAMES = 500
"""Symbols in one list, or entries in one map."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_Parser = Callable[[str, Any], Any]


def parse_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    parsed = {}
    for name, value in given.items():
        parser = FIELDS.get(name)
        if parser is None:
            text = "A risk profile has no such field."
            raise BadInput(text, code="UNSUPPORTED_FIELD", pointer=f"/{name}")
        parsed[name] = parser(f"/{name}", value)
    return parsed


_NOT_ENFORCED = frozenset(
    {
        "max_open_orders_per_symbol",
        "max_orders_per_minute",
        "max_orders_per_minute_per_symbol",
        "max_repeats_per_minute",
        "max_drawdown_percent",
        "circuit_breaker_loss_percent",
        "circuit_breaker_reset_hours",
        "max_consecutive_losses",
        "cooldown_minutes",
        "trading_windows",
        "flat_before_close",
        "sectors",
        "max_sector_exposure_percent",
        "max_correlation",
        "correlation_lookback_days",
    }
)


def refuse_what_no_rule_reads(parsed: Mapping[str, Any]) -> None:
    """A limit that is stored and not enforced would be one that its owner counts on."""
    for name, value in parsed.items():
        unread = name in _NOT_ENFORCED and value
        if unread or (name == "day_trade_rule" and value != DayTradeRule.OFF):
            text = "This limit is not enforced yet in this version. Leave it empty."
            raise BadInput(text, code="UNSUPPORTED_FIELD", pointer=f"/{name}")


def check_together(profile: Mapping[str, Any]) -> None:
    """Fields that contradict each other. `profile` has every field."""
    method = SizingMethod(profile["sizing_method"])
    own_value = method in (SizingMethod.SIGNAL, SizingMethod.CONVICTION)
    if profile["sizing_value"] is None and not own_value:
        text = f"The sizing method {method.value} needs a sizing_value."
        raise BadInput(text, code="MISSING_FIELD", pointer="/sizing_value")
    if method is SizingMethod.CONVICTION and not profile["conviction_risk_percent"]:
        text = "The sizing method conviction needs a risk percent for each conviction."
        raise BadInput(text, code="MISSING_FIELD", pointer="/conviction_risk_percent")
    least, most = profile["min_order_value"], profile["max_order_value"]
    if least is not None and most is not None and least > most:
        text = f"min_order_value {plain(least)} is above max_order_value {plain(most)}."
        raise BadInput(text, code="CONTRADICTORY_FIELDS", pointer="/min_order_value")


def _name(pointer: str, value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > 80 or not text.isprintable():
        raise BadInput("Give a name of 1 to 80 characters.", pointer=pointer)
    return text


def _timezone(pointer: str, value: Any) -> str:
    if not isinstance(value, str) or not is_timezone(value):
        text = f'"{str(value)[:64]}" is no time zone; use a name such as America/New_York or UTC.'
        raise BadInput(text, pointer=pointer)
    return value


def _time(pointer: str, value: Any) -> time:
    found = value
    if isinstance(value, str):
        try:
            found = time.fromisoformat(value.strip())
        except ValueError:
            found = None
    if not isinstance(found, time) or found.tzinfo or found.second or found.microsecond:
        raise BadInput("Give a time of day as hours and minutes, such as 09:30.", pointer=pointer)
    return found


@dataclass(frozen=True, slots=True)
class _Word:
    kind: type[StrEnum]

    def __call__(self, pointer: str, value: Any) -> str:
        words = [each.value for each in self.kind]
        if not isinstance(value, str) or value not in words:
            text = f'"{str(value)[:40]}" is none of: {", ".join(words)}.'
            raise BadInput(text, pointer=pointer)
        return str(self.kind(value).value)


@dataclass(frozen=True, slots=True)
class _Number:
    """A decimal above zero, or None."""

    most: Decimal | None = None

    def __call__(self, pointer: str, value: Any) -> Decimal | None:
        if value is None or value == "":
            return None
        try:
            number = to_decimal(value)
        except NotANumber as error:
            raise BadInput(f"Give a decimal number: {error}.", pointer=pointer) from error
        if number <= 0:
            text = f"{plain(number)} is not above zero. Leave it empty for no limit."
            raise BadInput(text, pointer=pointer)
        if self.most is not None and number > self.most:
            text = f"{plain(number)} is above {plain(self.most)}, the most that makes sense here."
            raise BadInput(text, pointer=pointer)
        return number


@dataclass(frozen=True, slots=True)
class _Count:
    """A whole number above zero, or None."""

    most: int = 1_000_000_000

    def __call__(self, pointer: str, value: Any) -> int | None:
        number = _Number(Decimal(self.most))(pointer, value)
        if number is None:
            return None
        if number != int(number):
            raise BadInput(f"{plain(number)} is not a whole number.", pointer=pointer)
        return int(number)


def _flag(pointer: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadInput("Say true or false.", pointer=pointer)
    return value


def _symbols(pointer: str, value: Any) -> list[str]:
    """A list, or text with commas or blanks between; canonical names, each once."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_NAMES:
        raise BadInput(f"Give a list of at most {MAX_NAMES} symbols.", pointer=pointer)
    names: dict[str, None] = {}
    for place, each in enumerate(value):
        names[_symbol(f"{pointer}/{place}", each)] = None
    return list(names)


def _symbol(pointer: str, value: Any) -> str:
    try:
        return parse_symbol(value if isinstance(value, str) else "").name
    except BadSymbol as error:
        raise BadInput(f'"{str(value)[:40]}" is not a symbol.', pointer=pointer) from error


def _map(pointer: str, value: Any) -> Mapping[str, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping) or len(value) > MAX_NAMES:
        raise BadInput(f"Give an object of at most {MAX_NAMES} names.", pointer=pointer)
    return value


def _convictions(pointer: str, value: Any) -> dict[str, str]:
    """Lower-case words to risk percents, as plain strings."""
    parsed = {}
    for key, percent in _map(pointer, value).items():
        word = str(key).strip().lower()
        inside = f"{pointer}/{_escaped(str(key))}"
        number = _Number(HUNDRED)(inside, percent)
        if number is None or not word or len(word) > 40:
            text = "Give each conviction a name of 1 to 40 characters and a risk percent."
            raise BadInput(text, pointer=inside)
        parsed[word] = plain(number)
    return parsed


def _sectors(pointer: str, value: Any) -> dict[str, str]:
    """Symbol to sector."""
    parsed = {}
    for key, sector in _map(pointer, value).items():
        inside = f"{pointer}/{_escaped(str(key))}"
        if not isinstance(sector, str) or not sector.strip() or len(sector) > 40:
            raise BadInput("Give each symbol a sector of 1 to 40 characters.", pointer=inside)
        parsed[_symbol(inside, key)] = sector.strip()
    return parsed


def _windows(pointer: str, value: Any) -> list[dict[str, Any]]:
    """[{"days": ["mon", …], "start": "09:30", "end": "16:00"}], in the profile's time zone. An end
    before its start is on the next day."""
    if value is None or value == "":
        return []
    if not isinstance(value, list) or len(value) > 50:
        raise BadInput("Give a list of at most 50 trading windows.", pointer=pointer)
    return [_window(f"{pointer}/{place}", each) for place, each in enumerate(value)]


def _window(pointer: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(value) - {"days"} != {"start", "end"}:
        raise BadInput('A trading window has "days", "start" and "end".', pointer=pointer)
    days = value.get("days") or list(_DAYS)
    if not isinstance(days, list) or not all(day in _DAYS for day in days):
        raise BadInput(f"Days are a list of: {', '.join(_DAYS)}.", pointer=f"{pointer}/days")
    start, end = _time(f"{pointer}/start", value["start"]), _time(f"{pointer}/end", value["end"])
    if start == end:
        raise BadInput("A trading window that ends as it starts is empty.", pointer=pointer)
    return {
        "days": [day for day in _DAYS if day in days],
        "start": start.isoformat("minutes"),
        "end": end.isoformat("minutes"),
    }


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")[:60]


_LEVERED = HUNDRED * HUNDRED
"""A percent of equity that leverage may carry beyond 100."""

FIELDS: Mapping[str, _Parser] = MappingProxyType(
    {
        "name": _name,
        "timezone": _timezone,
        "day_starts_at": _time,
        "sizing_method": _Word(SizingMethod),
        "sizing_value": _Number(),
        "conviction_risk_percent": _convictions,
        "size_limits": _Word(SizeLimits),
        "on_unprotected": _Word(OnUnprotected),
        "min_order_value": _Number(),
        "max_order_value": _Number(),
        "max_order_quantity": _Number(),
        "max_position_value": _Number(),
        "max_position_percent": _Number(_LEVERED),
        "max_total_exposure": _Number(),
        "max_open_positions": _Count(),
        "max_open_orders_per_symbol": _Count(),
        "max_trades_per_day": _Count(),
        "max_orders_per_minute": _Count(),
        "max_orders_per_minute_per_symbol": _Count(),
        "max_repeats_per_minute": _Count(),
        "max_daily_loss_amount": _Number(),
        "max_daily_loss_percent": _Number(HUNDRED),
        "max_drawdown_percent": _Number(HUNDRED),
        "circuit_breaker_loss_percent": _Number(HUNDRED),
        "circuit_breaker_reset_hours": _Count(8_784),
        "max_consecutive_losses": _Count(),
        "cooldown_minutes": _Count(527_040),
        "max_leverage": _Number(Decimal(1_000)),
        "require_stop_loss": _flag,
        "require_take_profit": _flag,
        "min_risk_reward": _Number(Decimal(1_000)),
        "allowed_symbols": _symbols,
        "blocked_symbols": _symbols,
        "direction": _Word(Direction),
        "max_signal_age_seconds": _Count(),
        "price_collar_percent": _Number(HUNDRED),
        "max_spread_percent": _Number(HUNDRED),
        "max_price_age_seconds": _Count(),
        "trading_windows": _windows,
        "flat_before_close": _flag,
        "sectors": _sectors,
        "max_sector_exposure_percent": _Number(_LEVERED),
        "max_correlation": _Number(ONE),
        "correlation_lookback_days": _Count(3_650),
        "day_trade_rule": _Word(DayTradeRule),
    }
)
