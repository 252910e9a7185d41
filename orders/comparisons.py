"""When an account is compared with its venue: what is required, and whose turn it is.

One row an account (`Reconciliation`), written in short transactions of their own. It is
`orders.reconciling` that compares.
"""

from datetime import datetime, timedelta
from functools import partial

from django.db.models import F, Q

from brokers.models import BrokerAccount
from orders.lifecycle import WORKING
from orders.models import Order, Position, Reconciliation
from tradehub.lib.db import in_write_transaction
from tradehub.lib.prepared import Prepared

CLAIMED_FOR = timedelta(seconds=60)

# ---- what is required ----


def require_reconciliation(*, now: datetime) -> None:
    """Every account must be compared before it trades: a worker has started."""
    in_write_transaction(lambda: Reconciliation.objects.update(required_at=now, due_at=now))


def require_reconciliation_of(account_id: str, now: datetime) -> None:
    """This account must be compared before it trades on."""
    in_write_transaction(partial(put_comparison, account_id, due_at=now, required_at=now))


def reconcile_soon(account_id: str, now: datetime) -> None:
    """Compare at once, as after a fault of the venue; nothing is held for it."""
    in_write_transaction(partial(put_comparison, account_id, due_at=now))


def is_required(account_id: str) -> bool:
    """Also for an account that was never compared."""
    return not COMPARED.rows(account=account_id)


COMPARED = Prepared(  # those that may trade, each with when it was compared last
    lambda account: Reconciliation.objects.filter(pk=account, required_at__isnull=True).values_list(
        "reconciled_at"
    ),
    texts=["account"],
)


# ---- whose turn it is ----


def claim_comparison(account_id: str, *, now: datetime) -> bool:
    """Whether the comparison is due and nobody else makes it: then it is the caller's."""

    def claim() -> bool:
        due = Reconciliation.objects.filter(_is_due(now), pk=account_id)
        if due.update(due_at=now + CLAIMED_FOR, attempted_at=now):
            return True
        if Reconciliation.objects.filter(pk=account_id).exists():
            return False
        put_comparison(account_id, due_at=now, required_at=now)
        return bool(due.update(due_at=now + CLAIMED_FOR, attempted_at=now))

    return in_write_transaction(claim)


def _is_due(now: datetime) -> Q:
    """Also what no pause of ours explains: the clock was set back."""
    return Q(due_at__lte=now) | Q(due_at__gt=now + 2 * CLAIMED_FOR)


def due_accounts(*, now: datetime) -> list[BrokerAccount]:
    """Accounts to compare now: those whose time has come, and those never compared. The one that
    was compared longest ago goes first, so that all get their share where the venue's limit does
    not suffice for all. A disabled one only while something of it is open."""
    waiting = Reconciliation.objects.exclude(_is_due(now))
    longest_ago = F("reconciliation__reconciled_at").asc(nulls_first=True)
    rows = BrokerAccount.objects.exclude(pk__in=waiting.values("pk")).order_by(longest_ago, "pk")
    return [each for each in rows if each.enabled or anything_open(each.pk)]


def anything_open(account_id: str) -> bool:
    working = [each.value for each in WORKING]
    return (
        Order.objects.filter(account_id=account_id, status__in=working).exists()
        or Position.objects.filter(account_id=account_id, is_open=True).exists()
    )


# ---- the row ----


def put_comparison(account_id: str, **changes: object) -> Reconciliation:
    """The account's row with these values, made when there is none."""
    rows = Reconciliation.objects.filter(pk=account_id)
    if not rows.update(**changes):
        now = changes.get("due_at") or changes.get("attempted_at")
        first = {"due_at": now, "required_at": now, **changes}
        Reconciliation.objects.bulk_create(
            [Reconciliation(pk=account_id, **first)], ignore_conflicts=True
        )
        rows.update(**changes)
    return rows.get()
