"""From fields to an Intent: everything but verb, side and size, which are the dialect's."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from signals.parsing.actions import SYMBOL_OPTIONAL
from signals.parsing.bars import read_bar_close
from signals.parsing.fields import Fields
from signals.parsing.names import MAX_NAME, is_secret, squash
from signals.parsing.pricing import TIMES_IN_FORCE, read_pricing
from signals.parsing.problems import shown
from signals.parsing.protection import read_stop_loss, read_take_profits
from tradehub.core.intent import Intent, Size
from tradehub.core.symbols import BadSymbol, Symbol, parse_symbol
from tradehub.core.words import PositionSide, Verb

MAX_EXTRAS = 32
MAX_TEXT = 500
MAX_ID = 200
MAX_STRATEGY = 120

_KEPT = ("time", "interval", "timeframe", "type")
"""Fields that the extras show as they were said."""
_CONVICTIONS = ("low", "medium", "high")
_LARGEST_INTEGER = 2**53


@dataclass(frozen=True, slots=True)
class Positions:
    """What the sender believes is held, signed: after this alert, and before it."""

    expected: Decimal | None = None
    previous: Decimal | None = None


NO_POSITIONS = Positions()


def build_intent(
    fields: Fields,
    *,
    verb: Verb,
    side: PositionSide | None,
    size: Size,
    positions: Positions = NO_POSITIONS,
    notes: dict[str, Any] | None = None,
) -> Intent:
    symbol = read_symbol(fields, optional=verb in SYMBOL_OPTIONAL)
    pricing = read_pricing(fields)
    sent_at, extras = fields.moment("sent_at"), read_extras(fields, symbol)
    if notes:
        extras.update(notes)
    if sent_at is None:
        sent_at = fields.moment("timestamp")
    bar_closed_at = read_bar_close(fields)
    return Intent(
        symbol=None if symbol is None else symbol.name,
        verb=verb,
        side=side,
        size=size,
        order_type=pricing.order_type,
        limit_price=pricing.limit_price,
        stop_price=pricing.stop_price,
        trail=pricing.trail,
        stop_loss=read_stop_loss(fields),
        take_profits=read_take_profits(fields),
        time_in_force=fields.choice("time_in_force", TIMES_IN_FORCE),
        extended_hours=fields.truth("extended_hours"),
        leverage=fields.positive("leverage"),
        conviction=_conviction(fields),
        expected_position=positions.expected,
        previous_position=positions.previous,
        delay_seconds=_delay(fields),
        max_age_seconds=fields.positive("max_age_seconds"),
        dry_run=fields.truth("dry_run"),
        idempotency_id=fields.text("alert_id", most=MAX_ID),
        sent_at=sent_at,
        bar_closed_at=bar_closed_at,
        strategy=fields.text("strategy", most=MAX_STRATEGY),
        reference_price=pricing.reference_price,
        comment=fields.text("comment", most=MAX_TEXT, cut=True),
        extras=extras,
    )


def read_symbol(fields: Fields, *, optional: bool) -> Symbol | None:
    text, exchange = fields.text("symbol", most=80), fields.text("exchange", most=40)
    if text is None:
        if not (optional or fields.has("symbol")):
            fields.missing("symbol", "The alert doesn't say which symbol.")
        return None
    try:
        symbol = parse_symbol(text)
    except BadSymbol:
        fields.invalid("symbol", f"{shown(text)} names no instrument.")
        return None
    if exchange is None:
        return symbol
    try:
        return _on_exchange(fields, symbol, parse_symbol(symbol.name, exchange))
    except BadSymbol:
        fields.invalid("exchange", f"{shown(exchange)} is no name of an exchange.")
        return None


def read_extras(fields: Fields, symbol: Symbol | None) -> dict[str, Any]:
    """What no field means, in bounds; never a secret, never nested."""
    extras: dict[str, Any] = {}
    if symbol is not None and symbol.exchange is not None:
        extras["exchange"] = symbol.exchange
    elif symbol is None and fields.has("exchange"):
        extras["exchange"] = str(fields.said["exchange"]).strip().upper()[:40]
    leftovers = fields.leftovers
    for name in [each for each in _KEPT if each in fields.said]:
        _keep(extras, name, fields.said[name])
    if "timestamp" in fields.said and "sent_at" in fields.said:
        _keep(extras, "timestamp", fields.said["timestamp"])
    if "extras" in fields.said:
        inner = fields.said["extras"]
        if isinstance(inner, dict):
            leftovers = leftovers + [
                (key, value) for key, value in inner.items() if not is_secret(squash(key))
            ]
        else:
            leftovers = [*leftovers, ("extras", inner)]
    for key, value in leftovers:
        if len(extras) >= MAX_EXTRAS:
            break
        _keep(extras, key, value)
    return extras


def _on_exchange(fields: Fields, said: Symbol, named: Symbol) -> Symbol | None:
    """One of the two, the delayed one if any: a decision refuses delayed data."""
    if said.exchange is None or said.exchange == named.exchange or named.delayed:
        return named
    if not said.delayed:
        fields.contradiction("exchange", "The symbol's prefix names another exchange.")
    return said


def _keep(extras: dict[str, Any], key: str, value: Any) -> None:
    if len(key) > MAX_NAME or key in extras or value is None or isinstance(value, dict | list):
        return
    if isinstance(value, str):
        extras[key] = value.strip()[:MAX_TEXT]
    elif isinstance(value, Decimal) or abs(value) >= _LARGEST_INTEGER:
        extras[key] = str(value)
    else:
        extras[key] = value


def _conviction(fields: Fields) -> str | None:
    word = fields.word("conviction")
    if word is not None and word not in _CONVICTIONS:
        said = shown(fields.said["conviction"])
        fields.invalid("conviction", f"{said} is not understood; say {', '.join(_CONVICTIONS)}.")
    return word


def _delay(fields: Fields) -> Decimal | None:
    delay = fields.signed("delay_seconds")
    if delay is not None and delay < 0:
        fields.invalid("delay_seconds", "A delay is 0 or more seconds.")
    elif delay:
        fields.fail("delay_seconds", "UNSUPPORTED_FIELD", "Delayed orders are not supported yet.")
    return delay
