"""Who is calling: an API key as a bearer token, or the session of the site.

A key is found by its SHA-256, so every look-up costs the same and nothing is compared in pieces.
Unknown, revoked, expired and of an inactive user are one answer. A session has every scope, and
its writes need the CSRF token.
"""

import contextlib
import re

from django.db import OperationalError
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts.models import ApiKey, User
from accounts.services import note_use_of_key
from accounts.words import ALL_SCOPES
from tradehub.lib.clock import utc_now
from tradehub.lib.tokens import digest_of

_BEARER = re.compile(r"bearer +(\S{1,200}) *", re.IGNORECASE)
_REFUSED = "This API key is unknown, revoked or expired, or its user is not active."


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer thk_…`; the key is `request.auth`."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        match = _BEARER.fullmatch(header)
        if match is None:
            raise AuthenticationFailed("The header must be: Authorization: Bearer <API key>.")
        now = utc_now()
        key = (
            ApiKey.objects.select_related("owner").filter(digest=digest_of(match.group(1))).first()
        )
        usable = (
            key is not None
            and key.revoked_at is None
            and (key.expires_at is None or key.expires_at > now)
            and key.owner.is_active
        )
        if key is None or not usable:
            raise AuthenticationFailed(_REFUSED)
        # A busy database must not refuse a halt because of a time stamp.
        with contextlib.suppress(OperationalError):
            note_use_of_key(key=key, now=now)
        return key.owner, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="tradehub"'


class SiteSession(SessionAuthentication):
    """The site's own pages, calling the API."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise AuthenticationFailed(
                "A session's writes need the CSRF token: send it as X-CSRFToken."
            ) from error


def scopes_of(request: Request) -> frozenset[str]:
    """What this request may do, as scopes."""
    if isinstance(request.auth, ApiKey):
        return frozenset(request.auth.scopes)
    return frozenset(scope.value for scope in ALL_SCOPES)
