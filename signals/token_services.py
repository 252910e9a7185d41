"""What is done to webhook URLs: make, change, rotate, revoke. Each leaves an audit entry.

The secret is returned by the service that makes it, once; only its hash is kept. Every change
raises the route version in its own transaction, so that no process acts on an old one. A
passphrase and an HMAC secret are sealed and never read back out by anything here.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from accounts import audit
from accounts.models import User
from signals.models import Strategy, WebhookToken
from signals.routes import bump_route_version, secret_context
from signals.strategy_fields import TOKEN_FIELDS, WEBHOOK_OPTIONS, parse_fields
from tradehub.core.errors import BadInput, Conflict
from tradehub.lib.crypto import seal
from tradehub.lib.db import in_write_transaction
from tradehub.lib.tokens import WEBHOOK, new_token

OVERLAP = timedelta(hours=1)
"""How long the old URL works on after a rotation, so that alerts can be changed over."""

SECRETS = ("passphrase", "hmac_secret")


class Action(StrEnum):
    """Words of the audit trail."""

    CREATED = "webhook.created"
    CHANGED = "webhook.changed"
    ROTATED = "webhook.rotated"
    REVOKED = "webhook.revoked"


def webhook_url(base: str, secret: str) -> str:
    """The address to paste; whoever has it can send alerts."""
    return f"{base.rstrip('/')}/webhook/{secret}"


def create_webhook_token(
    *,
    owner: User,
    fields: Mapping[str, Any],
    now: datetime,
    actor: User | None = None,
    ip: str = "",
) -> tuple[WebhookToken, str]:
    """`strategy` and `default_strategy` are rows of the owner, or None."""
    parsed = parse_fields(fields, TOKEN_FIELDS)
    made = new_token(WEBHOOK)
    token = WebhookToken(
        owner=owner,
        prefix=made.prefix,
        last_four=made.last_four,
        digest=made.digest,
        created_at=now,
    )
    _lay(token, parsed, now)

    def work() -> None:
        token.save(force_insert=True)
        bump_route_version()
        _record(token, Action.CREATED, _shown(parsed), actor or owner, now, ip)

    in_write_transaction(work)
    return token, made.secret


def update_webhook_token(
    *,
    token: WebhookToken,
    fields: Mapping[str, Any],
    now: datetime,
    actor: User,
    ip: str = "",
) -> WebhookToken:
    """What is not named stays. An empty passphrase or secret removes it."""
    parsed = parse_fields(fields, TOKEN_FIELDS)

    def work() -> None:
        _not_revoked(token)
        columns = _lay(token, parsed, now)
        if columns:
            token.save(update_fields=columns)
            bump_route_version()
            _record(token, Action.CHANGED, _shown(parsed), actor, now, ip)

    in_write_transaction(work)
    return token


def rotate_webhook(
    *,
    token: WebhookToken,
    now: datetime,
    actor: User,
    overlap: timedelta = OVERLAP,
    ip: str = "",
) -> str:
    """The new secret. The old URL works until the overlap ends; the one before it no more."""
    made = new_token(WEBHOOK)
    ends = now + overlap

    def work() -> None:
        _not_revoked(token)
        rows = WebhookToken.objects.filter(pk=token.pk, digest=bytes(token.digest))
        moved = rows.update(
            digest=made.digest,
            prefix=made.prefix,
            last_four=made.last_four,
            previous_digest=bytes(token.digest) if overlap else None,
            previous_expires_at=ends if overlap else None,
        )
        if not moved:
            raise Conflict("This webhook was rotated just now by somebody else. Look again.")
        bump_route_version()
        data = {"last_four": made.last_four, "old_works_until": ends if overlap else now}
        _record(token, Action.ROTATED, data, actor, now, ip)

    in_write_transaction(work)
    token.refresh_from_db()
    return made.secret


def revoke_webhook_token(*, token: WebhookToken, now: datetime, actor: User, ip: str = "") -> None:
    """From the next alert on; the overlap of a rotation ends too. Twice is one revocation."""

    def work() -> None:
        rows = WebhookToken.objects.filter(pk=token.pk, revoked_at__isnull=True)
        if rows.update(revoked_at=now):
            bump_route_version()
            _record(token, Action.REVOKED, {"last_four": token.last_four}, actor, now, ip)

    in_write_transaction(work)
    token.refresh_from_db()


def checked_options(given: Any) -> dict[str, Any]:
    """A strategy's `webhook` field: the options of its own token. Pointers begin with /webhook."""
    if not isinstance(given, Mapping):
        raise BadInput("Give an object of webhook options.", pointer="/webhook")
    try:
        parse_fields(given, WEBHOOK_OPTIONS)
    except BadInput as error:
        pointer = f"/webhook{error.pointer or ''}"
        raise BadInput(error.message, code=error.code, pointer=pointer) from error
    return dict(given)


def _lay(token: WebhookToken, parsed: Mapping[str, Any], now: datetime) -> list[str]:
    """Set the columns; their names."""
    columns = []
    for name, value in parsed.items():
        if name in SECRETS:
            column = f"sealed_{name}"
            value = seal(value, context=secret_context(token, name)) if value else ""
        else:
            column = name
        if name in ("strategy", "default_strategy"):
            _check_owner(token, name, value)
        if name == "expires_at" and value is not None and value <= now:
            raise BadInput("This time has passed already.", pointer="/expires_at")
        setattr(token, column, value)
        columns.append(column)
    return columns


def _check_owner(token: WebhookToken, name: str, strategy: Strategy | None) -> None:
    if strategy is not None and strategy.owner_id != token.owner_id:
        raise BadInput("There is no object with this id.", pointer=f"/{name}")


def _not_revoked(token: WebhookToken) -> None:
    live = WebhookToken.objects.filter(pk=token.pk, revoked_at__isnull=True)
    if not live.exists():
        raise Conflict("This webhook was revoked. Make a new one.")


def _shown(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit trail: of a secret only whether there is one."""
    return {
        f"{name}_set" if name in SECRETS else name: _plain(name, value)
        for name, value in parsed.items()
    }


def _plain(name: str, value: Any) -> Any:
    if name in SECRETS:
        return bool(value)
    return value.pk if isinstance(value, Strategy) else value


def _record(
    token: WebhookToken,
    action: Action,
    data: Mapping[str, Any],
    actor: User | None,
    now: datetime,
    ip: str,
) -> None:
    audit.record(
        owner=token.owner, actor=actor, action=action, target=token, data=data, now=now, ip=ip
    )
