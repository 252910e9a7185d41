"""Settings of the operators' pages (django-unfold) and of the OpenAPI schema (drf-spectacular)."""

from typing import Any

from tradehub.lib.version import VERSION

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "TradeHub",
    "DESCRIPTION": "TradingView alerts become risk-checked orders at your own broker, once.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    # The schema holds nobody's data, and whoever writes a client needs it before having a key.
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tradehub.api_docs.add_problems",
    ],
}


def _item(title: str, icon: str, name: str) -> dict[str, str]:
    return {"title": title, "icon": icon, "link": f"/admin/{name}"}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "TradeHub operators",
    "SITE_HEADER": "TradeHub",
    "SITE_SUBHEADER": "Operators",
    "SITE_SYMBOL": "candlestick_chart",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "/static/dashboard/icon.svg"}
    ],
    "SHOW_HISTORY": False,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "tradehub.admin_index.add_tiles",
    "COLORS": {
        "primary": {
            "50": "#eff6fd", "100": "#dbeafa", "200": "#bdd9f5", "300": "#8fc0ee",
            "400": "#5ca0e3", "500": "#2f7fd1", "600": "#0b5aa8", "700": "#0a4f93",
            "800": "#0c4379", "900": "#0f3a65", "950": "#0a2543",
        }
    },
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": "Operations",
                "items": [
                    _item("Overview", "monitoring", ""),
                    _item("Trading states", "front_hand", "risk/tradingstate/"),
                    _item("Lane items", "view_timeline", "orders/laneitem/"),
                    _item("Lanes", "conveyor_belt", "orders/lane/"),
                    _item("Audit trail", "history", "accounts/auditentry/"),
                ],
            },
            {
                "title": "People",
                "items": [
                    _item("Users", "group", "accounts/user/"),
                    _item("Invitations", "mail", "accounts/invitation/"),
                    _item("API keys", "key", "accounts/apikey/"),
                ],
            },
            {
                "title": "Trading",
                "items": [
                    _item("Signals", "sensors", "signals/signal/"),
                    _item("Decisions", "rule", "orders/decision/"),
                    _item("Orders", "list_alt", "orders/order/"),
                    _item("Fills", "done_all", "orders/fill/"),
                    _item("Positions", "pie_chart", "orders/position/"),
                ],
            },
            {
                "title": "Set up",
                "items": [
                    _item("Strategies", "account_tree", "signals/strategy/"),
                    _item("Subscriptions", "link", "signals/subscription/"),
                    _item("Webhooks", "webhook", "signals/webhooktoken/"),
                    _item("Broker accounts", "account_balance", "brokers/brokeraccount/"),
                    _item("Risk profiles", "shield", "risk/riskprofile/"),
                ],
            },
        ],
    },
}  # fmt: skip
