"""REST: `me/`, `api-keys/`, `audit-log/`."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import schema, services
from accounts.authentication import scopes_of
from accounts.models import ApiKey, AuditEntry
from accounts.requests import ip_of, user_of
from accounts.serializers import (
    ApiKeyMadeSerializer,
    ApiKeySerializer,
    AuditEntrySerializer,
    MeSerializer,
    NewApiKeySerializer,
    RenameApiKeySerializer,
)
from tradehub.lib.api import OwnedViewSet
from tradehub.lib.clock import utc_now

__all__ = ["ApiKeys", "AuditLog", "Me", "ip_of", "schema"]


class Me(APIView):
    """Who this key or session is, and what it may do."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        context = {"scopes": scopes_of(request)}
        return Response(MeSerializer(request.user, context=context).data)


class ApiKeys(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    OwnedViewSet,
):
    """API keys of the caller. A key is shown once, in the answer to its creation."""

    queryset = ApiKey.objects.filter(revoked_at=None)
    serializer_class = ApiKeySerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    @extend_schema(request=NewApiKeySerializer, responses={201: ApiKeyMadeSerializer})
    def create(self, request: Request) -> Response:
        given = NewApiKeySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        key, secret = services.create_api_key(
            owner=user_of(request),
            now=utc_now(),
            may_grant=scopes_of(request),
            ip=ip_of(request),
            **given.validated_data,
        )
        made = ApiKeyMadeSerializer(key, context={"secret": secret})
        response = Response(made.data, status=status.HTTP_201_CREATED)
        response["Cache-Control"] = "no-store"
        return response

    @extend_schema(request=RenameApiKeySerializer, responses=ApiKeySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        key = self.get_object()
        given = RenameApiKeySerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        if "name" in given.validated_data:
            services.rename_api_key(
                key=key,
                name=given.validated_data["name"],
                actor=user_of(request),
                now=utc_now(),
                ip=ip_of(request),
            )
        return Response(ApiKeySerializer(key).data)

    def destroy(self, request: Request, pk: str) -> Response:
        services.revoke_api_key(
            key=self.get_object(), actor=user_of(request), now=utc_now(), ip=ip_of(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class AuditLog(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """What was done to the caller's keys, limits and trading states, and by whom."""

    queryset = AuditEntry.objects.select_related("actor")
    serializer_class = AuditEntrySerializer

    def get_queryset(self) -> Any:
        found = super().get_queryset()
        action = self.request.query_params.get("action", "")
        return found.filter(action=action) if action and "\x00" not in action else found
