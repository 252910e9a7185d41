"""What venues booked on accounts, by their own records, and how far those are read."""

from django.db import models

from brokers.types import CashKind
from tradehub.lib.fields import IdField, MoneyField


class CashEntry(models.Model):
    """Money that a venue booked on an account: funding, a fee, realised profit, a dividend. Written
    once and never changed (`orders.cash_entries`)."""

    id = IdField(prefix="cas")
    account = models.ForeignKey(
        "brokers.BrokerAccount",
        on_delete=models.CASCADE,
        related_name="cash_entries",
        db_index=False,
    )
    kind = models.CharField(max_length=12, choices=[(each.value, each.value) for each in CashKind])
    amount = MoneyField()
    """Signed: above zero is the account's gain."""
    currency = models.CharField(max_length=20)
    symbol = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()
    venue_kind = models.CharField(max_length=80, blank=True)
    """The venue's own word for it."""
    venue_entry_id = models.CharField(max_length=120)
    venue_fill_id = models.CharField(max_length=80, blank=True)
    """Of the fill that it belongs to, where the venue tells."""

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "venue_entry_id"], name="one_cash_entry_per_venue_id"
            ),
        ]
        indexes = [models.Index(fields=["account", "at"], name="cash_of_account_by_time")]

    def __str__(self) -> str:
        return self.id


class CashReading(models.Model):
    """How far a venue's records of an account are read."""

    account = models.OneToOneField(
        "brokers.BrokerAccount",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="cash_reading",
    )
    due_at = models.DateTimeField()
    """When to read on; moved on by whoever claims it."""
    begins_at = models.DateTimeField(null=True)
    """Since when nothing is missing; null: nothing was read yet."""
    read_until = models.DateTimeField(null=True)
    attempted_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=40, blank=True)
    """Why the last attempt stopped early: the reason's code."""

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="cash_readings_due")]

    def __str__(self) -> str:
        return f"cash of {self.account_id}"
