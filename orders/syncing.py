"""Polling: what the venue says of our working orders becomes rows. Streams only make it faster.

Safe beside a lane at work: reports are idempotent and take the account's lock. Nothing is sent.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog

from brokers.base import Broker
from brokers.models import BrokerAccount
from brokers.registry import connect
from orders.children import REMEMBERED, is_taker
from orders.doorbell import ring_on_commit
from orders.lifecycle import AT_VENUE
from orders.market import name_of
from orders.models import LaneItem, Order, Position
from orders.monitoring import watch_account
from orders.positions import queue_protection
from orders.recording import lock_account, record_report
from tradehub.core.words import OrderStatus
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction
from tradehub.lib.logs import Seldom

log = structlog.get_logger(__name__)
_said = Seldom()
"""Of accounts whose venue does not answer."""
_ASKED = [each.value for each in (*AT_VENUE, OrderStatus.UNCONFIRMED)]


def sync_orders(
    account: BrokerAccount, broker: Broker, *, clock: Callable[[], datetime] = utc_now
) -> int:
    """Record what changed of the account's working orders; how many orders moved."""
    able = broker.capabilities()
    working = Order.objects.filter(account=account, status__in=_ASKED)
    ours = {
        able.name_of(client_id, venue_id): (order_id, version)
        for client_id, venue_id, order_id, version in working.values_list(
            "client_order_id", "venue_order_id", "pk", "version"
        )
    }
    ours.pop("", None)  # not confirmed, and no name to ask by
    if not ours:
        return 0
    moved = 0
    for report in broker.reports(list(ours)):
        name = able.name_of(report.client_order_id, report.venue_order_id)
        if name not in ours:
            continue
        order_id, version = ours[name]
        record = partial(record_report, account.pk, order_id, report, now=clock())
        moved += in_write_transaction(record).version != version
    return moved


def sync_account(account: BrokerAccount, *, clock: Callable[[], datetime] = utc_now) -> int:
    """From outside the lane: record what changed, look at the prices that positions wait for and
    at what lacks protection, and ring when that made work for the lane."""
    moved = 0
    try:
        broker = connect(account, now=clock)
        moved = sync_orders(account, broker, clock=clock)
        watch_account(account, broker, clock=clock)
    except Exception as error:  # the poll goes on: for this account's alarms, for other accounts
        if _said.due(account.pk):
            log.warning("sync_failed", account=account.pk, error=name_of(error))
    _retry_protection(account, clock())
    if LaneItem.objects.filter(account=account, status=LaneItem.Status.QUEUED.value).exists():
        ring_on_commit([account.pk])
    return moved


def accounts_at_work() -> list[BrokerAccount]:
    """Accounts with orders at the venue, or with a position that lacks its protection."""
    orders = Order.objects.filter(status__in=_ASKED)
    alarms = Position.objects.filter(is_open=True, protected=False)
    ids = set(orders.values_list("account_id", flat=True).distinct())
    ids |= set(alarms.values_list("account_id", flat=True).distinct())
    return list(BrokerAccount.objects.filter(pk__in=ids).order_by("pk"))


def _pause(position: Position, now: datetime) -> timedelta:
    """Longer after each child that the venue refused, so that nothing turns in circles."""
    refused = Order.objects.filter(
        link=position.pk,
        status=OrderStatus.REJECTED.value,
        created_at__gt=now - REMEMBERED,
    )
    times = sum(not is_taker(each) for each in refused)
    return timedelta(seconds=min(2**times, 300) - 1)


def _retry_protection(account: BrokerAccount, now: datetime) -> None:
    def retry() -> None:
        lock_account(account.pk)
        for position in Position.objects.filter(account=account, is_open=True, protected=False):
            queue_protection(position, now=now, after=_pause(position, now))

    if Position.objects.filter(account=account, is_open=True, protected=False).exists():
        in_write_transaction(retry)
