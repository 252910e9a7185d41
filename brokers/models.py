"""Broker accounts: whose, where, with which (encrypted) credentials; what the account doctor found,
and what they were worth when.

The paper venue keeps its own ledger in `brokers.paper.models`, re-exported here for Django.
"""

from django.conf import settings
from django.db import models

from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.clock import utc_now
from tradehub.lib.fields import IdField, MoneyField


class BrokerAccount(models.Model):
    id = IdField(prefix="acc")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="broker_accounts"
    )
    kind = models.CharField(
        max_length=20, choices=[(each.value, each.value) for each in BrokerKind]
    )
    environment = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in Environment]
    )
    label = models.CharField(max_length=80)
    sealed_credentials = models.TextField(default="", editable=False)
    """AES-GCM, bound to owner and row; empty for paper. Listed in `tradehub.sealed`."""
    credentials_changed_at = models.DateTimeField(null=True, editable=False)
    options = models.JSONField(default=dict)
    venue_account_id = models.CharField(max_length=80, default="", editable=False)
    """The venue's own name of the account, told at its first check; once known it stays. Empty
    while unknown, and where the venue names none."""
    trouble = models.CharField(max_length=300, default="", editable=False)
    """What the account doctor found that keeps entries from being sent; empty for nothing."""
    snapshot_due_at = models.DateTimeField(default=utc_now, editable=False)
    """When its worth is noted next; moved on by whoever claims it."""
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "label"], name="one_label_per_owner"),
            models.UniqueConstraint(
                fields=["kind", "environment", "venue_account_id"],
                name="one_row_per_venue_account",
                condition=~models.Q(venue_account_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Examination(models.Model):
    """What the account doctor found last (`brokers.examining`)."""

    account = models.OneToOneField(
        BrokerAccount, on_delete=models.CASCADE, primary_key=True, related_name="examination"
    )
    due_at = models.DateTimeField(default=utc_now)
    """When to look next; moved on by whoever claims it."""
    attempted_at = models.DateTimeField(null=True)
    """The last look, also one that the venue did not answer."""
    examined_at = models.DateTimeField(null=True)
    """The last look that came to a verdict; null while there was none with these credentials."""
    passed = models.BooleanField(null=True)
    lines = models.JSONField(default=list)
    """Of the last look: [{"name", "ok", "text", "what_to_do", "hard", "code"}]."""

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="examinations_due")]

    def __str__(self) -> str:
        return f"examination of {self.account_id}"


class AccountSnapshot(models.Model):
    """What an account was worth at a time, by the venue's word (`orders.snapshots`)."""

    class Grain(models.TextChoices):
        """How long it is kept: the first of a day stays, the first of an hour for months."""

        DAY = "day"
        HOUR = "hour"
        FINE = "fine"

    id = IdField(prefix="sna")
    account = models.ForeignKey(
        BrokerAccount, on_delete=models.CASCADE, related_name="snapshots", db_index=False
    )
    at = models.DateTimeField()
    equity = MoneyField()
    cash = MoneyField()
    buying_power = MoneyField()
    currency = models.CharField(max_length=12)
    grain = models.CharField(max_length=4, choices=Grain.choices)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "at"], name="one_snapshot_per_time"),
        ]
        indexes = [models.Index(fields=["grain", "at"], name="snapshots_by_grain")]

    def __str__(self) -> str:
        return f"{self.account_id} at {self.at:%Y-%m-%d %H:%M:%S}"


from brokers.binance.models import (  # noqa: E402  (Django looks for models here)
    ConditionalOrder,
    SymbolSetting,
    TradedSymbol,
)
from brokers.paper.models import (  # noqa: E402  (as above)
    PaperFill,
    PaperLedger,
    PaperOrder,
    PaperPrice,
)

__all__ = [
    "AccountSnapshot",
    "BrokerAccount",
    "ConditionalOrder",
    "Examination",
    "PaperFill",
    "PaperLedger",
    "PaperOrder",
    "PaperPrice",
    "SymbolSetting",
    "TradedSymbol",
]
