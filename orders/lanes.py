"""Lanes: one worker at a time does what an account must do, in order.

A lane is claimed by a conditional UPDATE with a lease, under a name that is new with every claim:
the fence. A worker proves its claim in each transaction that it writes, so one that lost its
lease (stopped, or cut off) can't write. Two accounts never wait for each other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Q, When

from orders.models import Lane, LaneItem, Order
from tradehub.core.words import OrderStatus
from tradehub.lib.db import in_write_transaction
from tradehub.lib.prepared import Prepared

LEASE = timedelta(seconds=10)
"""How long a lane stays claimed without a sign of life from its holder."""
LONGEST_WAIT = timedelta(minutes=10)
"""Nothing is made to wait longer at once: what is due later was queued by a clock that was set
back since, and is due."""
FAILED_OFTEN = 5
"""What has failed on our side so often keeps nothing behind it waiting."""

AHEAD = (LaneItem.Kind.PROTECT, LaneItem.Kind.CANCEL, LaneItem.Kind.HALT)


class LostLane(Exception):
    """Another worker holds the lane now; stop at once and write nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    account_id: str
    holder: str
    """New with every claim: the fence."""


def claim_lane(*, account_id: str, holder: str, now: datetime) -> Claim | None:
    """Take the lane if nobody holds it, or its lease ran out. None: somebody else works on it.

    `holder` must never be the same twice."""

    def claim() -> bool:
        free = Lane.objects.exclude(_held(now)).filter(pk=account_id)
        if free.update(holder=holder, lease_until=now + LEASE):
            return True
        if Lane.objects.filter(pk=account_id).exists():
            return False
        Lane.objects.bulk_create([Lane(pk=account_id)], ignore_conflicts=True)
        return bool(free.update(holder=holder, lease_until=now + LEASE))

    taken = in_write_transaction(claim, forgettable=True)
    return Claim(account_id, holder) if taken else None


def _held(now: datetime) -> Q:
    """Not by a lease of a clock that was set back since; another host's may be a bit ahead."""
    return Q(lease_until__gte=now, lease_until__lte=now + 2 * LEASE)


def hold_lane(claim: Claim, *, now: datetime) -> None:
    """Prove the claim and renew the lease; also the account's lock for this transaction.

    Call first in every transaction that a lane's work writes. Raises LostLane."""
    held = Lane.objects.filter(pk=claim.account_id, holder=claim.holder)
    if not held.update(lease_until=now + LEASE):
        raise LostLane(claim.account_id)


def release_lane(claim: Claim) -> None:
    """Let go; harmless when the lane was lost."""

    def release() -> None:
        Lane.objects.filter(pk=claim.account_id, holder=claim.holder).update(
            lease_until=None, holder=""
        )

    in_write_transaction(release, forgettable=True)


def next_item(account_id: str, *, now: datetime) -> LaneItem | None:
    """What is to be done now; None while that waits for its time, so order is kept."""
    item = head_item(account_id, now=now)
    return item if item is not None and is_due(item, now) else None


def head_item(account_id: str, *, now: datetime) -> LaneItem | None:
    """Whose turn it is, due or not. Protection, cancels and halts depend on no other item and pass
    all others. Of those, the oldest: but for one that has failed often, which is passed until it is
    due again."""
    return _NEXT.first(account=account_id, now=now, never=now + LONGEST_WAIT)


def is_due(item: LaneItem, now: datetime) -> bool:
    return item.due_at <= now or item.due_at > now + LONGEST_WAIT


_NEXT = Prepared(
    lambda account, now, never: LaneItem.objects.filter(
        (~Q(kind__in=AHEAD) & Q(attempts__lt=FAILED_OFTEN))
        | Q(due_at__lte=now)
        | Q(due_at__gt=never),
        account_id=account,
        status=LaneItem.Status.QUEUED.value,
    ).order_by(Case(When(kind__in=AHEAD, then=0), default=1), "id")[:1],
    texts=["account"],
    times=["now", "never"],
)


def lanes_with_work(*, now: datetime) -> list[str]:
    """Accounts with something due, or with an order that a dead worker left half sent."""
    due = LaneItem.objects.filter(
        Q(due_at__lte=now) | Q(due_at__gt=now + LONGEST_WAIT), status=LaneItem.Status.QUEUED
    )
    unsettled = Order.objects.filter(
        status__in=[OrderStatus.SENDING.value, OrderStatus.UNCONFIRMED.value]
    ).exclude(reason="NEEDS_REVIEW")
    accounts = set(due.values_list("account_id", flat=True).distinct())
    accounts |= set(unsettled.values_list("account_id", flat=True).distinct())
    busy = Lane.objects.filter(_held(now), pk__in=accounts)
    return sorted(accounts - set(busy.values_list("pk", flat=True)))
