"""What people ask of orders and positions: place, cancel, close, halt, flatten.

Nothing here talks to a venue: each writes rows into the account's lane, in one transaction with its
audit entry, and rings. A manual order goes the way of an alert, through the same decision and the
same risk rules. Exits and cancels are never refused for a limit (I7).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Unpack

from accounts import audit
from accounts.models import User
from brokers.models import BrokerAccount
from orders.closing import queue_close
from orders.doorbell import ring_on_commit
from orders.lifecycle import ENDED, WORKING
from orders.manual import manual_change, manual_intent, manual_terms
from orders.models import LaneItem, Order, Position
from orders.recording import lock_account
from orders.remaining import NOT_REPLACEABLE, working_replacements
from orders.replacing import amended_intent, changes_nothing, terms_of_order, why_not_replaceable
from orders.syncing import sync_account
from orders.terms import Terms
from risk import services as risk
from risk.models import RiskProfile, TradingState
from risk.selectors import risk_profile_for, risk_profiles_for
from tradehub.core.errors import BadInput, Conflict, NotFound
from tradehub.core.words import OrderSource, OrderType, Scope
from tradehub.lib.db import in_write_transaction

TermsSource = Callable[[User, str, str], Terms | None]
"""(owner, strategy id, account id) -> the terms under which the strategy trades there now."""

_terms_sources: list[TermsSource] = []
_WORKING = [each.value for each in WORKING]


def install_terms_source(source: TermsSource) -> None:
    """`signals` sits above and knows strategies; it installs how to find their terms."""
    _terms_sources.append(source)


# ---- orders ----


def place_manual_order(
    *,
    owner: User,
    account: BrokerAccount,
    fields: Mapping[str, Any],
    now: datetime,
    actor: User,
    source: OrderSource = OrderSource.MANUAL,
    ip: str = "",
) -> LaneItem:
    """Queue a decision; `orders.selectors.request_result` tells what became of it.

    `fields`: symbol, side (buy, sell), quantity or notional, and, if wanted, order_type,
    limit_price, stop_price, time_in_force, stop_loss, take_profit, strategy, risk_profile."""
    intent = manual_intent(fields)
    terms = manual_terms(_terms(owner, account, fields), source)

    def work() -> LaneItem:
        item = LaneItem.objects.create(
            account=account,
            kind=LaneItem.Kind.DECIDE.value,
            intents=[intent.to_json()],
            terms=terms.to_json(),
            due_at=now,
            created_at=now,
        )
        asked = {"item": item.pk, "intent": intent.to_json(), "strategy": terms.strategy}
        audit.record(
            owner=owner,
            actor=actor,
            action="order.asked",
            target=account,
            data=asked,
            now=now,
            ip=ip,
        )
        ring_on_commit([account.pk])
        return item

    return in_write_transaction(work)


def cancel_order(*, order: Order, actor: User, now: datetime, ip: str = "") -> LaneItem:
    """Queue a cancel, also of what takes the order's place; asking twice is one cancel. Raises
    Conflict for an order that has ended."""

    def work() -> LaneItem:
        lock_account(order.account_id)  # no replacement may be written while this looks for it
        status = Order.objects.values_list("status", flat=True).get(pk=order.pk)
        if status in ENDED:
            raise Conflict(f"The order is {status} already: there is nothing to cancel.")
        _audit(order, "order.cancel_asked", {"symbol": order.symbol}, actor, now, ip)
        item = _queue_once(order.account_id, LaneItem.Kind.CANCEL, order.pk, now)
        for each in working_replacements(order.pk):
            _queue_once(each.account_id, LaneItem.Kind.CANCEL, each.pk, now)
        return item

    return in_write_transaction(work)


def replace_order(
    *,
    order: Order,
    fields: Mapping[str, Any],
    actor: User,
    now: datetime,
    source: OrderSource = OrderSource.MANUAL,
    ip: str = "",
) -> LaneItem:
    """Queue a replacement; `orders.selectors.request_result` tells what became of it.

    `fields`: quantity (in all, with what has filled), limit_price, stop_price; what is left out
    stays. Raises BadInput, and Conflict for an order that can't be replaced."""
    change = manual_change(fields, OrderType(order.order_type))

    def work() -> LaneItem:
        fresh = Order.objects.select_related("decision__item", "owner").get(pk=order.pk)
        why = why_not_replaceable(fresh)
        if why:
            raise Conflict(f"The order can't be replaced. {why}", code=NOT_REPLACEABLE)
        intent = amended_intent(fresh, change)
        if changes_nothing(fresh, intent):
            raise BadInput("This is what the order asks for already.", pointer="")
        _audit(fresh, "order.replace_asked", {"intent": intent.to_json()}, actor, now, ip)
        ring_on_commit([fresh.account_id])
        return LaneItem.objects.create(
            account_id=fresh.account_id,
            kind=LaneItem.Kind.REPLACE.value,
            subject=fresh.pk,
            intents=[intent.to_json()],
            terms=terms_of_order(fresh, source).to_json(),
            due_at=now,
            created_at=now,
        )

    return in_write_transaction(work)


def refresh_order(*, order: Order) -> Order:
    """Ask the venue about it now; the order as it is afterwards. Talks to the venue."""
    sync_account(order.account)
    return Order.objects.get(pk=order.pk)


# ---- positions ----


def close_position(*, position: Position, actor: User, now: datetime, ip: str = "") -> LaneItem:
    """Queue an exit of the whole position at the market; asking twice is one exit."""

    def work() -> LaneItem:
        fresh = Position.objects.get(pk=position.pk)
        if not fresh.is_open:
            raise Conflict(f"The position in {fresh.symbol} is flat already.", code="ALREADY_FLAT")
        item = _queue_close(fresh, OrderSource.MANUAL, now)
        _audit(fresh, "position.close_asked", {"symbol": fresh.symbol}, actor, now, ip)
        ring_on_commit([fresh.account_id])
        return item

    return in_write_transaction(work)


# ---- trading states ----


def halt_trading(**switch: Unpack[risk.Switch]) -> TradingState:
    """No entries from now on, and working entries are cancelled; exits pass."""

    def work() -> TradingState:
        state = risk.halt(**switch)
        _apply(Scope(switch["scope"]), state.scope_id, switch["owner"], switch["now"])
        return state

    return in_write_transaction(work)


def apply_halt(
    *, account_ids: Iterable[str], now: datetime, strategy_id: str | None = None
) -> list[LaneItem]:
    """Have working entries of these accounts (of one strategy, if named) cancelled."""
    accounts = sorted(set(account_ids))

    def work() -> list[LaneItem]:
        ring_on_commit(accounts)
        kind = LaneItem.Kind.HALT
        return [_queue_once(each, kind, strategy_id or "", now) for each in accounts]

    return in_write_transaction(work)


def emergency_stop(
    *, owner: User, reason: str, actor: User, now: datetime, ip: str = ""
) -> dict[str, Any]:
    """Halt the user's trading, cancel all that works, close all that is held; what was asked."""

    def work() -> dict[str, Any]:
        accounts = _lock_accounts(owner)
        state = halt_trading(
            scope=Scope.USER,
            scope_id=str(owner.pk),
            reason=reason,
            owner=owner,
            actor=actor,
            now=now,
            ip=ip,
        )
        # A child is left to the exit, which cancels it first: until then it protects.
        orders = Order.objects.filter(owner=owner, status__in=_WORKING, parent__isnull=True)
        for order in orders.order_by("id"):
            _queue_once(order.account_id, LaneItem.Kind.CANCEL, order.pk, now)
        positions = Position.objects.filter(owner=owner, is_open=True).order_by("id")
        closed = [_queue_close(each, OrderSource.MANUAL, now).subject for each in positions]
        ring_on_commit(accounts)
        asked = {"cancelling": [each.pk for each in orders], "closing": closed}
        audit.record(
            owner=owner,
            actor=actor,
            action="emergency_stop",
            target=state,
            data=asked,
            now=now,
            ip=ip,
        )
        return asked

    return in_write_transaction(work)


# ---- parts ----


def _lock_accounts(owner: User) -> list[str]:
    """All of the owner's: nothing is decided while this one looks for what works."""
    accounts = BrokerAccount.objects.filter(owner=owner).order_by("pk")
    found = list(accounts.values_list("pk", flat=True))
    for account_id in found:
        lock_account(account_id)
    return found


def _apply(scope: Scope, scope_id: str, owner: User | None, now: datetime) -> None:
    """To every account of the scope, working entry or not: one that passes the last gate while
    this commits is cancelled by the item that waits behind it."""
    accounts = BrokerAccount.objects.order_by("pk")
    if scope is Scope.ACCOUNT:
        accounts = accounts.filter(pk=scope_id)
    elif scope is not Scope.SITE:
        accounts = accounts.filter(owner=owner)
    strategy = scope_id if scope is Scope.STRATEGY else None
    apply_halt(account_ids=accounts.values_list("pk", flat=True), now=now, strategy_id=strategy)


def _queue_once(account_id: str, kind: LaneItem.Kind, subject: str, now: datetime) -> LaneItem:
    ring_on_commit([account_id])
    waiting = LaneItem.objects.filter(
        account_id=account_id,
        kind=kind.value,
        subject=subject,
        status=LaneItem.Status.QUEUED.value,
    ).first()
    return waiting or LaneItem.objects.create(
        account_id=account_id, kind=kind.value, subject=subject, due_at=now, created_at=now
    )


def _queue_close(position: Position, source: OrderSource, now: datetime) -> LaneItem:
    waiting = LaneItem.objects.filter(
        account_id=position.account_id,
        kind=LaneItem.Kind.DECIDE.value,
        subject=position.pk,
        status=LaneItem.Status.QUEUED.value,
    ).first()
    return waiting or queue_close(position, terms=_terms_of(position), source=source, now=now)


def _terms_of(position: Position) -> Terms:
    """An exit needs no limit, only whose it is: the subscription's terms, else plain ones."""
    terms = None
    if position.strategy_id is not None:
        terms = _subscribed(position.owner, position.strategy_id, position.account_id)
    if terms is not None:
        return terms
    profile = RiskProfile.objects.filter(owner_id=position.owner_id).order_by("-id").first()
    return Terms(position.strategy_id, None if profile is None else profile.pk)


def _terms(owner: User, account: BrokerAccount, fields: Mapping[str, Any]) -> Terms:
    """Of the strategy on that account, else plain ones under the risk profile that is given."""
    strategy = fields.get("strategy")
    if strategy:
        terms = _subscribed(owner, strategy, account.pk)
        if terms is None:
            text = "This strategy doesn't trade on that account. Subscribe it there first."
            raise BadInput(text, pointer="/strategy")
        return terms
    if fields.get("risk_profile"):
        return Terms(None, _risk_profile(owner, str(fields["risk_profile"])))
    profiles = list(risk_profiles_for(owner)[:2])
    if len(profiles) != 1:
        text = "Say which risk profile the order is under: no order goes without limits."
        raise BadInput(text, code="MISSING_FIELD", pointer="/risk_profile")
    return Terms(None, profiles[0].pk)


def _risk_profile(owner: User, profile_id: str) -> str:
    try:
        return risk_profile_for(owner, profile_id).pk
    except NotFound as error:
        text = "There is no object with this id."
        raise BadInput(text, pointer="/risk_profile") from error


def _subscribed(owner: User, strategy_id: str, account_id: str) -> Terms | None:
    found = (source(owner, strategy_id, account_id) for source in _terms_sources)
    return next((terms for terms in found if terms is not None), None)


def _audit(
    target: Order | Position,
    action: str,
    data: Mapping[str, Any],
    actor: User,
    now: datetime,
    ip: str,
) -> None:
    audit.record(
        owner=target.owner, actor=actor, action=action, target=target, data=data, now=now, ip=ip
    )
