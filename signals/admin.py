"""Operators' pages about strategies, webhooks and alerts: to look at. Tokens are never shown, and
raw bodies only masked. `StrategyAdmin` is registered in `tradehub.admin`, which adds switches."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from signals.models import (
    RouteVersion,
    Signal,
    SignalKey,
    Subscription,
    WebhookToken,
)
from signals.parsing import mask_secrets
from tradehub.lib.admin import ReadOnlyAdmin, as_block


class StrategyAdmin(ReadOnlyAdmin):
    """Settings are changed on the owner's page."""

    list_display = ("name", "owner", "direction", "on_opposite", "updated_at")
    list_select_related = ("owner",)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("id", "strategy", "account", "risk_profile", "multiplier", "mode")
    list_filter = ("mode",)
    list_select_related = ("strategy", "account", "risk_profile")
    owner_path = "strategy__owner"


@admin.register(WebhookToken)
class WebhookTokenAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_as",
        "owner",
        "strategy",
        "requests_per_minute",
        "throttled_count",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )
    list_select_related = ("owner", "strategy")

    @admin.display(description="token")
    def shown_as(self, token: WebhookToken) -> str:
        return f"{token.prefix}…{token.last_four}"


@admin.register(Signal)
class SignalAdmin(ReadOnlyAdmin):
    list_display = ("id", "received_at", "owner", "strategy", "status", "dialect", "deliveries")
    list_filter = ("status",)
    list_select_related = ("owner", "strategy")
    also = ("body",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Signal]:
        found = super().get_queryset(request)
        single = request.resolver_match and "object_id" in request.resolver_match.kwargs
        return found if single else found.defer("raw", "intents", "error")

    @admin.display(description="raw, masked")
    def body(self, signal: Signal) -> str:
        return as_block(mask_secrets(bytes(signal.raw)))


@admin.register(SignalKey)
class SignalKeyAdmin(ReadOnlyAdmin):
    list_display = ("signal_id", "strategy", "claimed_at")
    list_select_related = ("strategy",)
    ordering = ("-id",)
    owner_path = "strategy__owner"


@admin.register(RouteVersion)
class RouteVersionAdmin(ReadOnlyAdmin):
    list_display = ("id", "version")
    owner_path = None
