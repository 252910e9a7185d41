"""Each rule below, at and above its limit. No database."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from risk.tests.builders import NOW, check_of
from risk.types import Direction
from tradehub.core.words import OrderSide, Scope, TradingStateName

D = Decimal
SHORT = {"side": OrderSide.SELL}
LIVE = {"live": True}
HALTED, REDUCING, ACTIVE = (
    TradingStateName.HALTED,
    TradingStateName.REDUCING,
    TradingStateName.ACTIVE,
)


AGO = {seconds: NOW - timedelta(seconds=seconds) for seconds in (-5, 29, 30, 31)}

# code, plan, snapshot, limits, measured, limit, passed
NUMBERS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], str, str, bool]] = [
    ("SIGNAL_STALE", {"signal_at": AGO[29]}, {}, {"max_signal_age_seconds": 30}, "29", "30", True),
    ("SIGNAL_STALE", {"signal_at": AGO[30]}, {}, {"max_signal_age_seconds": 30}, "30", "30", True),
    ("SIGNAL_STALE", {"signal_at": AGO[31]}, {}, {"max_signal_age_seconds": 30}, "31", "30", False),
    ("SIGNAL_STALE", {"signal_at": AGO[-5]}, {}, {"max_signal_age_seconds": 30}, "-5", "30", True),
    (
        "SIGNAL_STALE",
        {"signal_at": AGO[29], "max_age_seconds": D(10)},
        {},
        {"max_signal_age_seconds": 30},
        "29",
        "10",
        False,
    ),
    ("PRICE_STALE", {}, {"quote_at": AGO[29]}, {"max_price_age_seconds": 30}, "29", "30", True),
    ("PRICE_STALE", {}, {"quote_at": AGO[30]}, {"max_price_age_seconds": 30}, "30", "30", True),
    ("PRICE_STALE", {}, {"quote_at": AGO[31]}, {"max_price_age_seconds": 30}, "31", "30", False),
    ("PRICE_STALE", {"price_good_for": 30}, {"quote_at": AGO[29]}, {}, "29", "30", True),
    ("PRICE_STALE", {"price_good_for": 30}, {"quote_at": AGO[30]}, {}, "30", "30", False),
    (
        "PRICE_STALE",
        {"price_good_for": 300},
        {"quote_at": AGO[31]},
        {"max_price_age_seconds": 30},
        "31",
        "30",
        False,
    ),
    (
        "PRICE_OUTSIDE_COLLAR",
        {"reference_price": D("102")},
        {"quote_price": D("100")},
        {"price_collar_percent": D("2")},
        "2",
        "2",
        True,
    ),
    (
        "PRICE_OUTSIDE_COLLAR",
        {"reference_price": D("97.99")},
        {"quote_price": D("100")},
        {"price_collar_percent": D("2")},
        "2.01",
        "2",
        False,
    ),
    (
        "SPREAD_ABOVE_MAX",
        {},
        {"quote_bid": D("99"), "quote_ask": D("101")},
        {"max_spread_percent": D("2")},
        "2",
        "2",
        True,
    ),
    (
        "SPREAD_ABOVE_MAX",
        {},
        {"quote_bid": D("99"), "quote_ask": D("101")},
        {"max_spread_percent": D("1.99")},
        "2",
        "1.99",
        False,
    ),
    (
        "RISK_REWARD_TOO_LOW",
        {"price": D(100), "stop_price": D(98), "target_prices": (D(104), D(110))},
        {},
        {"min_risk_reward": D(2)},
        "2",
        "2",
        True,
    ),
    (
        "RISK_REWARD_TOO_LOW",
        {"price": D(100), "stop_price": D(98), "target_prices": (D("103.99"),)},
        {},
        {"min_risk_reward": D(2)},
        "1.995",
        "2",
        False,
    ),
    ("ORDER_VALUE_BELOW_MIN", {}, {}, {"min_order_value": D("1505.01")}, "1505", "1505.01", False),
    ("ORDER_VALUE_BELOW_MIN", {}, {}, {"min_order_value": D("1505")}, "1505", "1505", True),
    ("ORDER_VALUE_BELOW_MIN", {"min_notional": D(2000)}, {}, {}, "1505", "2000", False),
    (
        "ORDER_VALUE_BELOW_MIN",
        {"stop_value": D("4.84"), "min_stop_value": D(5)},
        {},
        {"min_order_value": D(1)},
        "4.84",
        "5",
        False,
    ),
    (
        "ORDER_VALUE_BELOW_MIN",
        {"stop_value": D(5), "min_stop_value": D(5)},
        {},
        {"min_order_value": D(1)},
        "1505",
        "1",
        True,
    ),
    (
        "ORDER_VALUE_BELOW_MIN",
        {"stop_value": D(4), "min_stop_value": D(5), "min_notional": D(2000)},
        {},
        {},
        "1505",
        "2000",
        False,
    ),
    ("ORDER_VALUE_ABOVE_MAX", {}, {}, {"max_order_value": D("1504.99")}, "1505", "1504.99", False),
    ("ORDER_VALUE_ABOVE_MAX", {}, {}, {"max_order_value": D("1505")}, "1505", "1505", True),
    ("ORDER_VALUE_ABOVE_MAX", {}, {}, {"max_order_value": D("1505.01")}, "1505", "1505.01", True),
    ("ORDER_QUANTITY_ABOVE_MAX", {}, {}, {"max_order_quantity": D("9.99")}, "10", "9.99", False),
    ("ORDER_QUANTITY_ABOVE_MAX", {}, {}, {"max_order_quantity": D("10")}, "10", "10", True),
    ("ORDER_QUANTITY_ABOVE_MAX", {"max_quantity": D("9")}, {}, {}, "10", "9", False),
    (
        "ORDER_QUANTITY_ABOVE_MAX",
        {"max_quantity": D("11")},
        {},
        {"max_order_quantity": D("9")},
        "10",
        "9",
        False,
    ),
    (
        "POSITION_VALUE_ABOVE_MAX",
        {},
        {"symbol_position_value": D(495)},
        {"max_position_value": D(2000)},
        "2000",
        "2000",
        True,
    ),
    (
        "POSITION_VALUE_ABOVE_MAX",
        {},
        {"symbol_position_value": D("495.01")},
        {"max_position_value": D(2000)},
        "2000.01",
        "2000",
        False,
    ),
    (
        "POSITION_VALUE_ABOVE_MAX",
        {},
        {"equity": D(6020)},
        {"max_position_percent": D(25)},
        "1505",
        "1505",
        True,
    ),
    (
        "POSITION_VALUE_ABOVE_MAX",
        {},
        {"equity": D("6019.96")},
        {"max_position_percent": D(25), "max_position_value": D(9000)},
        "1505",
        "1504.99",
        False,
    ),
    (
        "POSITION_VALUE_ABOVE_MAX",
        {},
        {"equity": D(100_000)},
        {"max_position_percent": D(25), "max_position_value": D(1500)},
        "1505",
        "1500",
        False,
    ),
    (
        "TOTAL_EXPOSURE_ABOVE_MAX",
        {},
        {"gross_exposure": D(8495)},
        {"max_total_exposure": D(10_000)},
        "10000",
        "10000",
        True,
    ),
    (
        "TOTAL_EXPOSURE_ABOVE_MAX",
        {},
        {"gross_exposure": D("8495.01")},
        {"max_total_exposure": D(10_000)},
        "10000.01",
        "10000",
        False,
    ),
    (
        "LEVERAGE_ABOVE_MAX",
        {},
        {"gross_exposure": D(498_495), "equity": D(100_000)},
        {"max_leverage": D(5)},
        "5",
        "5",
        True,
    ),
    (
        "LEVERAGE_ABOVE_MAX",
        {},
        {"gross_exposure": D(498_595), "equity": D(100_000)},
        {"max_leverage": D(5)},
        "5.001",
        "5",
        False,
    ),
    (
        "LEVERAGE_ABOVE_MAX",
        {"leverage": D(6)},
        {"gross_exposure": D(0), "equity": D(100_000)},
        {"max_leverage": D(5)},
        "6",
        "5",
        False,
    ),
    (
        "OPEN_POSITIONS_AT_MAX",
        {},
        {"open_positions": 4},
        {"max_open_positions": 5},
        "4",
        "5",
        True,
    ),
    (
        "OPEN_POSITIONS_AT_MAX",
        {},
        {"open_positions": 5},
        {"max_open_positions": 5},
        "5",
        "5",
        False,
    ),
    ("TRADES_TODAY_AT_MAX", {}, {"trades_today": 2}, {"max_trades_per_day": 3}, "2", "3", True),
    ("TRADES_TODAY_AT_MAX", {}, {"trades_today": 3}, {"max_trades_per_day": 3}, "3", "3", False),
    ("TRADES_TODAY_AT_MAX", {}, {"trades_today": 4}, {"max_trades_per_day": 3}, "4", "3", False),
    (
        "DAILY_LOSS_REACHED",
        {},
        {"daily_pnl": D("-499.99")},
        {"max_daily_loss_amount": D(500)},
        "499.99",
        "500",
        True,
    ),
    (
        "DAILY_LOSS_REACHED",
        {},
        {"daily_pnl": D(-500)},
        {"max_daily_loss_amount": D(500)},
        "500",
        "500",
        False,
    ),
    (
        "DAILY_LOSS_REACHED",
        {},
        {"daily_pnl": D(900)},
        {"max_daily_loss_amount": D(500)},
        "0",
        "500",
        True,
    ),
    (
        "DAILY_LOSS_REACHED",
        {},
        {"daily_pnl": D(-1000), "day_start_equity": D(10_000)},
        {"max_daily_loss_percent": D(10), "max_daily_loss_amount": D(5000)},
        "1000",
        "1000",
        False,
    ),
    ("BUYING_POWER_TOO_LOW", {}, {"buying_power": D("1504.99")}, {}, "1505", "1504.99", False),
    ("BUYING_POWER_TOO_LOW", {}, {"buying_power": D("1505")}, {}, "1505", "1505", True),
]


@pytest.mark.parametrize(("code", "plan", "now", "limits", "measured", "limit", "passed"), NUMBERS)
def test_number(
    code: str,
    plan: dict[str, Any],
    now: dict[str, Any],
    limits: dict[str, Any],
    measured: str,
    limit: str,
    passed: bool,
) -> None:
    check = check_of(code, plan=plan, now=now, limits=limits)
    assert check is not None
    assert check.to_json() == {
        "code": code,
        "passed": passed,
        "measured": measured,
        "limit": limit,
        "message": check.message,
    }


def test_message_carries_the_numbers() -> None:
    check = check_of("ORDER_VALUE_ABOVE_MAX", limits={"max_order_value": D(1000)})
    assert check is not None
    assert check.reason_json() == {
        "code": "ORDER_VALUE_ABOVE_MAX",
        "message": "Order value 1,505.00 is above the limit of 1,000.00.",
        "measured": "1505",
        "limit": "1000",
    }


# What is known by no number: code, plan, snapshot, limits, terms, passed
WORDS: list[
    tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any], bool | None]
] = [
    ("TRADING_HALTED", {}, {"states": ()}, {}, {}, True),
    ("TRADING_HALTED", {}, {"states": ((Scope.SITE, ACTIVE),)}, {}, {}, True),
    ("TRADING_HALTED", {}, {"states": ((Scope.USER, HALTED),)}, {}, {}, False),
    ("TRADING_HALTED", {}, {"states": ((Scope.USER, REDUCING),)}, {}, {}, True),
    ("TRADING_HALTED", {}, {"states": None}, {}, {}, False),
    ("REDUCE_ONLY_STATE", {}, {"states": ((Scope.ACCOUNT, REDUCING),)}, {}, {}, False),
    ("REDUCE_ONLY_STATE", {}, {"states": ((Scope.ACCOUNT, ACTIVE),)}, {}, {}, True),
    ("STRATEGY_PAUSED", {}, {"strategy_paused": True}, {}, {}, False),
    ("STRATEGY_PAUSED", {}, {}, {}, {}, True),
    ("ACCOUNT_DISABLED", {}, {"account_enabled": False}, {}, {}, False),
    ("ACCOUNT_DISABLED", {}, {}, {}, {}, True),
    ("DIRECTION_NOT_ALLOWED", {}, {}, {}, {"direction": Direction.LONG_ONLY}, True),
    ("DIRECTION_NOT_ALLOWED", {}, {}, {}, {"direction": Direction.SHORT_ONLY}, False),
    ("DIRECTION_NOT_ALLOWED", SHORT, {}, {"direction": Direction.LONG_ONLY}, {}, False),
    ("DIRECTION_NOT_ALLOWED", SHORT, {}, {"direction": Direction.SHORT_ONLY}, {}, True),
    ("SYMBOL_NOT_ALLOWED", {}, {}, {}, {"symbols": frozenset({"AAPL"})}, True),
    ("SYMBOL_NOT_ALLOWED", {}, {}, {}, {"symbols": frozenset({"MSFT"})}, False),
    ("SYMBOL_NOT_ALLOWED", {}, {}, {"allowed_symbols": frozenset({"AAPL"})}, {}, True),
    ("SYMBOL_NOT_ALLOWED", {}, {}, {"allowed_symbols": frozenset({"MSFT"})}, {}, False),
    ("SYMBOL_NOT_ALLOWED", {}, {}, {"blocked_symbols": frozenset({"AAPL"})}, {}, False),
    (
        "SYMBOL_NOT_ALLOWED",
        {"symbol": "BTCUSDT.P"},
        {},
        {"allowed_symbols": frozenset({"BTCUSDT"})},
        {},
        False,
    ),
    ("DELAYED_DATA", {"delayed": True}, LIVE, {}, {}, False),
    ("DELAYED_DATA", {}, LIVE, {}, {}, True),
    ("DELAYED_DATA", {"delayed": True}, {}, {}, {}, None),
    ("PRICE_MISSING", {"price": None}, {}, {}, {}, False),
    ("PRICE_MISSING", {"price": D(0)}, {}, {}, {}, False),
    ("STOP_LOSS_REQUIRED", {}, {}, {"require_stop_loss": True}, {}, False),
    ("STOP_LOSS_REQUIRED", {"has_stop": True}, {}, {"require_stop_loss": True}, {}, True),
    ("STOP_LOSS_WRONG_SIDE", {"stop_price": D("150.49")}, {}, {}, {}, True),
    ("STOP_LOSS_WRONG_SIDE", {"stop_price": D("150.50")}, {}, {}, {}, False),
    ("STOP_LOSS_WRONG_SIDE", {"stop_price": D("150.51")}, {}, {}, {}, False),
    ("STOP_LOSS_WRONG_SIDE", {"stop_price": D(0)}, {}, {}, {}, False),
    ("STOP_LOSS_WRONG_SIDE", SHORT | {"stop_price": D("150.49")}, {}, {}, {}, False),
    ("STOP_LOSS_WRONG_SIDE", SHORT | {"stop_price": D("150.50")}, {}, {}, {}, False),
    ("STOP_LOSS_WRONG_SIDE", SHORT | {"stop_price": D("150.51")}, {}, {}, {}, True),
    ("TAKE_PROFIT_REQUIRED", {}, {}, {"require_take_profit": True}, {}, False),
    (
        "TAKE_PROFIT_REQUIRED",
        {"target_prices": (D(160),)},
        {},
        {"require_take_profit": True},
        {},
        True,
    ),
    ("TAKE_PROFIT_WRONG_SIDE", {"target_prices": (D(151), D(150))}, {}, {}, {}, False),
    ("TAKE_PROFIT_WRONG_SIDE", {"target_prices": (D("150.50"),)}, {}, {}, {}, False),
    ("TAKE_PROFIT_WRONG_SIDE", {"target_prices": (D(151), D(152))}, {}, {}, {}, True),
    ("TAKE_PROFIT_WRONG_SIDE", SHORT | {"target_prices": (D(151),)}, {}, {}, {}, False),
    ("TAKE_PROFIT_WRONG_SIDE", SHORT | {"target_prices": (D(150),)}, {}, {}, {}, True),
    ("TAKE_PROFIT_WRONG_SIDE", SHORT | {"target_prices": (D(0),)}, {}, {}, {}, False),
    ("SIZE_MISSING", {"quantity": None}, {}, {}, {}, False),
    ("SIZE_ZERO", {"quantity": D(0)}, {}, {}, {}, False),
    ("SIZE_ZERO", {"quantity": D("0.00000001")}, {}, {}, {}, True),
    ("SHORT_NOT_ALLOWED", {}, {"allow_short": False}, {}, {}, None),
    ("SHORT_NOT_ALLOWED", SHORT, {"allow_short": False}, {}, {}, False),
    ("SHORT_NOT_ALLOWED", SHORT, {"allow_short": None}, {}, {}, False),
    ("SHORT_NOT_ALLOWED", SHORT, {"allow_short": False, "held_quantity": D(50)}, {}, {}, False),
    ("SHORT_NOT_ALLOWED", SHORT, {"allow_short": True}, {}, {}, True),
    ("LIMIT_NOT_SET", {}, LIVE, {}, {}, False),
    ("LIMIT_NOT_SET", {}, {}, {}, {}, None),
]


@pytest.mark.parametrize(("code", "plan", "now", "limits", "terms", "passed"), WORDS)
def test_fact(
    code: str,
    plan: dict[str, Any],
    now: dict[str, Any],
    limits: dict[str, Any],
    terms: dict[str, Any],
    passed: bool | None,
) -> None:
    check = check_of(code, plan=plan, now=now, limits=limits, terms=terms)
    assert (None if check is None else check.passed) is passed


def test_entry_into_what_is_held_opens_no_position() -> None:
    now = {"open_positions": 5, "opens_new_position": False}
    assert check_of("OPEN_POSITIONS_AT_MAX", now=now, limits={"max_open_positions": 5}) is None


def test_value_is_exact_beyond_28_digits() -> None:
    plan = {
        "quantity": D("123456789012345.678901234567"),
        "price": D("9876543210.12345678901234567"),
    }
    check = check_of("ORDER_VALUE_ABOVE_MAX", plan=plan, limits={"max_order_value": D(1)})
    assert check is not None
    # The points apart, these are the digits of the product of two whole numbers.
    product = 123456789012345678901234567 * 987654321012345678901234567
    assert check.measured is not None
    assert check.measured.as_tuple().digits == tuple(int(digit) for digit in str(product))
