"""A manual order as an intent: the same words that an alert uses, so the same decision judges it.

Pure. The size is what the person said, whatever the risk profile's method; limits apply as ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from orders.terms import OVERRIDABLE, Terms
from tradehub.core.errors import BadInput
from tradehub.core.intent import Intent, Size, StopLoss, TakeProfit
from tradehub.core.money import NotANumber, plain, to_decimal
from tradehub.core.symbols import BadSymbol, parse_symbol
from tradehub.core.words import (
    OrderSide,
    OrderSource,
    OrderType,
    PositionSide,
    SizeMode,
    TimeInForce,
    Verb,
)

Word = TypeVar("Word", bound=StrEnum)

ANY_NUMBER_OF_ADDS = 1_000_000
"""A person who buys more of what is held means it; limits still apply."""

_PRICES = {
    OrderType.MARKET: frozenset[str](),
    OrderType.LIMIT: frozenset({"limit_price"}),
    OrderType.STOP: frozenset({"stop_price"}),
    OrderType.STOP_LIMIT: frozenset({"limit_price", "stop_price"}),
}
_PRICE_NAMES = ("limit_price", "stop_price")


def manual_terms(terms: Terms, source: OrderSource) -> Terms:
    """Terms under which everything that the person said counts as said."""
    return replace(
        terms,
        source=source,
        match="",
        symbol_map={},
        max_adds=ANY_NUMBER_OF_ADDS,
        overrides=frozenset(OVERRIDABLE),
    )


def manual_intent(fields: Mapping[str, Any]) -> Intent:
    """Raises BadInput with a pointer."""
    side = _word(OrderSide, fields, "side")
    if side is None:
        raise _missing("side", "Say buy or sell.")
    limit, stop = _price(fields, "limit_price"), _price(fields, "stop_price")
    stop_loss, target = _distance(fields, "stop_loss"), _distance(fields, "take_profit")
    return Intent(
        symbol=_symbol(fields),
        verb=Verb.ENTER,
        side=PositionSide.LONG if side is OrderSide.BUY else PositionSide.SHORT,
        size=_size(fields),
        order_type=_order_type(fields, limit, stop),
        limit_price=limit,
        stop_price=stop,
        stop_loss=None if stop_loss is None else StopLoss(**stop_loss),
        take_profits=() if target is None else (TakeProfit(**target),),
        time_in_force=_word(TimeInForce, fields, "time_in_force"),
    )


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be another of a working order; None stays as it is."""

    quantity: Decimal | None = None
    """In all: what has filled of the order counts."""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


def manual_change(fields: Mapping[str, Any], kind: OrderType) -> Change:
    """Of an order of that type. Raises BadInput with a pointer."""
    change = Change(**{name: _price(fields, name) for name in ("quantity", *_PRICE_NAMES)})
    for name in _PRICE_NAMES:
        if getattr(change, name) is not None and name not in _PRICES.get(kind, ()):
            text = f"A {kind} order has no {name}. Leave it out."
            raise BadInput(text, code="CONTRADICTORY_FIELDS", pointer=f"/{name}")
    if change == Change():
        raise _missing("quantity", "Say what is to change: the quantity, or a price of the order.")
    return change


def _symbol(fields: Mapping[str, Any]) -> str:
    if not fields.get("symbol"):
        raise _missing("symbol", "Say which symbol.")
    try:
        return parse_symbol(str(fields["symbol"])).name
    except BadSymbol as error:
        text = f'"{str(fields["symbol"])[:40]}" is not a symbol.'
        raise BadInput(text, pointer="/symbol") from error


def _size(fields: Mapping[str, Any]) -> Size:
    quantity, notional = _price(fields, "quantity"), _price(fields, "notional")
    if quantity is not None and notional is not None:
        text = "Give a quantity or a notional, not both."
        raise BadInput(text, code="CONTRADICTORY_FIELDS", pointer="/notional")
    if quantity is not None:
        return Size(SizeMode.QUANTITY, quantity)
    if notional is not None:
        return Size(SizeMode.NOTIONAL, notional)
    raise _missing("quantity", "Say how much: a quantity, or a notional in money.")


def _order_type(
    fields: Mapping[str, Any], limit: Decimal | None, stop: Decimal | None
) -> OrderType:
    given = {"limit_price": limit, "stop_price": stop}
    named = frozenset(name for name, price in given.items() if price is not None)
    kind = _word(OrderType, fields, "order_type")
    if kind is None:
        return next(each for each, prices in _PRICES.items() if prices == named)
    if kind not in _PRICES:
        known = ", ".join(_PRICES)
        text = f"A manual order can be one of: {known}."
        raise BadInput(text, code="UNSUPPORTED_FIELD", pointer="/order_type")
    for name in sorted(_PRICES[kind] - named):
        raise _missing(name, f"A {kind} order needs a {name}.")
    for name in sorted(named - _PRICES[kind]):
        text = f"A {kind} order has no {name}. Leave it out, or name another order_type."
        raise BadInput(text, code="CONTRADICTORY_FIELDS", pointer=f"/{name}")
    return kind


def _distance(fields: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """A price, or an object with one of price, percent, offset."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, Mapping):
        return {"price": _number(value, f"/{name}")}
    if len(value) != 1 or not set(value) <= {"price", "percent", "offset"}:
        raise BadInput(
            "Give a price, or exactly one of price, percent, offset.", pointer=f"/{name}"
        )
    return {key: _number(number, f"/{name}/{key}") for key, number in value.items()}


def _price(fields: Mapping[str, Any], name: str) -> Decimal | None:
    value = fields.get(name)
    return None if value is None or value == "" else _number(value, f"/{name}")


def _number(value: Any, pointer: str) -> Decimal:
    try:
        number = to_decimal(value)
    except NotANumber as error:
        raise BadInput(f"Give a decimal number: {error}.", pointer=pointer) from error
    if number <= 0:
        raise BadInput(f"{plain(number)} is not above zero.", pointer=pointer)
    return number


def _word(kind: type[Word], fields: Mapping[str, Any], name: str) -> Word | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        return kind(str(value).lower())
    except ValueError as error:
        text = f'"{str(value)[:40]}" is none of: {", ".join(kind)}.'
        raise BadInput(text, pointer=f"/{name}") from error


def _missing(name: str, text: str) -> BadInput:
    return BadInput(text, code="MISSING_FIELD", pointer=f"/{name}")
