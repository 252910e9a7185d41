"""What an intent means for what is held: the table of CONTRACT section 8 as a pure function.

Pure. `plan_intent` sees one symbol of one strategy on one account. It answers what to exit, what
to enter and what to cancel, or why there is nothing to do. It never blocks an exit: limits are
checked afterwards, and only for the entry. An exit is never larger than what is held.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Flag, auto

from orders.terms import Terms
from tradehub.core.intent import Intent
from tradehub.core.money import EXACT, ZERO
from tradehub.core.words import OrderSide, PositionSide, Verb


class Cancel(Flag):
    """Working orders of the symbol and strategy to cancel before anything is sent."""

    NOTHING = 0
    BUYS = auto()
    """Entries that would open or enlarge a long."""
    SELLS = auto()
    """Entries that would open or enlarge a short."""
    EXITS = auto()
    ENTRIES = BUYS | SELLS
    ALL = BUYS | SELLS | EXITS


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
    cancel: Cancel = Cancel.NOTHING
    nothing: str | None = None
    """A nothing-to-do code; then the legs are empty."""
    denied: str | None = None
    """A denial that needs no number; then the legs are empty."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a strategy has of one symbol on one account now."""

    held: Decimal
    adds: int = 0
    """Made, and still waiting for their first fill."""
    working_buys: int = 0
    """Entries."""
    working_sells: int = 0
    working_exits: int = 0
    exiting: Decimal = ZERO
    """What working exits may still take away."""

    def works(self, kind: Cancel) -> bool:
        """Is there a working order of that kind?"""
        counts = {
            Cancel.BUYS: self.working_buys,
            Cancel.SELLS: self.working_sells,
            Cancel.EXITS: self.working_exits,
        }
        return any(count for each, count in counts.items() if each in kind)


def plan_intent(intent: Intent, terms: Terms, now: Standing, wanted: Decimal | None) -> Plan:
    """`wanted`: the alert's own size in units, None when it named none; 0 when it is less than
    the smallest step."""
    match intent.verb:
        case Verb.ENTER:
            return _enter(_side_of(intent), terms, now, wanted)
        case Verb.ADD:
            return _add(intent, terms, now)
        case Verb.CLOSE_ALL:
            return _exit(intent, now, None)
        case Verb.EXIT:
            return _exit(intent, now, wanted)
        case Verb.REDUCE:
            return Plan(denied="SIZE_MISSING") if wanted is None else _exit(intent, now, wanted)
        case Verb.REVERSE:
            return _reverse(intent, terms, now, wanted)
        case Verb.TARGET:
            return _target(intent, terms, now)
        case Verb.CANCEL | Verb.CANCEL_ALL:
            return Plan(cancel=Cancel.ALL) if now.works(Cancel.ALL) else _NO_OPEN_ORDERS
        case Verb.BREAKEVEN | Verb.AMEND | Verb.PAUSE:
            return Plan(denied="UNSUPPORTED_BY_VENUE")


_NO_OPEN_ORDERS = Plan(nothing="NO_OPEN_ORDERS")
_OPENS = {PositionSide.LONG: Cancel.BUYS, PositionSide.SHORT: Cancel.SELLS}


def _side_of(intent: Intent) -> OrderSide:
    return OrderSide.SELL if intent.side is PositionSide.SHORT else OrderSide.BUY


def _closing(held: Decimal, quantity: Decimal | None = None) -> ExitLeg:
    size = abs(held) if quantity is None else min(quantity, abs(held))
    return ExitLeg(OrderSide.SELL if held > 0 else OrderSide.BUY, size)


def _part(now: Standing, quantity: Decimal) -> Plan:
    """An exit of less than all. Together with exits that work already it must not be too much."""
    if not quantity:
        return Plan(denied="SIZE_ZERO")
    too_much = EXACT.add(quantity, now.exiting) > abs(now.held)
    return Plan(
        exit=_closing(now.held, quantity), cancel=Cancel.EXITS if too_much else Cancel.NOTHING
    )


def _enter(side: OrderSide, terms: Terms, now: Standing, wanted: Decimal | None) -> Plan:
    if not now.held:
        return Plan(
            entry=EntryLeg(side), cancel=Cancel.SELLS if side is OrderSide.BUY else Cancel.BUYS
        )
    if (now.held > 0) == (side is OrderSide.BUY):
        if now.adds >= terms.max_adds:
            return Plan(nothing="ALREADY_IN_POSITION")
        return Plan(entry=EntryLeg(side, add=True))
    if terms.on_opposite == "ignore":
        return Plan(nothing="OPPOSITE_IGNORED")
    if wanted is not None and wanted < abs(now.held):
        return _part(now, wanted)
    if terms.on_opposite == "reverse":
        return _flip(side, terms, now, wanted)
    return Plan(exit=_closing(now.held), cancel=Cancel.ALL)


def _flip(side: OrderSide, terms: Terms, now: Standing, wanted: Decimal | None) -> Plan:
    """Close, then open the other side. TradingView's contracts on a flip are old plus new."""
    entry: EntryLeg | None = EntryLeg(side)
    if wanted is not None and terms.flip_quantity == "old_plus_new":
        left = EXACT.subtract(wanted, abs(now.held))
        entry = EntryLeg(side, left) if left > 0 else None
    return Plan(exit=_closing(now.held), entry=entry, cancel=Cancel.ALL)


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
    # A working entry would open what the user just asked to be out of.
    opens = Cancel.ENTRIES if intent.side is None else _OPENS.get(intent.side, Cancel.ENTRIES)
    other_side = PositionSide.SHORT if now.held > 0 else PositionSide.LONG
    if not now.held:
        opens |= Cancel.EXITS
    if not now.held or intent.side is other_side:
        return Plan(cancel=opens) if now.works(opens) else Plan(nothing="ALREADY_FLAT")
    if wanted is not None and wanted < abs(now.held):
        return _part(now, wanted)
    return Plan(exit=_closing(now.held), cancel=opens | Cancel.EXITS)


def _reverse(intent: Intent, terms: Terms, now: Standing, wanted: Decimal | None) -> Plan:
    """The word `reverse` alone turns what is held. With a side it is an alert against the held
    direction, as TradingView sends on a flip, and follows `on_opposite`; its size is the new
    position's already."""
    if not now.held:
        if intent.side is None:
            return Plan(nothing="ALREADY_FLAT")
        return _enter(_side_of(intent), terms, now, wanted)
    if intent.side is None:
        side = OrderSide.SELL if now.held > 0 else OrderSide.BUY
        return Plan(exit=_closing(now.held), entry=EntryLeg(side), cancel=Cancel.ALL)
    side = _side_of(intent)
    if (now.held > 0) == (side is OrderSide.BUY):
        return Plan(nothing="ALREADY_IN_POSITION")
    if terms.on_opposite == "ignore":
        return Plan(nothing="OPPOSITE_IGNORED")
    entry = EntryLeg(side) if terms.on_opposite == "reverse" else None
    return Plan(exit=_closing(now.held), entry=entry, cancel=Cancel.ALL)


def _target(intent: Intent, terms: Terms, now: Standing) -> Plan:
    """Make the position equal a signed quantity, scaled by the subscription's multiplier. What
    works is cancelled: it would move the position off the target."""
    if intent.size.value is None:
        return Plan(denied="SIZE_MISSING")
    target = EXACT.multiply(intent.size.value, terms.multiplier)
    change = EXACT.subtract(target, now.held)
    if not change:
        working = now.works(Cancel.ALL)
        return Plan(cancel=Cancel.ALL) if working else Plan(nothing="TARGET_REACHED")
    side = OrderSide.BUY if change > 0 else OrderSide.SELL
    if not now.held or (now.held > 0) == (change > 0):
        entry = EntryLeg(side, abs(change), add=bool(now.held))
        return Plan(entry=entry, cancel=Cancel.ALL)
    if not target or (target > 0) == (now.held > 0):
        return Plan(exit=_closing(now.held, abs(change)), cancel=Cancel.ALL)
    return Plan(exit=_closing(now.held), entry=EntryLeg(side, abs(target)), cancel=Cancel.ALL)
