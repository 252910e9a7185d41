"""Lanes and what waits in them, and what was decided of it."""

from django.conf import settings
from django.db import models

from tradehub.core.words import Outcome
from tradehub.lib.fields import IdField


class Lane(models.Model):
    """Who works for an account now. `holder` is new with every claim, so a worker that lost its
    lease can't prove to hold the lane and can't write."""

    account = models.OneToOneField(
        "brokers.BrokerAccount", on_delete=models.CASCADE, primary_key=True, related_name="lane"
    )
    holder = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"lane of {self.account_id}"


class LaneItem(models.Model):
    """One thing that an account must do. Ordered by id. Everything needed is frozen in it."""

    class Kind(models.TextChoices):
        DECIDE = "decide"
        SEND = "send"
        CANCEL = "cancel"
        PROTECT = "protect"
        HALT = "halt"
        REPLACE = "replace"

    class Status(models.TextChoices):
        QUEUED = "queued"
        HELD = "held"
        DONE = "done"
        PARKED = "parked"

    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.CASCADE, related_name="lane_items", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED.value)
    signal = models.ForeignKey(
        "signals.Signal",
        null=True,
        on_delete=models.CASCADE,
        related_name="lane_items",
        db_index=False,
    )
    subject = models.CharField(max_length=40, blank=True)
    """The order or position that a cancel, replace or protect is about."""
    intents = models.JSONField(default=list)
    terms = models.JSONField(default=dict)
    """The strategy's settings and the subscription as they were: {"strategy", "risk_profile",
    "multiplier", "mode", "source", ...}."""
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = [
            # Not partial: SQLite matches a bound value with no condition.
            models.Index(fields=["account", "status", "id"], name="work_of_lane"),
            models.Index(fields=["status", "due_at"], name="work_that_is_due"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["signal", "account"], name="one_item_per_signal"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Decision(models.Model):
    """What was decided for one signal (or one manual order) on one account, and why."""

    id = IdField(prefix="dec")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.CASCADE, related_name="decisions"
    )
    item = models.OneToOneField(LaneItem, on_delete=models.CASCADE, related_name="decision")
    signal = models.ForeignKey(
        "signals.Signal",
        null=True,
        on_delete=models.CASCADE,
        related_name="decisions",
        db_index=False,
    )
    outcome = models.CharField(
        max_length=20, choices=[(each.value, each.value) for each in Outcome]
    )
    reasons = models.JSONField(default=list)
    checks = models.JSONField(default=list)
    sizing = models.JSONField(null=True)
    quote = models.JSONField(null=True)
    """What the price was taken to be: {symbol: {"bid", "ask", "last", "at", "source"}}."""
    cancels = models.JSONField(default=list)
    """Ids of working orders to cancel before anything is sent."""
    rehearsal = models.JSONField(null=True)
    """Of a dry run, what would have been done: {"orders": [...], "cancels": [ids]}; else null."""
    sent_at = models.DateTimeField(null=True)
    """When the alert says that it was sent; null where it doesn't."""
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["signal", "account"], name="one_decision_per_signal"),
        ]

    def __str__(self) -> str:
        return self.id
