"""How our books compare with the venue's, and alerts with each other."""

from django.db import models
from django.db.models import Q

from tradehub.lib.fields import MoneyField


class Reconciliation(models.Model):
    """How far an account's books are compared with its venue's (`orders.reconciling`)."""

    account = models.OneToOneField(
        "brokers.BrokerAccount",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="reconciliation",
    )
    required_at = models.DateTimeField(null=True)
    """Since when nothing but exits' and protection's errands may go out before a comparison that
    began later has succeeded; null: nothing is required."""
    due_at = models.DateTimeField()
    """When to compare next; moved on by whoever claims the comparison."""
    attempted_at = models.DateTimeField(null=True)
    reconciled_at = models.DateTimeField(null=True)
    wholly_at = models.DateTimeField(null=True)
    """When one was made last that asked for every symbol, not only for those in use here."""
    baseline_at = models.DateTimeField(null=True)
    """When the venue's positions were first taken over; strange fills before it are in them."""
    error = models.CharField(max_length=40, blank=True)
    """Why the last comparison could not be finished: the venue's code."""
    doubts = models.JSONField(default=dict)
    """{order id: since when the venue contradicts what we have of it}."""

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="reconciliations_due")]

    def __str__(self) -> str:
        return f"reconciliation of {self.account_id}"


class Drift(models.Model):
    """A symbol of which the venue holds another quantity than we know of."""

    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.CASCADE, related_name="drifts", db_index=False
    )
    symbol = models.CharField(max_length=40)
    ours = MoneyField()
    theirs = MoneyField()
    average_price = MoneyField(null=True)
    """The venue's, of what it holds."""
    seen_at = models.DateTimeField()
    """When this difference was seen first."""
    confirmed_at = models.DateTimeField(null=True)
    """Seen again with nothing in flight: entries of the symbol are held."""
    healed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "symbol"],
                name="one_open_drift_per_symbol",
                condition=Q(healed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} on {self.account_id}"


class LatestAlert(models.Model):
    """When the newest alert of a strategy that was decided for a symbol was sent, by its own word.
    `symbol` is empty for alerts about all of them."""

    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    strategy = models.ForeignKey("signals.Strategy", on_delete=models.CASCADE, related_name="+")
    symbol = models.CharField(max_length=40, blank=True)
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "strategy", "symbol"], name="one_latest_alert_per_symbol"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol or 'all'} at {self.sent_at:%Y-%m-%d %H:%M:%S}"
