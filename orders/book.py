"""The book: what an account holds and has working, as the decision sees it.

Pure. Working, sending and unconfirmed entries count in full against every limit, so two alerts
can't both use the same room. A decision with several orders moves the book as if each had filled,
so the second order is judged after the first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from orders.planning import Cancel, Standing
from tradehub.core.money import EXACT, ZERO
from tradehub.core.words import OrderRole, OrderSide, OrderStatus

Key = tuple[str, str | None]
"""(symbol, strategy)"""


@dataclass(frozen=True, slots=True)
class Held:
    quantity: Decimal
    """Signed."""
    adds: int = 0


@dataclass(frozen=True, slots=True)
class Working:
    id: str
    symbol: str
    strategy: str | None
    side: OrderSide
    role: OrderRole
    remaining: Decimal
    price: Decimal | None
    """What a unit is valued at: limit, trigger or reference price."""
    status: OrderStatus = OrderStatus.OPEN
    started: bool = False
    """A part of it has filled."""

    @property
    def in_review(self) -> bool:
        """Nobody could tell for a minute whether the venue has it."""
        return self.status is OrderStatus.UNCONFIRMED

    @property
    def kind(self) -> Cancel:
        if self.role is not OrderRole.ENTRY:
            return Cancel.EXITS
        return Cancel.BUYS if self.side is OrderSide.BUY else Cancel.SELLS


@dataclass
class Book:
    marks: Mapping[str, Decimal | None]
    """The present price of each symbol; None where there is none, which makes a value None."""
    held: dict[Key, Held] = field(default_factory=dict)
    working: list[Working] = field(default_factory=list)

    def standing(self, symbol: str, strategy: str | None) -> Standing:
        mine = [each for each in self.working if (each.symbol, each.strategy) == (symbol, strategy)]
        held = self.held.get((symbol, strategy), Held(ZERO))
        exits = [each for each in mine if each.kind is Cancel.EXITS]
        return Standing(
            held=held.quantity,
            adds=held.adds + (_waiting_adds(mine, held.quantity) if held.quantity else 0),
            working_buys=sum(each.kind is Cancel.BUYS for each in mine),
            working_sells=sum(each.kind is Cancel.SELLS for each in mine),
            working_exits=len(exits),
            exiting=sum((each.remaining for each in exits), ZERO),
        )

    def entries(self) -> list[Working]:
        return [each for each in self.working if each.role is OrderRole.ENTRY]

    def net_of_others(self, symbol: str, strategy: str | None) -> Decimal:
        """What other strategies hold and are about to enter of the symbol, signed."""
        net = ZERO
        for (held_symbol, owner), each in self.held.items():
            if held_symbol == symbol and owner != strategy:
                net += each.quantity
        for entry in self.entries():
            if entry.symbol == symbol and entry.strategy != strategy:
                net += entry.side.sign * entry.remaining
        return net

    def committed(self, symbol: str, side: OrderSide) -> Decimal:
        """What the account holds of the symbol on that side, with all that works to make it
        more."""
        held = sum((each.quantity for (name, _), each in self.held.items() if name == symbol), ZERO)
        entries = (each for each in self.entries() if (each.symbol, each.side) == (symbol, side))
        return sum((each.remaining for each in entries), max(ZERO, side.sign * held))

    def symbols_held(self, strategy: str | None) -> list[str]:
        """What the strategy holds or has something working in, in a stable order."""
        held = {
            symbol
            for (symbol, owner), each in self.held.items()
            if owner == strategy and each.quantity
        }
        waiting = {each.symbol for each in self.working if each.strategy == strategy}
        return sorted(held | waiting)

    def symbol_value(self, symbol: str) -> Decimal | None:
        """Gross, of all strategies: positions at the mark and entries at their price."""
        return self._value(lambda each: each == symbol)

    def gross_exposure(self) -> Decimal | None:
        return self._value(lambda _: True)

    def open_symbols(self) -> set[str]:
        """Symbols with a position or a working entry."""
        held = {symbol for (symbol, _), each in self.held.items() if each.quantity}
        return held | {each.symbol for each in self.entries()}

    def reserved_value(self) -> Decimal | None:
        """Value of entries that the venue may not know of yet."""
        unknown = (OrderStatus.QUEUED, OrderStatus.SENDING, OrderStatus.UNCONFIRMED)
        total = ZERO
        for each in self.entries():
            if each.status in unknown:
                if each.price is None:
                    return None
                total = EXACT.add(total, EXACT.multiply(each.remaining, each.price))
        return total

    def exit(self, symbol: str, strategy: str | None, quantity: Decimal) -> None:
        """As if an exit of `quantity` had filled."""
        held = self.held.get((symbol, strategy), Held(ZERO))
        sign = 1 if held.quantity > 0 else -1
        left = EXACT.subtract(held.quantity, sign * quantity)
        self.held[symbol, strategy] = replace(held, quantity=left) if left else Held(ZERO)

    def cancel(self, ids: set[str]) -> None:
        self.working = [each for each in self.working if each.id not in ids]

    def _value(self, wanted: Callable[[str], bool]) -> Decimal | None:
        total = ZERO
        for (symbol, _), each in self.held.items():
            if each.quantity and wanted(symbol):
                mark = self.marks.get(symbol)
                if mark is None:
                    return None
                total = EXACT.add(total, EXACT.multiply(abs(each.quantity), mark))
        for entry in self.entries():
            if wanted(entry.symbol):
                if entry.price is None:
                    return None
                total = EXACT.add(total, EXACT.multiply(entry.remaining, entry.price))
        return total


def _waiting_adds(mine: list[Working], held: Decimal) -> int:
    """Entries in the held direction that wait for their first fill."""
    same = Cancel.BUYS if held > 0 else Cancel.SELLS
    return sum(each.kind is same and not each.started for each in mine)
