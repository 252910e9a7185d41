"""Broker accounts: whose, where, with which (encrypted) credentials.

The paper venue keeps its own ledger in `brokers.paper.models`, re-exported here for Django.
"""

from django.conf import settings
from django.db import models

from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.clock import utc_now
from tradehub.lib.fields import IdField


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
    """AES-GCM, bound to owner and row; empty for paper."""
    options = models.JSONField(default=dict)
    venue_account_id = models.CharField(max_length=80, null=True, unique=True, editable=False)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "label"], name="one_label_per_owner"),
        ]

    def __str__(self) -> str:
        return self.label


from brokers.paper.models import (  # noqa: E402  (Django looks for models here)
    PaperFill,
    PaperLedger,
    PaperOrder,
    PaperPrice,
)

__all__ = ["BrokerAccount", "PaperFill", "PaperLedger", "PaperOrder", "PaperPrice"]
