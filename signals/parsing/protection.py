"""Stop loss and take profit: a price, a percent, a distance, a trail, or a ladder of targets.

Strict where the rest is tolerant: what isn't understood here is refused, since a stop that is left
out is a position without one. Whether a stop is on the right side is for the decision.
"""

from decimal import Decimal
from typing import Any

from signals.parsing.fields import PERCENT_LIMIT, Fields
from signals.parsing.names import part_of
from signals.parsing.pricing import read_trail
from signals.parsing.problems import join_pointer
from tradehub.core.intent import StopLoss, TakeProfit, Trail
from tradehub.core.money import ONE, ZERO

MAX_TARGETS = 16

_DISTANCES = ("price", "percent", "offset")
_TRAILING_TYPES = frozenset({"trailing_stop", "trail"})
_STOP_TYPES = frozenset({"stop", "stop_market", "market"}) | _TRAILING_TYPES
_TARGET_TYPES = frozenset({"limit", "take_profit"})


def read_stop_loss(fields: Fields) -> StopLoss | None:
    said = _only_one(fields, ("stop_loss", "stop_loss_percent", "stop_loss_offset"))
    if said is None:
        return None
    if said == "stop_loss_percent":
        return StopLoss(percent=fields.percent(said, below=PERCENT_LIMIT))
    if said == "stop_loss_offset":
        return StopLoss(offset=fields.positive(said))
    value = fields.said[said]
    if isinstance(value, dict):
        return _stop_object(_part(fields, value, fields.pointer(said)))
    if fields.is_percent(said):
        return StopLoss(percent=fields.percent(said, below=PERCENT_LIMIT))
    return StopLoss(price=fields.positive(said))


def read_take_profits(fields: Fields) -> tuple[TakeProfit, ...]:
    said = _only_one(fields, ("take_profit", "take_profit_percent", "take_profit_offset"))
    if said is None:
        return ()
    if said == "take_profit_percent":
        return (TakeProfit(percent=fields.percent(said)),)
    if said == "take_profit_offset":
        return (TakeProfit(offset=fields.positive(said)),)
    value = fields.said[said]
    if isinstance(value, list):
        return _ladder(fields, said, value)
    if isinstance(value, dict):
        return (_target_object(_part(fields, value, fields.pointer(said)), alone=True),)
    if fields.is_percent(said):
        return (TakeProfit(percent=fields.percent(said)),)
    return (TakeProfit(price=fields.positive(said)),)


def _only_one(fields: Fields, names: tuple[str, ...]) -> str | None:
    said = [name for name in names if name in fields.said]
    if len(said) > 1:
        fields.contradiction(said[1], f"`{said[0]}` and `{said[1]}` say the same thing twice.")
    return said[0] if said else None


def _part(fields: Fields, value: dict[str, Any], at: str) -> Fields:
    part = Fields(value, at, fields.errors, part_of)
    for key, _ in part.leftovers[:4]:
        part.fail(key, "UNSUPPORTED_FIELD", "This is not understood here, and would be lost.")
    return part


def _stop_object(part: Fields) -> StopLoss:
    _check_type(part, _STOP_TYPES)
    if part.has("fraction"):
        part.fail("fraction", "UNSUPPORTED_FIELD", "A stop loss is for the whole position.")
    trail = _nested_trail(part) if part.has("trail") else read_trail(part)
    trailing = any(part.has(name) for name in ("trail", "trail_percent", "trail_amount"))
    said = [name for name in _DISTANCES if part.has(name)]
    if len(said) + trailing > 1:
        part.contradiction(said[-1], "A stop loss is one of price, percent, offset and trail.")
    elif part.has("type") and part.word("type") in _TRAILING_TYPES and not trailing:
        part.missing("trail_percent", "A trailing stop needs `trail_percent` or `trail_amount`.")
    elif not said and not trailing:
        part.missing("price", "A stop loss needs a price, a percent, an offset or a trail.")
    percent = part.percent("percent", below=PERCENT_LIMIT)
    return StopLoss(part.positive("price"), percent, part.positive("offset"), trail)


def _nested_trail(part: Fields) -> Trail | None:
    value = part.said["trail"]
    if not isinstance(value, dict):
        part.invalid("trail", "A trail is an object: say percent or offset.")
        return None
    inner = _part(part, value, part.pointer("trail"))
    percent = inner.percent("percent", below=PERCENT_LIMIT)
    offset = inner.positive("offset")
    for name in ("price", "fraction", "trail", "trail_percent", "trail_amount", "type"):
        if inner.has(name):
            inner.fail(name, "UNSUPPORTED_FIELD", "A trail has a percent or an offset only.")
    if inner.has("percent") == inner.has("offset"):
        inner.invalid("percent", "A trail is exactly one of percent and offset.")
    return Trail(percent, offset)


def _target_object(part: Fields, *, alone: bool) -> TakeProfit:
    _check_type(part, _TARGET_TYPES)
    for name in ("trail", "trail_percent", "trail_amount"):
        if part.has(name):
            part.fail(name, "UNSUPPORTED_FIELD", "A take profit that trails is not supported.")
    said = [name for name in _DISTANCES if part.has(name)]
    if len(said) > 1:
        part.contradiction(said[1], "A take profit is one of price, percent and offset.")
    elif not said:
        part.missing("price", "A take profit needs a price, a percent or an offset.")
    fraction = part.positive("fraction")
    if fraction is not None and fraction > ONE:
        part.invalid("fraction", "A fraction is a share of 1: 0.5 is the half.")
    if fraction is None and not alone and not part.has("fraction"):
        part.missing("fraction", "Each of several targets needs its `fraction`.")
    return TakeProfit(
        part.positive("price"), part.percent("percent"), part.positive("offset"), fraction or ONE
    )


def _ladder(fields: Fields, name: str, values: list[Any]) -> tuple[TakeProfit, ...]:
    if not 0 < len(values) <= MAX_TARGETS:
        fields.invalid(name, f"{len(values)} targets; there can be 1 to {MAX_TARGETS}.")
        return ()
    at = fields.pointer(name)
    targets = []
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            fields.invalid(name, "A list of targets holds objects with a price and a fraction.")
            return ()
        part = _part(fields, value, join_pointer(at, index))
        targets.append(_target_object(part, alone=len(values) == 1))
    total: Decimal = sum((target.fraction for target in targets), ZERO)
    if total > ONE and not fields.errors:
        fields.invalid(name, f"The fractions add up to {total}; 1 is the whole.")
    return tuple(targets)


def _check_type(part: Fields, known: frozenset[str]) -> None:
    word = part.word("type")
    if word is not None and word not in known:
        part.fail("type", "UNSUPPORTED_FIELD", f"Say one of {', '.join(sorted(known))}.")
