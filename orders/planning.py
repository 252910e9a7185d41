"""What an intent means for what is held: the table of CONTRACT section 8 as a pure function.

Pure. `plan_intent` sees one symbol of one strategy on one account. It answers what to exit, what
to enter and what to cancel, or why there is nothing to do. It never blocks an exit: limits are
checked afterwards, and only for the entry. An exit is never larger than what is held.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from orders.terms import Terms
from tradehub.core.intent import Intent
from tradehub.core.words import OrderSide, PositionSide, Verb

Cancel = Literal["none", "entries", "all"]


@dataclass(frozen=True, slots=True)
class ExitLeg:
    side: OrderSide
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class EntryLeg:
    side: OrderSide
    quantity: Decimal | None = None
    """Fixed by the intent (a target, a flip's remainder); None: sized by the risk profile."""
    add: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    exit: ExitLeg | None = None
    entry: EntryLeg | None = None
    cancel: Cancel = "none"
    """Working orders of this symbol and strategy to cancel first: its entries, or all of them."""
    nothing: str | None = None
    """A nothing-to-do code; then the legs are empty."""
    denied: str | None = None
    """A denial that needs no number; then the legs are empty."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a strategy has of one symbol on one account now."""

    held: Decimal
    adds: int = 0
    working_buys: int = 0
    working_sells: int = 0

    @property
    def working(self) -> int:
        return self.working_buys + self.working_sells


def plan_intent(intent: Intent, terms: Terms, now: Standing, wanted: Decimal | None) -> Plan:
    """`wanted`: the alert's own size in units (above zero), None when it named none."""
    match intent.verb:
        case Verb.ENTER:
            return _enter(_side_of(intent), terms, now, wanted)
        case Verb.ADD:
            return _add(intent, terms, now)
        case Verb.EXIT | Verb.CLOSE_ALL:
            return _exit(intent, now, wanted)
        case Verb.REDUCE:
            return _exit(intent, now, wanted) if wanted else Plan(denied="SIZE_MISSING")
        case Verb.REVERSE:
            return _reverse(intent, terms, now, wanted)
        case Verb.TARGET:
            return _target(intent, terms, now)
        case Verb.CANCEL | Verb.CANCEL_ALL:
            return Plan(cancel="all") if now.working else Plan(nothing="NO_OPEN_ORDERS")
        case Verb.BREAKEVEN | Verb.AMEND | Verb.PAUSE:
            return Plan(denied="UNSUPPORTED_BY_VENUE")


def _side_of(intent: Intent) -> OrderSide:
    return OrderSide.SELL if intent.side is PositionSide.SHORT else OrderSide.BUY


def _closing(held: Decimal, quantity: Decimal | None = None) -> ExitLeg:
    size = abs(held) if quantity is None else min(quantity, abs(held))
    return ExitLeg(OrderSide.SELL if held > 0 else OrderSide.BUY, size)


def _enter(side: OrderSide, terms: Terms, now: Standing, wanted: Decimal | None) -> Plan:
    against_working = now.working_sells if side is OrderSide.BUY else now.working_buys
    if not now.held:
        return Plan(entry=EntryLeg(side), cancel="entries" if against_working else "none")
    if (now.held > 0) == (side is OrderSide.BUY):
        if now.adds >= terms.max_adds:
            return Plan(nothing="ALREADY_IN_POSITION")
        return Plan(entry=EntryLeg(side, add=True))
    if terms.on_opposite == "ignore":
        return Plan(nothing="OPPOSITE_IGNORED")
    if wanted is not None and wanted < abs(now.held):
        return Plan(exit=_closing(now.held, wanted))
    if terms.on_opposite == "reverse":
        return _flip(side, terms, now, wanted)
    return Plan(exit=_closing(now.held), cancel="entries")


def _flip(side: OrderSide, terms: Terms, now: Standing, wanted: Decimal | None) -> Plan:
    """Close, then open the other side. TradingView's contracts on a flip are old plus new."""
    if wanted is not None and terms.flip_quantity == "old_plus_new":
        left = wanted - abs(now.held)
        entry = EntryLeg(side, left) if left > 0 else None
    else:
        entry = EntryLeg(side)
    return Plan(exit=_closing(now.held), entry=entry, cancel="entries")


def _add(intent: Intent, terms: Terms, now: Standing) -> Plan:
    held_side = PositionSide.LONG if now.held > 0 else PositionSide.SHORT
    if not now.held or intent.side not in (None, held_side):
        return Plan(nothing="ALREADY_FLAT")
    if now.adds >= terms.max_adds:
        return Plan(denied="ADDS_AT_MAX")
    side = OrderSide.BUY if now.held > 0 else OrderSide.SELL
    return Plan(entry=EntryLeg(side, add=True))


def _exit(intent: Intent, now: Standing, wanted: Decimal | None) -> Plan:
    """`intent.side` is the side being closed; a sized exit never crosses zero."""
    other_side = PositionSide.SHORT if now.held > 0 else PositionSide.LONG
    entries: Cancel = "entries" if now.working else "none"
    if not now.held or intent.side is other_side:
        # A working entry would open what the user just asked to be out of.
        return Plan(cancel="entries") if now.working else Plan(nothing="ALREADY_FLAT")
    leg = _closing(now.held, wanted)
    return Plan(exit=leg, cancel=entries if leg.quantity == abs(now.held) else "none")


def _reverse(intent: Intent, terms: Terms, now: Standing, wanted: Decimal | None) -> Plan:
    if intent.side is None:
        side = OrderSide.SELL if now.held > 0 else OrderSide.BUY
    else:
        side = _side_of(intent)
    if not now.held:
        if intent.side is None:
            return Plan(nothing="ALREADY_FLAT")
        return Plan(entry=EntryLeg(side))
    if (now.held > 0) == (side is OrderSide.BUY):
        return Plan(nothing="ALREADY_IN_POSITION")
    return _flip(side, terms, now, wanted)


def _target(intent: Intent, terms: Terms, now: Standing) -> Plan:
    """Make the position equal a signed quantity, scaled by the subscription's multiplier."""
    if intent.size.value is None:
        return Plan(denied="SIZE_MISSING")
    target = intent.size.value * terms.multiplier
    change = target - now.held
    if not change:
        return Plan(nothing="TARGET_REACHED")
    side = OrderSide.BUY if change > 0 else OrderSide.SELL
    if not now.held or (now.held > 0) == (change > 0):
        return Plan(entry=EntryLeg(side, abs(change), add=bool(now.held)))
    if not target or (target > 0) == (now.held > 0):
        return Plan(exit=_closing(now.held, abs(change)))
    return Plan(exit=_closing(now.held), entry=EntryLeg(side, abs(target)), cancel="entries")
