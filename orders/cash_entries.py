"""Reading what venues booked on accounts: funding, fees, realised profit, dividends, transfers.

Once an hour from each venue that keeps such records, on from where the last reading ended and some
hours before that, since venues book late. The first one goes back so far as every venue tells.
Whatever is told twice is kept once, so a reading that breaks off goes on where it was. One that a
venue doesn't answer, or that the rate has no room for, is postponed: it is told with the figures
and is no alarm. Nothing that trades reads these. A key that has not passed the account doctor is
not read with: it may be of another account, whose money would be booked here for good.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from brokers.base import Broker
from brokers.budget import at
from brokers.budgeting import Priority
from brokers.errors import BadCredentials, BrokerError, OutcomeUnknown
from brokers.kinds import KINDS
from brokers.models import BrokerAccount, Examination
from brokers.registry import connect
from brokers.types import CashReport
from orders.models import CashEntry, CashReading
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction

EVERY = timedelta(hours=1)
AGAIN_AFTER = timedelta(minutes=10)
NO_ROOM = timedelta(minutes=1)
OVERLAP = timedelta(hours=6)
BACKFILL = timedelta(days=89)
"""Binance keeps three months."""
SPAN = timedelta(days=7)
"""The longest that is asked for at once."""
AT_ONCE = 50
"""Accounts of one tick; the others wait for the next."""
BATCH = 200
_KEPT_BY_VENUES = [name for name, kind in KINDS.items() if kind.cash]

log = structlog.get_logger(__name__)


def claim_due(*, now: datetime) -> list[str]:
    """Ids of accounts to read now; nobody else gets them for some minutes."""
    accounts = BrokerAccount.objects.filter(
        enabled=True, kind__in=_KEPT_BY_VENUES, examination__passed=True
    )
    fresh = list(accounts.filter(cash_reading__isnull=True).values_list("pk", flat=True)[:AT_ONCE])
    if fresh:
        rows = [CashReading(account_id=pk, due_at=now) for pk in fresh]
        in_write_transaction(partial(CashReading.objects.bulk_create, rows, ignore_conflicts=True))
    due = CashReading.objects.filter(account__in=accounts, due_at__lte=now).order_by("due_at")
    found = list(due.values_list("pk", "due_at")[:AT_ONCE])
    return [pk for pk, due_at in found if _claim(pk, due_at, now + AGAIN_AFTER)]


def come_back(account_id: str, *, now: datetime) -> None:
    """No worker had room for it."""
    row = CashReading.objects.filter(pk=account_id)
    in_write_transaction(partial(row.update, due_at=now + NO_ROOM))


def read_cash_entries(
    account: BrokerAccount, *, clock: Callable[[], datetime] = utc_now
) -> CashReading:
    """Asks the venue, outside of any transaction, and keeps each page as it comes. Nothing
    where the key was replaced, or failed its check, since the account's turn was given out."""
    now = clock()
    make = partial(CashReading.objects.get_or_create, pk=account.pk, defaults={"due_at": now})
    reading, _ = in_write_transaction(make)
    if not Examination.objects.filter(pk=account.pk, passed=True).exists():
        return reading
    try:
        with at(Priority.LAST):
            _read_on(account, connect(account, now=clock), reading, now)
    except BrokerError as error:
        log.info("cash_entries_postponed", account=account.pk, code=error.code)
        again = EVERY if isinstance(error, BadCredentials) else AGAIN_AFTER
        _note(reading, attempted_at=now, due_at=clock() + again, error=error.code)
        return reading
    _note(reading, attempted_at=now, due_at=now + EVERY, error="")
    return reading


def _read_on(account: BrokerAccount, broker: Broker, reading: CashReading, now: datetime) -> None:
    oldest, begin = now - BACKFILL, now - BACKFILL
    if reading.read_until is not None:
        begin = max(oldest, reading.read_until - OVERLAP)
    if reading.begins_at is None or reading.read_until is None or reading.read_until < oldest:
        _note(reading, begins_at=begin)
    while begin < now:
        page = broker.cash_entries(begin, min(begin + SPAN, now))
        if page.until <= begin:
            raise OutcomeUnknown("The venue's records don't go on.")
        _keep(account, page.reports)
        begin = page.until
        if reading.read_until is None or begin > reading.read_until:
            _note(reading, read_until=begin)


def _keep(account: BrokerAccount, reports: Sequence[CashReport]) -> None:
    """Each once, however often it is told."""
    rows = [
        CashEntry(
            account=account,
            kind=each.kind.value,
            amount=each.amount,
            currency=each.currency,
            symbol=each.symbol,
            at=each.at,
            venue_kind=each.words,
            venue_entry_id=each.venue_entry_id,
            venue_fill_id=each.venue_fill_id,
        )
        for each in sorted(reports, key=lambda each: (each.at, each.venue_entry_id))
    ]
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        in_write_transaction(partial(CashEntry.objects.bulk_create, batch, ignore_conflicts=True))


def _note(reading: CashReading, **changes: datetime | str) -> None:
    for name, value in changes.items():
        setattr(reading, name, value)
    in_write_transaction(partial(reading.save, update_fields=[*changes]))


def _claim(account_id: str, due_at: datetime, until: datetime) -> bool:
    mine = CashReading.objects.filter(pk=account_id, due_at=due_at)
    return bool(in_write_transaction(partial(mine.update, due_at=until)))
