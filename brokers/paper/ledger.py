"""The venue's cash and net positions, and what they allow.

Pure. A position is held at average cost: a fill in its direction blends the price, a fill against
it leaves the price, a fill through zero starts anew at the fill's price.

    equity        = cash + every position at its mark
    exposure      = for each symbol the largest of: what is held; what is held after every working
                    buy; after every working sell. Alternatives of one link count once, orders that
                    can only reduce not at all
    buying power  = leverage * equity - exposure, over all symbols

A position without a price makes equity unknown, so it raises NoPrice: a guess would be spent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext

from brokers.paper.matching import Execution, Rules, VenueOrder, expected_price
from brokers.types import Quote
from tradehub.core.money import EXACT, ZERO, ratio
from tradehub.core.words import OrderSide, OrderType


class NoPrice(Exception):
    """No price is known for `symbol`, so nothing that holds it can be valued."""

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol)
        self.symbol = symbol


@dataclass(frozen=True, slots=True)
class Holding:
    quantity: Decimal = ZERO
    """Signed: a short is below zero."""
    average_price: Decimal = ZERO


FLAT = Holding()


@dataclass(frozen=True, slots=True)
class Book:
    cash: Decimal
    holdings: Mapping[str, Holding] = field(default_factory=dict)

    def held(self, symbol: str) -> Decimal:
        return self.holdings.get(symbol, FLAT).quantity

    def after(self, fill: Execution) -> "Book":
        """The book after a fill: cash pays price and fee."""
        with localcontext(EXACT):
            cash = self.cash - fill.side.sign * fill.quantity * fill.price - fill.fee
            holdings = dict(self.holdings)
            holding = _held_after(holdings.pop(fill.symbol, FLAT), fill)
            if holding.quantity:
                holdings[fill.symbol] = holding
        return replace(self, cash=cash, holdings=holdings)


def equity(book: Book, quotes: Mapping[str, Quote]) -> Decimal:
    with localcontext(EXACT):
        return book.cash + sum(
            (held.quantity * _mark(symbol, quotes) for symbol, held in book.holdings.items()), ZERO
        )


def exposure(
    book: Book, orders: Iterable[VenueOrder], quotes: Mapping[str, Quote], rules: Rules
) -> Decimal:
    """The money at work if everything that can open does."""
    opening = [order for order in orders if order.working and not only_reduces(order, rules)]
    symbols = {*book.holdings, *(order.request.symbol for order in opening)}
    total = ZERO
    with localcontext(EXACT):
        for symbol in symbols:
            quantity = book.held(symbol)
            mark = _mark(symbol, quotes) if quantity else ZERO
            sides = []
            for side in OrderSide:
                same = quantity * side.sign
                parts = _parts(opening, symbol, side, quotes, rules)
                added = _value_beyond(parts, max(-same, ZERO))
                sides.append(max(same, ZERO) * mark + added)
            total += max(abs(quantity) * mark, *sides)
    return total


def buying_power(
    book: Book, orders: Iterable[VenueOrder], quotes: Mapping[str, Quote], rules: Rules
) -> Decimal:
    """May be below zero, after losses."""
    with localcontext(EXACT):
        return rules.leverage * equity(book, quotes) - exposure(book, orders, quotes, rules)


def only_reduces(order: VenueOrder, rules: Rules) -> bool:
    """It can never open anything: told so, or a sale where nothing may be sold short."""
    selling = order.request.side is OrderSide.SELL
    return order.request.reduce_only or (selling and not rules.allow_short)


def reducible(book: Book, symbol: str, side: OrderSide) -> Decimal:
    """How much of what is held a fill of that side takes away."""
    return max(ZERO, -side.sign * book.held(symbol))


def _held_after(before: Holding, fill: Execution) -> Holding:
    change = fill.side.sign * fill.quantity
    quantity = before.quantity + change
    if not quantity:
        return FLAT
    if before.quantity * change > 0:
        cost = abs(before.quantity) * before.average_price + fill.quantity * fill.price
        return Holding(quantity, ratio(cost, abs(quantity)))
    if before.quantity * quantity > 0:
        return Holding(quantity, before.average_price)
    return Holding(quantity, fill.price)


def ladder_of(order: VenueOrder) -> tuple[OrderSide, bool]:
    """Orders of one link with the same answer add up; the others are alternatives."""
    kind = order.request.order_type
    return order.request.side, kind not in (OrderType.MARKET, OrderType.LIMIT)


def _parts(
    orders: Iterable[VenueOrder],
    symbol: str,
    side: OrderSide,
    quotes: Mapping[str, Quote],
    rules: Rules,
) -> list[tuple[Decimal, Decimal]]:
    """(price, quantity) of what may fill on one side; a link at its dearest price, its largest
    ladder once."""
    prices: dict[str, Decimal] = {}
    ladders: dict[str, dict[bool, Decimal]] = {}
    for order in orders:
        request = order.request
        if request.symbol != symbol or request.side is not side:
            continue
        price = expected_price(request, quotes.get(symbol), rules)
        if price is None:
            raise NoPrice(symbol)
        key = f"link {request.link}" if request.link else f"order {order.id}"
        prices[key] = max(prices.get(key, price), price)
        ladder, stops = ladders.setdefault(key, {}), ladder_of(order)[1]
        ladder[stops] = ladder.get(stops, ZERO) + order.remaining
    return [(prices[key], max(ladder.values())) for key, ladder in ladders.items()]


def _value_beyond(parts: list[tuple[Decimal, Decimal]], covering: Decimal) -> Decimal:
    """What the parts cost after the first `covering` units, which only close; dearest counted."""
    left = max(ZERO, sum((quantity for _, quantity in parts), ZERO) - covering)
    value = ZERO
    for price, quantity in sorted(parts, reverse=True):
        taken = min(left, quantity)
        value += price * taken
        left -= taken
    return value


def _mark(symbol: str, quotes: Mapping[str, Quote]) -> Decimal:
    quote = quotes.get(symbol)
    if quote is None:
        raise NoPrice(symbol)
    return quote.last
