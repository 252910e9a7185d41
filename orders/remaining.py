"""What is left of an order for the one that takes its place.

Rows only, inside the transaction that holds the account's lock. A replacement never asks for more
than the total that was wanted less what the old order filled, told by its fills or by the venue's
word of its end, whichever is more. It leaves only when the old one has ended.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from orders.lifecycle import ENDED, WORKING, OrderEventName
from orders.models import LaneItem, Order, OrderEvent
from orders.positions import ConcurrentChange
from orders.recording import record_event
from tradehub.core.intent import Intent
from tradehub.core.money import EXACT, ZERO, plain
from tradehub.core.words import OrderStatus

NOT_REPLACEABLE = "NOT_REPLACEABLE"
REPLACED = "REPLACED"


def waiting_replacement(order_id: str) -> Order | None:
    """What waits for the order to end."""
    waiting = Order.objects.filter(replaces_id=order_id, status=OrderStatus.QUEUED.value)
    return waiting.order_by("id").first()


def working_replacements(order_id: str) -> list[Order]:
    """What takes its place, or waits to, and may still fill."""
    working = [each.value for each in WORKING]
    return list(Order.objects.filter(replaces_id=order_id, status__in=working).order_by("id"))


def is_cancel_waiting(order_id: str) -> bool:
    """The lane has still to cancel it, as an item of its own."""
    cancels = LaneItem.objects.filter(kind=LaneItem.Kind.CANCEL.value, subject=order_id)
    return cancels.filter(status=LaneItem.Status.QUEUED.value).exists()


def release_replacement(old: Order, new: Order, *, now: datetime) -> None:
    """`old` has ended: what replaces it goes out for the rest, or ends too when there is none, or
    when the old one ended otherwise than by its cancel."""
    if old.status != OrderStatus.CANCELED or _left(old, new) <= 0:
        end_replacement(new, f"The order that it was to replace is {old.status}{_of(old)}.", now)
        return
    mark_replaced(old, new)
    LaneItem.objects.create(
        account_id=new.account_id,
        kind=LaneItem.Kind.SEND.value,
        subject=new.pk,
        due_at=now,
        created_at=now,
    )


def mark_replaced(old: Order, new: Order) -> None:
    """`old` was cancelled for it."""
    if not old.reason:
        _change(old, reason=REPLACED, reason_text=f"The order {new.pk} takes its place.")


def end_replacement(new: Order, text: str, now: datetime) -> None:
    """It never leaves."""
    record_event(
        new,
        OrderEventName.CANCEL,
        key="cancel",
        now=now,
        reason=NOT_REPLACEABLE,
        reason_text=text,
    )


def fit_replacement(order: Order, *, now: datetime) -> None:
    """Cut a queued replacement to what is left by now: a fill may have been told late."""
    if order.replaces is None:
        return
    old = order.replaces
    if old.status not in ENDED:
        raise RuntimeError(f"{order.pk} may not leave while {old.pk} works")
    left = _left(old, order)
    if left <= 0:
        end_replacement(order, f"The order that it replaces has filled{_of(old)}.", now)
    elif left < order.quantity:
        _change(order, quantity=left)


def has_room(order: Order) -> bool:
    """It replaces nothing, or what it replaces has ended and left as much as it asks for."""
    old = order.replaces
    if old is None:
        return True
    return old.status == OrderStatus.CANCELED and _left(old, order) >= order.quantity


def _left(old: Order, new: Order) -> Decimal:
    assert new.decision is not None
    wanted = Intent.from_json(new.decision.item.intents[0]).size.value
    assert wanted is not None
    return EXACT.subtract(wanted, _filled(old))


def _filled(order: Order) -> Decimal:
    """The venue may tell how much was filled before it tells the fills."""
    ends = OrderEvent.objects.filter(order=order, event=OrderEventName.CANCEL.value)
    told = (Decimal(data.get("filled", "0")) for data in ends.values_list("data", flat=True))
    return max((order.filled_quantity, *told), default=ZERO)


def _of(order: Order) -> str:
    filled = _filled(order)
    return f", with {plain(filled)} filled" if filled else ""


def _change(order: Order, **changes: Any) -> None:
    same = Order.objects.filter(pk=order.pk, version=order.version)
    changes["version"] = order.version + 1
    if same.update(**changes) != 1:
        raise ConcurrentChange(order.pk)
    for name, value in changes.items():
        setattr(order, name, value)
