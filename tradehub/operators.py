"""What operators do across the apps: switch anybody's trading, and cut a user off or let them in.

Each is one transaction with its audit entry. Nobody locks the hub's last operator out.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from accounts import audit
from accounts.models import User
from brokers.models import BrokerAccount
from orders.services import halt_trading
from risk import services as risk
from risk.models import TradingState
from signals.models import Strategy
from signals.routes import bump_route_version
from tradehub.core.errors import Conflict, NotFound
from tradehub.core.words import Scope, TradingStateName
from tradehub.lib.db import in_write_transaction


@dataclass(frozen=True, slots=True)
class Target:
    """Whose trading is switched; `owner` is None for the site."""

    scope: Scope
    scope_id: str
    owner: User | None
    label: str


SITE = Target(Scope.SITE, "", None, "the whole site")


def target_of(row: User | BrokerAccount | Strategy | TradingState) -> Target:
    """Raises NotFound for the state of something that is gone."""
    match row:
        case User():
            return Target(Scope.USER, str(row.pk), row, f"user {row.username}")
        case BrokerAccount():
            return Target(Scope.ACCOUNT, row.pk, row.owner, f"account {row.label}")
        case Strategy():
            return Target(Scope.STRATEGY, row.pk, row.owner, f"strategy {row.name}")
        case TradingState(scope=Scope.SITE.value):
            return SITE
    found = _ROWS[row.scope].filter(pk=row.scope_id).first()
    if found is None:
        raise NotFound
    return target_of(found)


_ROWS: dict[str, QuerySet[Any]] = {
    Scope.USER.value: User.objects.all(),
    Scope.ACCOUNT.value: BrokerAccount.objects.all(),
    Scope.STRATEGY.value: Strategy.objects.all(),
}


def switch_trading(
    *,
    targets: Collection[Target],
    state: TradingStateName,
    reason: str,
    actor: User,
    now: datetime,
    ip: str = "",
) -> None:
    """All or none of them. A halt also has working entries cancelled; exits pass always."""
    switch = {
        TradingStateName.HALTED: halt_trading,
        TradingStateName.REDUCING: risk.reduce,
        TradingStateName.ACTIVE: risk.resume,
    }[state]

    def work() -> None:
        for target in targets:
            switch(
                scope=target.scope,
                scope_id=target.scope_id,
                reason=reason,
                owner=target.owner,
                actor=actor,
                now=now,
                ip=ip,
            )

    in_write_transaction(work)


def check_access(*, user: User, active: bool, operator: bool, actor: User) -> None:
    """Raises Conflict for what would lock operators out."""
    if active and operator:
        return
    if user.pk == actor.pk and not (active and operator):
        raise Conflict("You can't take your own access away; another operator can.")
    others = User.objects.filter(is_active=True, is_superuser=True).exclude(pk=user.pk)
    if not others.exists():
        raise Conflict("This is the last operator. Make another one first.")


def set_access(
    *, user: User, active: bool, operator: bool, actor: User, now: datetime, ip: str = ""
) -> None:
    """Cut off: sessions end, API keys and webhooks stop at once. Positions stay as they are."""
    check_access(user=user, active=active, operator=operator, actor=actor)
    sessions = [] if active else _sessions_of(user)

    def work() -> None:
        before = User.objects.get(pk=user.pk)
        was = {"active": before.is_active, "operator": before.is_superuser}
        will = {"active": active, "operator": operator}
        if was == will:
            return
        User.objects.filter(pk=user.pk).update(
            is_active=active, is_superuser=operator, is_staff=operator
        )
        Session.objects.filter(session_key__in=sessions).delete()
        bump_route_version()
        audit.record(
            owner=user,
            actor=actor,
            action="user.access_changed",
            target=user,
            data={"from": was, "to": will},
            now=now,
            ip=ip,
        )

    in_write_transaction(work)


def _sessions_of(user: User) -> list[str]:
    """A session names its user inside, so each is opened; there are few, and this is rare."""
    return [
        session.session_key
        for session in Session.objects.iterator()
        if session.get_decoded().get("_auth_user_id") == str(user.pk)
    ]
