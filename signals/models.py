"""Strategies, their webhook tokens and subscriptions, and every alert that ever arrived.

Signals are written by `signals.ingest` in one group commit; their status is settled by
`signals.services` from committed decisions and orders. Raw bodies are kept as they came; secrets in
them are masked wherever they are shown.
"""

from django.conf import settings
from django.db import models

from tradehub.core.words import SignalStatus, SubscriptionMode
from tradehub.lib.clock import utc_now
from tradehub.lib.fields import IdField, MoneyField


class Strategy(models.Model):
    """What a user named: settings that are frozen into each alert's work. Whether it is paused is
    a live state and lives in `risk.TradingState`."""

    id = IdField(prefix="str")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="strategies"
    )
    name = models.CharField(max_length=80)
    direction = models.CharField(max_length=12, default="both")
    symbols = models.JSONField(default=list, blank=True)
    match = models.CharField(max_length=120, blank=True)
    symbol_map = models.JSONField(default=dict, blank=True)
    leverage = MoneyField(null=True, blank=True)
    default_order_type = models.CharField(max_length=16, default="market")
    default_time_in_force = models.CharField(max_length=4, default="day")
    default_stop_loss_percent = MoneyField(null=True, blank=True)
    default_take_profit_percent = MoneyField(null=True, blank=True)
    on_opposite = models.CharField(max_length=8, default="close")
    max_adds = models.PositiveIntegerField(default=0)
    flip_quantity = models.CharField(max_length=12, default="new")
    on_gap = models.CharField(max_length=8, default="record")
    session_policy = models.CharField(max_length=16, default="reject")
    fan_out = models.CharField(max_length=16, default="best_effort")
    approval_expires_seconds = models.PositiveIntegerField(null=True, blank=True)
    approval_max_drift_percent = MoneyField(null=True, blank=True)
    signal_overrides = models.JSONField(null=True, blank=True)
    """What an alert may set; null means the default: all but `leverage` and `size`."""
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        verbose_name_plural = "strategies"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_strategy_name_per_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """A strategy on a broker account."""

    id = IdField(prefix="sub")
    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="subscriptions")
    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.PROTECT, related_name="subscriptions"
    )
    risk_profile = models.ForeignKey(
        "risk.RiskProfile", on_delete=models.PROTECT, related_name="subscriptions"
    )
    multiplier = MoneyField(default="1")
    mode = models.CharField(
        max_length=8,
        choices=[(each.value, each.value) for each in SubscriptionMode],
        default=SubscriptionMode.AUTO.value,
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["strategy", "account"], name="one_subscription"),
        ]

    def __str__(self) -> str:
        return self.id


class WebhookToken(models.Model):
    """A webhook URL. Only the SHA-256 of the token is kept; after a rotation the old one works
    until `previous_expires_at`."""

    id = IdField(prefix="whk")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhook_tokens"
    )
    label = models.CharField(max_length=80, blank=True)
    strategy = models.ForeignKey(
        Strategy, null=True, blank=True, on_delete=models.CASCADE, related_name="webhook_tokens"
    )
    """Bound to one strategy; null routes by the alert's `strategy` field."""
    default_strategy = models.ForeignKey(
        Strategy, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    prefix = models.CharField(max_length=12)
    last_four = models.CharField(max_length=4)
    digest = models.BinaryField(max_length=32, unique=True)
    previous_digest = models.BinaryField(max_length=32, null=True, unique=True)
    previous_expires_at = models.DateTimeField(null=True)
    sealed_passphrase = models.TextField(blank=True)
    sealed_hmac_secret = models.TextField(blank=True)
    allowed_ips = models.JSONField(default=list, blank=True)
    tradingview_only = models.BooleanField(default=False)
    requests_per_minute = models.PositiveIntegerField(default=60)
    wait_seconds = MoneyField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    throttled_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.prefix}…{self.last_four}"


class Signal(models.Model):
    """One alert as it arrived. Copies of it only count its deliveries."""

    id = IdField(prefix="sig")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signals", db_index=False
    )
    strategy = models.ForeignKey(
        Strategy, null=True, on_delete=models.SET_NULL, related_name="signals", db_index=False
    )
    token = models.ForeignKey(
        WebhookToken, null=True, on_delete=models.SET_NULL, related_name="signals", db_index=False
    )
    status = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in SignalStatus]
    )
    received_at = models.DateTimeField()
    source_ip = models.CharField(max_length=45, blank=True)
    content_type = models.CharField(max_length=80, blank=True)
    raw = models.BinaryField()
    dialect = models.CharField(max_length=24, blank=True)
    intents = models.JSONField(default=list)
    error = models.JSONField(null=True)
    """{"code", "detail", "errors": [...]} of an invalid one."""
    deliveries = models.PositiveIntegerField(default=1)
    ack_ms = models.FloatField(null=True)
    """From the last byte of the request to the group commit; a figure, not money."""

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["owner", "-id"], name="signals_of_owner"),
            models.Index(fields=["strategy", "-id"], name="signals_of_strategy"),
        ]

    def __str__(self) -> str:
        return self.id


class SignalKey(models.Model):
    """The claim on a signal key: the row that makes a copy a copy, in every process at once.

    Keys from an explicit id are held for ever. Keys from a body (`expires` true) are taken over by
    a new signal once the first copy is older than the window; see `signals.ingest`."""

    strategy = models.ForeignKey(
        Strategy, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=80)
    signal_id = models.CharField(max_length=32)
    fingerprint = models.CharField(max_length=64)
    """What must be the same in a copy: size, order type, prices, protection."""
    claimed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["strategy", "key"], name="one_signal_per_key"),
        ]

    def __str__(self) -> str:
        return f"key of {self.signal_id}"


class RouteVersion(models.Model):
    """One row, raised by every change that the webhook's cached credentials must notice. It is
    read in the transaction that stores an alert, so no process can act on an old one."""

    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.version)
