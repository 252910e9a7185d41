"""REST: `risk-profiles/`. Fields are those of the public contract; null or "" is "not limited"."""

from collections.abc import Mapping
from typing import Any

from rest_framework import mixins, serializers
from rest_framework.serializers import BaseSerializer

from accounts.requests import ip_of, user_of
from risk import services
from risk.models import RiskProfile
from risk.profile_fields import FIELDS
from tradehub.lib.api import OwnedViewSet, StrictModelSerializer
from tradehub.lib.clock import utc_now

_LISTS_AND_MAPS = (
    "conviction_risk_percent",
    "allowed_symbols",
    "blocked_symbols",
    "trading_windows",
    "sectors",
)


class RiskProfileSerializer(StrictModelSerializer):
    """Types only: what a value may be is decided by `risk.profile_fields`."""

    day_starts_at = serializers.TimeField(format="%H:%M", required=False)

    class Meta:
        model = RiskProfile
        fields = ["id", *FIELDS, "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]
        extra_kwargs = {name: {"allow_null": True} for name in _LISTS_AND_MAPS}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            data = {name: self._or_none(name, value) for name, value in data.items()}
        return super().to_internal_value(data)

    def _or_none(self, name: str, value: Any) -> Any:
        field = self.fields.get(name)
        return None if value == "" and field is not None and field.allow_null else value


class RiskProfiles(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    OwnedViewSet,
):
    """Sets of limits and how sizes are found. A profile in use can't be deleted."""

    queryset = RiskProfile.objects.all()
    serializer_class = RiskProfileSerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def perform_create(self, serializer: BaseSerializer[RiskProfile]) -> None:
        serializer.instance = services.create_profile(
            owner=user_of(self.request),
            values=serializer.validated_data,
            now=utc_now(),
            ip=ip_of(self.request),
        )

    def perform_update(self, serializer: BaseSerializer[RiskProfile]) -> None:
        assert serializer.instance is not None
        serializer.instance = services.update_profile(
            profile=serializer.instance,
            changes=serializer.validated_data,
            actor=user_of(self.request),
            now=utc_now(),
            ip=ip_of(self.request),
        )

    def perform_destroy(self, instance: RiskProfile) -> None:
        services.delete_profile(
            profile=instance, actor=user_of(self.request), now=utc_now(), ip=ip_of(self.request)
        )
