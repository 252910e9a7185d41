"""What an account holds by strategy, and where its trading days began."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from tradehub.lib.fields import IdField, MoneyField


class Position(models.Model):
    """What a strategy holds of a symbol on an account. The broker's net is their sum."""

    id = IdField(prefix="pos")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.PROTECT, related_name="positions"
    )
    strategy = models.ForeignKey(
        "signals.Strategy", null=True, on_delete=models.SET_NULL, related_name="positions"
    )
    symbol = models.CharField(max_length=40)
    quantity = MoneyField(default="0")
    average_entry_price = MoneyField(default="0")
    realized_pnl = MoneyField(default="0")
    """Since the position was first opened, fees taken off."""
    fees = MoneyField(default="0")
    adds = models.PositiveIntegerField(default=0)
    is_open = models.BooleanField(default=False)
    protection = models.JSONField(null=True)
    """{"stop_price", "targets", "entry": order id}: what it asked for, in prices. "watched": the
    targets that are not at the venue but met by us, with their quantities. "stop_limit": beyond
    which price the stop at the venue does not trade, and since when the price is there."""
    protected = models.BooleanField(null=True)
    """True: what it asked for works, the stop at the venue. False: it does not; an alarm. Null: it
    asked for none, or holds nothing."""
    opened_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
    version = models.PositiveBigIntegerField(default=1)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "symbol", "strategy"],
                name="one_position_per_strategy",
                condition=Q(strategy__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["account", "symbol"],
                name="one_position_without_strategy",
                condition=Q(strategy__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} ({self.id})"


class DayStart(models.Model):
    """Equity of an account when its trading day began: what the daily loss is measured from."""

    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.CASCADE, related_name="day_starts"
    )
    day_start = models.DateTimeField()
    equity = MoneyField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "day_start"], name="one_start_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day_start:%Y-%m-%d}"
