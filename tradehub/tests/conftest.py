"""Fixtures for what concerns the hub itself."""

from collections.abc import Iterator

import pytest

from tradehub.lib import heartbeat


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody answers where settings say that Redis is."""
    heartbeat.redis_client.cache_clear()
    monkeypatch.setattr("django.conf.settings.REDIS_URL", "unix:///nowhere/at/all.sock")
    yield
    heartbeat.redis_client.cache_clear()
