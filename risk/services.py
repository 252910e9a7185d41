"""Changes of risk profiles and of trading states. Each leaves an audit entry in its transaction.

Accounts and strategies live above this app: who changes the state of one names its `owner`, which
the caller has looked up; here it is only checked that the actor is that owner or an operator. An
`actor` of None is the hub itself or its command line.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any, NotRequired, TypedDict, TypeVar, Unpack

from django.db import IntegrityError
from django.db.models import ProtectedError

from accounts import audit
from accounts.models import User
from risk.models import RiskProfile, TradingState
from risk.profile_fields import (
    FIELDS,
    check_together,
    parse_fields,
    refuse_what_no_rule_reads,
)
from tradehub.core.errors import BadInput, Conflict, NotFound
from tradehub.core.words import Scope, TradingStateName
from tradehub.lib import live
from tradehub.lib.db import in_write_transaction

T = TypeVar("T")


class Switch(TypedDict):
    """Whose trading is switched, by whom and why. `owner` is None for the site only."""

    scope: Scope
    scope_id: str
    reason: str
    owner: User | None
    actor: User | None
    now: datetime
    ip: NotRequired[str]


def create_profile(
    *,
    owner: User,
    values: Mapping[str, Any],
    now: datetime,
    actor: User | None = None,
    ip: str = "",
) -> RiskProfile:
    """`values` by field name, as `risk.profile_fields` accepts them; `name` is needed."""
    if "name" not in values:
        raise BadInput("Give a name.", code="MISSING_FIELD", pointer="/name")
    parsed = parse_fields(values)
    refuse_what_no_rule_reads(parsed)
    profile = RiskProfile(owner=owner, created_at=now, updated_at=now, **parsed)
    check_together(_fields_of(profile))

    def work() -> None:
        profile.save(force_insert=True)
        audit.record(
            owner=owner,
            actor=actor or owner,
            action="risk_profile.created",
            target=profile,
            data=_readable(_fields_of(profile)),
            now=now,
            ip=ip,
        )

    _named_once(work, str(profile.name))
    return profile


def update_profile(
    *,
    profile: RiskProfile,
    changes: Mapping[str, Any],
    actor: User | None,
    now: datetime,
    ip: str = "",
) -> RiskProfile:
    """The profile as it is afterwards. What stays as it was leaves no audit entry."""
    parsed = parse_fields(changes)
    refuse_what_no_rule_reads(parsed)

    def work() -> RiskProfile:
        found = RiskProfile.objects.filter(pk=profile.pk).first()
        if found is None:
            raise NotFound
        before = _fields_of(found)
        changed = {name: value for name, value in parsed.items() if before[name] != value}
        check_together(before | changed)
        if not changed:
            return found
        for name, value in changed.items():
            setattr(found, name, value)
        found.updated_at = now
        found.save(update_fields=[*changed, "updated_at"])
        audit.record(
            owner=found.owner,
            actor=actor,
            action="risk_profile.changed",
            target=found,
            data={
                "from": _readable({name: before[name] for name in changed}),
                "to": _readable(changed),
            },
            now=now,
            ip=ip,
        )
        return found

    return _named_once(work, str(parsed.get("name", profile.name)))


def delete_profile(
    *, profile: RiskProfile, actor: User | None, now: datetime, ip: str = ""
) -> None:
    """Refused while a strategy runs under it: its orders would have no limits."""

    def work() -> None:
        audit.record(
            owner=profile.owner,
            actor=actor,
            action="risk_profile.deleted",
            target=profile,
            data=_readable(_fields_of(profile)),
            now=now,
            ip=ip,
        )
        RiskProfile.objects.filter(pk=profile.pk).delete()

    try:
        in_write_transaction(work)
    except ProtectedError as error:
        raise Conflict(
            f'The risk profile "{profile.name}" is used by {len(error.protected_objects)} '
            "subscription(s). Give those another profile first."
        ) from error


def halt(**switch: Unpack[Switch]) -> TradingState:
    """No entries; working entries are cancelled by `orders`; exits pass."""
    return set_state(state=TradingStateName.HALTED, **switch)


def reduce(**switch: Unpack[Switch]) -> TradingState:
    """No entries; exits pass."""
    return set_state(state=TradingStateName.REDUCING, **switch)


def resume(**switch: Unpack[Switch]) -> TradingState:
    """Entries are taken again, as far as no other scope forbids them. Needs a reason."""
    return set_state(state=TradingStateName.ACTIVE, **switch)


def set_state(*, state: TradingStateName, **switch: Unpack[Switch]) -> TradingState:
    """The row afterwards. Whatever it was, it is `state` now; nothing re-arms by itself."""
    reason = _reason(switch["reason"])
    if state is TradingStateName.ACTIVE and not reason:
        text = "Say why trading may go on: a resume needs a reason."
        raise BadInput(text, code="MISSING_FIELD", pointer="/reason")
    values = {"state": state.value, "reason": reason}
    return _switch("trading_state.changed", values, switch)


def set_paused(
    *,
    strategy_id: str,
    paused: bool,
    owner: User,
    actor: User | None,
    now: datetime,
    reason: str = "",
    ip: str = "",
) -> TradingState:
    """A strategy's own switch, apart from its trading state."""
    switch = Switch(
        scope=Scope.STRATEGY,
        scope_id=strategy_id,
        reason=_reason(reason),
        owner=owner,
        actor=actor,
        now=now,
        ip=ip,
    )
    return _switch("strategy.paused" if paused else "strategy.resumed", {"paused": paused}, switch)


def _switch(action: str, values: dict[str, Any], switch: Switch) -> TradingState:
    scope, owner, actor = Scope(switch["scope"]), switch["owner"], switch["actor"]
    scope_id = _checked_scope_id(scope, switch["scope_id"], owner, actor)

    def work() -> TradingState:
        rows = TradingState.objects.filter(scope=scope.value, scope_id=scope_id)
        TradingState.objects.get_or_create(scope=scope.value, scope_id=scope_id)
        before = rows.get()
        rows.update(**values, changed_by=actor, changed_at=switch["now"])
        row = rows.get()
        audit.record(
            owner=owner,
            actor=actor,
            action=action,
            target=row,
            data={
                "scope": scope,
                "scope_id": scope_id,
                "reason": switch["reason"],
                "from": {name: getattr(before, name) for name in values},
                "to": values,
            },
            now=switch["now"],
            ip=switch.get("ip", ""),
        )
        for user_id in _concerned(scope, owner):
            live.notify(user_id, "state", row.pk, int(switch["now"].timestamp() * 1000))
        return row

    return in_write_transaction(work)


def _concerned(scope: Scope, owner: User | None) -> list[int]:
    """Whose open pages show the state."""
    if scope is Scope.SITE:
        return list(User.objects.filter(is_active=True).values_list("pk", flat=True))
    return [] if owner is None else [owner.pk]


def _checked_scope_id(scope: Scope, scope_id: str, owner: User | None, actor: User | None) -> str:
    operator = actor is None or actor.is_staff
    if scope is Scope.SITE:
        if not operator:
            text = "Only an operator may halt or resume the whole site."
            raise Conflict(text, code="SCOPE_MISSING")
        return ""
    if owner is None or not scope_id or (scope is Scope.USER and scope_id != str(owner.pk)):
        raise NotFound
    if not operator and actor != owner:
        raise NotFound
    return scope_id


def _reason(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > 200:
        raise BadInput("A reason has at most 200 characters.", pointer="/reason")
    return text


def _named_once(work: Callable[[], T], name: str) -> T:
    try:
        return in_write_transaction(work)
    except IntegrityError as error:
        text = f'You have another risk profile with the name "{name}".'
        raise Conflict(text, pointer="/name") from error


def _fields_of(profile: RiskProfile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in FIELDS}


def _readable(values: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit trail, which knows no times of day."""
    return {
        name: value.isoformat("minutes") if isinstance(value, time) else value
        for name, value in values.items()
    }
