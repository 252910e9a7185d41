"""Routing only. The webhook and the live socket are routed in `tradehub.asgi`.

Each app brings its pages in `urls` and its part of /api/v1/ in `api_urls`.
"""

from typing import Any

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from accounts import api_urls as accounts
from brokers import api_urls as brokers
from dashboard import api_urls as dashboard
from orders import api_urls as orders
from risk import api_urls as risk
from signals import api_urls as signals
from tradehub import health
from tradehub.api_docs import ApiDocs
from tradehub.metrics_view import metrics_page

handler400 = "tradehub.lib.problems.bad_request"
handler403 = "tradehub.lib.problems.permission_denied"
handler404 = "tradehub.lib.problems.page_not_found"
handler429 = "tradehub.lib.problems.too_many_requests"
handler500 = "tradehub.lib.problems.server_error"

_router = SimpleRouter()
for _app in (accounts, risk, brokers, orders, signals, dashboard):
    _app.register(_router)
_api: list[Any] = [
    *accounts.urlpatterns,
    *brokers.urlpatterns,
    *orders.urlpatterns,
    *signals.urlpatterns,
    *dashboard.urlpatterns,
    *_router.urls,
]

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("readyz/ingest", health.readyz_ingest, name="readyz-ingest"),
    path("metrics", metrics_page, name="metrics"),
    path("api/v1/", include(_api)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", ApiDocs.as_view(url_name="schema"), name="api-docs"),
    # Before the admin's: it stands in front of the admin's own login.
    path("", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("", include("dashboard.help_urls")),
    path("", include("dashboard.urls")),
]
