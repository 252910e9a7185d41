"""What is done to broker accounts: open, change, disable, delete. Each leaves an audit entry.

Credentials are sealed before they are stored and are never read back out by anything here.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import IntegrityError
from django.db.models import ProtectedError, RestrictedError

from accounts import audit
from accounts.models import User
from brokers.credentials import check_credentials, seal_credentials
from brokers.models import BrokerAccount
from brokers.options import UNSUPPORTED, change_paper_options, read_paper_options
from brokers.paper.models import PaperOrder
from brokers.paper.storage import open_ledger
from brokers.registry import BUILT
from tradehub.core.errors import BadInput, Conflict
from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.db import in_write_transaction

MAX_LABEL = 80


class Action(StrEnum):
    """Words of the audit trail."""

    CREATED = "broker_account.created"
    CHANGED = "broker_account.changed"
    CREDENTIALS_CHANGED = "broker_account.credentials_changed"
    ENABLED = "broker_account.enabled"
    DISABLED = "broker_account.disabled"
    DELETED = "broker_account.deleted"


def create_account(
    *,
    owner: User,
    kind: str,
    environment: str,
    label: str,
    now: datetime,
    credentials: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    confirm: str | None = None,
    enabled: bool = True,
    actor: User | None = None,
    ip: str = "",
) -> BrokerAccount:
    """Live needs `confirm="live"`: money of the real kind is never a default."""
    _check_kind(kind, environment, confirm)
    read = read_paper_options(options or {})
    account = BrokerAccount(
        owner=owner,
        kind=kind,
        environment=environment,
        label=_checked_label(label),
        options=read.to_json(),
        enabled=enabled,
        created_at=now,
    )
    account.sealed_credentials = seal_credentials(account, credentials or {})

    def work() -> None:
        account.save(force_insert=True)
        open_ledger(account.pk, read)
        data = {"kind": kind, "environment": environment, "label": account.label}
        _record(account, Action.CREATED, data, actor or owner, now, ip)

    _unless_label_taken(work, account.label)
    return account


def update_account(
    *,
    account: BrokerAccount,
    now: datetime,
    actor: User,
    label: str | None = None,
    options: Mapping[str, Any] | None = None,
    credentials: Mapping[str, str] | None = None,
    enabled: bool | None = None,
    ip: str = "",
) -> BrokerAccount:
    """What is None stays. Options are laid over the present ones."""
    changes: dict[str, Any] = {}
    if label is not None:
        changes["label"] = _checked_label(label)
    if options is not None:
        changes["options"] = change_paper_options(account.options, options).to_json()
    if credentials is not None:
        check_credentials(credentials)

    def work() -> None:
        _apply(account, changes, actor, now, ip)
        if credentials is not None:
            account.sealed_credentials = seal_credentials(account, credentials)
            account.save(update_fields=["sealed_credentials"])
            _record(account, Action.CREDENTIALS_CHANGED, {}, actor, now, ip)
        if enabled is not None:
            _switch(account, enabled, actor, now, ip)

    _unless_label_taken(work, changes.get("label", account.label))
    return account


def disable_account(
    *, account: BrokerAccount, actor: User | None, now: datetime, ip: str = ""
) -> None:
    """Entries are denied from now on; exits still pass."""
    in_write_transaction(lambda: _switch(account, False, actor, now, ip))


def enable_account(
    *, account: BrokerAccount, actor: User | None, now: datetime, ip: str = ""
) -> None:
    in_write_transaction(lambda: _switch(account, True, actor, now, ip))


def delete_account(*, account: BrokerAccount, actor: User, now: datetime, ip: str = "") -> None:
    """Only one that never had an order: what was traded stays on record."""

    def work() -> None:
        if PaperOrder.objects.filter(account=account).exists():
            raise _has_orders(account)
        data = {"kind": account.kind, "label": account.label}
        _record(account, Action.DELETED, data, actor, now, ip)
        account.delete()

    try:
        in_write_transaction(work)
    except (ProtectedError, RestrictedError) as error:
        raise _has_orders(account) from error


def _check_kind(kind: str, environment: str, confirm: str | None) -> None:
    if kind not in set(BrokerKind):
        known = ", ".join(sorted(BUILT))
        raise BadInput(f"There is no such kind of account. For now: {known}.", pointer="/kind")
    if kind not in BUILT:
        raise BadInput(
            f"Accounts of the kind {kind} are not built yet in this version. Open a paper account.",
            code=UNSUPPORTED,
            pointer="/kind",
        )
    if environment == Environment.LIVE and confirm != "live":
        raise BadInput(
            'A live account trades real money. Send "confirm":"live" to open it.',
            code="MISSING_FIELD",
            pointer="/confirm",
        )
    if environment != Environment.PAPER:
        raise BadInput("A paper account has the environment paper.", pointer="/environment")


def _checked_label(label: str) -> str:
    name = label.strip()
    if not name or len(name) > MAX_LABEL or not name.isprintable():
        raise BadInput(f"The label is a text of 1 to {MAX_LABEL} characters.", pointer="/label")
    return name


def _unless_label_taken(work: Any, label: str) -> None:
    try:
        in_write_transaction(work)
    except IntegrityError as error:
        if "one_label_per_owner" not in str(error) and "label" not in str(error):
            raise
        raise Conflict(
            f"You have an account with the label {label!r} already. Choose another.",
            pointer="/label",
        ) from error


def _has_orders(account: BrokerAccount) -> Conflict:
    return Conflict(
        f"The account {account.label!r} has orders, which stay on record, or a strategy trades on "
        "it. Unsubscribe the strategy, or disable the account instead."
    )


def _apply(
    account: BrokerAccount, changes: Mapping[str, Any], actor: User, now: datetime, ip: str
) -> None:
    """Store what differs and say in the audit trail what it was."""
    said = {
        name: {"from": getattr(account, name), "to": value}
        for name, value in changes.items()
        if getattr(account, name) != value
    }
    for name in said:
        setattr(account, name, changes[name])
    if said:
        account.save(update_fields=[*said])
        _record(account, Action.CHANGED, said, actor, now, ip)


def _switch(
    account: BrokerAccount, enabled: bool, actor: User | None, now: datetime, ip: str
) -> None:
    mine = BrokerAccount.objects.filter(pk=account.pk, enabled=not enabled)
    if mine.update(enabled=enabled):
        _record(account, Action.ENABLED if enabled else Action.DISABLED, {}, actor, now, ip)
    account.enabled = enabled


def _record(
    account: BrokerAccount,
    action: Action,
    data: Mapping[str, Any],
    actor: User | None,
    now: datetime,
    ip: str,
) -> None:
    audit.record(
        owner=account.owner, actor=actor, action=action, target=account, data=data, now=now, ip=ip
    )
