"""Fixtures for the order path."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from accounts.models import User
from tradehub.testing import hub as testing

MakeHub = Callable[..., testing.Hub]


@pytest.fixture
def make_hub(alice: User, now: datetime) -> MakeHub:
    def make(limits: dict[str, Any] | None = None, **settings: Any) -> testing.Hub:
        return testing.make_hub(alice, now, limits, **settings)

    return make


@pytest.fixture
def hub(make_hub: MakeHub) -> testing.Hub:
    return make_hub()


@pytest.fixture
def venue(hub: testing.Hub, monkeypatch: pytest.MonkeyPatch) -> testing.Venue:
    return testing.use_venue(monkeypatch, hub.clock)
