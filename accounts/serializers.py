"""Users, keys and audit entries as the API shows them. Secrets have no field here."""

from typing import Any

from rest_framework import serializers

from accounts.models import ApiKey, AuditEntry, User
from accounts.words import KeyScope
from tradehub.lib.api import StrictModelSerializer, StrictSerializer


class MeSerializer(StrictModelSerializer):
    id = serializers.SerializerMethodField()
    is_operator = serializers.BooleanField(source="is_superuser", read_only=True)
    scopes = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["id", "username", "email", "timezone", "is_operator", "scopes"]
        read_only_fields = fields

    def get_id(self, user: User) -> str:
        return str(user.pk)

    def get_scopes(self, user: User) -> list[str]:
        held: frozenset[str] = self.context["scopes"]
        return [scope.value for scope in KeyScope if scope in held]


class ApiKeySerializer(StrictModelSerializer):
    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "prefix",
            "last_four",
            "scopes",
            "expires_at",
            "last_used_at",
            "created_at",
        ]
        read_only_fields = fields


class ApiKeyMadeSerializer(ApiKeySerializer):
    """The answer to its creation: the only place where the key itself appears."""

    key = serializers.SerializerMethodField()

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]
        read_only_fields = fields

    def get_key(self, key: ApiKey) -> str:
        return str(self.context["secret"])


class NewApiKeySerializer(StrictSerializer):
    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[scope.value for scope in KeyScope]),
        allow_empty=False,
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class RenameApiKeySerializer(StrictSerializer):
    name = serializers.CharField(max_length=80)


class AuditEntrySerializer(StrictModelSerializer):
    actor = serializers.SerializerMethodField()

    class Meta:
        model = AuditEntry
        fields = ["id", "at", "actor", "action", "target_type", "target_id", "data", "ip"]
        read_only_fields = fields

    def get_actor(self, entry: AuditEntry) -> str | None:
        """A user name; null for the hub itself."""
        return entry.actor.get_username() if entry.actor else None

    def to_representation(self, instance: Any) -> Any:
        """An operator's address is nobody else's business."""
        shown = super().to_representation(instance)
        if instance.actor_id != instance.owner_id:
            shown["ip"] = ""
        return shown
