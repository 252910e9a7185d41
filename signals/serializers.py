"""Strategies, subscriptions, webhook tokens and signals as the API shows and takes them.

Types only: what a value may be is decided by `signals.strategy_fields`. Secrets go in and never
come out; a token itself appears once, in the answer that made it.
"""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from brokers.models import BrokerAccount
from risk.models import RiskProfile
from signals.models import Signal, Strategy, Subscription, WebhookToken
from signals.selectors import signal_json
from signals.strategy_fields import STRATEGY_FIELDS, WEBHOOK_OPTIONS
from signals.token_services import SECRETS
from tradehub.lib.api import (
    DecimalString,
    OwnedKey,
    StrictModelSerializer,
)

_OPTIONS = [name for name in WEBHOOK_OPTIONS if name not in SECRETS]


class _Empty(StrictModelSerializer):
    """ "" is null where null is allowed, as forms send it."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            data = {name: self._or_none(name, value) for name, value in data.items()}
        return super().to_internal_value(data)

    def _or_none(self, name: str, value: Any) -> Any:
        field = self.fields.get(name)
        return None if value == "" and field is not None and field.allow_null else value


class WebhookOptionsSerializer(_Empty):
    """Options of a webhook. Of a passphrase or secret only whether there is one is shown; null or
    "" removes it."""

    passphrase = serializers.CharField(
        write_only=True, required=False, allow_blank=True, allow_null=True, trim_whitespace=False
    )
    hmac_secret = serializers.CharField(
        write_only=True, required=False, allow_blank=True, allow_null=True, trim_whitespace=False
    )
    has_passphrase = serializers.SerializerMethodField()
    has_hmac_secret = serializers.SerializerMethodField()

    class Meta:
        model = WebhookToken
        fields = [*SECRETS, *_OPTIONS, "has_passphrase", "has_hmac_secret"]
        extra_kwargs = {"allowed_ips": {"allow_null": True}}

    def get_has_passphrase(self, token: WebhookToken) -> bool:
        return bool(token.sealed_passphrase)

    def get_has_hmac_secret(self, token: WebhookToken) -> bool:
        return bool(token.sealed_hmac_secret)


class StrategySerializer(_Empty):
    enabled = serializers.BooleanField(required=False, help_text="false: entries are denied")
    webhook = WebhookOptionsSerializer(required=False, allow_null=True)

    class Meta:
        model = Strategy
        fields = ["id", *STRATEGY_FIELDS, "enabled", "webhook", "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]
        extra_kwargs = {name: {"allow_null": True} for name in ("symbols", "symbol_map")}

    def to_representation(self, instance: Any) -> Any:
        """`paused` and `webhooks` come by context: a page of strategies costs two queries more."""
        token = self.context["webhooks"].get(instance.pk)
        instance.enabled = instance.pk not in self.context["paused"]
        instance.webhook = token
        return super().to_representation(instance)


class StrategyMadeSerializer(StrategySerializer):
    """The answer to its creation: the only place besides rotation where the URL appears."""

    webhook_token = serializers.SerializerMethodField()
    webhook_url = serializers.SerializerMethodField()

    class Meta(StrategySerializer.Meta):
        fields = [*StrategySerializer.Meta.fields, "webhook_token", "webhook_url"]

    def get_webhook_token(self, strategy: Strategy) -> str:
        return str(self.context["secret"])

    def get_webhook_url(self, strategy: Strategy) -> str:
        return str(self.context["url"])


class RotatedSerializer(serializers.Serializer[Any]):
    webhook_token = serializers.CharField()
    webhook_url = serializers.CharField()


class SubscriptionSerializer(StrictModelSerializer):
    account = OwnedKey(queryset=BrokerAccount.objects.all())
    risk_profile = OwnedKey(queryset=RiskProfile.objects.all())
    multiplier = DecimalString(required=False)
    mode = serializers.CharField(required=False, help_text="auto or dry_run")

    class Meta:
        model = Subscription
        fields = ["id", "account", "risk_profile", "multiplier", "mode", "created_at"]
        read_only_fields = ["id", "created_at"]


class WebhookTokenSerializer(WebhookOptionsSerializer):
    # The stubs know `label` as an attribute of a field; here it is one.
    label = serializers.CharField(  # type: ignore[assignment]  # see above
        max_length=80, required=False, allow_blank=True
    )
    strategy = OwnedKey(queryset=Strategy.objects.all(), required=False, allow_null=True)
    default_strategy = OwnedKey(queryset=Strategy.objects.all(), required=False, allow_null=True)

    class Meta(WebhookOptionsSerializer.Meta):
        fields = [
            "id",
            "label",
            "strategy",
            "default_strategy",
            "prefix",
            "last_four",
            *WebhookOptionsSerializer.Meta.fields,
            "previous_expires_at",
            "last_used_at",
            "throttled_count",
            "created_at",
        ]
        read_only_fields = [
            "id",
            "prefix",
            "last_four",
            "previous_expires_at",
            "last_used_at",
            "throttled_count",
            "created_at",
        ]


class WebhookTokenMadeSerializer(WebhookTokenSerializer):
    """The answer to its creation or rotation: the only place where the URL appears."""

    webhook_token = serializers.SerializerMethodField()
    webhook_url = serializers.SerializerMethodField()

    class Meta(WebhookTokenSerializer.Meta):
        fields = [*WebhookTokenSerializer.Meta.fields, "webhook_token", "webhook_url"]

    def get_webhook_token(self, token: WebhookToken) -> str:
        return str(self.context["secret"])

    def get_webhook_url(self, token: WebhookToken) -> str:
        return str(self.context["url"])


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    measured = DecimalString(allow_null=True)
    limit = DecimalString(allow_null=True)


class RuleCheckSerializer(ReasonSerializer):
    passed = serializers.BooleanField()


class SizingStepSerializer(serializers.Serializer[Any]):
    # The stubs know `label` as an attribute of a field; here it is one.
    label = serializers.CharField()  # type: ignore[assignment]  # see above
    value = DecimalString(allow_null=True)


class SizingSerializer(serializers.Serializer[Any]):
    method = serializers.CharField()
    quantity = DecimalString(allow_null=True)
    notional = DecimalString(allow_null=True)
    risk_amount = DecimalString(allow_null=True)
    risk_percent = DecimalString(allow_null=True)
    risk_reward = DecimalString(allow_null=True)
    steps = SizingStepSerializer(many=True)


class DecisionSerializer(serializers.Serializer[Any]):
    account = serializers.CharField()
    outcome = serializers.CharField()
    reasons = ReasonSerializer(many=True)
    checks = RuleCheckSerializer(many=True)
    sizing = SizingSerializer(allow_null=True)
    orders = serializers.ListField(child=serializers.CharField())
    rehearsal = serializers.DictField(
        allow_null=True,
        help_text="Of a dry run: the orders that would have been sent, and the ids of those that "
        "would have been cancelled. Null where orders are sent.",
    )


class MomentSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    event = serializers.CharField()
    account = serializers.CharField(required=False)
    order = serializers.CharField(required=False)
    outcome = serializers.CharField(required=False)


class LatencySerializer(serializers.Serializer[Any]):
    ack = serializers.FloatField(allow_null=True)
    decide = serializers.FloatField(allow_null=True)
    signal_to_order = serializers.FloatField(allow_null=True)
    first_fill = serializers.FloatField(allow_null=True)


class SignalSerializer(serializers.Serializer[Signal]):
    """Declares the shape; `signals.selectors.signal_json` makes it."""

    id = serializers.CharField()
    strategy = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    received_at = serializers.DateTimeField()
    source_ip = serializers.CharField()
    raw = serializers.CharField(help_text="as it came, secrets masked")
    dialect = serializers.CharField()
    intents = serializers.ListField(child=serializers.DictField())
    error = serializers.DictField(allow_null=True)
    deliveries = serializers.IntegerField()
    decisions = DecisionSerializer(many=True)
    timeline = MomentSerializer(many=True)
    latency_ms = LatencySerializer()

    def to_representation(self, instance: Signal) -> Any:
        return signal_json(instance)


class PreviewSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    dialect = serializers.CharField()
    intents = serializers.ListField(child=serializers.DictField())
    decisions = DecisionSerializer(many=True)
    orders = serializers.ListField(child=serializers.DictField())
