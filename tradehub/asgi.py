"""Routing of what daphne receives: the webhook, everything else over HTTP, the live socket.

The webhook is a plain ASGI callable in front of Django's handler, whose middleware costs four
times as much as storing an alert. Nothing of Django's runs on that path.
"""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradehub.settings")
django_app = get_asgi_application()

# Django must be set up before anything below is imported, hence E402.
from channels.auth import AuthMiddlewareStack  # noqa: E402  # as above
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  # as above
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402  # as above

from brokers.asking import serve_pages  # noqa: E402  # as above
from dashboard.routing import websocket_urlpatterns  # noqa: E402  # as above
from signals.ingest import writer  # noqa: E402  # as above
from signals.webhook import webhook_app  # noqa: E402  # as above
from tradehub.body_limits import limit_bodies  # noqa: E402  # as above
from tradehub.same_origin import SameOrigin  # noqa: E402  # as above

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

limit_bodies()
serve_pages()


def store_what_waits() -> None:
    """daphne has no lifespan: alerts that were taken are stored before the process ends."""
    if "daphne.server" in sys.modules:
        from twisted.internet import reactor

        cast(Any, reactor).addSystemEventTrigger("before", "shutdown", writer.close)


store_what_waits()


class WebhookOrDjango:
    """`/webhook`, `/webhook/` and `/webhook/<anything>` go to the fast path."""

    def __init__(self, webhook: Application, others: Application) -> None:
        self.webhook = webhook
        self.others = others

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope["path"]
        fast = path == "/webhook" or path.startswith("/webhook/")
        await (self.webhook if fast else self.others)(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": WebhookOrDjango(webhook_app, django_app),
        "websocket": AllowedHostsOriginValidator(
            SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
        ),
    }
)
