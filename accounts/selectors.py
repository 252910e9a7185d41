"""What of this app a user may see."""

from datetime import datetime

from django.db.models import QuerySet

from accounts.models import ApiKey, Invitation, User
from tradehub.core.errors import NotFound
from tradehub.lib.tokens import digest_of


def api_keys_for(user: User) -> QuerySet[ApiKey]:
    """Those that are not revoked; expired ones stay visible."""
    return ApiKey.objects.filter(owner=user, revoked_at=None).order_by("-id")


def api_key_for(user: User, key_id: str) -> ApiKey:
    """Raises NotFound."""
    found = api_keys_for(user).filter(pk=key_id).first()
    if found is None:
        raise NotFound
    return found


def invitation_of(token: str) -> Invitation | None:
    """By its secret, used and expired ones too."""
    return Invitation.objects.filter(digest=digest_of(token)).first()


def is_open(invitation: Invitation, *, now: datetime) -> bool:
    return invitation.used_at is None and invitation.expires_at > now
