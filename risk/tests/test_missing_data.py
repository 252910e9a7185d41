"""What could not be learnt denies, and a live account needs its limits. No database."""

from decimal import Decimal
from typing import Any

import pytest

from risk.tests.builders import check_of

D = Decimal
LIVE = {"live": True}

# A number that a set limit needs and that could not be learnt: a denial.
MISSING: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("PRICE_STALE", {}, {"quote_at": None}, {"max_price_age_seconds": 30}),
    ("PRICE_STALE", {"price_good_for": 300}, {"quote_at": None}, {}),
    (
        "PRICE_OUTSIDE_COLLAR",
        {"reference_price": D(1)},
        {"quote_price": None},
        {"price_collar_percent": D(1)},
    ),
    ("SPREAD_ABOVE_MAX", {}, {"quote_bid": None}, {"max_spread_percent": D(1)}),
    ("SPREAD_ABOVE_MAX", {}, {"quote_ask": None}, {"max_spread_percent": D(1)}),
    ("RISK_REWARD_TOO_LOW", {"target_prices": (D(160),)}, {}, {"min_risk_reward": D(1)}),
    ("RISK_REWARD_TOO_LOW", {"stop_price": D(140)}, {}, {"min_risk_reward": D(1)}),
    (
        "POSITION_VALUE_ABOVE_MAX",
        {},
        {"symbol_position_value": None},
        {"max_position_value": D(10**6)},
    ),
    ("POSITION_VALUE_ABOVE_MAX", {}, {"equity": None}, {"max_position_percent": D(100)}),
    ("TOTAL_EXPOSURE_ABOVE_MAX", {}, {"gross_exposure": None}, {"max_total_exposure": D(10**6)}),
    ("LEVERAGE_ABOVE_MAX", {}, {"gross_exposure": None}, {"max_leverage": D(10)}),
    ("LEVERAGE_ABOVE_MAX", {}, {"equity": None}, {"max_leverage": D(10)}),
    ("LEVERAGE_ABOVE_MAX", {}, {"equity": D(0)}, {"max_leverage": D(10)}),
    ("OPEN_POSITIONS_AT_MAX", {}, {"open_positions": None}, {"max_open_positions": 5}),
    ("TRADES_TODAY_AT_MAX", {}, {"trades_today": None}, {"max_trades_per_day": 5}),
    ("DAILY_LOSS_REACHED", {}, {"daily_pnl": None}, {"max_daily_loss_amount": D(5)}),
    ("DAILY_LOSS_REACHED", {}, {"day_start_equity": None}, {"max_daily_loss_percent": D(5)}),
    ("BUYING_POWER_TOO_LOW", {}, {"buying_power": None}, {}),
]


@pytest.mark.parametrize(("code", "plan", "now", "limits"), MISSING)
def test_what_is_not_known_denies(
    code: str, plan: dict[str, Any], now: dict[str, Any], limits: dict[str, Any]
) -> None:
    check = check_of(code, plan=plan, now=now, limits=limits)
    assert check is not None
    assert not check.passed
    assert check.measured is None or code == "BUYING_POWER_TOO_LOW"


@pytest.mark.parametrize(
    ("limits", "names"),
    [
        ({}, ["max_order_value", "max_position_value", "max_daily_loss_amount"]),
        ({"max_order_value": D(1)}, ["max_position_value", "max_daily_loss_amount"]),
        (
            {"max_order_value": D(1), "max_position_percent": D(1)},
            ["max_daily_loss_amount"],
        ),
        ({"max_order_value": D(1), "max_daily_loss_percent": D(1)}, ["max_position_value"]),
    ],
)
def test_live_account_names_the_limits_that_it_lacks(
    limits: dict[str, Any], names: list[str]
) -> None:
    check = check_of("LIMIT_NOT_SET", now=LIVE, limits=limits)
    assert check is not None
    assert not check.passed
    wanted = ("max_order_value", "max_position_value", "max_daily_loss_amount")
    assert [name for name in wanted if name in check.message] == names


def test_live_account_with_its_limits_passes() -> None:
    for position in ("max_position_value", "max_position_percent"):
        for loss in ("max_daily_loss_amount", "max_daily_loss_percent"):
            limits = {"max_order_value": D(1), position: D(1), loss: D(1)}
            check = check_of("LIMIT_NOT_SET", now=LIVE, limits=limits)
            assert check is not None
            assert check.passed
