"""How the hub is doing, in figures that a few cheap queries give: for /metrics and operators.

Nothing here reads a whole ledger: each query is answered by an index, by the range of a
primary key (ids sort by time), or from a table that stays small.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from orders.models import Decision, LaneItem, Order, Position
from signals.models import Signal
from tradehub.core.ids import sortable_id
from tradehub.core.words import OrderStatus, Outcome

WORKING = (
    OrderStatus.QUEUED,
    OrderStatus.SENDING,
    OrderStatus.OPEN,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.UNCONFIRMED,
)


@dataclass(frozen=True, slots=True)
class WorkNow:
    items_due: int
    oldest_due_seconds: float
    orders: dict[str, int]
    """Working orders by status; every status is named."""
    unprotected: int

    @property
    def orders_working(self) -> int:
        return sum(self.orders.values())


@dataclass(frozen=True, slots=True)
class SignalCounts:
    received: int
    denied: int


def work_now(*, now: datetime) -> WorkNow:
    due = LaneItem.objects.filter(status=LaneItem.Status.QUEUED.value, due_at__lte=now).aggregate(
        count=Count("id"), oldest=Min("due_at")
    )
    working = Order.objects.filter(status__in=[each.value for each in WORKING])
    counted = dict(
        working.order_by()
        .values_list("status")
        .annotate(count=Count("pk"))
        .values_list("status", "count")
    )
    oldest = due["oldest"]
    return WorkNow(
        items_due=due["count"],
        oldest_due_seconds=(now - oldest).total_seconds() if oldest else 0.0,
        orders={each.value: counted.get(each.value, 0) for each in WORKING},
        unprotected=Position.objects.filter(is_open=True, protected=False).count(),
    )


def signals_since(*, since: datetime) -> SignalCounts:
    return SignalCounts(
        received=Signal.objects.filter(pk__gte=_first_id("sig", since)).count(),
        denied=Decision.objects.filter(
            pk__gte=_first_id("dec", since), outcome=Outcome.DENIED.value
        ).count(),
    )


def _first_id(prefix: str, at: datetime) -> str:
    """Ids made at that time or later are not below it."""
    return sortable_id(prefix, milliseconds=int(at.timestamp() * 1000), entropy=0)
