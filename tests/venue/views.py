"""What the scripted venue shows of an account, as JSON: with its lags and its disorder.

Pure. `truth=True` (the control API) shows everything as it is.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.venue.books import ZERO, Books, Fill, Order, Quote, Refused, Rules
from tests.venue.exchange import Exchange
from tests.venue.money import buying_power, equity


def one_order(exchange: Exchange, key: str, order_id: str, now: datetime) -> dict[str, Any]:
    order = exchange.find(key, order_id)
    rules = exchange.books(key).rules
    if not seen(order.created_at, rules.order_lag, now):
        raise Refused("UNKNOWN_ORDER", f"There is no order {order_id}.", status=404)
    return order_json(order, rules)


def order_list(
    books: Books, now: datetime, *, status: str, since: datetime | None = None, truth: bool = False
) -> list[dict[str, Any]]:
    """`open`, `closed` or `all`; `since` is when an order last changed."""
    wanted = [
        each
        for each in books.orders.values()
        if (status == "all" or each.working == (status == "open"))
        and (since is None or each.updated_at >= since)
        and (truth or seen(each.created_at, books.rules.order_lag, now))
    ]
    rules = Rules() if truth else books.rules
    rows = [order_json(each, books.rules) for each in wanted]
    copies = [as_accepted(row) for row in rows]
    return disordered(rows, copies, rules)


def fill_list(
    books: Books, now: datetime, *, since: datetime | None = None, truth: bool = False
) -> list[dict[str, Any]]:
    rows = [
        fill_json(each, books.rules)
        for each in books.fills
        if (since is None or each.at >= since)
        and (truth or seen(each.at, books.rules.fill_lag, now))
    ]
    return disordered(rows, rows, Rules() if truth else books.rules)


def position_list(books: Books, now: datetime, *, truth: bool = False) -> list[dict[str, Any]]:
    lag = 0 if truth else books.rules.position_lag
    unseen: dict[str, Decimal] = {}
    for at, symbol, change in reversed(books.moves):
        if seen(at, lag, now):
            break
        unseen[symbol] = unseen.get(symbol, ZERO) + change
    rows = []
    for symbol in sorted({*books.holdings, *unseen}):
        quantity = books.held(symbol) - unseen.get(symbol, ZERO)
        holding = books.holdings.get(symbol)
        if quantity:
            average = holding.average if holding else ZERO
            rows.append({"symbol": symbol, "quantity": text(quantity), "average": text(average)})
    return rows


def account_json(exchange: Exchange, books: Books, now: datetime) -> dict[str, Any]:
    quotes = exchange.quotes_for(books)
    return {
        "equity": text(equity(books, quotes)),
        "cash": text(books.cash),
        "buying_power": text(buying_power(books, quotes)),
        "currency": books.rules.currency,
        "at": now.isoformat(),
    }


def instrument_json(exchange: Exchange, symbol: str) -> dict[str, Any]:
    found = exchange.instrument(symbol)
    if found is None:
        raise Refused("UNKNOWN_SYMBOL", f"{symbol[:40]!r} is not traded here.", status=404)
    return {
        "symbol": found.symbol,
        "step": text(found.step),
        "tick": text(found.tick),
        "min_quantity": text(found.min_quantity),
        "min_notional": text(found.min_notional),
    }


def quote_json(quote: Quote, now: datetime) -> dict[str, Any]:
    return {
        "symbol": quote.symbol,
        "bid": text(quote.bid),
        "ask": text(quote.ask),
        "last": text(quote.last),
        "at": (quote.at or now).isoformat(),
    }


def order_json(order: Order, rules: Rules) -> dict[str, Any]:
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "time_in_force": order.time_in_force,
        "quantity": text(order.quantity),
        "filled_quantity": text(order.filled),
        "limit_price": text(order.limit_price),
        "stop_price": text(order.stop_price),
        "reduce_only": order.reduce_only,
        "link": order.link,
        "status": order.status,
        "code": order.code,
        "text": order.text,
        "created_at": order.created_at.isoformat(),
        "updated_at": order.updated_at.isoformat(),
        "fills": [fill_json(each, rules) for each in order.fills],
    }


def as_accepted(row: dict[str, Any]) -> dict[str, Any]:
    """Old news of an order: open, nothing filled."""
    old: dict[str, Any] = {
        "status": "open",
        "filled_quantity": "0",
        "fills": [],
        "code": None,
        "text": None,
    }
    return {**row, **old, "updated_at": row["created_at"]}


def fill_json(fill: Fill, rules: Rules) -> dict[str, Any]:
    return {
        "id": fill.id,
        "order_id": fill.order_id,
        "client_order_id": fill.client_order_id,
        "symbol": fill.symbol,
        "side": fill.side,
        "quantity": text(fill.quantity),
        "price": text(fill.price),
        "fee": text(fill.fee),
        "fee_currency": rules.currency,
        "at": fill.at.isoformat(),
    }


def disordered(
    rows: list[dict[str, Any]], copies: list[dict[str, Any]], rules: Rules
) -> list[dict[str, Any]]:
    if rules.duplicates:
        rows = [*rows, *copies]
    return rows[::-1] if rules.shuffled else rows


def seen(at: datetime, lag: float, now: datetime) -> bool:
    return not lag or at + timedelta(seconds=lag) <= now


def text(number: Decimal | None) -> str | None:
    if number is None:
        return None
    if not number.is_finite():
        return str(number)
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
