"""Closing a position by an item of its lane, which is decided like any exit.

Inside the caller's transaction, under the account's lock.
"""

from datetime import datetime

from orders.children import REMEMBERED, entry_of
from orders.lifecycle import UNSETTLED
from orders.models import LaneItem, Order, Position
from orders.terms import Terms
from orders.triggers import pause_after
from tradehub.core.intent import Intent
from tradehub.core.words import OrderRole, OrderSource, OrderType, PositionSide, Verb


def queue_close(
    position: Position, *, terms: Terms, source: OrderSource, now: datetime
) -> LaneItem:
    """Put an exit of the whole position into its lane."""
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


def close_bare(position: Position, *, now: datetime) -> bool:
    """Close what its stop does not guard, by ourselves: once, and less and less often where the
    venue refuses. Whether an exit was put into the lane."""
    terms = terms_of_entry(position)
    if terms is None or _is_closing(position, now):
        return False
    queue_close(position, terms=terms, source=OrderSource.SYSTEM, now=now)
    return True


def terms_of_entry(position: Position) -> Terms | None:
    """Those under which the entry that asked for protection was decided."""
    entry = Order.objects.select_related("decision__item").get(pk=entry_of(position))
    return None if entry.decision is None else Terms.from_json(entry.decision.item.terms)


def _is_closing(position: Position, now: datetime) -> bool:
    """An exit waits, is on its way, or was tried in vain a moment ago."""
    waiting = LaneItem.objects.filter(
        account_id=position.account_id,
        subject=position.pk,
        kind=LaneItem.Kind.DECIDE.value,
        status__in=[LaneItem.Status.QUEUED.value, LaneItem.Status.HELD.value],
    )
    if waiting.exists():
        return True
    exits = Order.objects.filter(
        account_id=position.account_id,
        symbol=position.symbol,
        strategy_id=position.strategy_id,
        role=OrderRole.EXIT.value,
    )
    if exits.filter(status__in=[each.value for each in UNSETTLED]).exists():
        return True
    ours = exits.filter(source=OrderSource.SYSTEM.value, created_at__gt=now - REMEMBERED)
    ours = ours.exclude(after__isnull=False, submitted_at__isnull=True)  # parts that never left
    vain = [each for each in ours.order_by("created_at") if not each.filled_quantity]
    return bool(vain) and now < vain[-1].created_at + pause_after(len(vain))
