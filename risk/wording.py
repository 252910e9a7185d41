"""Numbers as people read them, for the sentences of checks and sizing steps.

Pure. Only for display: a figure is shown to at most eight decimals, while the record beside it
keeps every digit. Nothing compares or computes with these texts.
"""

from decimal import Decimal

from tradehub.core.money import HUNDRED, plain, round_nearest

_SHOWN = Decimal("0.00000001")
_CENT = Decimal("0.01")


def money(number: Decimal) -> str:
    """`1,505.00`; at least two decimals, more only when there are any."""
    if number == round_nearest(number, _CENT):
        return format(round_nearest(number, _CENT) + 0, ",.2f")  # + 0: a zero has no sign
    return quantity(number)


def quantity(number: Decimal) -> str:
    """`1,000`, `0.0005`; no trailing zeros."""
    whole, _, decimals = plain(round_nearest(number, _SHOWN)).partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}" + (f".{decimals}" if decimals else "")


def percent(number: Decimal) -> str:
    """`2 %`, `0.35 %`."""
    shown = number if abs(number) < _CENT else round_nearest(number, _CENT)
    return f"{quantity(shown)} %"


def seconds(number: Decimal) -> str:
    """`42 s`, `1.5 s`; `2 h 05 min` once it is long."""
    if abs(number) < HUNDRED * 6:
        return f"{quantity(round_nearest(number, Decimal('0.1')))} s"
    hours, minutes = divmod(int(number) // 60, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def listing(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
