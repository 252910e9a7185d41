"""An exit just before it leaves: never more than is held, and all where all was meant.

Between the decision and now a stop may have filled, or the entry whose rest was just cancelled.
"""

from datetime import datetime
from decimal import Decimal

from orders.lifecycle import OrderEventName
from orders.models import Order, OrderEvent
from orders.positions import ConcurrentChange, find_position
from orders.recording import ALREADY_FLAT, record_event
from tradehub.core.money import EXACT, ZERO
from tradehub.core.words import OrderRole, OrderSide


def fit_exit(order: Order, *, now: datetime) -> None:
    """Cut or grow a queued exit to what is held now; cancel it when nothing is. Inside the
    transaction that holds the lane."""
    position = find_position(order)
    held = ZERO if position is None else position.quantity
    there = max(ZERO, -OrderSide(order.side).sign * held)
    if not there:
        text = "Nothing was left to exit when the order was to leave."
        record_event(
            order,
            OrderEventName.CANCEL,
            key="cancel",
            now=now,
            reason=ALREADY_FLAT,
            reason_text=text,
        )
        return
    wanted = min(there, EXACT.add(order.quantity, _entered_since(order)))
    if wanted != order.quantity:
        _resize(order, wanted)


def _entered_since(order: Order) -> Decimal:
    """What entries that the decision cancels have still filled after it: an exit that cancels
    entries is one of all that is held."""
    decision = order.decision
    if decision is None or not decision.cancels:
        return ZERO
    late = OrderEvent.objects.filter(
        order_id__in=decision.cancels,
        order__role=OrderRole.ENTRY.value,
        order__symbol=order.symbol,
        order__side=OrderSide(order.side).opposite.value,
        event__in=[OrderEventName.FILL.value, OrderEventName.PARTIAL_FILL.value],
        at__gt=decision.decided_at,
    )
    filled = (Decimal(data["quantity"]) for data in late.values_list("data", flat=True))
    return sum(filled, ZERO)


def _resize(order: Order, quantity: Decimal) -> None:
    same = Order.objects.filter(pk=order.pk, version=order.version)
    if same.update(quantity=quantity, version=order.version + 1) != 1:
        raise ConcurrentChange(order.pk)
    order.quantity, order.version = quantity, order.version + 1
