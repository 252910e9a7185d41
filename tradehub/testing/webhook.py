"""For tests of the webhook: a web process inside the test, and a strategy's hook to post to.

A conftest imports the fixture `process`; its tests need the database with `transaction=True`, since
the writer is a thread of its own.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from django.db import connection

from orders.doorbell import Doorbell
from signals import ingest, waiting, webhook
from signals.ingest import Writer
from signals.models import Strategy, WebhookToken
from signals.routes import Routes, bump_route_version
from signals.webhook import webhook_app
from tradehub.lib.ratelimit import Throttle
from tradehub.lib.tokens import Token
from tradehub.testing.asgi import Answer, request

ALERT = {"symbol": "AAPL", "action": "buy", "quantity": 1, "price": 150}


@dataclass
class Hook:
    strategy: Strategy
    token: Token

    def post(self, alert: Any = ALERT, path: str | None = None, **more: Any) -> Answer:
        body = alert if isinstance(alert, bytes) else orjson.dumps(alert)
        return request(webhook_app, path or f"/webhook/{self.token.secret}", body, **more)

    def set(self, **values: Any) -> None:
        WebhookToken.objects.filter(digest=self.token.digest).update(**values)
        bump_route_version()


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Writer]:
    """A web process of its own: its caches, its threads, and their connections."""
    own, reader = Writer(), ThreadPoolExecutor(1)
    waiters = ThreadPoolExecutor(1)
    rung: list[str] = []
    monkeypatch.setattr(webhook, "writer", own)
    monkeypatch.setattr(webhook, "_reader", reader)
    monkeypatch.setattr(waiting, "_readers", waiters)
    monkeypatch.setattr(webhook, "_throttle", Throttle())
    fresh = Routes()
    monkeypatch.setattr(webhook, "routes", fresh)
    monkeypatch.setattr(ingest, "routes", fresh)
    monkeypatch.setattr(ingest, "doorbell", Doorbell(rung.append))
    yield own
    own.close()
    for pool in (reader, waiters):
        pool.submit(lambda: connection.close()).result()
        pool.shutdown()
