"""Lanes, decisions, orders, fills and positions.

Status is a projection of append-only events: `orders.recording` is the only writer of orders and
fills, `orders.positions` of positions. A lane is an account's ordered work, claimed by a
conditional UPDATE with a lease (`orders.lanes`). A foreign key has an index of its own only where
no other one begins with it.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from tradehub.core.words import OrderSource, OrderStatus, Outcome
from tradehub.lib.clock import utc_now
from tradehub.lib.fields import IdField, MoneyField


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
    """The order or position that a cancel or protect is about."""
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
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["signal", "account"], name="one_decision_per_signal"),
        ]

    def __str__(self) -> str:
        return self.id


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
    client_order_id = models.CharField(max_length=64)
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
    link = models.CharField(max_length=64, null=True)
    extended_hours = models.BooleanField(default=False)
    protection = models.JSONField(null=True)
    """For an entry: {"stop_loss", "take_profits"} in resolved prices or still relative."""
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="children"
    )
    after = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    """Not sent before that order is filled: the entry of a flip waits for its exit."""
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
    """{"stop_price", "targets", "entry": order id}: what it asked for, in prices."""
    protected = models.BooleanField(null=True)
    """True: what it asked for works at the venue. False: it does not; an alarm. Null: it asked
    for none, or holds nothing."""
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
