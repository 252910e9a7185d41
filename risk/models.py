"""Limits that a user sets, and the trading states that operators and users switch.

Written by `risk.services` only, which validates and audits. Field names are the public contract's.
"""

from datetime import time
from typing import Any

from django.conf import settings
from django.db import models

from risk.types import DayTradeRule, Direction, OnUnprotected, SizeLimits, SizingMethod
from tradehub.core.words import Scope, TradingStateName
from tradehub.lib.clock import utc_now
from tradehub.lib.fields import IdField, MoneyField


def default_convictions() -> dict[str, str]:
    return {"low": "0.25", "medium": "1", "high": "2"}


def _limit() -> Any:
    """A decimal limit; null is "not limited"."""
    return MoneyField(null=True, blank=True)


def _count() -> Any:
    return models.PositiveIntegerField(null=True, blank=True)


class RiskProfile(models.Model):
    """One set of limits. Null or empty is "not limited"; percents are whole numbers (2 = 2 %)."""

    id = IdField(prefix="rsk")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="risk_profiles"
    )
    name = models.CharField(max_length=80)
    timezone = models.CharField(max_length=64, default="UTC")
    day_starts_at = models.TimeField(default=time(0, 0))
    sizing_method = models.CharField(
        max_length=24,
        choices=[(each.value, each.value) for each in SizingMethod],
        default=SizingMethod.SIGNAL.value,
    )
    sizing_value = _limit()
    conviction_risk_percent = models.JSONField(default=default_convictions, blank=True)
    size_limits = models.CharField(
        max_length=8,
        choices=[(each.value, each.value) for each in SizeLimits],
        default=SizeLimits.DENY.value,
    )
    on_unprotected = models.CharField(
        max_length=8,
        choices=[(each.value, each.value) for each in OnUnprotected],
        default=OnUnprotected.ALARM.value,
    )
    min_order_value = _limit()
    max_order_value = _limit()
    max_order_quantity = _limit()
    max_position_value = _limit()
    max_position_percent = _limit()
    max_total_exposure = _limit()
    max_open_positions = _count()
    max_open_orders_per_symbol = _count()
    max_trades_per_day = _count()
    max_orders_per_minute = _count()
    max_orders_per_minute_per_symbol = _count()
    max_repeats_per_minute = _count()
    max_daily_loss_amount = _limit()
    max_daily_loss_percent = _limit()
    max_drawdown_percent = _limit()
    circuit_breaker_loss_percent = _limit()
    circuit_breaker_reset_hours = _count()
    max_consecutive_losses = _count()
    cooldown_minutes = _count()
    max_leverage = _limit()
    require_stop_loss = models.BooleanField(default=False)
    require_take_profit = models.BooleanField(default=False)
    min_risk_reward = _limit()
    allowed_symbols = models.JSONField(default=list, blank=True)
    blocked_symbols = models.JSONField(default=list, blank=True)
    direction = models.CharField(
        max_length=12,
        choices=[(each.value, each.value) for each in Direction],
        default=Direction.BOTH.value,
    )
    max_signal_age_seconds = _count()
    price_collar_percent = _limit()
    max_spread_percent = _limit()
    max_price_age_seconds = _count()
    trading_windows = models.JSONField(default=list, blank=True)
    """[{"days": ["mon", …], "start": "09:30", "end": "16:00"}] in `timezone`; empty is always."""
    flat_before_close = models.BooleanField(default=False)
    sectors = models.JSONField(default=dict, blank=True)
    """{symbol: sector}"""
    max_sector_exposure_percent = _limit()
    max_correlation = _limit()
    correlation_lookback_days = _count()
    day_trade_rule = models.CharField(
        max_length=16,
        choices=[(each.value, each.value) for each in DayTradeRule],
        default=DayTradeRule.OFF.value,
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_profile_name_per_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class TradingState(models.Model):
    """The live switch of one scope. No row means active. `paused` is a strategy's own switch."""

    id = IdField(prefix="tst")
    scope = models.CharField(max_length=10, choices=[(each.value, each.value) for each in Scope])
    scope_id = models.CharField(max_length=32, blank=True)
    """Id of the user, account or strategy; empty for the site."""
    state = models.CharField(
        max_length=10,
        choices=[(each.value, each.value) for each in TradingStateName],
        default=TradingStateName.ACTIVE.value,
    )
    paused = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    changed_at = models.DateTimeField(default=utc_now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "scope_id"], name="one_state_per_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.scope_id}".strip()
