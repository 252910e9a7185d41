"""What an operator does with a lane item that is stuck: park it, so that its lane goes on, or
queue a parked one again. Each is audited.

Queueing again is safe: a decision that was made stays, and an order that was sent is not sent
again. Only parked items can be queued again, so nothing that was done is done twice.
"""

from datetime import datetime

from accounts import audit
from accounts.models import User
from orders.doorbell import ring_on_commit
from orders.models import LaneItem
from orders.settling import settle
from tradehub.lib.db import in_write_transaction

_STUCK = (LaneItem.Status.QUEUED.value, LaneItem.Status.HELD.value)


def park_item(*, item: LaneItem, actor: User, now: datetime, ip: str = "") -> bool:
    """False: it was done or parked in the meantime."""

    def work() -> bool:
        waiting = LaneItem.objects.filter(pk=item.pk, status__in=_STUCK)
        if not waiting.update(status=LaneItem.Status.PARKED.value, finished_at=now):
            return False
        _record(item, "lane_item.parked", actor, now, ip)
        settle(item.signal_id)
        # What waited behind it may be due.
        ring_on_commit([item.account_id])
        return True

    return in_write_transaction(work)


def requeue_item(*, item: LaneItem, actor: User, now: datetime, ip: str = "") -> bool:
    """False: it is not parked (any more)."""

    def work() -> bool:
        parked = LaneItem.objects.filter(pk=item.pk, status=LaneItem.Status.PARKED.value)
        hit = parked.update(
            status=LaneItem.Status.QUEUED.value,
            attempts=0,
            due_at=now,
            finished_at=None,
            reason="",
        )
        if not hit:
            return False
        _record(item, "lane_item.requeued", actor, now, ip)
        ring_on_commit([item.account_id])
        return True

    return in_write_transaction(work)


def _record(item: LaneItem, action: str, actor: User, now: datetime, ip: str) -> None:
    audit.record(
        owner=item.account.owner,
        actor=actor,
        action=action,
        target=item,
        data={"kind": item.kind, "account": item.account_id, "signal": item.signal_id},
        now=now,
        ip=ip,
    )
