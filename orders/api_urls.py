"""This app's part of /api/v1/: `register` the resources, then `path("", include(urlpatterns))`."""

from django.urls import re_path
from rest_framework.routers import BaseRouter

from orders.account_api import AccountSummaryView, AccountSync
from orders.api import Fills, Orders, Positions
from orders.cash_api import CashEntries
from tradehub.lib.api import ID_PATTERN

_ACCOUNT = rf"^broker-accounts/(?P<pk>{ID_PATTERN})"

urlpatterns = [
    re_path(rf"{_ACCOUNT}/summary/$", AccountSummaryView.as_view(), name="account-summary"),
    re_path(rf"{_ACCOUNT}/sync/$", AccountSync.as_view(), name="account-sync"),
]


def register(router: BaseRouter) -> None:
    router.register("orders", Orders, basename="order")
    router.register("fills", Fills, basename="fill")
    router.register("cash-entries", CashEntries, basename="cash-entry")
    router.register("positions", Positions, basename="position")
