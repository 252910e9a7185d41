"""What a key may do, and the words of the audit trail. Pure."""

from enum import StrEnum


class KeyScope(StrEnum):
    """READ sees; TRADE makes and cancels orders; MANAGE changes settings and keys; HALT stops and
    resumes trading."""

    READ = "read"
    TRADE = "trade"
    MANAGE = "manage"
    HALT = "halt"


ALL_SCOPES = frozenset(KeyScope)


class Action(StrEnum):
    """Actions of this app; the other apps name their own in the same form."""

    API_KEY_CREATED = "api_key.created"
    API_KEY_RENAMED = "api_key.renamed"
    API_KEY_REVOKED = "api_key.revoked"
    INVITATION_CREATED = "invitation.created"
    INVITATION_ACCEPTED = "invitation.accepted"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105  # an action, not a password
    PROFILE_CHANGED = "profile.changed"
    SIGNED_UP = "user.signed_up"
