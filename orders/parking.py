"""What an operator does with a lane item that is stuck: park it, so that its lane goes on, or
queue a parked one again. Each is audited.

What a parked item had still to send ends as denied: it would hold its room, and keep its position
from being closed, for good. Queueing again is safe: a decision that was made stays, and nothing
that was sent, or ended, is sent again. Only parked items can be queued again.
"""

from datetime import datetime

from accounts import audit
from accounts.models import User
from orders.doorbell import ring_on_commit
from orders.ending import deny_unsent
from orders.models import LaneItem
from orders.recording import lock_account
from orders.settling import settle
from tradehub.lib.db import in_write_transaction

_STUCK = (LaneItem.Status.QUEUED.value, LaneItem.Status.HELD.value)


def park_item(*, item: LaneItem, actor: User, now: datetime, ip: str = "") -> bool:
    """False: it was done or parked in the meantime."""

    def work() -> bool:
        lock_account(item.account_id)
        waiting = LaneItem.objects.filter(pk=item.pk, status__in=_STUCK)
        if not waiting.update(status=LaneItem.Status.PARKED.value, finished_at=now):
            return False
        text = "Whoever runs this server has taken its item out of the account's lane."
        deny_unsent(item, text, now)
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
