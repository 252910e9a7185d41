"""How an item of a lane ends: done, or parked with its reason, and what ends with it.

All of it in the one transaction that holds the lane, so that nothing is left half ended.
"""

from datetime import datetime

from django.db.models import Q

from orders.lifecycle import OrderEventName
from orders.models import LaneItem, Order, Position
from orders.recording import record_event
from orders.settling import settle
from tradehub.core.words import OrderRole, OrderStatus


def end_item(item: LaneItem, status: LaneItem.Status, reason: str, now: datetime) -> None:
    """In the transaction that holds the lane."""
    LaneItem.objects.filter(pk=item.pk, status=LaneItem.Status.QUEUED.value).update(
        status=status.value, reason=reason, finished_at=now
    )
    if status is LaneItem.Status.PARKED:
        deny_unsent(item, "It failed too often on our side to be sent; the log says why.", now)
    settle(item.signal_id)
    if item.kind == LaneItem.Kind.PROTECT:
        _settle_protected(item.subject)


def deny_unsent(item: LaneItem, text: str, now: datetime) -> None:
    """Nobody will send them any more, so they must not hold room or keep a signal open."""
    unsent = Order.objects.filter(
        Q(decision__item=item, parent__isnull=True)
        | Q(pk=item.subject)
        | Q(replaces_id=item.subject),
        account_id=item.account_id,
        status=OrderStatus.QUEUED.value,
    )
    for order in unsent.order_by("id"):
        order.refresh_from_db()  # the one before may have ended it
        if order.status == OrderStatus.QUEUED:
            record_event(
                order,
                OrderEventName.DENY,
                key="deny",
                now=now,
                reason="INTERNAL_ERROR",
                reason_text=text,
            )


def _settle_protected(position_id: str) -> None:
    """Signals whose entry waited for its stop and target to be placed."""
    position = Position.objects.get(pk=position_id)
    entries = Order.objects.filter(
        account_id=position.account_id,
        symbol=position.symbol,
        strategy_id=position.strategy_id,
        role=OrderRole.ENTRY.value,
        protection__isnull=False,
    ).order_by("-id")
    for signal_id in entries.values_list("signal_id", flat=True)[:5]:
        settle(signal_id)
