"""Operators' pages about lanes, decisions, orders, fills and positions: to look at. The one thing
that can be done here is to park a lane item that is stuck, or to queue a parked one again."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin import operator_of
from accounts.requests import ip_of
from orders.models import (
    CashEntry,
    CashReading,
    DayStart,
    Decision,
    Drift,
    Fill,
    Lane,
    LaneItem,
    LatestAlert,
    Order,
    OrderEvent,
    Position,
    Reconciliation,
)
from orders.parking import park_item, requeue_item
from tradehub.lib.admin import ReadOnlyAdmin, RowsInside
from tradehub.lib.clock import utc_now


class OfAccount(ReadOnlyAdmin):
    owner_path = "account__owner"
    list_select_related = ("account",)


@admin.register(Lane)
class LaneAdmin(OfAccount):
    list_display = ("account", "holder", "lease_until")


@admin.register(LaneItem)
class LaneItemAdmin(OfAccount):
    list_display = ("id", "account", "kind", "status", "reason", "attempts", "due_at", "signal_id")
    list_filter = ("status", "kind")
    ordering = ("-id",)
    actions = ("park", "requeue")

    @admin.action(description="Park: the lane goes on without it", permissions=["operate"])
    def park(self, request: HttpRequest, queryset: QuerySet[LaneItem]) -> None:
        self._each(request, queryset, park_item, "Parked")

    @admin.action(description="Queue again (parked ones)", permissions=["operate"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[LaneItem]) -> None:
        self._each(request, queryset, requeue_item, "Queued again")

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[LaneItem],
        work: Callable[..., bool],
        done: str,
    ) -> None:
        items = list(queryset.select_related("account__owner").order_by("id"))
        actor, ip = operator_of(request), ip_of(request)
        hit = [item for item in items if work(item=item, actor=actor, now=utc_now(), ip=ip)]
        if hit:
            messages.success(request, f"{done}: {len(hit)}.")
        if len(hit) < len(items):
            messages.warning(request, f"Left as they are: {len(items) - len(hit)}.")


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("id", "decided_at", "owner", "account", "outcome", "signal_id")
    list_filter = ("outcome",)
    list_select_related = ("owner", "account")


class EventsInside(RowsInside):
    model = OrderEvent


class FillsInside(RowsInside):
    model = Fill
    left_out = ("owner", "account", "strategy", "symbol", "side")


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "owner",
        "account",
        "symbol",
        "side",
        "role",
        "order_type",
        "quantity",
        "status",
        "created_at",
    )
    list_filter = ("status", "source")
    list_select_related = ("owner", "account")
    inlines = (EventsInside, FillsInside)


@admin.register(OrderEvent)
class OrderEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "order_id", "event", "status", "at")
    ordering = ("-id",)
    owner_path = "order__owner"


@admin.register(Fill)
class FillAdmin(ReadOnlyAdmin):
    list_display = ("id", "owner", "account", "symbol", "side", "quantity", "price", "at")
    list_select_related = ("owner", "account")


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "owner", "account", "strategy", "quantity", "protected", "is_open")
    list_filter = ("is_open", "protected")
    list_select_related = ("owner", "account", "strategy")


@admin.register(DayStart)
class DayStartAdmin(OfAccount):
    list_display = ("account", "day_start", "equity")
    list_display_links = ("account", "day_start")
    ordering = ("-id",)


@admin.register(Reconciliation)
class ReconciliationAdmin(OfAccount):
    list_display = ("account", "required_at", "reconciled_at", "attempted_at", "due_at", "error")


@admin.register(Drift)
class DriftAdmin(OfAccount):
    list_display = ("account", "symbol", "ours", "theirs", "seen_at", "confirmed_at", "healed_at")
    ordering = ("-id",)


@admin.register(LatestAlert)
class LatestAlertAdmin(OfAccount):
    list_display = ("account", "strategy", "symbol", "sent_at")
    ordering = ("-id",)


@admin.register(CashEntry)
class CashEntryAdmin(OfAccount):
    list_display = ("id", "account", "at", "kind", "amount", "currency", "symbol", "venue_kind")
    list_filter = ("kind",)


@admin.register(CashReading)
class CashReadingAdmin(OfAccount):
    list_display = ("account", "begins_at", "read_until", "attempted_at", "due_at", "error")
