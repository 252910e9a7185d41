"""This app's part of /api/v1/: `register` the resources, then `path("", include(urlpatterns))`."""

from django.urls import path
from rest_framework.routers import BaseRouter

from dashboard.api import Status, TradingStates

urlpatterns = [path("status/", Status.as_view(), name="status")]


def register(router: BaseRouter) -> None:
    router.register("trading-state", TradingStates, basename="trading-state")
