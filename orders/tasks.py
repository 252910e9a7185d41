"""Celery's doors to the lanes. A task carries an id and means "look at this"; losing one loses
nothing, and running one twice does nothing twice."""

from celery import shared_task

from orders import day_starts, work
from orders.syncing import accounts_at_work, sync_account
from tradehub.lib import duties
from tradehub.lib.clock import utc_now
from tradehub.lib.heartbeat import canary_seen


@shared_task(name="orders.tasks.drain_lane")
def drain_lane(account_id: str) -> None:
    work.drain_lane(account_id)


@shared_task(name="orders.tasks.sync_open_orders")
def sync_open_orders() -> None:
    """Polling stays the truth; streams only speed it up."""
    for account in accounts_at_work():
        sync_account(account)
    duties.done("open_orders", utc_now())


@shared_task(name="orders.tasks.note_day_starts")
def note_day_starts() -> None:
    """Soon after a trading day began, so that its losses count from there."""
    day_starts.note_day_starts(now=utc_now())
    duties.done("day_starts", utc_now())


@shared_task(name="orders.tasks.canary")
def canary(queue: str) -> None:
    """A task went through this queue, end to end."""
    canary_seen(queue, utc_now())
