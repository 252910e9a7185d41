"""What an account of the scripted venue is worth, and whether it can pay. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from tests.venue.books import ZERO, Books, Order, Quote, Refused


def equity(books: Books, quotes: Mapping[str, Quote]) -> Decimal:
    held = (
        holding.quantity * _last(quotes, symbol, holding.average)
        for symbol, holding in books.holdings.items()
    )
    return books.cash + sum(held, ZERO)


def buying_power(books: Books, quotes: Mapping[str, Quote]) -> Decimal:
    held = sum(
        (
            abs(holding.quantity) * _last(quotes, symbol, holding.average)
            for symbol, holding in books.holdings.items()
        ),
        ZERO,
    )
    resting = sum((_cost(books, each, quotes) for each in books.orders.values()), ZERO)
    return max(ZERO, equity(books, quotes) * books.rules.leverage - held - resting)


def cannot_pay(books: Books, order: Order, quotes: Mapping[str, Quote]) -> Refused | None:
    quote = quotes.get(order.symbol)
    if order.type == "market" and (quote is None or not quote.usable):
        return Refused("PRICE_MISSING", f"{order.symbol} has no price.")
    needed = _cost(books, order, quotes)
    there = buying_power(books, quotes)
    if needed <= there:
        return None
    return Refused("BUYING_POWER_TOO_LOW", f"It needs {needed} and {there} is left.")


def _cost(books: Books, order: Order, quotes: Mapping[str, Quote]) -> Decimal:
    """Of what it would add to the holding; nothing for one that closes."""
    if not order.working:
        return ZERO
    added = max(ZERO, order.remaining - books.reducible(order))
    price = order.limit_price or order.stop_price
    return added * (price or _last(quotes, order.symbol, ZERO))


def _last(quotes: Mapping[str, Quote], symbol: str, otherwise: Decimal) -> Decimal:
    quote = quotes.get(symbol)
    return quote.last if quote is not None and quote.usable else otherwise
