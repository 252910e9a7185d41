"""Whether the stop of an entry could exist at its venue: asked before the entry leaves.

Pure. What is bought and can't be guarded stands bare from its fill on, and what is too small for
its stop is mostly too small to be closed as well. The stop is judged as it would be once all has
filled; a part of an entry may still be too small for one.
"""

from dataclasses import dataclass
from decimal import Decimal

from brokers.types import Capabilities, Instrument
from orders.protection import Protection
from risk.types import SizingProblem
from tradehub.core.money import EXACT, ONE, ZERO, plain, round_down
from tradehub.core.words import OrderSide


@dataclass(frozen=True, slots=True)
class StopFit:
    """How large the stop of an entry would be."""

    price: Decimal
    """As it would be sent."""
    instrument: Instrument
    held: Decimal
    """What the entry adds to, and the stop guards too."""
    keeps: Decimal
    """The share of the entry that the venue may keep as its fee."""

    def quantity(self, entered: Decimal) -> Decimal:
        got = EXACT.multiply(entered, ONE - self.keeps)
        return round_down(EXACT.add(self.held, got), self.instrument.quantity_step)

    def value(self, entered: Decimal | None) -> Decimal | None:
        """None when nothing is entered."""
        return EXACT.multiply(self.quantity(entered), self.price) if entered else None

    def problem(self, entered: Decimal | None) -> SizingProblem | None:
        least = self.instrument.min_quantity
        if not entered or self.quantity(entered) >= least:
            return None
        text = (
            f"The venue may keep {plain(EXACT.multiply(entered, self.keeps))} of "
            f"{plain(entered)} {self.instrument.symbol} as its fee: the stop would be of "
            f"{plain(self.quantity(entered))}, below the venue's least of {plain(least)}."
        )
        return SizingProblem("SIZE_ZERO", text)


def stop_fit(
    instrument: Instrument | None, side: OrderSide, stop_price: Decimal | None, held: Decimal | None
) -> StopFit | None:
    """`side`: of the entry. `held`: the strategy's position, signed. None without a stop."""
    if instrument is None or stop_price is None:
        return None
    price = Protection(stop_price).on_tick(instrument.price_tick).stop_price
    assert price is not None
    same = max(EXACT.multiply(held or ZERO, Decimal(side.sign)), ZERO)
    keeps = instrument.buy_keeps if side is OrderSide.BUY else ZERO
    return StopFit(price, instrument, same, keeps)


def why_no_stop(instrument: Instrument, able: Capabilities, fit: StopFit | None) -> str | None:
    """Why the venue takes no stop of the symbol, or none at that price; a sentence."""
    symbol, kind = instrument.symbol, instrument.guard_type
    kinds = able.order_types if instrument.order_types is None else instrument.order_types
    if kind not in able.order_types & kinds:
        words = kind.value.replace("_", " ")
        return f"The venue takes no {words} orders of {symbol}, so the entry could have no stop."
    if fit is None:
        return None
    low, high = instrument.min_price, instrument.max_price
    if (low is not None and fit.price < low) or (high is not None and fit.price > high):
        told = " ".join(
            f"{word} {plain(bound)}" for word, bound in (("from", low), ("to", high)) if bound
        )
        return (
            f"The entry's stop at {plain(fit.price)} could not exist: the venue takes prices of "
            f"{symbol} {told}."
        )
    return None
