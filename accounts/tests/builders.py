"""Plain builders for the tests of people and keys."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client

from accounts.models import ApiKey, Invitation, User
from accounts.services import create_api_key, create_invitation
from tradehub.lib.clock import utc_now

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"


def make_user(name: str = "carol", **fields: object) -> User:
    given: dict[str, Any] = {"email": f"{name}@example.org", "password": PASSWORD, **fields}
    return User.objects.create_user(name, **given)


def make_key(
    owner: User, *scopes: str, now: datetime | None = None, days: int | None = None
) -> tuple[ApiKey, str]:
    now = now or utc_now()
    return create_api_key(
        owner=owner,
        name="script",
        scopes=scopes or ("read", "trade", "manage", "halt"),
        expires_at=now + timedelta(days=days) if days else None,
        now=now,
    )


def make_invitation(
    *, is_operator: bool = False, email: str = "", now: datetime = NOW
) -> tuple[Invitation, str]:
    return create_invitation(
        created_by=None,
        is_operator=is_operator,
        email=email,
        lifetime=timedelta(minutes=15),
        now=now,
    )


def caller(secret: str) -> Client:
    """A program with this API key."""
    return Client(headers={"authorization": f"Bearer {secret}"})
