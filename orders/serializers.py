"""Orders, fills and positions as the API shows them, and what a manual order may say."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from brokers.models import BrokerAccount
from orders.models import Drift, Fill, Order, OrderEvent, Position
from orders.protection import NewChild
from orders.selectors import AccountSummary, PositionView, ReconciliationView
from tradehub.lib.api import (
    DecimalString,
    OwnedKey,
    PlainJSON,
    StrictModelSerializer,
    StrictSerializer,
)


class IdOf(serializers.CharField):
    """The id of a related row, without a look at the row."""

    def __init__(self, name: str = "", **kwargs: Any) -> None:
        super().__init__(source=f"{name}_id" if name else None, read_only=True, **kwargs)


class FillSerializer(StrictModelSerializer):
    order = IdOf("order")
    account = IdOf("account")
    strategy = IdOf("strategy", allow_null=True)

    class Meta:
        model = Fill
        fields = [
            "id",
            "order",
            "account",
            "strategy",
            "symbol",
            "side",
            "quantity",
            "price",
            "fee",
            "fee_currency",
            "realized_pnl",
            "at",
            "venue_fill_id",
        ]
        read_only_fields = fields


class OrderEventSerializer(StrictModelSerializer):
    class Meta:
        model = OrderEvent
        fields = ["at", "event", "status", "data"]
        read_only_fields = fields


class OrderSerializer(StrictModelSerializer):
    broker_order_id = serializers.SerializerMethodField()
    account = IdOf("account")
    strategy = IdOf("strategy", allow_null=True)
    signal = IdOf("signal", allow_null=True)
    parent = IdOf("parent", allow_null=True)  # type: ignore[assignment]  # as with `source` below
    replaces = IdOf("replaces", allow_null=True)
    status = serializers.CharField(read_only=True)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]  # the stubs know `source` as an attribute of a field
    reason = serializers.SerializerMethodField()
    events = OrderEventSerializer(many=True, read_only=True)
    fills = FillSerializer(many=True, read_only=True)

    class Meta:
        model = Order
        fields = [
            "id",
            "client_order_id",
            "broker_order_id",
            "account",
            "strategy",
            "signal",
            "symbol",
            "side",
            "order_type",
            "time_in_force",
            "quantity",
            "filled_quantity",
            "average_fill_price",
            "limit_price",
            "stop_price",
            "trail",
            "leverage",
            "parent",
            "replaces",
            "role",
            "status",
            "reason",
            "reason_text",
            "source",
            "created_at",
            "submitted_at",
            "updated_at",
            "events",
            "fills",
        ]
        read_only_fields = fields

    def get_broker_order_id(self, order: Order) -> str | None:
        return order.venue_order_id or None

    def get_reason(self, order: Order) -> str | None:
        """A reason code; null when there is nothing to explain."""
        return order.reason or None


class ManualOrderSerializer(StrictSerializer):
    """Types only: what goes together is decided by `orders.manual`."""

    account = OwnedKey(queryset=BrokerAccount.objects.all(), required=False)
    symbol = serializers.CharField(max_length=60)
    side = serializers.CharField(max_length=8, help_text="buy or sell")
    quantity = DecimalString(required=False, allow_null=True)
    notional = DecimalString(required=False, allow_null=True, help_text="in the account's money")
    order_type = serializers.CharField(max_length=16, required=False, allow_null=True)
    limit_price = DecimalString(required=False, allow_null=True)
    stop_price = DecimalString(required=False, allow_null=True)
    time_in_force = serializers.CharField(max_length=8, required=False, allow_null=True)
    stop_loss = PlainJSON(
        required=False, allow_null=True, help_text="a price, or {price | percent | offset}"
    )
    take_profit = PlainJSON(
        required=False, allow_null=True, help_text="a price, or {price | percent | offset}"
    )
    strategy = serializers.CharField(max_length=32, required=False, allow_null=True)
    risk_profile = serializers.CharField(max_length=32, required=False, allow_null=True)


class ReplaceSerializer(StrictSerializer):
    """What is left out stays as it is."""

    quantity = DecimalString(
        required=False, allow_null=True, help_text="in all, with what has filled already"
    )
    limit_price = DecimalString(required=False, allow_null=True)
    stop_price = DecimalString(required=False, allow_null=True)


class ReviewSerializer(StrictSerializer):
    placed = serializers.BooleanField(help_text="is the order at the venue?")
    venue_order_id = serializers.CharField(
        max_length=80,
        required=False,
        allow_blank=True,
        default="",
        help_text="its number there; needed when it is",
    )


class UndecidedSerializer(serializers.Serializer[Any]):
    """The account's lane has not come to it yet; `url` tells when it has."""

    status = serializers.CharField()
    item = serializers.CharField()
    url = serializers.CharField()


class TargetSerializer(serializers.Serializer[NewChild]):
    """A target that is watched here; one that rests at the venue is an order."""

    price = DecimalString()
    quantity = DecimalString()


class PositionSerializer(serializers.Serializer[PositionView]):
    id = serializers.CharField(source="position.pk")
    account = serializers.CharField(source="position.account_id")
    strategy = serializers.CharField(source="position.strategy_id", allow_null=True)
    symbol = serializers.CharField(source="position.symbol")
    quantity = DecimalString(source="position.quantity", help_text="below zero for a short")
    average_entry_price = DecimalString(source="position.average_entry_price")
    mark_price = DecimalString(allow_null=True)
    mark_at = serializers.DateTimeField(allow_null=True)
    unrealized_pnl = DecimalString(allow_null=True)
    realized_pnl = DecimalString(source="position.realized_pnl")
    fees = DecimalString(source="position.fees")
    protected = serializers.BooleanField(source="position.protected", allow_null=True)
    watched_targets = TargetSerializer(many=True)
    opened_at = serializers.DateTimeField(source="position.opened_at", allow_null=True)

    class Meta:
        model = Position


class DriftSerializer(serializers.Serializer[Drift]):
    """A symbol of which the venue holds another quantity than we know of."""

    symbol = serializers.CharField()
    ours = DecimalString()
    theirs = DecimalString()
    seen_at = serializers.DateTimeField()
    confirmed = serializers.SerializerMethodField(
        help_text="seen twice: entries of the symbol wait until it is settled"
    )

    def get_confirmed(self, drift: Drift) -> bool:
        return drift.confirmed_at is not None


class ReconciliationSerializer(serializers.Serializer[ReconciliationView]):
    """`reconciled`: the account has been compared with its venue since the last start."""

    reconciled = serializers.BooleanField()
    reconciled_at = serializers.DateTimeField(allow_null=True)
    error = serializers.SerializerMethodField()
    held = serializers.IntegerField(help_text="alerts that wait for it")
    drifts = DriftSerializer(many=True)

    @extend_schema_field({"type": "string", "nullable": True})
    def get_error(self, view: ReconciliationView) -> str | None:
        return view.error or None


class SummarySerializer(serializers.Serializer[AccountSummary]):
    account = serializers.CharField(source="account.pk")
    currency = serializers.CharField()
    equity = DecimalString(allow_null=True)
    cash = DecimalString(allow_null=True)
    buying_power = DecimalString(allow_null=True)
    todays_pnl = DecimalString(allow_null=True)
    at = serializers.DateTimeField(allow_null=True)
    error = serializers.SerializerMethodField()
    positions = serializers.SerializerMethodField()
    reconciliation = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "nullable": True})
    def get_error(self, summary: AccountSummary) -> str | None:
        return summary.error or None

    @extend_schema_field(PositionSerializer(many=True))
    def get_positions(self, summary: AccountSummary) -> Any:
        return PositionSerializer(self.context.get("positions", []), many=True).data

    @extend_schema_field(ReconciliationSerializer)
    def get_reconciliation(self, summary: AccountSummary) -> Any:
        return ReconciliationSerializer(self.context["reconciliation"]).data


class SyncAskedSerializer(StrictSerializer):
    adopt = serializers.ListField(
        child=serializers.CharField(max_length=40),
        required=False,
        default=list,
        help_text="symbols that differ, of which the venue's number is to be taken over",
    )


class SyncSerializer(serializers.Serializer[Any]):
    orders_moved = serializers.IntegerField()
    summary = SummarySerializer()
