"""Orders, what happened to them, and their fills: `orders.recording` is their only writer."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from orders.models.lanes import Decision
from tradehub.core.words import OrderSource, OrderStatus
from tradehub.lib.clock import utc_now
from tradehub.lib.fields import IdField, MoneyField


class Order(models.Model):
    id = IdField(prefix="ord")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    strategy = models.ForeignKey(
        "signals.Strategy", null=True, on_delete=models.SET_NULL, related_name="orders"
    )
    signal = models.ForeignKey(
        "signals.Signal",
        null=True,
        on_delete=models.SET_NULL,
        related_name="orders",
        db_index=False,
    )
    decision = models.ForeignKey(
        Decision, null=True, on_delete=models.SET_NULL, related_name="orders"
    )
    leg = models.CharField(max_length=24)
    """Which order of the signal: "0", "1" (entry after exit), "0.stop_loss.1" (a child)."""
    client_order_id = models.CharField(max_length=128)
    venue_order_id = models.CharField(max_length=80, blank=True)
    symbol = models.CharField(max_length=40)
    side = models.CharField(max_length=4)
    order_type = models.CharField(max_length=16)
    time_in_force = models.CharField(max_length=4)
    quantity = MoneyField()
    filled_quantity = MoneyField(default="0")
    average_fill_price = MoneyField(null=True)
    limit_price = MoneyField(null=True)
    stop_price = MoneyField(null=True)
    trail = models.JSONField(null=True)
    reduce_only = models.BooleanField(default=False)
    closes_all = models.BooleanField(default=False)
    """A stop that closes whatever is held when it triggers, as the venue has it."""
    link = models.CharField(max_length=64, null=True)
    extended_hours = models.BooleanField(default=False)
    leverage = MoneyField(null=True)
    """At which an entry asks to trade; null: at the account's."""
    protection = models.JSONField(null=True)
    """For an entry: {"stop_loss", "take_profits"} in resolved prices or still relative."""
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="children"
    )
    after = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    """Not sent before that order is filled: the entry of a flip waits for its exit."""
    replaces = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.SET_NULL,
        related_name="replacements",
        db_index=False,
    )
    """Not sent before that order has ended: it goes on with the rest (`orders.remaining`)."""
    role = models.CharField(max_length=12)
    status = models.CharField(
        max_length=20,
        choices=[(each.value, each.value) for each in OrderStatus],
        default=OrderStatus.QUEUED.value,
    )
    reason = models.CharField(max_length=40, blank=True)
    reason_text = models.CharField(max_length=300, blank=True)
    source = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in OrderSource]
    )
    reference_price = MoneyField(null=True)
    """What the decision took the price to be: slippage is measured against it, and a market
    order's reserved exposure is priced at it."""
    attempts = models.PositiveIntegerField(default=0)
    looks = models.PositiveIntegerField(default=0)
    """How often the venue, asked about an unconfirmed order, did not know it."""
    look_at = models.DateTimeField(null=True)
    """When to ask again."""
    silent_since = models.DateTimeField(null=True)
    """Since when the venue has answered no look."""
    cancel_taken_at = models.DateTimeField(null=True)
    """When the venue was first asked to cancel it, and let it work on for a while."""
    version = models.PositiveBigIntegerField(default=1)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    submitted_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(default=utc_now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "client_order_id"], name="one_order_per_client_id"
            ),
            models.UniqueConstraint(
                fields=["signal", "account", "leg"], name="one_order_per_signal_account_leg"
            ),
            models.CheckConstraint(
                condition=Q(status__in=[each.value for each in OrderStatus]),
                name="order_status_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="orders_of_owner"),
            models.Index(fields=["status", "account"], name="orders_by_status"),
            models.Index(
                fields=["replaces"], name="replacements", condition=Q(replaces__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.id


class OrderEvent(models.Model):
    """Append-only: what happened to an order. `key` makes the same news arrive once."""

    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    event = models.CharField(max_length=24)
    status = models.CharField(max_length=20)
    """The order's status after it."""
    key = models.CharField(max_length=120)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "key"], name="one_event_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.event} of {self.order_id}"


class Fill(models.Model):
    id = IdField(prefix="fil")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.PROTECT, related_name="fills", db_index=False
    )
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="fills")
    strategy = models.ForeignKey(
        "signals.Strategy", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    symbol = models.CharField(max_length=40)
    side = models.CharField(max_length=4)
    quantity = MoneyField()
    price = MoneyField()
    fee = MoneyField()
    fee_currency = models.CharField(max_length=12)
    fee_value = MoneyField(default="0")
    """The fee as money of the account."""
    kept = MoneyField(default="0")
    """How much of the traded asset itself the venue kept as its fee."""
    realized_pnl = MoneyField(default="0")
    """What this fill realized on its position, before its fee."""
    at = models.DateTimeField()
    venue_fill_id = models.CharField(max_length=80)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "venue_fill_id"], name="one_fill_per_venue_id"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "at"], name="fills_of_account_by_time"),
            models.Index(fields=["owner", "-id"], name="fills_of_owner"),
        ]

    def __str__(self) -> str:
        return self.id
