"""The exchange core by itself: prices met, holdings, links, refusals, replay."""

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from tests.venue.books import Holding, Order, Quote, Refused
from tests.venue.exchange import Exchange
from tests.venue.matching import price_met
from tests.venue.money import buying_power, equity

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
KEY = "k"


def order(side: str, kind: str, **prices: str) -> Order:
    numbers: dict[str, Any] = {name: D(text) for name, text in prices.items()}
    return Order("V1", "x", "AAPL", side, kind, "gtc", D(10), NOW, NOW, **numbers)


def quote(last: str, bid: str | None = None, ask: str | None = None) -> Quote:
    return Quote("AAPL", D(bid or last), D(ask or last), D(last))


@pytest.mark.parametrize(
    ("side", "kind", "prices", "last", "met"),
    [
        ("buy", "market", {}, "100", "101"),
        ("sell", "market", {}, "100", "99"),
        ("buy", "limit", {"limit_price": "100"}, "100", None),
        ("buy", "limit", {"limit_price": "101"}, "100", "101"),
        ("sell", "limit", {"limit_price": "100"}, "100", None),
        ("sell", "limit", {"limit_price": "99"}, "100", "99"),
        ("sell", "stop", {"stop_price": "99"}, "100", None),
        ("sell", "stop", {"stop_price": "100"}, "100", "99"),
        ("buy", "stop", {"stop_price": "100"}, "100", "101"),
        ("buy", "stop", {"stop_price": "101"}, "100", None),
        ("sell", "stop_limit", {"stop_price": "100", "limit_price": "100"}, "100", None),
        ("sell", "stop_limit", {"stop_price": "100", "limit_price": "99"}, "100", "99"),
    ],
)
def test_the_price_that_an_order_meets(
    side: str, kind: str, prices: dict[str, str], last: str, met: str | None
) -> None:
    found = price_met(order(side, kind, **prices), quote(last, bid="99", ask="101"))
    assert found == (None if met is None else D(met))


def test_a_trailing_stop_remembers_the_best_price() -> None:
    trailing = order("sell", "trailing_stop", trail_percent="10")
    assert [price_met(trailing, quote(last)) for last in ("100", "120", "109")] == [None] * 3
    assert price_met(trailing, quote("108")) == 108


@pytest.mark.parametrize(
    ("change", "price", "after"),
    [
        ("10", "20", ("20", "15")),
        ("-4", "20", ("6", "10")),
        ("-10", "20", ("0", "10")),
        ("-15", "20", ("-5", "20")),
    ],
)
def test_what_is_held_after_a_fill(change: str, price: str, after: tuple[str, str]) -> None:
    held = Holding(D(10), D(10)).after(D(change), D(price))
    assert held == Holding(D(after[0]), D(after[1]))


def opened(**rules: Any) -> Exchange:
    exchange = Exchange()
    exchange.apply("open_account", {"key": KEY, "cash": "1000", "rules": rules}, NOW)
    exchange.apply("set_default_price", {"price": "100"}, NOW)
    return exchange


def submit(exchange: Exchange, side: str, quantity: str, **more: Any) -> str:
    given = {"client_order_id": f"c{exchange.books(KEY).numbers}", "symbol": "AAPL"}
    placed = {**given, "side": side, "quantity": quantity, **more}
    return str(exchange.apply("submit", {"key": KEY, "order": placed}, NOW))


@pytest.mark.parametrize(
    ("code", "side", "quantity", "more"),
    [
        ("BUYING_POWER_TOO_LOW", "buy", "11", {}),
        ("SHORT_NOT_ALLOWED", "sell", "1", {}),
        ("NOTHING_TO_REDUCE", "sell", "1", {"reduce_only": True}),
        ("BAD_QUANTITY", "buy", "0.5", {}),
        ("BAD_QUANTITY", "buy", "0", {}),
        ("BAD_FIELD", "buy", "NaN", {}),
        ("BAD_FIELD", "hold", "1", {}),
        ("BAD_PRICE", "buy", "1", {"type": "limit"}),
        ("BAD_PRICE", "buy", "1", {"limit_price": "1"}),
        ("BAD_PRICE", "buy", "1", {"type": "trailing_stop"}),
        ("BAD_CLIENT_ID", "buy", "1", {"client_order_id": "no spaces"}),
        ("UNKNOWN_SYMBOL", "buy", "1", {"symbol": "aapl"}),
    ],
)
def test_what_the_exchange_refuses(
    code: str, side: str, quantity: str, more: dict[str, Any]
) -> None:
    exchange = opened(shorts=False)
    with pytest.raises(Refused) as refused:
        submit(exchange, side, quantity, **more)
    assert refused.value.code == code
    assert exchange.books(KEY).orders == {}


def test_a_ladder_of_targets_shrinks_the_stop_and_the_stop_the_ladder() -> None:
    exchange = opened()
    submit(exchange, "buy", "10")
    stop = submit(exchange, "sell", "10", type="stop", stop_price="90", link="p")
    near = submit(exchange, "sell", "4", type="limit", limit_price="110", link="p")
    far = submit(exchange, "sell", "6", type="limit", limit_price="120", link="p")
    book = exchange.books(KEY).orders
    exchange.apply("fill", {"key": KEY, "order_id": near, "quantity": "4"}, NOW)
    assert [book[each].remaining for each in (stop, near, far)] == [6, 0, 6]
    exchange.apply("fill", {"key": KEY, "order_id": stop, "quantity": "2"}, NOW)
    assert book[far].remaining == 4
    exchange.apply("fill", {"key": KEY, "order_id": stop, "quantity": "4"}, NOW)
    assert (book[far].status, book[far].code) == ("canceled", "LINKED_FILLED")
    assert exchange.books(KEY).held("AAPL") == 0


def test_money_adds_up() -> None:
    exchange = opened(fee_percent="1")
    submit(exchange, "buy", "4")
    books = exchange.books(KEY)
    quotes = exchange.quotes_for(books)
    assert (books.cash, equity(books, quotes)) == (596, 996)
    assert buying_power(books, quotes) == 596
    submit(exchange, "buy", "5", type="limit", limit_price="50")
    assert buying_power(books, quotes) == 346
