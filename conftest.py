"""Fixtures for every app: the clock that rules are given, and three people."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# No test is about how fast this machine is today.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

PASSWORD = "correct horse battery"  # noqa: S105  # of people who don't exist


@pytest.fixture(autouse=True)
def _no_pages_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing `tradehub.asgi` says that this process serves pages; no other test is told."""
    from brokers import asking

    monkeypatch.setattr(asking, "_pages", False)


@pytest.fixture
def now() -> datetime:
    """A Wednesday during New York's session."""
    return datetime(2026, 3, 18, 15, 0, tzinfo=UTC)


@pytest.fixture
def alice(db: None) -> Any:
    """An owner."""
    return _user("alice")


@pytest.fixture
def bob(db: None) -> Any:
    """Another owner, who must see nothing of alice's."""
    return _user("bob")


@pytest.fixture
def operator(db: None) -> Any:
    """Runs the hub."""
    return _user("olga", is_staff=True, is_superuser=True)


def _user(name: str, **flags: bool) -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user(
        username=name, email=f"{name}@example.org", password=PASSWORD, **flags
    )
