"""How broker accounts and quotes look in REST. Credentials go in and never come out."""

from typing import Any

from rest_framework import serializers

from brokers.models import BrokerAccount
from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.api import DecimalString, PlainJSON, StrictSerializer

_ENVIRONMENT = [each.value for each in Environment]


class BrokerAccountSerializer(serializers.ModelSerializer[BrokerAccount]):
    options = serializers.JSONField()
    has_credentials = serializers.SerializerMethodField()

    class Meta:
        model = BrokerAccount
        fields = [
            "id",
            "kind",
            "environment",
            "label",
            "options",
            "has_credentials",
            "enabled",
            "created_at",
        ]

    def get_has_credentials(self, account: BrokerAccount) -> bool:
        return bool(account.sealed_credentials)


class AccountChangeSerializer(StrictSerializer):
    """What may change; `kind` and `environment` may be repeated but stay as they are."""

    # The stubs know `label` and `source` as attributes of a field; here they are fields.
    label = serializers.CharField(max_length=80)  # type: ignore[assignment]  # see above
    kind = serializers.ChoiceField([each.value for each in BrokerKind], required=False)
    environment = serializers.ChoiceField(_ENVIRONMENT, required=False)
    credentials = PlainJSON(write_only=True, required=False)
    options = PlainJSON(required=False)
    enabled = serializers.BooleanField(required=False)


class NewAccountSerializer(AccountChangeSerializer):
    kind = serializers.ChoiceField([each.value for each in BrokerKind])
    environment = serializers.ChoiceField(_ENVIRONMENT, default=Environment.PAPER.value)
    confirm = serializers.CharField(
        required=False, allow_null=True, help_text='"live" for a live account'
    )


class DoctorLineSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    ok = serializers.BooleanField()
    text = serializers.CharField()
    what_to_do = serializers.CharField()


class CheckSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    lines = DoctorLineSerializer(many=True)


class QuoteSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    bid = DecimalString()
    ask = DecimalString()
    last = DecimalString()
    at = serializers.DateTimeField()
    source = serializers.CharField()  # type: ignore[assignment]  # as with `label` above
