"""Was the password given in this session lately? Asked before a venue's key is changed, and before
an account trades real money, so that a browser which was left open can't.

allauth notes in the session when and how somebody proved who they are: at the login, and on its
page for doing it again.
"""

from datetime import datetime
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from rest_framework.request import Request

from accounts.models import ApiKey
from tradehub.core.errors import Conflict

CODE = "PASSWORD_NEEDED"


def gave_password_lately(request: Any, *, now: datetime) -> bool:
    since = now.timestamp() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    records = get_authentication_records(request, request.user)
    return any(each.get("method") == "password" and each["at"] > since for each in records)


def require_password(request: Request, *, now: datetime) -> None:
    """Of a session that calls the API. A key has no session; its scope `manage` is what it may."""
    if isinstance(request.auth, ApiKey) or gave_password_lately(request, now=now):
        return
    raise Conflict(
        "This session gave its password too long ago. Confirm it at /accounts/reauthenticate/, "
        "then send this again within five minutes.",
        code=CODE,
    )
