"""Making items of a lane wait: their time is moved, and what is behind them keeps its place."""

from collections.abc import Collection
from datetime import timedelta
from functools import partial

from django.db.models import Q

from orders.lanes import LONGEST_WAIT, hold_lane
from orders.models import LaneItem
from orders.sending import Desk
from tradehub.lib.db import in_write_transaction


def pause_item(desk: Desk, item: LaneItem, seconds: float, *, failed: bool = False) -> None:
    changes = {"attempts": item.attempts + 1} if failed else {}
    rows = LaneItem.objects.filter(pk=item.pk)

    def pause() -> None:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        rows.update(due_at=now + _wait(seconds), **changes)

    in_write_transaction(pause)


def pause_items(desk: Desk, items: Collection[LaneItem], seconds: float) -> None:
    """No item is made to wait less than it does."""
    ids = [each.pk for each in items]
    in_write_transaction(partial(_pause_all, desk, ids, seconds))


def _pause_all(desk: Desk, ids: list[int], seconds: float) -> None:
    now = desk.clock()
    hold_lane(desk.claim, now=now)
    until = now + _wait(seconds)
    LaneItem.objects.filter(
        Q(due_at__lt=until) | Q(due_at__gt=now + LONGEST_WAIT),
        pk__in=ids,
        status=LaneItem.Status.QUEUED.value,
    ).update(due_at=until)


def _wait(seconds: float) -> timedelta:
    return min(timedelta(seconds=seconds), LONGEST_WAIT)
