"""The protective orders of a position: how they are written and found. Rows only, no venue.

A child rests at the venue until it is reached, so it is good till canceled. A taker is the order
that takes a watched target (`orders.taking`): it fills at once or not at all, and is told from a
target that rests by its time in force.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from brokers.pairs import stop_id_of, target_id_of
from brokers.types import Pairs
from orders.drafts import new_client_order_id
from orders.lifecycle import NEEDS_REVIEW, WORKING
from orders.models import Order, Position
from orders.positions import shares_symbol
from orders.protection import Child, NewChild
from tradehub.core.money import EXACT, ZERO
from tradehub.core.words import OrderRole, OrderSource, OrderStatus, OrderType, TimeInForce

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


def is_paired_target(order: Order) -> bool:
    """A target that left as one with a stop, or was to."""
    if order.role != OrderRole.TAKE_PROFIT or is_taker(order):
        return False
    stops = Order.objects.filter(account_id=order.account_id)
    return stops.filter(client_order_id=stop_id_of(order.client_order_id)).exists()


def target_beside(stop: Order) -> Order | None:
    """The target that left as one with it, or was to; whatever became of it."""
    target_id = target_id_of(stop.client_order_id)
    if target_id is None:
        return None
    orders = Order.objects.filter(account_id=stop.account_id)
    return orders.filter(client_order_id=target_id).first()


def create_children(position: Position, children: Sequence[NewChild], now: datetime) -> None:
    """Queued; inside the caller's transaction, under the account's lock."""
    for each in children:
        create_child(position, each, now)


def create_pair(position: Position, stop: NewChild, target: NewChild, now: datetime) -> None:
    """As above. The stop comes first: what became of it is asked first. Its name is made from its
    target's."""
    entry = Order.objects.get(pk=entry_of(position))
    target_id = _client_id(entry, position.account_id, _leg(entry, target.role))
    create_child(position, stop, now, client_order_id=stop_id_of(target_id))
    create_child(position, target, now)


def create_child(
    position: Position,
    child: NewChild,
    now: datetime,
    *,
    time_in_force: TimeInForce = TimeInForce.GTC,
    client_order_id: str = "",
) -> Order:
    """Queued; inside the caller's transaction, under the account's lock."""
    entry = Order.objects.get(pk=entry_of(position))
    leg = _leg(entry, child.role)
    is_stop = child.role is OrderRole.STOP_LOSS
    return Order.objects.create(
        owner_id=position.owner_id,
        account_id=position.account_id,
        strategy_id=position.strategy_id,
        signal_id=entry.signal_id,
        decision_id=entry.decision_id,
        leg=leg,
        client_order_id=client_order_id or _client_id(entry, position.account_id, leg),
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


def _leg(entry: Order, role: OrderRole) -> str:
    number = entry.children.filter(role=role.value).count() + 1
    return f"{entry.leg}.{role.value}.{number}"


def _client_id(entry: Order, account_id: str, leg: str) -> str:
    return new_client_order_id(entry.signal_id or f"order:{entry.pk}", account_id, leg)


def closes_anothers(order: Order) -> bool:
    """It would close whatever is held, and a part of that is another's by now."""
    return order.closes_all and shares_symbol(order)


def as_children(orders: Sequence[Order], pairs: Pairs) -> list[Child]:
    """What is left of each, with what its partner among them has taken where it shrinks."""
    by_name = {each.client_order_id: each for each in orders}
    partners: dict[str, Order] = {}
    for each in orders:
        stop = by_name.get(stop_id_of(each.client_order_id))
        if stop is not None:
            partners |= {each.pk: stop, stop.pk: each}
    return [_as_child(each, partners.get(each.pk), pairs) for each in orders]


def _as_child(order: Order, partner: Order | None, pairs: Pairs) -> Child:
    price = order.stop_price if order.role == OrderRole.STOP_LOSS else order.limit_price
    assert price is not None
    rest = EXACT.subtract(order.quantity, order.filled_quantity)
    if partner is not None and pairs is Pairs.SHRINK:
        rest = EXACT.subtract(rest, partner.filled_quantity)
    if closes_anothers(order):
        rest = ZERO  # it has to be placed anew
    partner_id = None if partner is None else partner.pk
    return Child(order.pk, OrderRole(order.role), price, rest, partner_id)


def was_tried(position: Position, target: NewChild, *, now: datetime) -> bool:
    """Of late a pair with this target was refused, or a part of it filled: the price is there, and
    the next pair would be refused too."""
    tried = children_of(position.pk).filter(
        parent_id=entry_of(position),
        role=target.role.value,
        time_in_force=TimeInForce.GTC.value,
        updated_at__gt=now - REMEMBERED,
    )
    return any(
        each.limit_price == target.price and (each.filled_quantity or _was_refused_alone(each))
        for each in tried
    )


def _was_refused_alone(target: Order) -> bool:
    """Its stop was taken, so not for want of what both would sell, as while a cancel is slow."""
    stops = Order.objects.filter(
        account_id=target.account_id, client_order_id=stop_id_of(target.client_order_id)
    )
    return (
        target.status == OrderStatus.REJECTED
        and not stops.filter(status=OrderStatus.REJECTED.value).exists()
    )


def has_stop(position_id: str) -> bool:
    """Works at the venue, or may. Not one of which nothing was heard for so long that it was handed
    to its owner: where the price has passed it, it would have told."""
    stops = children_of(position_id).filter(role=OrderRole.STOP_LOSS.value)
    return stops.filter(status__in=_WORKING).exclude(reason=NEEDS_REVIEW).exists()


def pause_after_refusals(position: Position, now: datetime) -> timedelta:
    """Longer after each child that the venue refused, so that nothing turns in circles."""
    refused = Order.objects.filter(
        link=position.pk,
        status=OrderStatus.REJECTED.value,
        created_at__gt=now - REMEMBERED,
    )
    times = sum(not is_taker(each) for each in refused)
    return timedelta(seconds=min(2**times, 300) - 1)
