"""What each account is worth, noted as time passes: every 5 minutes while it holds anything, every
hour else, and soon after a fill. What is told with a key that has not passed the account doctor is
not noted: it may be another account's.

Due accounts are claimed by a conditional UPDATE and looked at one by one, each by a task of its
own, so a venue that hangs delays its own accounts only. The first snapshot of a day is kept for
ever, the first of an hour for three months, the others for two days.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db.models import Max

from brokers.budget import at
from brokers.budgeting import Priority
from brokers.errors import BrokerError
from brokers.models import AccountSnapshot, BrokerAccount
from brokers.registry import connect
from brokers.selectors import passed_accounts, still_passes
from brokers.types import AccountState
from orders.models import Fill, Position
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction

HOLDING = timedelta(minutes=5)
IDLE = timedelta(hours=1)
SOON = timedelta(minutes=5)
"""So long a fill makes its account due, however often the venue fails to answer."""
NO_ROOM = timedelta(minutes=1)
AT_ONCE = 200
"""Accounts of one tick; the others wait for the next."""
RECENT_FILLS = 500
KEPT = {
    AccountSnapshot.Grain.FINE: timedelta(days=2),
    AccountSnapshot.Grain.HOUR: timedelta(days=92),
}
BATCH = 500
BATCHES = 20
"""Of one thinning; the next one goes on."""

log = structlog.get_logger(__name__)


def claim_due(*, now: datetime) -> list[str]:
    """Ids of accounts to note now; nobody else gets them before they are due again."""
    _after_fills(now)
    due = passed_accounts().filter(snapshot_due_at__lte=now)
    rows = list(due.order_by("snapshot_due_at").values_list("pk", "snapshot_due_at")[:AT_ONCE])
    ids = [pk for pk, _ in rows]
    holding = Position.objects.filter(account__in=ids, is_open=True)
    held = set(holding.values_list("account_id", flat=True))
    return [
        pk for pk, due_at in rows if _claim(pk, due_at, now + (HOLDING if pk in held else IDLE))
    ]


def come_back(account_id: str, *, now: datetime) -> None:
    """No worker had room for it."""
    row = BrokerAccount.objects.filter(pk=account_id)
    in_write_transaction(partial(row.update, snapshot_due_at=now + NO_ROOM))


def take_snapshot(
    account: BrokerAccount, *, clock: Callable[[], datetime] = utc_now
) -> AccountSnapshot | None:
    """Asks the venue, outside of any transaction. None when it does not tell: the next one will."""
    try:
        with at(Priority.LAST):
            state = connect(account, now=clock).account()
    except BrokerError as error:
        log.warning("snapshot_not_taken", account=account.pk, code=error.code)
        return None
    return in_write_transaction(partial(_note, account, state, clock()))


def thin_snapshots(*, now: datetime) -> int:
    """Delete what is too fine for its age; how many."""
    gone = 0
    for grain, kept in KEPT.items():
        old = AccountSnapshot.objects.filter(grain=grain.value, at__lt=now - kept)
        for _ in range(BATCHES):
            ids = list(old.order_by("at").values_list("pk", flat=True)[:BATCH])
            if not ids:
                break
            rows = AccountSnapshot.objects.filter(pk__in=ids)
            gone += in_write_transaction(rows.delete)[0]
    return gone


def _after_fills(now: datetime) -> None:
    """Of the newest fills, those that no snapshot has seen yet make their accounts due."""
    newest = Fill.objects.order_by("-id").values_list("account_id", "at")[:RECENT_FILLS]
    filled: dict[str, datetime] = {}
    for account_id, filled_at in newest:
        filled[account_id] = max(filled_at, filled.get(account_id, filled_at))
    rows = AccountSnapshot.objects.filter(account__in=[*filled]).order_by()
    seen = dict(rows.values_list("account_id").annotate(last=Max("at")))
    fresh = [
        pk for pk, at in filled.items() if at > now - SOON and (pk not in seen or at > seen[pk])
    ]
    later = BrokerAccount.objects.filter(pk__in=fresh, snapshot_due_at__gt=now)
    if fresh:
        in_write_transaction(partial(later.update, snapshot_due_at=now))


def _claim(account_id: str, due_at: datetime, until: datetime) -> bool:
    mine = BrokerAccount.objects.filter(pk=account_id, snapshot_due_at=due_at)
    return bool(in_write_transaction(partial(mine.update, snapshot_due_at=until)))


def _note(account: BrokerAccount, state: AccountState, now: datetime) -> AccountSnapshot | None:
    if not still_passes(account):
        return None  # its key was replaced, or has failed, since it was asked
    last = AccountSnapshot.objects.filter(account=account).order_by("-at").first()
    if last is not None and last.at >= now:
        return None  # another worker was faster
    return AccountSnapshot.objects.create(
        account=account,
        at=now,
        equity=state.equity,
        cash=state.cash,
        buying_power=state.buying_power,
        currency=state.currency,
        grain=_grain(None if last is None else last.at, now).value,
    )


def _grain(last: datetime | None, now: datetime) -> AccountSnapshot.Grain:
    if last is None or last.date() != now.date():
        return AccountSnapshot.Grain.DAY
    if last.hour != now.hour:
        return AccountSnapshot.Grain.HOUR
    return AccountSnapshot.Grain.FINE
