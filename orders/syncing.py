"""Polling: what the venue says of our working orders becomes rows. Streams only make it faster.

Safe beside a lane at work: reports are idempotent and take the account's lock. Nothing is sent.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

import structlog
from django.db import DatabaseError

from brokers.base import Broker
from brokers.models import BrokerAccount
from brokers.registry import connect
from orders.children import pause_after_refusals
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
"""Of accounts whose venue does not answer, and of orders."""
_ASKED = [each.value for each in (*AT_VENUE, OrderStatus.UNCONFIRMED)]


class NotRecorded(Exception):
    """What the venue told of some order broke here; all else that it told is recorded."""


def sync_orders(
    account: BrokerAccount, broker: Broker, *, clock: Callable[[], datetime] = utc_now
) -> int:
    """Record what changed of the account's working orders; how many orders moved. Raises
    NotRecorded."""
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
    failed: Exception | None = None
    for report in broker.reports(list(ours)):
        name = able.name_of(report.client_order_id, report.venue_order_id)
        if name not in ours:
            continue
        order_id, version = ours[name]
        record = partial(record_report, account.pk, order_id, report, now=clock())
        try:
            moved += in_write_transaction(record).version != version
        except DatabaseError:
            raise
        except Exception as error:  # ours: the others don't wait for this one
            failed = error
            if _said.due(order_id):
                log.exception("report_failed", order=order_id, error=type(error).__name__)
    if failed is not None:
        raise NotRecorded(account.pk) from failed
    return moved


def sync_account(account: BrokerAccount, *, clock: Callable[[], datetime] = utc_now) -> int:
    """From outside the lane: record what changed, look at the prices that positions wait for and
    at what lacks protection, and ring when that made work for the lane."""
    moved = 0
    try:
        broker = connect(account, now=clock)
        with suppress(NotRecorded):  # told already
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


def _retry_protection(account: BrokerAccount, now: datetime) -> None:
    def retry() -> None:
        lock_account(account.pk)
        for position in Position.objects.filter(account=account, is_open=True, protected=False):
            queue_protection(position, now=now, after=pause_after_refusals(position, now))

    if Position.objects.filter(account=account, is_open=True, protected=False).exists():
        in_write_transaction(retry)
