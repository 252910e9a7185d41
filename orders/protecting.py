"""Protection at the venue: stop and target of a position are placed, resized and cancelled here.

Asked after every change of a position that asked for protection. It first writes what is to be
placed, then cancels and sends, then looks at what works; a crash anywhere is mended by asking
again. What can't be protected raises the alarm, or is closed where the profile says so.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db.models import QuerySet

from brokers.errors import BrokerError
from orders.cancelling import cancel_at_venue
from orders.drafts import new_client_order_id
from orders.lanes import hold_lane
from orders.lifecycle import WORKING
from orders.models import LaneItem, Order, Position
from orders.positions import queue_protection, set_protected
from orders.protection import LOWEST, Child, ChildPlan, NewChild, Protection, plan_children
from orders.sending import Desk, send_order
from orders.terms import Terms
from risk.models import RiskProfile
from tradehub.core.intent import Intent
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

Shape = tuple[Decimal, Any]
"""Quantity and protection of a position: what its children are planned for."""
CHILD_ROLES = (OrderRole.STOP_LOSS.value, OrderRole.TAKE_PROFIT.value)


def protect_position(desk: Desk, position_id: str) -> None:
    """Make what works at the venue fit the position. Raises NotYet and LostLane."""
    symbol = Position.objects.values_list("symbol", flat=True).get(pk=position_id)
    step, tick = _steps(desk, symbol)
    cancels, shape = _write_children(desk, position_id, step, tick)
    for order_id in cancels:
        cancel_at_venue(desk, order_id)
    for order in _children(position_id).filter(status=OrderStatus.QUEUED.value).order_by("id"):
        send_order(desk, order.pk)
    _judge(desk, position_id, step, tick, shape)


def cancel_children(desk: Desk, order: Order) -> None:
    """Free the quantity that protection holds, before an exit of it goes out."""
    for order_id in _children_beside(order).values_list("pk", flat=True):
        cancel_at_venue(desk, order_id)


def has_children(order: Order) -> bool:
    """Whether protection works for the position that `order` exits."""
    return _children_beside(order).exists()


def _children_beside(order: Order) -> QuerySet[Order]:
    return Order.objects.filter(
        account_id=order.account_id,
        symbol=order.symbol,
        strategy_id=order.strategy_id,
        role__in=CHILD_ROLES,
        status__in=[each.value for each in WORKING],
    ).order_by("id")


def _write_children(
    desk: Desk, position_id: str, step: Decimal, tick: Decimal | None
) -> tuple[tuple[str, ...], Shape]:
    """Rows for what is missing; ids of what must go, and of which shape that was meant."""

    def write() -> tuple[tuple[str, ...], Shape]:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        fresh = Position.objects.get(pk=position_id)
        plan = _plan(fresh, _working_children(position_id), step, tick)
        for child in plan.place:
            _create_child(fresh, child, now)
        return plan.cancel, _shape(fresh)

    return in_write_transaction(write)


def _plan(
    position: Position, children: list[Order], step: Decimal, tick: Decimal | None
) -> ChildPlan:
    protection = Protection.from_json(position.protection).on_tick(tick)
    working = [_as_child(each) for each in children]
    return plan_children(position.quantity, protection, working, step)


def _shape(position: Position) -> Shape:
    return position.quantity, position.protection


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


def _judge(
    desk: Desk, position_id: str, step: Decimal, tick: Decimal | None, meant_for: Shape
) -> None:
    """Does what the position asked for work now? If not: the alarm, or close it.

    The item ends here, in the transaction that looks: whatever changes the position from now on
    makes a new one. If it changed since the children were planned, that is now."""

    def judge() -> None:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        position = Position.objects.get(pk=position_id)
        _end_items(position, now)
        if not position.is_open or not position.protection:
            set_protected(position, None, now=now)
            return
        if _shape(position) != meant_for:
            queue_protection(position, now=now)
            return
        # An unconfirmed child is not placed twice, and is not taken for protection either.
        children = _working_children(position_id)
        sure = [each for each in children if each.status != OrderStatus.UNCONFIRMED]
        missing = {each.role for each in _plan(position, sure, step, tick).place}
        set_protected(position, not missing, now=now)
        if OrderRole.STOP_LOSS in missing:
            log.error("position_unprotected", position=position.pk, code="UNPROTECTED_POSITION")
            _close_if_asked(position, now)

    in_write_transaction(judge)


def _end_items(position: Position, now: datetime) -> None:
    LaneItem.objects.filter(
        account_id=position.account_id,
        kind=LaneItem.Kind.PROTECT.value,
        status=LaneItem.Status.QUEUED.value,
        subject=position.pk,
    ).update(status=LaneItem.Status.DONE.value, finished_at=now)


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


def _steps(desk: Desk, symbol: str) -> tuple[Decimal, Decimal | None]:
    """Of quantity and price. Without them a stop is better unrounded than not placed."""
    try:
        instrument = desk.broker.instrument(symbol)
    except BrokerError:
        instrument = None
    if instrument is None:
        return LOWEST, None
    return instrument.quantity_step, instrument.price_tick
