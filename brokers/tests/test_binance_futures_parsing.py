"""What futures say, as our reports; and an order as they want it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.binance.filters import Range, Rules
from brokers.binance.futures_parsing import (
    account_state,
    algo_params,
    algo_report,
    became,
    leg_of,
    legs,
    order_params,
    order_report,
    quote,
    read_rules,
    trade,
)
from brokers.binance.parsing import Context
from brokers.types import OrderRequest, ReportStatus
from tradehub.core.intent import Trail
from tradehub.core.words import OrderSide, OrderType, TimeInForce

R = ReportStatus
AT = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
RULES = Rules("BTCUSDT", "BTC", "USDT", "TRADING", frozenset(), lot=Range(step=D("0.001")))
ALGO: dict[str, Any] = {
    "algoId": 7, "clientAlgoId": "stop", "orderType": "STOP_MARKET", "symbol": "BTCUSDT",
    "side": "SELL", "timeInForce": "GTC", "quantity": "2.000", "algoStatus": "NEW",
    "triggerPrice": "95.00", "price": "0", "createTime": 1773846000000, "updateTime": 0,
    "actualOrderId": "",
}  # fmt: skip
ORDER: dict[str, Any] = {
    "clientOrderId": "venue-7", "orderId": 12, "symbol": "BTCUSDT", "side": "SELL",
    "type": "MARKET", "status": "FILLED", "origQty": "2.000", "executedQty": "2.000",
    "price": "0", "timeInForce": "GTC", "updateTime": 1773846001000, "stopPrice": "0",
}  # fmt: skip
TRADE: dict[str, Any] = {
    "id": 3, "orderId": 12, "symbol": "BTCUSDT", "side": "SELL", "qty": "2", "price": "94.9",
    "commission": "0.0949", "commissionAsset": "USDT", "time": 1773846001000, "buyer": False,
}  # fmt: skip


def ask(kind: OrderType = OrderType.MARKET, side: OrderSide = OrderSide.SELL, **more: Any) -> Any:
    given = {"quantity": D("2.000"), "time_in_force": TimeInForce.DAY, **more}
    return OrderRequest("id-1", "BTCUSDT", side, kind, **given)


def test_an_exit_says_so_by_reduce_only_or_in_hedge_mode_by_its_position() -> None:
    exit_ = ask(reduce_only=True)
    assert order_params(exit_, hedged=False) == {
        "symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "2",
        "reduceOnly": "true", "newClientOrderId": "id-1", "newOrderRespType": "RESULT",
    }  # fmt: skip
    hedged = order_params(exit_, hedged=True)
    assert hedged["positionSide"] == "LONG"
    assert "reduceOnly" not in hedged


@pytest.mark.parametrize(
    ("side", "reduce_only", "leg"),
    [("buy", False, "LONG"), ("sell", True, "LONG"), ("sell", False, "SHORT"),
     ("buy", True, "SHORT")],
)  # fmt: skip
def test_which_position_an_order_is_of(side: str, reduce_only: bool, leg: str) -> None:
    assert leg_of(ask(side=OrderSide(side), reduce_only=reduce_only)) == leg


def test_each_conditional_type_as_the_algo_book_wants_it() -> None:
    stop = algo_params(ask(OrderType.STOP, stop_price=D(95)), hedged=False, whole=False)
    assert (stop["type"], stop["triggerPrice"], stop["clientAlgoId"]) == (
        "STOP_MARKET", "95", "id-1"
    )  # fmt: skip
    assert "newClientOrderId" not in stop
    assert "timeInForce" not in stop
    asked = ask(OrderType.STOP_LIMIT, stop_price=D(95), limit_price=D(94))
    limit = algo_params(asked, hedged=False, whole=False)
    assert (limit["type"], limit["price"], limit["timeInForce"]) == ("STOP", "94", "GTC")
    asked = ask(OrderType.TRAILING_STOP, trail=Trail(percent=D("1.50")))
    trailing = algo_params(asked, hedged=False, whole=False)
    assert (trailing["type"], trailing["callbackRate"]) == ("TRAILING_STOP_MARKET", "1.5")
    assert "triggerPrice" not in trailing


def test_a_stop_of_the_whole_position_names_no_quantity() -> None:
    asked = ask(OrderType.STOP, stop_price=D(95), reduce_only=True)
    params = algo_params(asked, hedged=False, whole=True)
    assert params["closePosition"] == "true"
    assert not {"quantity", "reduceOnly"} & set(params)


@pytest.mark.parametrize(
    ("status", "expected"),
    [("NEW", R.OPEN), ("TRIGGERING", R.OPEN), ("TRIGGERED", R.OPEN), ("CANCELED", R.CANCELED),
     ("REJECTED", R.REJECTED), ("EXPIRED", R.EXPIRED), ("FINISHED", R.CANCELED)],
)  # fmt: skip
def test_a_conditional_order_that_became_nothing_is_told_by_its_own_status(
    status: str, expected: ReportStatus
) -> None:
    report = algo_report(ALGO | {"algoStatus": status}, None, ())
    assert (report.status, report.filled_quantity) == (expected, 0)
    assert (report.client_order_id, report.venue_order_id) == ("stop", "BTCUSDT:algo:7")
    assert (report.order_type, report.stop_price, report.limit_price) == (OrderType.STOP, 95, None)


@pytest.mark.parametrize("status", ["NEW_INSURANCE", "NEW_ADL"])
def test_an_order_of_a_liquidation_works_as_any_other(status: str) -> None:
    """It stands in lists beside those of the account."""
    report = order_report(ORDER | {"status": status, "executedQty": "0"}, ())
    assert (report.status, report.filled_quantity) == (R.OPEN, 0)


def test_a_crossed_book_is_no_price() -> None:
    book = {"symbol": "BTCUSDT", "bidPrice": "100", "askPrice": "100.1"}
    assert quote(book, D(100), AT) is not None
    assert quote(book | {"bidPrice": "100.2"}, D(100), AT) is None


def test_a_conditional_order_that_was_triggered_is_told_by_what_it_became() -> None:
    fill = trade(TRADE, "stop", Context(RULES, lambda asset: None))
    raw = ALGO | {"algoStatus": "FINISHED", "actualOrderId": "12"}
    assert became(raw) == 12
    report = algo_report(raw, ORDER, (fill,))
    assert (report.status, report.filled_quantity, report.fills) == (R.FILLED, 2, (fill,))
    assert report.client_order_id == "stop"
    part = algo_report(raw, ORDER | {"status": "CANCELED", "executedQty": "0.5"}, ())
    assert (part.status, part.filled_quantity) == (R.CANCELED, D("0.5"))
    # Too old to be asked about: its trades are what is left.
    assert algo_report(raw, None, (fill,)).status is R.FILLED


@pytest.mark.parametrize("told", ["", None, "0", 0])
def test_nothing_is_no_number_of_an_order(told: Any) -> None:
    assert became(ALGO | {"actualOrderId": told}) is None


def test_an_order_without_its_average_price_is_read() -> None:
    report = order_report(ORDER, ())
    assert (report.status, report.quantity, report.limit_price) == (R.FILLED, 2, None)
    assert report.at == AT + timedelta(seconds=1)


def test_a_fee_in_another_asset_is_valued_and_nothing_is_kept_of_what_is_traded() -> None:
    in_bnb = TRADE | {"commission": "0.001", "commissionAsset": "BNB"}
    fill = trade(in_bnb, "a", Context(RULES, lambda asset: D(500) if asset == "BNB" else None))
    assert (fill.fee, fill.fee_currency, fill.cost, fill.kept) == (D("0.001"), "BNB", D("0.5"), 0)
    assert trade(in_bnb, "a", Context(RULES, lambda asset: None)).cost == 0
    assert trade(TRADE, "a", Context(RULES, lambda asset: None)).cost == D("0.0949")


def test_positions_are_signed_and_empty_ones_are_none() -> None:
    row = {"symbol": "BTCUSDT", "entryPrice": "100", "marginAsset": "USDT"}
    rows = [
        row | {"positionSide": "LONG", "positionAmt": "2"},
        row | {"positionSide": "SHORT", "positionAmt": "-3"},
        row | {"positionSide": "SHORT", "positionAmt": "3", "symbol": "ETHUSDT"},
        row | {"positionSide": "BOTH", "positionAmt": "0.000"},
    ]
    assert [(each.symbol, each.quantity) for each in legs(rows)] == [
        ("BTCUSDT", 2), ("BTCUSDT", -3), ("ETHUSDT", -3)
    ]  # fmt: skip


def test_equity_has_what_is_not_realised_and_buying_power_the_leverage() -> None:
    row = {"asset": "USDT", "walletBalance": "100", "marginBalance": "90",
           "availableBalance": "40"}  # fmt: skip
    state = account_state({"assets": [row]}, "USDT", 3, "SgsR", AT)
    assert (state.equity, state.cash, state.buying_power) == (90, 100, 120)
    assert state.venue_account_id == "SgsR"
    broke = account_state({"assets": [row | {"availableBalance": "-5"}]}, "USDT", 3, "", AT)
    assert broke.buying_power == 0
    assert account_state({"assets": [row]}, "USDC", 3, "", AT).equity == 0


def test_rules_are_read_with_the_names_of_futures() -> None:
    rules = read_rules(
        {
            "symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT",
            "status": "TRADING", "OrderType": ["LIMIT"],
            "filters": [
                {"filterType": "MIN_NOTIONAL", "notional": "5"},
                {"filterType": "PERCENT_PRICE", "multiplierUp": "1.1", "multiplierDown": "0.9"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "10", "stepSize": "0.001"},
            ],
        }
    )  # fmt: skip
    assert rules.notional is not None
    assert (rules.notional.least, rules.notional.name) == (5, "MIN_NOTIONAL")
    assert rules.percent is not None
    assert (rules.percent.bid, rules.percent.ask) == ((0, D("1.1")), (D("0.9"), 0))
    assert rules.percent.measure == "the mark price"
    assert (rules.lot.high, rules.types) == (10, {"LIMIT"})
