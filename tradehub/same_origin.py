"""The live socket's origin: a browser's page of this hub, and of no other port or host.

Cookies are sent whatever the port, so a page served by another program on this host could
otherwise read a user's feed. Behind a proxy the page's address is PUBLIC_URL.
"""

from urllib.parse import urlsplit

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from channels.security.websocket import WebsocketDenier
from django.conf import settings


class SameOrigin:
    """Passes a handshake whose Origin names the host and port that it was sent to."""

    def __init__(self, application: ASGI3Application) -> None:
        self.application = application

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        assert scope["type"] == "websocket"
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        application = self.application if is_same_origin(origin, host) else WebsocketDenier()
        await application(scope, receive, send)


def is_same_origin(origin: str, host: str) -> bool:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return False
    ours = {host.lower(), urlsplit(settings.PUBLIC_URL).netloc.lower()} - {""}
    return parts.netloc.lower() in ours
