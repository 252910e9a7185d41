"""From fills to positions and profit: average cost, fees apart, flips and shorts.

Pure. Quantities are signed (a short is below zero); money is in the account's currency.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from tradehub.core.money import EXACT, MAX_DIGITS, ZERO
from tradehub.core.words import OrderSide


@dataclass(frozen=True, slots=True)
class Holding:
    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    """Of the entries of what is held now; 0 when nothing is."""

    @property
    def flat(self) -> bool:
        return not self.quantity


@dataclass(frozen=True, slots=True)
class FillEffect:
    holding: Holding
    realized_pnl: Decimal
    """Of the part that closed, before fees."""
    closed: bool
    """What was held before is gone (a flip closes and opens)."""
    opened: bool
    """A new position began with this fill."""
    dust: bool = False
    """What is held is too little to be traded."""

    @property
    def flat(self) -> bool:
        return self.dust or self.holding.flat


def apply_fill(held: Holding, side: OrderSide, quantity: Decimal, price: Decimal) -> FillEffect:
    """One execution at `price` that moves what is held by `quantity` (above zero)."""
    if quantity <= 0 or price < 0:
        raise ValueError("a fill has a quantity above zero and no negative price")
    change = quantity * side.sign
    if held.flat or (held.quantity > 0) == (change > 0):
        return FillEffect(_increase(held, change, price), ZERO, closed=False, opened=held.flat)
    closing = min(quantity, abs(held.quantity))
    direction = 1 if held.quantity > 0 else -1
    realized = EXACT.multiply(EXACT.subtract(price, held.average_price), closing * direction)
    left = EXACT.add(held.quantity, change)
    if not left:
        return FillEffect(Holding(), realized, closed=True, opened=False)
    if (left > 0) == (held.quantity > 0):
        return FillEffect(Holding(left, held.average_price), realized, closed=False, opened=False)
    return FillEffect(Holding(left, price), realized, closed=True, opened=True)


def without_dust(effect: FillEffect, least: Decimal, *, was_open: bool) -> FillEffect:
    """The effect where less than `least` can't be traded: what is left below it is still held, and
    sold with what comes next, but it is no position; one opens when it is reached again."""
    if effect.holding.flat:
        return effect
    if abs(effect.holding.quantity) < least:
        return replace(effect, closed=was_open, opened=False, dust=True)
    return effect if was_open else replace(effect, opened=True)


def unrealized_pnl(held: Holding, mark_price: Decimal) -> Decimal:
    """What closing at the mark would realize, before fees."""
    return EXACT.multiply(EXACT.subtract(mark_price, held.average_price), held.quantity)


def average_fill_price(fills: list[tuple[Decimal, Decimal]]) -> Decimal | None:
    """The volume-weighted price of (quantity, price) pairs, to 28 digits; None without fills."""
    total = sum((quantity for quantity, _ in fills), ZERO)
    if not total:
        return None
    value = sum((EXACT.multiply(quantity, price) for quantity, price in fills), ZERO)
    return _to_stored(EXACT.divide(value, total))


def _increase(held: Holding, change: Decimal, price: Decimal) -> Holding:
    quantity = EXACT.add(held.quantity, change)
    cost = EXACT.add(
        EXACT.multiply(held.quantity, held.average_price), EXACT.multiply(change, price)
    )
    return Holding(quantity, _to_stored(EXACT.divide(cost, quantity)))


def _to_stored(number: Decimal) -> Decimal:
    """Rounded half to even to the digits that a stored number may have."""
    digits = len(number.as_tuple().digits)
    if digits <= MAX_DIGITS:
        return number
    return number.quantize(Decimal(1).scaleb(number.adjusted() - MAX_DIGITS + 1), context=EXACT)
