"""`tradingview_strategy`: the placeholders of a TradingView strategy.

{"ticker","action","sentiment","market_position","prev_market_position","position_size",
 "contracts","price","time"}: action is the order's direction, sentiment or market_position the
position after it, prev_market_position the one before. The transition says the verb. On a flip the
contracts are old plus new; the new size alone is what is entered. A position_size is what is held
after the order, never the order's own size.
"""

from dataclasses import dataclass
from decimal import Decimal

from signals.parsing.actions import (
    FLAT,
    LONG,
    SHORT,
    Action,
    missing_action,
    needs_side,
    read_action,
)
from signals.parsing.dialects.base import ObjectDialect
from signals.parsing.fields import Fields
from signals.parsing.intents import Positions, build_intent
from signals.parsing.sizes import DEFAULT, read_size
from tradehub.core.intent import Intent, Size
from tradehub.core.money import ZERO
from tradehub.core.words import PositionSide, SizeMode, Verb

_POSITION_WORDS = {
    **dict.fromkeys(("long", "bullish", "bull"), LONG),
    **dict.fromkeys(("short", "bearish", "bear"), SHORT),
    **dict.fromkeys(("flat", "neutral", "none"), FLAT),
}
_MARKS = (
    "sentiment", "market_position", "prev_market_position", "position_size",
    "market_position_size", "prev_market_position_size",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Positioned:
    """What is said of the position: its side after and before, and its size each time."""

    after: PositionSide | None
    before: PositionSide | None
    size_after: Decimal | None
    size_before: Decimal | None

    @property
    def signed(self) -> Positions:
        return Positions(
            _signed(self.after, self.size_after), _signed(self.before, self.size_before)
        )


def recognises(fields: Fields) -> bool:
    said = fields.said
    if any(mark in said for mark in _MARKS):
        return True
    return "quantity" in said and fields.keys["quantity"].lower() == "contracts"


def read(fields: Fields) -> Intent | None:
    position = _read_position(fields)
    action = read_action(fields)
    if action is None and (fields.has("action") or fields.has("side")):
        verb, side = Verb.ENTER, None  # wrong, and noted; read on to find all errors
    elif action is None:
        verb, side = _without_action(fields, position)
    else:
        verb, side = _with_action(fields, action, position)
    size, notes = _size(fields, verb, position)
    return build_intent(
        fields, verb=verb, side=side, size=size, positions=position.signed, notes=notes
    )


def transition(
    direction: PositionSide, after: PositionSide | None, before: PositionSide | None
) -> tuple[Verb, PositionSide] | None:
    """What an order in this direction does to the position; None when it can't do it.

    An order that leads to flat is an exit whatever else is said: it must never enter."""
    other = _opposite(direction)
    if after is None:
        return Verb.ENTER, direction
    if after is FLAT:
        return Verb.EXIT, other if before in (None, FLAT) else before
    if after is direction:
        return (Verb.REVERSE if before is other else Verb.ENTER), direction
    return (Verb.REDUCE, other) if before in (None, other) else None


def _with_action(
    fields: Fields, action: Action, position: Positioned
) -> tuple[Verb, PositionSide | None]:
    after = position.after
    if action.order and action.side is not None:
        done = transition(action.side, after, position.before)
        if done is not None:
            return done
        fields.contradiction("action", "This order can't lead to the position that is named.")
    elif action.verb is Verb.ENTER:
        return _entry(fields, action, position)
    elif action.verb is Verb.REVERSE and after in (LONG, SHORT):
        return action.verb, after
    elif action.verb is Verb.EXIT and after in (LONG, SHORT) and not fields.has("quantity"):
        fields.contradiction("action", "A full exit can't lead to the position that is named.")
    return action.verb, action.side


def _entry(
    fields: Fields, action: Action, position: Positioned
) -> tuple[Verb, PositionSide | None]:
    """An entry that names the position it wants, as `long` does."""
    side = action.side or (position.after if position.after is not FLAT else None)
    if side is None:
        needs_side(fields, action)
        return Verb.ENTER, None
    if position.after not in (None, side):
        fields.contradiction("action", "An entry can't lead to the position that is named.")
    return (Verb.REVERSE if position.before is _opposite(side) else Verb.ENTER), side


def _without_action(fields: Fields, position: Positioned) -> tuple[Verb, PositionSide | None]:
    """The transition alone. Where the side stays and both sizes are known, they tell whether it
    grew or shrank."""
    after, before = position.after, position.before
    if after is None:
        missing_action(fields)
        return Verb.ENTER, None
    if after is FLAT:
        return Verb.EXIT, before if before in (LONG, SHORT) else None
    if before is after and position.size_after and position.size_before:
        shrinks = position.size_after < position.size_before
        return (Verb.REDUCE if shrinks else Verb.ENTER), after
    return (Verb.REVERSE if before is _opposite(after) else Verb.ENTER), after


def _size(fields: Fields, verb: Verb, position: Positioned) -> tuple[Size, dict[str, str] | None]:
    missing = not fields.has("quantity")
    if verb is Verb.REDUCE and missing and position.size_after and position.size_before:
        return Size(SizeMode.QUANTITY, position.size_before - position.size_after), None
    size = read_size(fields, verb)
    if verb is Verb.EXIT and position.after is FLAT:
        return DEFAULT, None  # all of it, which also heals a size that has drifted
    if verb is Verb.REVERSE:
        return _size_of_flip(size, position)
    if verb is Verb.ENTER and size is DEFAULT and position.before is FLAT and position.size_after:
        return Size(SizeMode.QUANTITY, position.size_after), None
    return size, None


def _size_of_flip(size: Size, position: Positioned) -> tuple[Size, dict[str, str] | None]:
    if size.mode not in (SizeMode.QUANTITY, SizeMode.DEFAULT):
        return size, None
    if position.size_after:
        return Size(SizeMode.QUANTITY, position.size_after), None
    if size.value is None:
        return size, None
    if position.size_before and position.size_before < size.value:
        return Size(SizeMode.QUANTITY, size.value - position.size_before), None
    return size, {"size_note": "of a flip, as sent: it may include what closes the old position"}


def _read_position(fields: Fields) -> Positioned:
    sentiment = fields.choice("sentiment", _POSITION_WORDS)
    after = fields.choice("market_position", _POSITION_WORDS)
    if sentiment is not None and after is not None and sentiment is not after:
        fields.contradiction(
            "market_position", "`sentiment` and `market_position` name different positions."
        )
    after = after or sentiment
    size_after = _absolute(fields, "market_position_size")
    held = fields.signed("position_size")
    if held is not None and after is not None and after is not FLAT:
        if held < 0 and after is LONG:
            fields.contradiction("position_size", "This is a short position, the other says long.")
        elif size_after not in (None, abs(held)):
            fields.contradiction("position_size", "Two sizes of the position differ.")
        size_after = abs(held)
    return Positioned(
        after,
        fields.choice("prev_market_position", _POSITION_WORDS),
        size_after if after is not None else None,
        _absolute(fields, "prev_market_position_size"),
    )


def _absolute(fields: Fields, name: str) -> Decimal | None:
    number = fields.signed(name)
    return None if number is None else abs(number)


def _signed(side: PositionSide | None, size: Decimal | None) -> Decimal | None:
    if side is FLAT:
        return ZERO
    if side is None or size is None:
        return None
    return size if side is LONG else -size


def _opposite(side: PositionSide) -> PositionSide:
    return SHORT if side is LONG else LONG


DIALECT = ObjectDialect("tradingview_strategy", recognises, read)
