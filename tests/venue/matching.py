"""When an order of the scripted venue trades, and at which price.

Pure. A market order trades at the quote at once; a limit when the quote touches it; a stop once
the last price has reached it; a trailing stop follows the last price.
"""

from datetime import datetime
from decimal import Decimal

from tests.venue.books import Books, Order, Quote


def advance(books: Books, quotes: dict[str, Quote], now: datetime) -> None:
    """Every working order meets its quote once, oldest first."""
    if books.rules.fills_by_hand:
        return
    for order in [each for each in books.orders.values() if each.working]:
        quote = quotes.get(order.symbol)
        if order.working and quote is not None and quote.usable:
            meet(books, order, quote, now)


def meet(books: Books, order: Order, quote: Quote, now: datetime) -> None:
    price = price_met(order, quote)
    if price is None:
        return
    quantity = order.remaining
    if order.reduce_only:
        quantity = min(quantity, books.reducible(order))
    if quantity <= 0:
        order.end("canceled", "NOTHING_TO_REDUCE", "Nothing is left to reduce.", now)
        return
    books.fill(order, quantity, price, now)


def price_met(order: Order, quote: Quote) -> Decimal | None:
    """None while it rests. Notes on the order how far it has come (trigger, best price)."""
    price = quote.ask if order.side == "buy" else quote.bid
    if order.type == "market":
        return price
    if order.type == "limit":
        return price if _within_limit(order, price) else None
    if not order.triggered:
        order.triggered = _reached(order, quote.last)
    if not order.triggered:
        return None
    if order.type == "stop_limit":
        return price if _within_limit(order, price) else None
    return price


def _within_limit(order: Order, price: Decimal) -> bool:
    assert order.limit_price is not None
    return (order.limit_price - price) * order.sign >= 0


def _reached(order: Order, last: Decimal) -> bool:
    stop = order.stop_price
    if order.type == "trailing_stop":
        stop = _trailed(order, last)
    assert stop is not None
    return (last - stop) * order.sign >= 0


def _trailed(order: Order, last: Decimal) -> Decimal:
    best = order.best if order.best is not None else last
    order.best = min(best, last) if order.side == "buy" else max(best, last)
    distance = order.trail_offset
    if distance is None:
        assert order.trail_percent is not None
        distance = order.best * order.trail_percent / 100
    return order.best + distance * order.sign
