"""An exit just before it leaves: never more than is held, and all where all was meant.

Between the decision and now a stop may have filled, or the entry whose rest was just cancelled.
What is more than the venue takes in one order at the market leaves in parts, one after the other:
the first one now, and an order for the rest waits until it has filled. That one is fitted again
when it leaves, so whatever became of a part, no more than what is still held follows.
"""

from datetime import datetime
from decimal import Decimal

from brokers.types import Instrument
from orders.drafts import new_client_order_id
from orders.lifecycle import OrderEventName
from orders.models import Order, OrderEvent
from orders.positions import ConcurrentChange, find_position
from orders.recording import ALREADY_FLAT, record_event
from tradehub.core.money import EXACT, ONE, ZERO, round_down, round_up
from tradehub.core.words import OrderRole, OrderSide, OrderStatus, OrderType
from tradehub.lib import live

_SAME = (
    "owner_id", "account_id", "strategy_id", "signal_id", "decision_id", "symbol", "side",
    "order_type", "time_in_force", "reduce_only", "extended_hours", "role", "source",
    "reference_price",
)  # fmt: skip
"""What a part has of the one before it."""
PART = ".part."
"""In the leg of each part but the first."""


def fit_exit(order: Order, *, now: datetime, instrument: Instrument | None = None) -> None:
    """Cut or grow a queued exit to what is held now; cancel it when nothing is. Inside the
    transaction that holds the lane. `instrument`: where the venue has a largest market order."""
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
    part = _part_of(wanted, order, instrument)
    if part != order.quantity:
        _resize(order, part)
    if part < wanted:
        _queue_rest(order, EXACT.subtract(wanted, part), now)


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
        at__gt=_counted_until(order),
    )
    filled = (Decimal(data["quantity"]) for data in late.values_list("data", flat=True))
    return sum(filled, ZERO)


def _counted_until(order: Order) -> datetime:
    """What had filled by then is in its quantity: it was written, or fitted for an attempt that
    did not reach the venue."""
    sent = OrderEvent.objects.filter(order=order, event=OrderEventName.SEND.value)
    last = sent.order_by("-id").first() if order.attempts else None
    return order.created_at if last is None else last.at


def _part_of(wanted: Decimal, order: Order, instrument: Instrument | None) -> Decimal:
    """All of it, or the first of as few and as equal parts as can be: a last one that is too small
    for the venue could not be closed."""
    most = None if instrument is None else instrument.most(OrderType.MARKET)
    if order.order_type != OrderType.MARKET or instrument is None or most is None:
        return wanted
    step = instrument.market_step or instrument.quantity_step
    most = round_down(most, step)
    if wanted <= most or not most:
        return wanted
    parts = round_up(EXACT.divide(wanted, most), ONE)
    return min(most, round_up(EXACT.divide(wanted, parts), step))


def _queue_rest(order: Order, quantity: Decimal, now: datetime) -> None:
    """Nobody sends it before `order` has filled (`orders.recording`), and what waited for that one
    waits for this one. If that one ends otherwise, so does this one."""
    leg = _next_leg(order)
    rest = Order.objects.create(
        **{name: getattr(order, name) for name in _SAME},
        after=order,
        leg=leg,
        client_order_id=new_client_order_id(_origin(order), order.account_id, leg),
        quantity=quantity,
        created_at=now,
        updated_at=now,
    )
    waiting = Order.objects.filter(after=order, status=OrderStatus.QUEUED.value)
    waiting.exclude(pk=rest.pk).update(after=rest)
    live.notify(rest.owner_id, "order", rest.pk, 1, status=rest.status, symbol=rest.symbol)


def _next_leg(order: Order) -> str:
    """Of its first part, with the number of this one."""
    first = f"{order.leg.partition(PART)[0]}{PART}"
    decided = Order.objects.filter(account_id=order.account_id, decision_id=order.decision_id)
    return f"{first}{decided.filter(leg__startswith=first).count() + 2}"


def _origin(order: Order) -> str:
    item = None if order.decision is None else f"item:{order.decision.item_id}"
    return order.signal_id or item or f"order:{order.pk}"


def _resize(order: Order, quantity: Decimal) -> None:
    same = Order.objects.filter(pk=order.pk, version=order.version)
    if same.update(quantity=quantity, version=order.version + 1) != 1:
        raise ConcurrentChange(order.pk)
    order.quantity, order.version = quantity, order.version + 1
