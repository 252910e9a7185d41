"""This app's part of /api/v1/: `register` the resources, then `path("", include(urlpatterns))`."""

from django.urls import path
from rest_framework.routers import BaseRouter

from brokers.api import BrokerAccounts, Quotes

urlpatterns = [path("quotes/", Quotes.as_view(), name="quotes")]


def register(router: BaseRouter) -> None:
    router.register("broker-accounts", BrokerAccounts, basename="broker-account")
