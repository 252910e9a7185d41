"""What is done to broker accounts: open, change, disable, delete. Each leaves an audit entry.

Credentials are sealed before they are stored and are never read back out by anything here. A new
key enters nothing until the account doctor has passed it, the account is compared with its venue
before the lane trades on (`orders.reconciling`), and where the key opens another account nothing is
sent at all (`brokers.ownership`). Real money is never a default: to open a live account, to give it
another key and to enable it need `confirm="live"`. That whoever asks has given the password is for
the doors to see to (`accounts.recent`).
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
from brokers.examining import NEW_CREDENTIALS, NOT_YET, require_examination
from brokers.kinds import KINDS
from brokers.models import BrokerAccount
from brokers.options import UNSUPPORTED, change_options, read_options, read_paper_options
from brokers.paper.models import PaperOrder
from brokers.paper.storage import open_ledger
from brokers.prices.asking import check_source
from brokers.registry import BUILT
from tradehub.core.errors import BadInput, Conflict
from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.db import in_write_transaction

MAX_LABEL = 80
LIVE = "live"
"""What `confirm` has to say before an account trades real money."""


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
    """Where the kind needs credentials, the account doctor looks at it next."""
    _check_kind(kind, environment, confirm)
    read = read_options(options or {}, KINDS[kind].options)
    check_source(owner.pk, read)
    check_credentials(credentials or {}, KINDS[kind].credentials)
    account = BrokerAccount(
        owner=owner,
        kind=kind,
        environment=environment,
        label=_checked_label(label),
        options=read,
        enabled=enabled,
        created_at=now,
    )
    _seal(account, credentials or {}, now)

    def work() -> None:
        account.save(force_insert=True)
        if kind == BrokerKind.PAPER:
            open_ledger(account.pk, read_paper_options(read))
        require_examination(account, NOT_YET, now=now)
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
    confirm: str | None = None,
    ip: str = "",
) -> BrokerAccount:
    """What is None stays. Options are laid over the present ones, credentials replace them all."""
    changes: dict[str, Any] = {}
    known = KINDS[account.kind]
    if label is not None:
        changes["label"] = _checked_label(label)
    if options is not None:
        changes["options"] = change_options(account.options, options, known.options)
        check_source(account.owner_id, changes["options"])
    if credentials is not None:
        check_credentials(credentials, known.credentials)
    if credentials is not None or (enabled and not account.enabled):
        _check_confirm(account.environment, confirm)

    def work() -> None:
        _apply(account, changes, actor, now, ip)
        if credentials is not None:
            _seal(account, credentials, now)
            account.save(update_fields=["sealed_credentials", "credentials_changed_at"])
            require_examination(account, NEW_CREDENTIALS, now=now)
            _record(account, Action.CREDENTIALS_CHANGED, {}, actor, now, ip)
        if enabled is not None:
            _switch(account, enabled, actor, now, ip)

    _unless_label_taken(work, changes.get("label", account.label))
    return account


def is_going_live(*, environment: str, confirm: str | None = None, **others: Any) -> bool:
    """To open it, the doors ask for the password once more; without `confirm` it is refused."""
    return environment == Environment.LIVE and confirm == LIVE


def is_delicate(
    account: BrokerAccount,
    *,
    credentials: Mapping[str, str] | None = None,
    enabled: bool | None = None,
    confirm: str | None = None,
    **others: Any,
) -> bool:
    """A change for which they do so too."""
    if account.environment == Environment.LIVE and confirm != LIVE:
        return False  # refused for that
    if credentials is not None and account.kind != BrokerKind.PAPER:
        return True
    return bool(enabled) and not account.enabled and account.environment == Environment.LIVE


def disable_account(
    *, account: BrokerAccount, actor: User | None, now: datetime, ip: str = ""
) -> None:
    """Entries are denied from now on; exits still pass."""
    in_write_transaction(lambda: _switch(account, False, actor, now, ip))


def enable_account(
    *,
    account: BrokerAccount,
    actor: User | None,
    now: datetime,
    confirm: str | None = None,
    ip: str = "",
) -> None:
    if not account.enabled:
        _check_confirm(account.environment, confirm)
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
        raise BadInput(f"There is no such kind of account. There are: {known}.", pointer="/kind")
    if kind not in BUILT:
        raise BadInput(
            f"Accounts of the kind {kind} are not built yet in this version. There are: "
            f"{', '.join(sorted(BUILT))}.",
            code=UNSUPPORTED,
            pointer="/kind",
        )
    _check_confirm(environment, confirm)
    allowed = KINDS[kind].environments
    if environment not in allowed:
        words = " or ".join(each.value for each in allowed)
        text = f"An account of the kind {kind} has the environment {words}."
        raise BadInput(text, pointer="/environment")


def _check_confirm(environment: str, confirm: str | None) -> None:
    if environment == Environment.LIVE and confirm != LIVE:
        raise BadInput(
            'A live account trades real money. Send "confirm":"live" to say that you mean it.',
            code="MISSING_FIELD",
            pointer="/confirm",
        )


def _seal(account: BrokerAccount, credentials: Mapping[str, str], now: datetime) -> None:
    account.sealed_credentials = seal_credentials(account, credentials)
    account.credentials_changed_at = now if credentials else None


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
