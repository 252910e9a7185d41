"""Alpaca's JSON as our reports. Pure; the samples are shaped as its documentation has them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from brokers.alpaca import parsing
from brokers.alpaca.assets import Asset
from brokers.types import ReportStatus
from tradehub.core.words import OrderSide, OrderType, TimeInForce

COIN = Asset(
    "BTCUSD", "BTC/USD", crypto=True, tradable=True, min_quantity=Decimal("0.0001"),
    quantity_step=Decimal("0.0001"),
)  # fmt: skip
RATE = Decimal("0.25")
AT = "2026-03-18T15:00:00.123456789Z"

# What brokers/alpaca/parsing must make of each status, written down apart from it.
STATUSES = {
    "new": "open",
    "pending_new": "open",
    "accepted": "open",
    "accepted_for_bidding": "open",
    "pending_review": "open",
    "held": "open",
    "stopped": "open",
    "suspended": "open",
    "calculated": "open",
    "done_for_day": "open",
    "pending_cancel": "open",
    "pending_replace": "open",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "canceled": "canceled",
    "replaced": "canceled",
    "expired": "expired",
    "rejected": "rejected",
}


def order(**more: Any) -> dict[str, Any]:
    return {
        "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
        "client_order_id": "ours",
        "created_at": "2026-03-18T14:00:00Z",
        "updated_at": AT,
        "submitted_at": "2026-03-18T14:00:00Z",
        "filled_at": None,
        "canceled_at": None,
        "symbol": "AAPL",
        "qty": "10",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "type": "limit",
        "side": "buy",
        "time_in_force": "gtc",
        "limit_price": "150.5",
        "stop_price": None,
        "status": "new",
        "legs": None,
        **more,
    }


@pytest.mark.parametrize("word", STATUSES)
def test_each_status_means_one_thing(word: str) -> None:
    report = parsing.order_report(order(status=word))
    assert report.status.value == STATUSES[word]
    assert (report.code is None) is (report.status.value in ("open", "partially_filled", "filled"))
    assert parsing.has_ended(order(status=word)) is (
        STATUSES[word] in ("filled", "canceled", "expired", "rejected")
    )


def test_the_table_of_statuses_is_all_of_them() -> None:
    assert {word: status.value for word, status in parsing.STATUSES.items()} == STATUSES


def test_an_unknown_status_ends_no_order() -> None:
    raw = order(status="pondering")
    assert parsing.order_report(raw).status is ReportStatus.OPEN
    assert not parsing.has_ended(raw)
    part = order(status="pondering", filled_qty="3")
    assert parsing.order_report(part).status is ReportStatus.PARTIALLY_FILLED


def test_what_waits_for_its_cancel_and_has_filled_a_part_is_a_part() -> None:
    report = parsing.order_report(order(status="pending_cancel", filled_qty="3"))
    assert (report.status, report.filled_quantity) == (ReportStatus.PARTIALLY_FILLED, 3)


def test_an_order_is_read_whole() -> None:
    report = parsing.order_report(order())
    assert (report.client_order_id, report.symbol, report.side) == ("ours", "AAPL", OrderSide.BUY)
    assert (report.quantity, report.limit_price, report.stop_price) == (10, Decimal("150.5"), None)
    assert (report.order_type, report.time_in_force) == (OrderType.LIMIT, TimeInForce.GTC)
    assert report.at == datetime(2026, 3, 18, 15, 0, 0, 123456, tzinfo=UTC)


def test_an_order_ended_when_it_ended_whatever_was_updated_since() -> None:
    raw = order(status="canceled", canceled_at="2026-03-18T14:30:00Z")
    assert parsing.order_report(raw).at == datetime(2026, 3, 18, 14, 30, tzinfo=UTC)


def test_a_coin_has_no_slash_and_an_amount_of_money_no_quantity() -> None:
    report = parsing.order_report(order(symbol="BTC/USD", qty=None, notional="100"))
    assert (report.symbol, report.quantity) == ("BTCUSD", 0)
    filled = order(symbol="BTC/USD", qty=None, status="filled", filled_qty="0.5")
    assert parsing.order_report(filled).quantity == Decimal("0.5")


def test_why_it_ended_is_told() -> None:
    rejected = parsing.order_report(order(status="rejected", reject_reason="no such luck"))
    assert (rejected.code, rejected.text) == ("REJECTED", "no such luck")
    replaced = parsing.order_report(order(status="replaced", replaced_by="abc"))
    assert replaced.text == "Replaced by the order abc."
    expired = parsing.order_report(order(status="expired"))
    assert (expired.code, expired.text) == ("EXPIRED", "Alpaca says that the order is expired.")


def test_legs_are_orders_too_and_an_order_of_several_symbols_is_none_of_ours() -> None:
    held = order(id="leg", status="held")
    raws = [order(legs=[held]), order(id="mleg", symbol="", side="", legs=None)]
    assert [each["id"] for each in parsing.orders_in(raws)] == [order()["id"], "leg"]
    assert len(parsing.orders_in([order(legs=[held]), held])) == 2


@pytest.mark.parametrize(
    "broken",
    [{"id": None}, {"symbol": None}, {"side": "up"}, {"qty": "many"}, {"updated_at": "soon"},
     {"updated_at": "2026-03-18T15:00:00"}, {"filled_qty": "NaN"}],
)  # fmt: skip
def test_what_is_no_order_is_not_read(broken: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        parsing.order_report(order(**broken))


def fill(**more: Any) -> dict[str, Any]:
    return {
        "id": "20260318110000123::8efc7b9a-8b2b-4000-9955-d36e7db0df74",
        "activity_type": "FILL",
        "transaction_time": AT,
        "type": "fill",
        "price": "150.25",
        "qty": "4",
        "side": "sell",
        "symbol": "AAPL",
        "leaves_qty": "0",
        "order_id": "61e69015",
        "cum_qty": "4",
        **more,
    }


def test_a_fill_of_shares_costs_nothing() -> None:
    report = parsing.fill_report(fill(), "ours", None, RATE)
    assert (report.client_order_id, report.venue_order_id) == ("ours", "61e69015")
    assert (report.side, report.quantity, report.price) == (OrderSide.SELL, 4, Decimal("150.25"))
    assert (report.fee, report.kept, report.fee_currency, report.least) == (0, 0, "USD", 0)
    assert report.at.microsecond == 123456
    short = parsing.fill_report(fill(side="sell_short"), "", None, RATE)
    assert (short.side, short.client_order_id) == (OrderSide.SELL, "")


def test_of_coins_a_part_is_kept() -> None:
    bought = parsing.fill_report(
        fill(symbol="BTC/USD", side="buy", qty="0.1", price="100000"), "ours", COIN, RATE
    )
    assert (bought.fee, bought.kept, bought.fee_currency) == (
        Decimal("0.00025"),
        Decimal("0.00025"),
        "BTC",
    )
    assert (bought.fee_value, bought.least) == (25, Decimal("0.0001"))
    sold = parsing.fill_report(
        fill(symbol="BTC/USD", side="sell", qty="0.1", price="100000"), "ours", COIN, RATE
    )
    assert (sold.fee, sold.kept, sold.fee_currency, sold.fee_value) == (25, 0, "USD", None)


@pytest.mark.parametrize(("qty", "side", "signed"), [("5", "long", 5), ("-5", "short", -5),
                                                     ("5", "short", -5)])  # fmt: skip
def test_positions_are_signed(qty: str, side: str, signed: int) -> None:
    raw = {"symbol": "AAPL", "qty": qty, "side": side, "avg_entry_price": "150"}
    found = parsing.position(raw)
    assert (found.symbol, found.quantity, found.average_price) == ("AAPL", signed, 150)


def asset(**more: Any) -> dict[str, Any]:
    return {"id": "x", "class": "us_equity", "symbol": "AAPL", "status": "active",
            "tradable": True, "fractionable": True, "shortable": True, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "easy"),
    [
        ({"borrow_status": "easy_to_borrow"}, True),
        ({"borrow_status": "hard_to_borrow", "easy_to_borrow": True}, False),
        ({"easy_to_borrow": True}, True),
        ({"easy_to_borrow": False}, False),
        ({}, False),
    ],
)
def test_how_easy_it_is_to_borrow(told: dict[str, Any], easy: bool) -> None:
    """`borrow_status` since June 2026; the older word was removed in September."""
    found = parsing.asset(asset(**told))
    assert found is not None
    assert found.easy_to_borrow is easy


def test_assets_are_stocks_and_coins() -> None:
    assert parsing.asset(asset(**{"class": "us_option"})) is None
    assert parsing.asset(asset(**{"class": "crypto_perp"})) is None
    halted = parsing.asset(asset(status="inactive"))
    assert halted is not None
    assert not halted.tradable
    pair = {"class": "crypto", "symbol": "ETH/BTC", "min_order_size": "0.001",
            "min_trade_increment": "0.000000001", "price_increment": "0.000000001"}  # fmt: skip
    coin = parsing.asset(asset(**pair))
    assert coin is not None
    assert (coin.symbol, coin.name, coin.currency) == ("ETHBTC", "ETH/BTC", "BTC")
    assert coin.quantity_step == Decimal("1e-9")


def test_a_quote_has_both_sides_and_a_trade_or_is_none() -> None:
    asked = {"t": AT, "bp": Decimal("99.9"), "ap": Decimal("100.1")}
    whole = {"latestQuote": asked, "latestTrade": {"t": AT, "p": 100}}
    quote = parsing.quote("BTC/USD", whole)
    assert quote is not None
    assert (quote.symbol, quote.bid, quote.ask) == ("BTCUSD", Decimal("99.9"), Decimal("100.1"))
    assert (quote.last, quote.source, quote.at.second) == (100, "alpaca", 0)
    for part in (
        {"latestQuote": None, "latestTrade": whole["latestTrade"]},
        {"latestQuote": asked, "latestTrade": None},
        {"latestQuote": {**asked, "bp": 0}, "latestTrade": whole["latestTrade"]},
        {"latestQuote": {**asked, "bp": 101}, "latestTrade": whole["latestTrade"]},
        None,
    ):
        assert parsing.quote("AAPL", part) is None


def test_the_account_and_the_clock() -> None:
    raw = {
        "id": "0f1e", "account_number": "PA1", "status": "ACTIVE", "currency": "USD",
        "equity": "50000.5", "cash": "-100", "buying_power": "-3", "multiplier": "2",
        "trading_blocked": False, "account_blocked": False, "trade_suspended_by_user": True,
        "shorting_enabled": True, "maintenance_margin": "60000",
    }  # fmt: skip
    at = datetime(2026, 3, 18, tzinfo=UTC)
    state = parsing.account_state(raw, at)
    assert (state.equity, state.cash, state.buying_power) == (Decimal("50000.5"), -100, 0)
    assert (state.venue_account_id, state.at) == ("0f1e", at)
    standing = parsing.standing(raw)
    assert standing.suspended_by_user
    assert (standing.crypto_status, standing.maintenance_margin) == ("INACTIVE", 60000)
    clock = parsing.market_clock(
        {
            "timestamp": "2026-03-18T11:00:00.123456789-04:00",
            "is_open": True,
            "next_open": "2026-03-19T09:30:00-04:00",
            "next_close": "2026-03-18T16:00:00-04:00",
        }
    )
    assert clock.at == datetime(2026, 3, 18, 15, 0, 0, 123456, tzinfo=UTC)
    assert clock.is_open
