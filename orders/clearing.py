"""What a decision cancels has to be gone before its entry leaves.

The limits were asked in a book without those orders. One that still works, or that has filled while
it was cancelled, would come on top. Rows only, at the last gate. A replacement has a rule of its
own (`orders.remaining`).
"""

from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from orders.lifecycle import WORKING, OrderEventName
from orders.models import Order, OrderEvent
from tradehub.core.money import EXACT, ZERO, plain
from tradehub.core.words import OrderRole

NOT_CLEARED = "NOT_CLEARED"
_FILLS = (OrderEventName.FILL.value, OrderEventName.PARTIAL_FILL.value)


def cancelled_before(order: Order) -> QuerySet[Order] | None:
    """What its decision cancels first; None where that is nothing."""
    if order.decision is None or not order.decision.cancels or order.replaces_id is not None:
        return None
    return Order.objects.filter(pk__in=order.decision.cancels).order_by("id")


def unless_cleared(order: Order) -> tuple[str, str] | None:
    """Why an entry may not leave: a reason code and its sentence."""
    for each in cancelled_before(order) or ():
        if each.status in WORKING:
            left = plain(EXACT.subtract(each.quantity, each.filled_quantity))
            text = f"The order {each.pk} was to be cancelled first, and {left} of it may yet fill."
            return NOT_CLEARED, text
        late = _filled_late(each, order) if each.role == OrderRole.ENTRY else ZERO
        if late:
            total = plain(each.quantity)
            text = f"The order {each.pk} filled {plain(late)} of {total} while it was cancelled."
            return NOT_CLEARED, text
    return None


def _filled_late(cancelled: Order, order: Order) -> Decimal:
    """After the decision. The venue may tell how much it was before it tells the fills."""
    events = OrderEvent.objects.filter(order=cancelled)
    late = events.filter(event__in=_FILLS, at__gt=_counted_until(cancelled, order))
    filled = sum((Decimal(each["quantity"]) for each in late.values_list("data", flat=True)), ZERO)
    ends = events.exclude(event__in=_FILLS).values_list("data", flat=True)
    told = max((Decimal(each.get("filled", "0")) for each in ends), default=ZERO)
    return EXACT.add(filled, max(ZERO, EXACT.subtract(told, cancelled.filled_quantity)))


def _counted_until(cancelled: Order, order: Order) -> datetime:
    """The exit that an entry waits for has closed what had filled when it left."""
    assert order.decision is not None
    before = order.after
    if before is None or before.symbol != cancelled.symbol:
        return order.decision.decided_at
    return before.submitted_at or before.updated_at
