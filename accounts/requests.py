"""Who sent a request and from where, for the doors."""

from typing import Any

from django.conf import settings

from accounts.models import User
from tradehub.lib.client_ip import client_ip


def user_of(request: Any) -> User:
    """The user, behind a door that lets no visitor in."""
    assert isinstance(request.user, User)
    return request.user


def ip_of(request: Any) -> str:
    """The sender's address, as far as the proxies in front can be believed."""
    return client_ip(
        request.META.get("REMOTE_ADDR", ""),
        request.META.get("HTTP_X_FORWARDED_FOR", ""),
        settings.TRUSTED_PROXY_COUNT,
    )
