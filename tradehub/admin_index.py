"""The tiles on the operators' first page: is everything all right, and what needs a look?"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from redis import RedisError

from risk.models import TradingState
from tradehub.core.words import Scope, TradingStateName
from tradehub.figures import signals_since, work_now
from tradehub.lib import heartbeat
from tradehub.lib.clock import utc_now

LATE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    value: str
    note: str
    url: str = ""
    alarm: bool = False


def add_tiles(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK."""
    return {**context, "tiles": tiles()}


def tiles() -> list[Tile]:
    now = utc_now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    counts = signals_since(since=today)
    work = work_now(now=now)
    late = work.oldest_due_seconds > LATE_SECONDS
    unprotected = "ask for protection and have none" if work.unprotected else "all as asked"
    return [
        _site_state(),
        Tile("Signals today", str(counts.received), "since 00:00 UTC", "signals/signal/"),
        Tile(
            "Denied today",
            str(counts.denied),
            "decisions",
            "orders/decision/?outcome__exact=denied",
        ),
        Tile("Orders working", str(work.orders_working), _split(work.orders), "orders/order/"),
        Tile(
            "Lane items due",
            str(work.items_due),
            f"the oldest is {work.oldest_due_seconds:.0f} s late"
            if work.items_due
            else "no backlog",
            "orders/laneitem/?status__exact=queued",
            alarm=late,
        ),
        Tile(
            "Unprotected positions",
            str(work.unprotected),
            unprotected,
            "orders/position/?protected__exact=0",
            alarm=work.unprotected > 0,
        ),
        _heartbeat(now.timestamp()),
    ]


def _site_state() -> Tile:
    rows = TradingState.objects.filter(scope=Scope.SITE.value).values_list("state", flat=True)
    state = TradingStateName(rows.order_by("pk").first() or TradingStateName.ACTIVE)
    note = "entries are taken" if state is TradingStateName.ACTIVE else "no entries, exits pass"
    alarm = state is not TradingStateName.ACTIVE
    return Tile("Site", state.value, note, "risk/tradingstate/", alarm=alarm)


def _split(orders: dict[str, int]) -> str:
    named = [f"{count} {status.replace('_', ' ')}" for status, count in orders.items() if count]
    return ", ".join(named) or "none"


def _heartbeat(now: float) -> Tile:
    try:
        heard = heartbeat.read()
    except RedisError:
        return Tile("Workers", "unknown", "Redis does not answer", alarm=True)
    ages = {
        queue: None if at is None else max(0.0, now - at) for queue, at in heard.canaries.items()
    }
    silent = [queue for queue, age in ages.items() if age is None or age > LATE_SECONDS]
    if silent:
        return Tile("Workers", "silent", f"queue {', '.join(silent)}", alarm=True)
    oldest = max(age for age in ages.values() if age is not None)
    return Tile("Workers", f"{oldest:.0f} s", "since a task last went round")
