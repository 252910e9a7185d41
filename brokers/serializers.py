"""How broker accounts and quotes look in REST. Credentials go in and never come out."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from brokers.models import BrokerAccount
from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.api import DecimalString, PlainJSON, StrictSerializer

_ENVIRONMENT = [each.value for each in Environment]


class DoctorLineSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    ok = serializers.BooleanField()
    text = serializers.CharField()
    what_to_do = serializers.CharField()
    hard = serializers.BooleanField(
        help_text="While such a line is not ok, no entry is sent on the account."
    )
    code = serializers.CharField(help_text="A reason code, or empty.")


class ExaminationSerializer(serializers.Serializer[Any]):
    """What the account doctor found last."""

    passed = serializers.BooleanField(
        allow_null=True, help_text="Null while no look at these credentials came to a verdict."
    )
    checked_at = serializers.DateTimeField(source="attempted_at", allow_null=True)
    verdict_at = serializers.DateTimeField(source="examined_at", allow_null=True)
    lines = DoctorLineSerializer(many=True)


class CheckSerializer(ExaminationSerializer):
    ok = serializers.SerializerMethodField(help_text="Every line is ok.")
    pending = serializers.BooleanField(
        help_text="No worker finished the check in time; the lines are those of the last one."
    )

    def get_ok(self, found: Any) -> bool:
        return bool(found.lines) and all(line["ok"] for line in found.lines)


class BrokerAccountSerializer(serializers.ModelSerializer[BrokerAccount]):
    options = serializers.JSONField()
    has_credentials = serializers.SerializerMethodField()
    check = serializers.SerializerMethodField()

    class Meta:
        model = BrokerAccount
        fields = [
            "id",
            "kind",
            "environment",
            "label",
            "options",
            "has_credentials",
            "credentials_changed_at",
            "venue_account_id",
            "trouble",
            "check",
            "enabled",
            "created_at",
        ]

    def get_has_credentials(self, account: BrokerAccount) -> bool:
        return bool(account.sealed_credentials)

    @extend_schema_field(ExaminationSerializer(allow_null=True))
    def get_check(self, account: BrokerAccount) -> Any:
        found = getattr(account, "examination", None)
        return None if found is None else ExaminationSerializer(found).data


class AccountChangeSerializer(StrictSerializer):
    """What may change; `kind` and `environment` may be repeated but stay as they are."""

    # The stubs know `label` and `source` as attributes of a field; here they are fields.
    label = serializers.CharField(max_length=80)  # type: ignore[assignment]  # see above
    kind = serializers.ChoiceField([each.value for each in BrokerKind], required=False)
    environment = serializers.ChoiceField(_ENVIRONMENT, required=False)
    credentials = PlainJSON(write_only=True, required=False)
    options = PlainJSON(required=False)
    enabled = serializers.BooleanField(required=False)
    confirm = serializers.CharField(
        required=False,
        allow_null=True,
        help_text='"live" to open a live account, to change its credentials and to enable it',
    )


class NewAccountSerializer(AccountChangeSerializer):
    kind = serializers.ChoiceField([each.value for each in BrokerKind])
    environment = serializers.ChoiceField(_ENVIRONMENT, default=Environment.PAPER.value)


class QuoteSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    bid = DecimalString()
    ask = DecimalString()
    last = DecimalString()
    at = serializers.DateTimeField()
    source = serializers.CharField()  # type: ignore[assignment]  # as with `label` above
