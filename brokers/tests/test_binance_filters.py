"""Binance's filters: read from exchangeInfo, and orders judged by them before they leave."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.binance.filters import (
    Rules,
    allowance,
    instrument_of,
    is_far,
    percent_refusal,
    read_rules,
    refusal,
)
from brokers.types import OrderRequest
from tradehub.core.words import OrderSide, OrderType, TimeInForce

SYMBOL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "isSpotTradingAllowed": True,
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
}
FILTERS: dict[str, dict[str, Any]] = {
    "PRICE_FILTER": {"minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
    "LOT_SIZE": {"minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
    "MARKET_LOT_SIZE": {"minQty": "0.0", "maxQty": "60.5", "stepSize": "0.0"},
    "NOTIONAL": {
        "minNotional": "5.0",
        "applyMinToMarket": True,
        "maxNotional": "9000000.0",
        "applyMaxToMarket": False,
        "avgPriceMins": 5,
    },
    "PERCENT_PRICE_BY_SIDE": {
        "bidMultiplierUp": "5",
        "bidMultiplierDown": "0.2",
        "askMultiplierUp": "4",
        "askMultiplierDown": "0.3",
        "avgPriceMins": 5,
    },
}


def rules(**changes: dict[str, Any] | None) -> Rules:
    """With these filters instead; None takes one away."""
    found = {name: each for name, each in (FILTERS | changes).items() if each is not None}
    return read_rules(
        {**SYMBOL, "filters": [{"filterType": name, **each} for name, each in found.items()]}
    )


def ask(kind: str = "market", quantity: str = "1", **more: Any) -> OrderRequest:
    prices: dict[str, Any] = {name: D(text) for name, text in more.items()}
    return OrderRequest("id", "BTCUSDT", OrderSide.BUY, OrderType(kind), TimeInForce.GTC,
                        D(quantity), **prices)  # fmt: skip


def named(request: OrderRequest, judged: Rules | None = None) -> str | None:
    found = refusal(judged or rules(), request)
    return None if found is None else found[0]


def test_an_instrument_is_told_whole() -> None:
    told = instrument_of(rules())
    assert (told.quantity_step, told.price_tick, told.currency) == (D("0.00001"), D("0.01"), "USDT")
    assert (told.min_quantity, told.min_notional) == (D("0.00001"), 5)
    assert (told.max_quantity, told.market_max_quantity) == (9000, D("60.5"))
    assert (told.max_notional, told.min_price, told.max_price) == (9_000_000, D("0.01"), 1_000_000)
    assert told.order_types == {
        OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT
    }  # fmt: skip
    assert told.tradable


def test_a_symbol_that_is_halted_or_not_for_spot_is_not_traded() -> None:
    for change in ({"status": "HALT"}, {"status": "BREAK"}, {"isSpotTradingAllowed": False}):
        found = read_rules({**SYMBOL, **change, "filters": []})
        assert not instrument_of(found).tradable
        assert named(ask(), found) == "STATUS"


def test_zero_switches_a_bound_off() -> None:
    none = {"minPrice": "0", "maxPrice": "0", "tickSize": "0"}
    off = {"minQty": "0", "maxQty": "0", "stepSize": "0"}
    free = rules(PRICE_FILTER=none, LOT_SIZE=off, MARKET_LOT_SIZE=off, NOTIONAL=None)
    assert named(ask(quantity="0.123456789"), free) is None
    assert named(ask("limit", limit_price="0.00000001", quantity="123456"), free) is None
    assert free.floor(D("0.123456789"), OrderType.MARKET) == D("0.123456789")
    told = instrument_of(free)
    assert (told.price_tick, told.max_quantity, told.min_price) == (None, None, None)
    assert told.quantity_step > 0


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (ask(quantity="0.000001"), "LOT_SIZE"),
        (ask(quantity="9000.00001"), "LOT_SIZE"),
        (ask(quantity="0.000015"), "LOT_SIZE"),
        (ask(quantity="60.6"), "MARKET_LOT_SIZE"),
        (ask("limit", quantity="60.6", limit_price="10"), None),
        (ask("limit", limit_price="10.001"), "PRICE_FILTER"),
        (ask("limit", limit_price="1000000.01"), "PRICE_FILTER"),
        (ask("stop", stop_price="10.001"), "PRICE_FILTER"),
        (ask("stop_limit", stop_price="10", limit_price="10.001"), "PRICE_FILTER"),
        (ask("limit", quantity="0.4", limit_price="10"), "NOTIONAL"),
        (ask("limit", quantity="0.5", limit_price="10"), None),
        (ask("stop", quantity="0.4", stop_price="10"), "NOTIONAL"),
        (ask("limit", quantity="90", limit_price="100000.01"), "NOTIONAL"),
        (ask(quantity="0.00001"), None),
    ],
)
def test_each_filter_is_named_as_the_venue_would(request_: OrderRequest, name: str | None) -> None:
    assert named(request_) == name


def test_the_older_notional_filter_is_read_too() -> None:
    old = {"minNotional": "10", "applyToMarket": False, "avgPriceMins": 5}
    judged = rules(NOTIONAL=None, MIN_NOTIONAL=old)
    assert named(ask("limit", quantity="0.9", limit_price="10"), judged) == "MIN_NOTIONAL"
    assert judged.least(D(10)) == D("0.00001")  # at the market it does not hold


def test_a_type_that_the_symbol_does_not_take_is_refused() -> None:
    judged = read_rules({**SYMBOL, "orderTypes": ["LIMIT"], "filters": []})
    assert named(ask(), judged) == "ORDER_TYPE"
    assert instrument_of(judged).order_types == {OrderType.LIMIT}


def test_the_least_that_can_be_sold_depends_on_the_price() -> None:
    judged = rules()
    assert judged.least(D(100_000)) == D("0.00005")
    assert judged.least(D(30_000)) == D("0.00017")  # 5 / 30000 is not on the step
    assert judged.least(None) == D("0.00001")


def test_a_refusal_tells_the_numbers() -> None:
    found = refusal(rules(), ask("limit", quantity="0.4", limit_price="10"))
    assert found is not None
    assert "0.4 BTC at 10 is 4 USDT" in found[1]
    assert "at least 5" in found[1]
    said = allowance(rules(), "Filter failure: PERCENT_PRICE_BY_SIDE", OrderSide.SELL)
    assert "0.3 to 4 times the average price of 5 minutes" in said
    assert allowance(rules(), "Filter failure: MAX_POSITION", OrderSide.BUY) == ""
    both = rules(PERCENT_PRICE_BY_SIDE=None,
                 PERCENT_PRICE={"multiplierUp": "3", "multiplierDown": "0.5",
                                "avgPriceMins": 0})  # fmt: skip
    told = allowance(both, "Filter failure: PERCENT_PRICE", OrderSide.BUY)
    assert "0.5 to 3 times the last price" in told


@pytest.mark.parametrize(
    ("side", "limit", "far"),
    [
        ("buy", "20", False), ("buy", "19", True), ("buy", "500", False), ("buy", "501", True),
        ("sell", "30", False), ("sell", "29", True), ("sell", "400", False), ("sell", "401", True),
    ],
)  # fmt: skip
def test_each_side_has_its_own_reach_from_the_market(side: str, limit: str, far: bool) -> None:
    asked = replace(ask("limit", limit_price=limit), side=OrderSide(side))
    assert is_far(rules(), asked, D(100)) is far


def test_what_is_near_to_a_bound_is_left_to_the_venue() -> None:
    """What it measures by may move until the order arrives."""
    for limit, refused in (("19.8", False), ("19.79", True), ("505", False), ("505.01", True)):
        found = percent_refusal(rules(), ask("limit", limit_price=limit), D(100))
        assert (found is not None) is refused
    assert found is not None
    assert found[0] == "PERCENT_PRICE_BY_SIDE"
    assert "at 505.01 is too far from the market at 100" in found[1]
    assert "from 0.2 to 5 times the average price of 5 minutes" in found[1]


def test_without_a_limit_or_the_rule_nothing_is_far() -> None:
    assert not is_far(rules(), ask(), D(100))
    assert not is_far(rules(), ask("stop", stop_price="1"), D(100))
    free = rules(PERCENT_PRICE_BY_SIDE=None)
    assert not is_far(free, ask("limit", limit_price="1"), D(100))


@given(
    st.decimals(0, 10_000, places=8),
    st.sampled_from(["0.00001", "0.001", "1", "0.00000001"]),
    st.sampled_from(["0", "0.01", "10"]),
)
def test_a_quantity_is_never_rounded_up(quantity: D, step: str, market_step: str) -> None:
    judged = rules(
        LOT_SIZE={"minQty": "0", "maxQty": "0", "stepSize": step},
        MARKET_LOT_SIZE={"minQty": "0", "maxQty": "0", "stepSize": market_step},
    )
    limit = judged.floor(quantity, OrderType.LIMIT)
    assert 0 <= quantity - limit < D(step)
    assert limit % D(step) == 0
    market = judged.floor(quantity, OrderType.MARKET)
    assert market <= limit
    assert not D(market_step) or market % D(market_step) == 0
