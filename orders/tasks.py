"""Celery's doors to the lanes. A task carries an id and means "look at this"; losing one loses
nothing, and running one twice does nothing twice."""

from functools import partial

from celery import shared_task

from brokers.models import BrokerAccount
from brokers.room import hand_out, visit
from orders import cash_entries, day_starts, snapshots
from orders.seats import seats
from orders.syncing import accounts_at_work, sync_account
from tradehub.lib import duties
from tradehub.lib.clock import utc_now
from tradehub.lib.heartbeat import canary_seen


@shared_task(name="orders.tasks.drain_lane")
def drain_lane(account_id: str) -> None:
    seats.drain(account_id)


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


@shared_task(name="orders.tasks.snapshot_due_accounts")
def snapshot_due_accounts() -> None:
    """Hands out the accounts that are due, and asks no venue itself."""
    hand_out(snapshot_account.name, snapshots.claim_due(now=utc_now()))
    duties.done("snapshots", utc_now())


@shared_task(name="orders.tasks.snapshot_account")
def snapshot_account(account_id: str) -> None:
    account = BrokerAccount.objects.filter(pk=account_id).first()
    visit(account, snapshots.take_snapshot, partial(snapshots.come_back, now=utc_now()))


@shared_task(name="orders.tasks.thin_snapshots")
def thin_snapshots() -> None:
    snapshots.thin_snapshots(now=utc_now())


@shared_task(name="orders.tasks.read_due_cash_entries")
def read_due_cash_entries() -> None:
    """Hands out the accounts that are due, and asks no venue itself."""
    hand_out(read_cash_entries.name, cash_entries.claim_due(now=utc_now()))


@shared_task(name="orders.tasks.read_cash_entries")
def read_cash_entries(account_id: str) -> None:
    account = BrokerAccount.objects.filter(pk=account_id).first()
    visit(account, cash_entries.read_cash_entries, partial(cash_entries.come_back, now=utc_now()))
