"""What is done to users, API keys and invitations. Each leaves an audit entry.

A secret is returned by the service that makes it, once, and never stored. Slow work, such as the
hash of a password, is done before the transaction begins.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts import audit
from accounts.models import ApiKey, Invitation, User
from accounts.selectors import invitation_of
from accounts.words import ALL_SCOPES, Action, KeyScope
from tradehub.core.errors import BadInput, Conflict, NotFound
from tradehub.lib.db import in_write_transaction, write_transaction
from tradehub.lib.site import public_url
from tradehub.lib.tokens import API_KEY, INVITATION, new_token

OPERATOR_LINK_LIFETIME = timedelta(minutes=15)
INVITATION_LIFETIME = timedelta(days=3)


def create_api_key(
    *,
    owner: User,
    name: str,
    scopes: Collection[str],
    now: datetime,
    expires_at: datetime | None = None,
    may_grant: Collection[str] = ALL_SCOPES,
    actor: User | None = None,
    ip: str = "",
) -> tuple[ApiKey, str]:
    """The key and its secret. `may_grant` is what the caller holds: nobody gives more than that."""
    wanted = _known_scopes(scopes)
    too_much = [scope for scope in wanted if scope not in may_grant]
    if too_much:
        raise BadInput(
            f"This key may not give what it lacks itself: {', '.join(too_much)}.",
            code="SCOPE_MISSING",
            pointer="/scopes",
        )
    if expires_at is not None and expires_at <= now:
        raise BadInput("This time has passed already.", pointer="/expires_at")
    token = new_token(API_KEY)
    key = ApiKey(
        owner=owner,
        name=_named(name),
        prefix=token.prefix,
        last_four=token.last_four,
        digest=token.digest,
        scopes=wanted,
        expires_at=expires_at,
        created_at=now,
    )

    def work() -> None:
        key.save(force_insert=True)
        audit.record(
            owner=owner,
            actor=actor or owner,
            action=Action.API_KEY_CREATED,
            target=key,
            data={"name": key.name, "scopes": wanted, "expires_at": expires_at},
            now=now,
            ip=ip,
        )

    in_write_transaction(work)
    return key, token.secret


def rename_api_key(*, key: ApiKey, name: str, actor: User, now: datetime, ip: str = "") -> None:
    before, key.name = key.name, _named(name)
    with write_transaction():
        key.save(update_fields=["name"])
        audit.record(
            owner=key.owner,
            actor=actor,
            action=Action.API_KEY_RENAMED,
            target=key,
            data={"from": before, "to": key.name},
            now=now,
            ip=ip,
        )


def revoke_api_key(*, key: ApiKey, actor: User, now: datetime, ip: str = "") -> None:
    """From the next request on. Revoking twice is one revocation."""
    with write_transaction():
        hit = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
        if not hit:
            return
        key.revoked_at = now
        audit.record(
            owner=key.owner,
            actor=actor,
            action=Action.API_KEY_REVOKED,
            target=key,
            data={"name": key.name},
            now=now,
            ip=ip,
        )


def create_invitation(
    *,
    created_by: User | None,
    is_operator: bool,
    now: datetime,
    lifetime: timedelta,
    email: str = "",
    ip: str = "",
) -> tuple[Invitation, str]:
    """The invitation and the token of its link, `/welcome/<token>/`."""
    token = new_token(INVITATION)
    invitation = Invitation(
        digest=token.digest,
        email=email.strip().lower(),
        is_operator=is_operator,
        expires_at=now + lifetime,
        created_by=created_by,
        created_at=now,
    )
    with write_transaction():
        invitation.save(force_insert=True)
        audit.record(
            owner=created_by,
            actor=created_by,
            action=Action.INVITATION_CREATED,
            target=invitation,
            data={"is_operator": is_operator, "expires_at": invitation.expires_at},
            now=now,
            ip=ip,
        )
    return invitation, token.secret


def welcome_link(token: str) -> str:
    """Where an invited person becomes a user; whoever has it can."""
    return f"{public_url()}/welcome/{token}/"


def accept_invitation(
    *, token: str, username: str, password: str, email: str, now: datetime, ip: str = ""
) -> User:
    """Makes the invited user; of several at once exactly one succeeds.

    Raises NotFound or Conflict for the link, Django's ValidationError for the form's fields."""
    invitation = invitation_of(token)
    if invitation is None:
        raise NotFound
    user = User(
        username=User.normalize_username(username.strip()),
        email=(email.strip() or invitation.email).lower(),
        is_staff=invitation.is_operator,
        is_superuser=invitation.is_operator,
        date_joined=now,
    )
    _check_new_user(user, password)
    user.password = make_password(password)
    try:
        in_write_transaction(lambda: _admit(user, invitation, now=now, ip=ip))
    except IntegrityError as error:
        raise ValidationError({"username": "This name or address was taken just now."}) from error
    return user


def change_profile(*, user: User, timezone: str, actor: User, now: datetime, ip: str = "") -> None:
    if timezone not in available_timezones():
        raise BadInput(
            "This is no time zone of the IANA database, such as Europe/Berlin.",
            pointer="/timezone",
        )
    before, user.timezone = user.timezone, ZoneInfo(timezone).key
    with write_transaction():
        user.save(update_fields=["timezone"])
        audit.record(
            owner=user,
            actor=actor,
            action=Action.PROFILE_CHANGED,
            target=user,
            data={"timezone": {"from": before, "to": timezone}},
            now=now,
            ip=ip,
        )


def note_use_of_key(*, key: ApiKey, now: datetime) -> None:
    """At most once a minute, so that reading through the API hardly writes."""
    if key.last_used_at is not None and now - key.last_used_at < timedelta(minutes=1):
        return
    with write_transaction():
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    key.last_used_at = now


def _admit(user: User, invitation: Invitation, *, now: datetime, ip: str) -> None:
    hit = Invitation.objects.filter(pk=invitation.pk, used_at=None, expires_at__gt=now).update(
        used_at=now
    )
    if not hit:
        raise Conflict("This link was used already or has expired.")
    user.save(force_insert=True)
    Invitation.objects.filter(pk=invitation.pk).update(used_by=user)
    audit.record(
        owner=user,
        actor=user,
        action=Action.INVITATION_ACCEPTED,
        target=invitation,
        data={"username": user.username, "is_operator": invitation.is_operator},
        now=now,
        ip=ip,
    )


def _check_new_user(user: User, password: str) -> None:
    errors: dict[str, list[ValidationError]] = {}
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        errors |= error.error_dict
    try:
        validate_password(password, user)
    except ValidationError as error:
        errors["password"] = error.error_list
    if errors:
        raise ValidationError(errors)


def _known_scopes(scopes: Collection[str]) -> list[str]:
    unknown = sorted(set(scopes) - ALL_SCOPES)
    if unknown or not scopes:
        known = ", ".join(KeyScope)
        raise BadInput(f"Choose one or more of {known}.", pointer="/scopes")
    return [scope.value for scope in KeyScope if scope in scopes]


def _named(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 80:
        raise BadInput("Give a name of 1 to 80 characters.", pointer="/name")
    return name
