"""What is done to strategies and their subscriptions. Each leaves an audit entry.

A strategy's settings are frozen into each alert's work, so every change raises the route version
in its own transaction. Whether it is paused is a live state of `risk`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db import IntegrityError

from accounts import audit
from accounts.models import User
from brokers.models import BrokerAccount
from orders.lifecycle import WORKING
from orders.models import Order, Position
from orders.terms import Terms
from risk.models import RiskProfile
from risk.services import set_paused
from signals.models import Signal, Strategy, Subscription, WebhookToken
from signals.routes import bump_route_version, frozen_terms
from signals.selectors import bound_token
from signals.settling import OPEN
from signals.strategy_fields import STRATEGY_FIELDS, parse_fields, positive
from signals.token_services import (
    checked_options,
    create_webhook_token,
    rotate_webhook,
    update_webhook_token,
)
from tradehub.core.errors import BadInput, Conflict
from tradehub.core.money import ONE
from tradehub.core.words import SubscriptionMode
from tradehub.lib.db import in_write_transaction

T = TypeVar("T")


# ---- strategies ----


def create_strategy(
    *,
    owner: User,
    fields: Mapping[str, Any],
    now: datetime,
    actor: User | None = None,
    ip: str = "",
) -> tuple[Strategy, str]:
    """The strategy, and the secret of its own webhook. `fields` as CONTRACT names them, with
    `enabled` and `webhook` (the options of its token)."""
    own, enabled, options = _split(fields)
    if "name" not in own:
        raise BadInput("Give a name.", code="MISSING_FIELD", pointer="/name")
    strategy = Strategy(owner=owner, created_at=now, updated_at=now, **own)

    def work() -> str:
        _check_name_free(strategy)
        strategy.save(force_insert=True)
        _record(strategy, "strategy.created", own, actor or owner, now, ip)
        _, secret = create_webhook_token(
            owner=owner,
            fields={"strategy": strategy, **(options or {})},
            now=now,
            actor=actor,
            ip=ip,
        )
        if enabled is False:
            set_strategy_enabled(
                strategy=strategy, enabled=False, now=now, actor=actor or owner, ip=ip
            )
        bump_route_version()
        return secret

    return strategy, _named_once(work, strategy.name)


def update_strategy(
    *,
    strategy: Strategy,
    fields: Mapping[str, Any],
    now: datetime,
    actor: User,
    ip: str = "",
) -> Strategy:
    """What is not named stays. Alerts that arrived before keep the settings they came under."""
    own, enabled, options = _split(fields)

    def work() -> None:
        fresh = Strategy.objects.get(pk=strategy.pk)
        changed = {name: value for name, value in own.items() if getattr(fresh, name) != value}
        if changed:
            before = {name: getattr(fresh, name) for name in changed}
            for name, value in [*changed.items(), ("updated_at", now)]:
                setattr(strategy, name, value)
            _check_name_free(strategy)
            strategy.save(update_fields=[*changed, "updated_at"])
            said = {"from": before, "to": changed}
            _record(strategy, "strategy.changed", said, actor, now, ip)
        if options:
            update_webhook_token(
                token=_own_token(strategy), fields=options, now=now, actor=actor, ip=ip
            )
        if enabled is not None:
            set_strategy_enabled(strategy=strategy, enabled=enabled, now=now, actor=actor, ip=ip)
        bump_route_version()

    _named_once(work, str(own.get("name", strategy.name)))
    return strategy


def delete_strategy(*, strategy: Strategy, now: datetime, actor: User, ip: str = "") -> None:
    """Refused while it holds or works anything. Its signals, orders and fills stay on record."""

    def work() -> None:
        _check_idle(strategy)
        _record(strategy, "strategy.deleted", {"name": strategy.name}, actor, now, ip)
        # Flat, so nothing is lost; two such rows without a strategy would be one too many.
        Position.objects.filter(strategy=strategy).delete()
        bump_route_version()
        strategy.delete()

    in_write_transaction(work)


def set_strategy_enabled(
    *, strategy: Strategy, enabled: bool, now: datetime, actor: User, ip: str = ""
) -> None:
    """Paused: alerts are taken, entries are denied, exits pass."""
    set_paused(
        strategy_id=strategy.pk,
        paused=not enabled,
        owner=strategy.owner,
        actor=actor,
        now=now,
        ip=ip,
    )


def rotate_strategy_webhook(*, strategy: Strategy, now: datetime, actor: User, ip: str = "") -> str:
    """A new secret for its own webhook; a new webhook where the old one was revoked."""
    token = bound_token(strategy)
    if token is not None:
        return rotate_webhook(token=token, now=now, actor=actor, ip=ip)
    _, secret = create_webhook_token(
        owner=strategy.owner, fields={"strategy": strategy}, now=now, actor=actor, ip=ip
    )
    return secret


# ---- subscriptions ----


def subscribe(
    *,
    strategy: Strategy,
    account: BrokerAccount,
    risk_profile: RiskProfile,
    now: datetime,
    actor: User,
    multiplier: Any = ONE,
    mode: str = SubscriptionMode.AUTO.value,
    ip: str = "",
) -> Subscription:
    """The strategy trades on that account from the next alert on."""
    _check_same_owner(strategy, account, "account")
    _check_same_owner(strategy, risk_profile, "risk_profile")
    subscription = Subscription(
        strategy=strategy,
        account=account,
        risk_profile=risk_profile,
        multiplier=positive("/multiplier", multiplier),
        mode=_mode(mode),
        created_at=now,
    )

    def work() -> None:
        subscription.save(force_insert=True)
        bump_route_version()
        _record(strategy, "strategy.subscribed", _said(subscription), actor, now, ip)

    try:
        in_write_transaction(work)
    except IntegrityError as error:
        text = f"{strategy.name} trades on {account.label} already. Change that subscription."
        raise Conflict(text, pointer="/account") from error
    return subscription


def update_subscription(
    *,
    subscription: Subscription,
    now: datetime,
    actor: User,
    risk_profile: RiskProfile | None = None,
    multiplier: Decimal | str | None = None,
    mode: str | None = None,
    ip: str = "",
) -> Subscription:
    """What is None stays."""
    before = _said(subscription)
    if risk_profile is not None:
        _check_same_owner(subscription.strategy, risk_profile, "risk_profile")
        subscription.risk_profile = risk_profile
    if multiplier is not None:
        subscription.multiplier = positive("/multiplier", multiplier)
    if mode is not None:
        subscription.mode = _mode(mode)
    after = _said(subscription)

    def work() -> None:
        if after == before:
            return
        subscription.save(update_fields=["risk_profile", "multiplier", "mode"])
        bump_route_version()
        said = {"from": before, "to": after}
        _record(subscription.strategy, "strategy.subscription_changed", said, actor, now, ip)

    in_write_transaction(work)
    return subscription


def unsubscribe(*, subscription: Subscription, now: datetime, actor: User, ip: str = "") -> None:
    """From the next alert on. What it holds there stays as it is."""

    def work() -> None:
        said = _said(subscription)
        _record(subscription.strategy, "strategy.unsubscribed", said, actor, now, ip)
        bump_route_version()
        subscription.delete()

    in_write_transaction(work)


def strategy_terms(owner: User, strategy_id: str, account_id: str) -> Terms | None:
    """Under which a strategy trades on an account now; installed into `orders.services`."""
    found = (
        Subscription.objects.filter(
            strategy_id=strategy_id, strategy__owner=owner, account_id=account_id
        )
        .select_related("strategy")
        .first()
    )
    return None if found is None else frozen_terms(found.strategy, found)


# ---- parts ----


def _split(
    fields: Mapping[str, Any],
) -> tuple[dict[str, Any], bool | None, dict[str, Any] | None]:
    """The strategy's own columns; `enabled`; the options of its webhook."""
    own = dict(fields)
    enabled = own.pop("enabled", None)
    if enabled is not None and not isinstance(enabled, bool):
        raise BadInput("Say true or false.", pointer="/enabled")
    webhook = own.pop("webhook", None)
    options = None if webhook is None else checked_options(webhook)
    return parse_fields(own, STRATEGY_FIELDS), enabled, options


def _own_token(strategy: Strategy) -> WebhookToken:
    token = bound_token(strategy)
    if token is None:
        text = "Its webhook was revoked. Rotate it to make a new one."
        raise Conflict(text, pointer="/webhook")
    return token


def _check_name_free(strategy: Strategy) -> None:
    """Alerts name strategies, case ignored, so names that differ in case only are one."""
    others = Strategy.objects.filter(owner=strategy.owner).exclude(pk=strategy.pk)
    if strategy.name.lower() in {name.lower() for name in others.values_list("name", flat=True)}:
        raise _taken(strategy.name)


def _check_idle(strategy: Strategy) -> None:
    held = Position.objects.filter(strategy=strategy, is_open=True).count()
    working = Order.objects.filter(
        strategy=strategy, status__in=[each.value for each in WORKING]
    ).count()
    waiting = Signal.objects.filter(strategy=strategy, status__in=OPEN).count()
    if held or working or waiting:
        raise Conflict(
            f"{strategy.name} has {held} open position(s), {working} working order(s) and "
            f"{waiting} alert(s) under way. Close and cancel them first, or pause it."
        )


def _check_same_owner(strategy: Strategy, row: BrokerAccount | RiskProfile, name: str) -> None:
    if row.owner_id != strategy.owner_id:
        raise BadInput("There is no object with this id.", pointer=f"/{name}")


def _mode(word: str) -> str:
    if word == SubscriptionMode.APPROVE:
        text = "Approvals come in a later version. For now a subscription is auto or dry_run."
        raise BadInput(text, code="UNSUPPORTED_FIELD", pointer="/mode")
    if word not in set(SubscriptionMode):
        raise BadInput("The mode is auto or dry_run.", pointer="/mode")
    return SubscriptionMode(word).value


def _said(subscription: Subscription) -> dict[str, Any]:
    return {
        "account": subscription.account_id,
        "risk_profile": subscription.risk_profile_id,
        "multiplier": subscription.multiplier,
        "mode": subscription.mode,
    }


def _named_once(work: Callable[[], T], name: str) -> T:
    try:
        return in_write_transaction(work)
    except IntegrityError as error:
        raise _taken(name) from error


def _taken(name: str) -> Conflict:
    return Conflict(f'You have another strategy with the name "{name}".', pointer="/name")


def _record(
    strategy: Strategy,
    action: str,
    data: Mapping[str, Any],
    actor: User,
    now: datetime,
    ip: str,
) -> None:
    audit.record(
        owner=strategy.owner, actor=actor, action=action, target=strategy, data=data, now=now, ip=ip
    )
