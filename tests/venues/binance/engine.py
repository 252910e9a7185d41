"""What the books of the two Binance fakes have alike: markets, orders, and how one meets a price.

Pure. Written apart from the adapter and from the paper venue, as those books are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

ZERO = Decimal(0)
WORKING = ("NEW", "PARTIALLY_FILLED")


@dataclass(slots=True)
class Market:
    base: str
    quote: str
    last: Decimal
    bid: Decimal
    ask: Decimal
    filters: dict[str, dict[str, object]]
    status: str = "TRADING"
    types: tuple[str, ...] = ()
    depth: Decimal | None = None
    """How much an order finds at the touch; None for as much as it wants."""
    orders: int = 0
    trades: int = 0

    @property
    def symbol(self) -> str:
        return self.base + self.quote


@dataclass(slots=True)
class Order:
    id: int
    client_id: str
    symbol: str
    side: str
    type: str
    tif: str
    quantity: Decimal
    created_at: datetime
    updated_at: datetime
    price: Decimal = ZERO
    status: str = "NEW"
    filled: Decimal = ZERO
    spent: Decimal = ZERO

    @property
    def buys(self) -> bool:
        return self.side == "BUY"

    @property
    def working(self) -> bool:
        return self.status in WORKING

    @property
    def rest(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def limited(self) -> bool:
        return self.price > 0

    @property
    def stays(self) -> bool:
        """What does not fill at once rests."""
        return self.limited and self.tif not in ("IOC", "FOK")

    def within(self, market: Market) -> bool:
        if not self.limited:
            return True
        return market.ask <= self.price if self.buys else market.bid >= self.price

    def at_once(self, market: Market) -> Decimal:
        """As it comes to the book: what is there at its price."""
        there = self.rest if market.depth is None else min(self.rest, market.depth)
        short = self.tif == "FOK" and there < self.rest
        return there if self.within(market) and not short else ZERO

    def note(self, quantity: Decimal, value: Decimal, now: datetime) -> None:
        """So much of it has filled."""
        self.filled += quantity
        self.spent += value
        self.updated_at = now
        self.status = "FILLED" if self.rest <= 0 else "PARTIALLY_FILLED"


AnOrder = TypeVar("AnOrder", bound=Order)


class Numbered(Protocol):
    id: int
    symbol: str


N = TypeVar("N", bound=Numbered)


def newest(
    orders: Sequence[AnOrder], symbol: str, order_id: int | None, client_id: str
) -> AnOrder | None:
    """The newest that fits."""
    for order in reversed(orders):
        named = order.id == order_id if order_id is not None else order.client_id == client_id
        if order.symbol == symbol and named:
            return order
    return None


def of_symbol(trades: Iterable[N], symbol: str) -> list[N]:
    return sorted((each for each in trades if each.symbol == symbol), key=lambda each: each.id)


def working(orders: Iterable[AnOrder]) -> Iterator[AnOrder]:
    return (each for each in orders if each.working)
