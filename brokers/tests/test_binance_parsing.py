"""Binance's words read and written: nothing is lost, nothing is taken for what it is not."""

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.binance.parsing import (
    Context,
    balances,
    client_id_of,
    fills_of_answer,
    order_params,
    order_report,
    quote,
    trade,
)
from brokers.tests.test_binance_filters import rules
from brokers.types import OrderRequest, ReportStatus
from tradehub.core.words import OrderSide, OrderType, TimeInForce

AT = 1_773_846_000_123
WHEN = datetime(2026, 3, 18, 15, 0, 0, 123_000, tzinfo=UTC)
ORDER: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "clientOrderId": "ours",
    "price": "0.00000000",
    "origQty": "10.00000000",
    "executedQty": "0.00000000",
    "cummulativeQuoteQty": "0.00000000",
    "status": "NEW",
    "timeInForce": "GTC",
    "type": "MARKET",
    "side": "BUY",
    "stopPrice": "0.0",
    "time": AT - 5,
    "updateTime": AT,
}
TRADE: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "id": 7,
    "orderId": 28,
    "price": "100.00",
    "qty": "2.0",
    "commission": "0.002",
    "commissionAsset": "BTC",
    "time": AT,
    "isBuyer": True,
}


def context(worth: str | None = "600") -> Context:
    return Context(rules(), lambda asset: None if worth is None else D(worth))


@pytest.mark.parametrize(
    ("status", "filled", "read"),
    [
        ("NEW", "0", ReportStatus.OPEN),
        ("NEW", "1", ReportStatus.PARTIALLY_FILLED),
        ("PENDING_NEW", "0", ReportStatus.OPEN),
        ("PARTIALLY_FILLED", "1", ReportStatus.PARTIALLY_FILLED),
        ("PENDING_CANCEL", "0", ReportStatus.OPEN),
        ("FILLED", "10", ReportStatus.FILLED),
        ("CANCELED", "1", ReportStatus.CANCELED),
        ("REJECTED", "0", ReportStatus.REJECTED),
        ("EXPIRED", "3", ReportStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", "0", ReportStatus.EXPIRED),
    ],
)
def test_each_status_is_read_and_what_filled_counts(
    status: str, filled: str, read: ReportStatus
) -> None:
    report = order_report(ORDER | {"status": status, "executedQty": filled}, ())
    assert (report.status, report.filled_quantity) == (read, D(filled))
    assert (report.at, report.venue_order_id) == (WHEN, "BTCUSDT:28")


def test_a_status_of_tomorrow_is_not_understood() -> None:
    with pytest.raises(KeyError):
        order_report(ORDER | {"status": "PONDERING"}, ())


def test_a_quote_quantity_below_zero_is_not_needed() -> None:
    """ "Not available" of an old order; and the price of a market order is 0."""
    report = order_report(ORDER | {"cummulativeQuoteQty": "-1.0", "status": "FILLED",
                                   "executedQty": "10"}, ())  # fmt: skip
    assert report.filled_quantity == 10
    assert (report.limit_price, report.stop_price) == (None, None)


def test_an_order_that_ended_early_says_why() -> None:
    ended = ORDER | {"status": "EXPIRED", "expiryReason": "INSUFFICIENT_LIQUIDITY"}
    report = order_report(ended, ())
    assert (report.code, report.text) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")


def test_somebody_elses_order_is_read_too() -> None:
    report = order_report(
        ORDER
        | {"type": "TAKE_PROFIT_LIMIT", "price": "110.50", "stopPrice": "111", "side": "SELL"},
        (),
    )
    assert report.order_type is OrderType.STOP_LIMIT
    assert (report.limit_price, report.stop_price) == (D("110.5"), 111)
    assert report.side is OrderSide.SELL
    assert order_report(ORDER | {"type": "OF_TOMORROW"}, ()).order_type is None


def test_the_id_in_the_answer_to_a_cancel_is_the_orders() -> None:
    assert client_id_of(ORDER | {"origClientOrderId": "ours", "clientOrderId": "cancel7"}) == "ours"


def test_a_fee_in_what_was_bought_is_kept_from_it() -> None:
    fill = trade(TRADE, "ours", context())
    assert (fill.fee, fill.fee_currency) == (D("0.002"), "BTC")
    assert (fill.kept, fill.moved) == (D("0.002"), D("1.998"))
    assert (fill.fee_value, fill.cost) == (D("0.2"), D("0.2"))
    assert fill.venue_fill_id == "BTCUSDT:7"
    assert fill.least == D("0.05")  # 5 USDT at 100


def test_a_fee_in_the_currency_of_the_account_is_what_it_is() -> None:
    fill = trade(TRADE | {"isBuyer": False, "commission": "0.2", "commissionAsset": "USDT"}, "",
                 context())  # fmt: skip
    assert (fill.kept, fill.moved, fill.cost) == (0, 2, D("0.2"))


def test_a_fee_in_a_third_asset_is_told_as_it_is_and_valued() -> None:
    paid = TRADE | {"commission": "0.001", "commissionAsset": "BNB"}
    fill = trade(paid, "ours", context())
    assert (fill.fee, fill.fee_currency, fill.kept) == (D("0.001"), "BNB", 0)
    assert fill.cost == D("0.6")
    assert trade(paid, "ours", context(None)).cost == 0  # nobody knows its price


def test_the_fills_of_an_answer_are_those_of_the_trades() -> None:
    answer = ORDER | {"transactTime": AT, "status": "FILLED", "executedQty": "2", "fills": [
        {"price": "100.00", "qty": "2.0", "commission": "0.002", "commissionAsset": "BTC",
         "tradeId": 7}]}  # fmt: skip
    assert fills_of_answer(answer, context()) == (trade(TRADE, "ours", context()),)


def test_an_order_is_written_in_plain_numbers() -> None:
    request = OrderRequest("id-1", "BTCUSDT", OrderSide.SELL, OrderType.STOP_LIMIT,
                           TimeInForce.DAY, D("1E-5"), limit_price=D("9.50E+4"),
                           stop_price=D("95100.10"))  # fmt: skip
    assert order_params(request) == {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "STOP_LOSS_LIMIT",
        "quantity": "0.00001",
        "newClientOrderId": "id-1",
        "newOrderRespType": "FULL",
        "price": "95000",
        "stopPrice": "95100.1",
        "timeInForce": "GTC",
    }


def test_a_market_order_names_neither_price_nor_time() -> None:
    request = OrderRequest(
        "id-1", "BTCUSDT", OrderSide.BUY, OrderType.MARKET, TimeInForce.IOC, D(1)
    )
    assert not {"price", "timeInForce", "stopPrice"} & set(order_params(request))


def test_balances_and_quotes_are_read() -> None:
    raw = {"balances": [{"asset": "BTC", "free": "1.5", "locked": "0.5"},
                        {"asset": "DUST", "free": "0.0", "locked": "0.0"}]}  # fmt: skip
    held = balances(raw)
    assert list(held) == ["BTC"]
    assert held["BTC"].total == 2
    book = {"symbol": "BTCUSDT", "bidPrice": "1", "askPrice": "2", "lastPrice": "1.5"}
    told = quote(book, WHEN)
    assert told is not None
    assert (told.bid, told.ask, told.last, told.source) == (1, 2, D("1.5"), "binance")
    assert quote(book | {"bidPrice": "0.00000000"}, WHEN) is None
    assert quote(book | {"bidPrice": "2.1"}, WHEN) is None
