"""Limits that a user sets, and the trading states that operators and users switch."""

from django.conf import settings
from django.db import models

from tradehub.core.words import Scope, TradingStateName
from tradehub.lib.clock import utc_now
from tradehub.lib.fields import IdField, MoneyField


class RiskProfile(models.Model):
    """One set of limits. Null means "not limited". Percents are whole numbers (2 = 2 %)."""

    id = IdField(prefix="rsk")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="risk_profiles"
    )
    name = models.CharField(max_length=80)
    timezone = models.CharField(max_length=64, default="UTC")
    day_starts_at = models.TimeField(default="00:00")
    sizing_method = models.CharField(max_length=24, default="signal")
    sizing_value = MoneyField(null=True, blank=True)
    size_limits = models.CharField(max_length=8, default="deny")
    on_unprotected = models.CharField(max_length=8, default="alarm")
    min_order_value = MoneyField(null=True, blank=True)
    max_order_value = MoneyField(null=True, blank=True)
    max_order_quantity = MoneyField(null=True, blank=True)
    max_position_value = MoneyField(null=True, blank=True)
    max_position_percent = MoneyField(null=True, blank=True)
    max_total_exposure = MoneyField(null=True, blank=True)
    max_open_positions = models.PositiveIntegerField(null=True, blank=True)
    max_trades_per_day = models.PositiveIntegerField(null=True, blank=True)
    max_daily_loss_amount = MoneyField(null=True, blank=True)
    max_daily_loss_percent = MoneyField(null=True, blank=True)
    allowed_symbols = models.JSONField(default=list, blank=True)
    blocked_symbols = models.JSONField(default=list, blank=True)
    direction = models.CharField(max_length=12, default="both")
    max_price_age_seconds = models.PositiveIntegerField(null=True, blank=True)
    max_signal_age_seconds = models.PositiveIntegerField(null=True, blank=True)
    require_stop_loss = models.BooleanField(default=False)
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
