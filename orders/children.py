"""The protective orders of a position: how they are written and found. Rows only, no venue.

A child rests at the venue until it is reached, so it is good till canceled. A taker is the order
that takes a watched target (`orders.taking`): it fills at once or not at all, and is told from a
target that rests by its time in force.
"""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from orders.drafts import new_client_order_id
from orders.lifecycle import WORKING
from orders.models import Order, Position
from orders.protection import Child, NewChild
from tradehub.core.words import OrderRole, OrderSource, OrderType, TimeInForce

CHILD_ROLES = (OrderRole.STOP_LOSS.value, OrderRole.TAKE_PROFIT.value)
REMEMBERED = timedelta(hours=1)
"""For so long what was tried in vain makes the next attempt wait."""
_WORKING = [each.value for each in WORKING]


def entry_of(position: Position) -> str:
    """Id of the entry that asked for the protection."""
    assert position.protection is not None
    return str(position.protection["entry"])


def children_of(position_id: str) -> QuerySet[Order]:
    return Order.objects.filter(link=position_id, role__in=CHILD_ROLES)


def working_children(position_id: str) -> list[Order]:
    """Those that rest at the venue, or are to."""
    working = children_of(position_id).filter(status__in=_WORKING).order_by("id")
    return [each for each in working if not is_taker(each)]


def working_takers(position_id: str) -> list[Order]:
    working = children_of(position_id).filter(status__in=_WORKING).order_by("id")
    return [each for each in working if is_taker(each)]


def is_taker(order: Order) -> bool:
    return order.role == OrderRole.TAKE_PROFIT and order.time_in_force != TimeInForce.GTC


def takers_in_vain(position: Position, *, now: datetime) -> list[Order]:
    """Of late, and nothing of them has filled."""
    ended = children_of(position.pk).filter(
        role=OrderRole.TAKE_PROFIT.value, updated_at__gt=now - REMEMBERED
    )
    ended = ended.exclude(time_in_force=TimeInForce.GTC.value).exclude(status__in=_WORKING)
    return [each for each in ended if not each.filled_quantity]


def create_child(
    position: Position,
    child: NewChild,
    now: datetime,
    *,
    time_in_force: TimeInForce = TimeInForce.GTC,
) -> Order:
    """Queued; inside the caller's transaction, under the account's lock."""
    entry = Order.objects.get(pk=entry_of(position))
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
        time_in_force=time_in_force.value,
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


def as_child(order: Order) -> Child:
    price = order.stop_price if order.role == OrderRole.STOP_LOSS else order.limit_price
    assert price is not None
    return Child(order.pk, OrderRole(order.role), price, order.quantity - order.filled_quantity)


def has_stop(position_id: str) -> bool:
    """Works at the venue, or may."""
    stops = children_of(position_id).filter(role=OrderRole.STOP_LOSS.value)
    return stops.filter(status__in=_WORKING).exists()
