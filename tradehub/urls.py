"""Routing only. The webhook and the live socket are routed in `tradehub.asgi`.

Each app brings its pages in `urls` and its part of /api/v1/ in `api_urls`.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from tradehub import health
from tradehub.api_docs import ApiDocs
from tradehub.metrics_view import metrics_page

handler400 = "tradehub.lib.problems.bad_request"
handler403 = "tradehub.lib.problems.permission_denied"
handler404 = "tradehub.lib.problems.page_not_found"
handler429 = "tradehub.lib.problems.too_many_requests"
handler500 = "tradehub.lib.problems.server_error"

# TEMPORARY, while the fragments are being written.
_FRAGMENTS = [
    import_module(f"{name}.api_urls")
    for name in ("accounts", "risk", "brokers", "orders", "signals", "dashboard")
    if find_spec(f"{name}.api_urls")
]
_PAGES = [path("", include("dashboard.urls"))] if find_spec("signals.services") else []


def _api() -> list[Any]:
    router = SimpleRouter()
    own: list[Any] = []
    for fragment in _FRAGMENTS:
        if hasattr(fragment, "register"):
            fragment.register(router)
        own += getattr(fragment, "urlpatterns", [])
    return [*own, *router.urls]


urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("readyz/ingest", health.readyz_ingest, name="readyz-ingest"),
    path("metrics", metrics_page, name="metrics"),
    path("api/v1/", include(_api())),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", ApiDocs.as_view(url_name="schema"), name="api-docs"),
    # Before the admin's: it stands in front of the admin's own login.
    path("", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("", include("dashboard.help_urls")),
    *_PAGES,
]
