"""This app's part of /api/v1/: `register` the resources, then `path("", include(urlpatterns))`."""

from django.urls import re_path
from rest_framework.routers import BaseRouter

from signals.api import Signals, Strategies, Subscriptions, WebhookTokens
from tradehub.lib.api import ID_PATTERN

_ACCOUNTS = rf"^strategies/(?P<strategy_pk>{ID_PATTERN})/accounts"

urlpatterns = [
    re_path(
        rf"{_ACCOUNTS}/$",
        Subscriptions.as_view({"get": "list", "post": "create"}),
        name="subscription-list",
    ),
    re_path(
        rf"{_ACCOUNTS}/(?P<pk>{ID_PATTERN})/$",
        Subscriptions.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="subscription-detail",
    ),
]


def register(router: BaseRouter) -> None:
    router.register("strategies", Strategies, basename="strategy")
    router.register("webhook-tokens", WebhookTokens, basename="webhook-token")
    router.register("signals", Signals, basename="signal")
