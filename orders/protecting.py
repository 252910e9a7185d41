"""Protection at the venue: stop and target of a position are placed, resized and cancelled here.

Asked after every change of a position that asked for protection. It first writes what is to be
placed, then cancels and sends, then looks at what works; a crash anywhere is mended by asking
again. What can't be protected raises the alarm, or is closed where the profile says so.
"""

from datetime import datetime
from decimal import Decimal

import structlog
from django.db.models import QuerySet

from brokers.errors import BrokerError
from orders.drafts import new_client_order_id
from orders.lanes import hold_lane
from orders.lifecycle import WORKING
from orders.models import LaneItem, Order, Position
from orders.positions import set_protected
from orders.protection import Child, NewChild, Protection, plan_children
from orders.sending import Desk, cancel_at_venue, send_order
from orders.terms import Terms
from risk.models import RiskProfile
from tradehub.core.intent import Intent
from tradehub.core.money import ONE
from tradehub.core.words import (
    OrderRole,
    OrderSource,
    OrderStatus,
    OrderType,
    PositionSide,
    TimeInForce,
    Verb,
)
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)

CHILD_ROLES = (OrderRole.STOP_LOSS.value, OrderRole.TAKE_PROFIT.value)


def protect_position(desk: Desk, position_id: str) -> None:
    """Make what works at the venue fit the position. Raises NotYet and LostLane."""
    cancels = _write_children(desk, position_id)
    for order_id in cancels:
        cancel_at_venue(desk, order_id)
    for order in _children(position_id).filter(status=OrderStatus.QUEUED.value).order_by("id"):
        send_order(desk, order.pk)
    _judge(desk, position_id)


def cancel_children(desk: Desk, order: Order) -> None:
    """Free the quantity that protection holds, before an exit of it goes out."""
    position = Position.objects.filter(
        account_id=order.account_id, symbol=order.symbol, strategy_id=order.strategy_id
    ).first()
    if position is not None:
        for child in _working_children(position.pk):
            cancel_at_venue(desk, child.pk)


def _write_children(desk: Desk, position_id: str) -> list[str]:
    """Rows for what is missing; ids of what must go."""
    position = Position.objects.get(pk=position_id)
    step = _step(desk, position.symbol)

    def write() -> list[str]:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        fresh = Position.objects.get(pk=position_id)
        protection = Protection.from_json(fresh.protection)
        working = [_as_child(each) for each in _working_children(position_id)]
        plan = plan_children(fresh.quantity, protection, working, step)
        for child in plan.place:
            _create_child(fresh, child, now)
        return list(plan.cancel)

    return in_write_transaction(write)


def _create_child(position: Position, child: NewChild, now: datetime) -> Order:
    entry = Order.objects.get(pk=_entry_of(position))
    number = entry.children.filter(role=child.role.value).count() + 1
    leg = f"{entry.leg}.{child.role.value}.{number}"
    origin = entry.signal_id or f"order:{entry.pk}"
    is_stop = child.role is OrderRole.STOP_LOSS
    return Order.objects.create(
        owner_id=position.owner_id,
        account_id=position.account_id,
        strategy_id=position.strategy_id,
        signal_id=entry.signal_id,
        decision_id=entry.decision_id,
        leg=leg,
        client_order_id=new_client_order_id(origin, position.account_id, leg),
        symbol=position.symbol,
        side=child.side.value,
        order_type=(OrderType.STOP if is_stop else OrderType.LIMIT).value,
        time_in_force=TimeInForce.GTC.value,
        quantity=child.quantity,
        limit_price=None if is_stop else child.price,
        stop_price=child.price if is_stop else None,
        reduce_only=True,
        link=position.pk,
        parent=entry,
        role=child.role.value,
        source=OrderSource.STRATEGY.value,
        created_at=now,
        updated_at=now,
    )


def _judge(desk: Desk, position_id: str) -> None:
    """Does what the position asked for work now? If not: the alarm, or close it."""

    def judge() -> None:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        position = Position.objects.get(pk=position_id)
        protection = Protection.from_json(position.protection)
        if not position.is_open or not protection:
            set_protected(position, None, now=now)
            return
        working = {(each.role, each.status) for each in _working_children(position_id)}
        roles = {role for role, status in working if status != OrderStatus.UNCONFIRMED}
        has_stop = protection.stop_price is None or OrderRole.STOP_LOSS in roles
        has_target = not protection.targets or OrderRole.TAKE_PROFIT in roles
        set_protected(position, has_stop and has_target, now=now)
        if not has_stop:
            log.error("position_unprotected", position=position.pk, code="UNPROTECTED_POSITION")
            _close_if_asked(position, now)

    in_write_transaction(judge)


def _close_if_asked(position: Position, now: datetime) -> None:
    """`on_unprotected` of the risk profile under which the entry was decided."""
    entry = Order.objects.select_related("decision__item").get(pk=_entry_of(position))
    if entry.decision is None:
        return
    terms = Terms.from_json(entry.decision.item.terms)
    profile = RiskProfile.objects.filter(pk=terms.risk_profile).first()
    if profile is None or profile.on_unprotected != "close":
        return
    waiting = LaneItem.objects.filter(
        account_id=position.account_id, subject=position.pk, status=LaneItem.Status.QUEUED.value
    )
    if not waiting.filter(kind=LaneItem.Kind.DECIDE.value).exists():
        queue_close(position, terms=terms, source=OrderSource.SYSTEM, now=now)


def queue_close(
    position: Position, *, terms: Terms, source: OrderSource, now: datetime
) -> LaneItem:
    """Put an exit of the whole position into its lane. Inside the caller's transaction."""
    side = PositionSide.LONG if position.quantity > 0 else PositionSide.SHORT
    intent = Intent(symbol=position.symbol, verb=Verb.EXIT, side=side, order_type=OrderType.MARKET)
    return LaneItem.objects.create(
        account_id=position.account_id,
        kind=LaneItem.Kind.DECIDE.value,
        subject=position.pk,
        intents=[intent.to_json()],
        terms=terms.to_json() | {"source": source.value, "match": "", "symbol_map": {}},
        due_at=now,
        created_at=now,
    )


def _entry_of(position: Position) -> str:
    """Id of the entry that asked for the protection."""
    assert position.protection is not None
    return str(position.protection["entry"])


def _children(position_id: str) -> QuerySet[Order]:
    return Order.objects.filter(link=position_id, role__in=CHILD_ROLES)


def _working_children(position_id: str) -> list[Order]:
    return list(_children(position_id).filter(status__in=[each.value for each in WORKING]))


def _as_child(order: Order) -> Child:
    price = order.stop_price if order.role == OrderRole.STOP_LOSS else order.limit_price
    assert price is not None
    return Child(order.pk, OrderRole(order.role), price, order.quantity - order.filled_quantity)


def _step(desk: Desk, symbol: str) -> Decimal:
    try:
        instrument = desk.broker.instrument(symbol)
    except BrokerError:
        return ONE
    return ONE if instrument is None else instrument.quantity_step
