"""The account doctor's line for each symbol that a strategy names: what the venue takes of it.

Pure. The venue's own part of the doctor says whether the account may trade it.
"""

from decimal import Decimal

from brokers.types import Capabilities, Instrument, Line
from tradehub.core.money import plain
from tradehub.core.words import OrderType

NAME = "symbol"


def symbol_line(each: Instrument, able: Capabilities, *, more: str = "") -> Line:
    """`more`: what else is to be known of it."""
    kinds = able.order_types if each.order_types is None else each.order_types
    told = f"{each.symbol} is traded, by {_listed(kinds & able.order_types)} orders."
    parts = [told, _least(each), _most(each), more]
    text = " ".join(part for part in parts if part)
    if each.guard_type in kinds & able.order_types:
        fix = "Keep sizes within that; what is less is denied. Its stop must be worth as much too."
        return Line(NAME, True, f"{text} A stop can rest there.", fix)
    fix = (
        "Trade it with alerts and settings that set no stop, or take the symbol from the strategy."
    )
    text = f"{text} No stop can rest there, so nothing would protect a position of it."
    return Line(NAME, False, text, fix, code="UNSUPPORTED_BY_VENUE")


def barred_line(symbol: str, why: str, what_to_do: str) -> Line:
    """The venue trades it, and not with this account."""
    text = f"This account can't trade {symbol}: {why}"
    return Line(NAME, False, text, what_to_do, code="UNSUPPORTED_BY_VENUE")


def _listed(kinds: frozenset[OrderType]) -> str:
    names = [each.value.replace("_", " ") for each in OrderType if each in kinds]
    return ", ".join(names[:-1]) + " and " * (len(names) > 1) + "".join(names[-1:]) or "no"


def _least(each: Instrument) -> str:
    least = max(each.min_quantity, each.quantity_step)
    text = f"The least is {plain(least)}, in steps of {plain(each.quantity_step)}"
    if each.min_notional:
        return f"{text}, and worth {plain(each.min_notional)} {each.currency}."
    return f"{text}."


def _most(each: Instrument) -> str:
    words: list[tuple[str, Decimal | None]] = [
        ("", each.max_quantity),
        (" at the market", each.market_max_quantity),
    ]
    told = [f"{plain(most)}{where}" for where, most in words if most is not None]
    return f"The most of one order is {', '.join(told)}." if told else ""
