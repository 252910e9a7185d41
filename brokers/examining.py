"""When the account doctor looks, and what is kept of it: at connect, every night, on demand.

`BrokerAccount.trouble` is the verdict that the order path reads: empty, or why no entry is sent. A
look that the venue did not answer proves nothing and leaves the verdict as it was. Due rows are
claimed by a conditional UPDATE, so a lost message is only late.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any
from zlib import crc32

import structlog
from celery import current_app
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts import audit
from brokers.asking import goes_to_a_worker
from brokers.doctor import Look, look_at, taken
from brokers.models import BrokerAccount, Examination
from tradehub.core.words import BrokerKind
from tradehub.lib import live
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction

TASK = "brokers.tasks.examine_account"
NIGHT_BEGINS = 2
"""The hour, UTC; accounts are spread over the three that follow."""
NIGHT = timedelta(hours=3)
AGAIN_AFTER = timedelta(minutes=10)
"""When a look was claimed and did not come to an end, or proved nothing."""
SOON = timedelta(seconds=30)
"""When it proved nothing of an account that has not passed: it does not trade until it has. Where
the venue's rate had no room for the look, when it has."""
WAIT = timedelta(seconds=10)
"""How long a page waits for a worker's look."""
AT_ONCE = 50
"""Accounts of one tick; the others wait for the next."""
TROUBLE_LENGTH = 240

NOT_YET = "It has not passed its first check yet."
NEW_CREDENTIALS = "Its new credentials have not passed the check yet."

log = structlog.get_logger(__name__)


class Action(StrEnum):
    """Words of the audit trail."""

    PASSED = "broker_account.check_passed"
    FAILED = "broker_account.check_failed"


def examine_account(
    account: BrokerAccount, *, clock: Callable[[], datetime] = utc_now
) -> Examination:
    """Look now, and keep what was found. Asks the venue, outside of any transaction."""
    look = look_at(account, now=clock)
    return in_write_transaction(partial(_keep, account, look, clock()))


@dataclass(frozen=True, slots=True)
class Shown:
    """For a page or an answer. `pending`: no worker finished in time."""

    passed: bool | None
    attempted_at: datetime | None
    examined_at: datetime | None
    lines: list[dict[str, Any]]
    pending: bool = False


def examine_for_page(
    account: BrokerAccount,
    *,
    clock: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] = time.sleep,
) -> Shown:
    """Look now: here where no credential is needed, else by a worker, for which it waits."""
    if not goes_to_a_worker(account):
        return _shown(examine_account(account, clock=clock))
    asked_at = clock()
    ask_for_examination(account.pk)
    while clock() - asked_at < WAIT:
        row = Examination.objects.filter(pk=account.pk).first()
        if row is not None and row.attempted_at is not None and row.attempted_at >= asked_at:
            return _shown(row)
        sleep(0.1)
    row = Examination.objects.filter(pk=account.pk).first() or Examination(account=account)
    return replace(_shown(row), pending=True)


def _shown(row: Examination) -> Shown:
    return Shown(row.passed, row.attempted_at, row.examined_at, row.lines)


def require_examination(account: BrokerAccount, why: str, *, now: datetime) -> None:
    """In the transaction that made the account or changed its key: no entries until it passes. A
    paper account has nothing to pass."""
    account.trouble = "" if account.kind == BrokerKind.PAPER else why
    account.save(update_fields=["trouble"])
    passed = True if account.kind == BrokerKind.PAPER else None
    fresh: dict[str, Any] = {"due_at": now, "examined_at": None, "passed": passed, "lines": []}
    Examination.objects.update_or_create(pk=account.pk, defaults=fresh)
    if account.trouble:
        transaction.on_commit(partial(ask_for_examination, account.pk))


def ask_for_examination(account_id: str) -> None:
    """Tell a worker to look now. Without Redis the row is due, and the next tick finds it."""
    try:
        options = {"queue": "background", "retry": False, "ignore_result": True}
        current_app.send_task(TASK, args=(account_id,), expires=60, **options)
    except Exception as error:  # any broker trouble: the row is due
        log.warning("check_not_asked", account=account_id, error=type(error).__name__)


def claim_due(*, now: datetime) -> list[str]:
    """Ids of accounts to look at now; nobody else gets them for some minutes."""
    _add_missing(now)
    due = Examination.objects.filter(due_at__lte=now).order_by("due_at")
    rows = list(due.values_list("pk", "due_at")[:AT_ONCE])
    return [pk for pk, due_at in rows if _claim(pk, due_at, now)]


def come_back(account_id: str, *, now: datetime) -> None:
    """No worker had room for it: the next tick hands it out again."""
    row = Examination.objects.filter(pk=account_id)
    in_write_transaction(partial(row.update, due_at=now))


def next_night(account_id: str, now: datetime) -> datetime:
    """The account's own minute of the next night that is not just now."""
    offset = timedelta(seconds=crc32(account_id.encode()) % int(NIGHT.total_seconds()))
    at = now.replace(hour=NIGHT_BEGINS, minute=0, second=0, microsecond=0) + offset
    while at < now + timedelta(hours=6):
        at += timedelta(days=1)
    return at


def _add_missing(now: datetime) -> None:
    ids = BrokerAccount.objects.filter(examination__isnull=True).values_list("pk", flat=True)
    rows = [Examination(account_id=pk, due_at=now) for pk in ids[:AT_ONCE]]
    if rows:
        Examination.objects.bulk_create(rows, ignore_conflicts=True)


def _claim(account_id: str, due_at: datetime, now: datetime) -> bool:
    mine = Examination.objects.filter(pk=account_id, due_at=due_at)
    return bool(in_write_transaction(partial(mine.update, due_at=now + AGAIN_AFTER)))


def _keep(account: BrokerAccount, look: Look, now: datetime) -> Examination:
    """Of a key that was replaced meanwhile nothing is kept: its successor is looked at anew."""
    same_key = BrokerAccount.objects.filter(
        pk=account.pk, sealed_credentials=account.sealed_credentials
    )
    # It changes nothing and has the row: who replaces the key now waits until this is committed.
    is_same = bool(same_key.update(trouble=F("trouble")))
    row, _ = Examination.objects.get_or_create(pk=account.pk, defaults={"due_at": now})
    if not is_same:
        return row
    look = _with_identity(account, look)
    row.attempted_at = now
    row.lines = [asdict(line) for line in look.lines]
    row.due_at = now + (AGAIN_AFTER if row.passed else _soon(look))
    if look.complete:
        _judge(account, row, look, now)
    row.save()
    live.notify(account.owner_id, "account", account.pk)
    return row


def _soon(look: Look) -> timedelta:
    if not look.held_for:
        return SOON
    return min(timedelta(seconds=look.held_for), AGAIN_AFTER)


def _judge(account: BrokerAccount, row: Examination, look: Look, now: datetime) -> None:
    wrong = look.hindrances
    account.trouble = wrong[0].text[:TROUBLE_LENGTH] if wrong else ""
    BrokerAccount.objects.filter(pk=account.pk).update(trouble=account.trouble)
    if row.passed is not (not wrong):
        audit.record(
            owner=account.owner,
            actor=None,
            action=Action.FAILED if wrong else Action.PASSED,
            target=account,
            data={"lines": [f"{line.name}: {line.text}" for line in wrong]},
            now=now,
        )
    row.passed, row.examined_at = not wrong, now
    row.due_at = next_night(account.pk, now)


def _with_identity(account: BrokerAccount, look: Look) -> Look:
    """Keep the venue's own id of the account, once. Of two rows for one account at the same
    moment the database lets one through."""
    if not look.venue_account_id or account.venue_account_id or look.hindrances:
        return look
    try:
        with transaction.atomic():
            BrokerAccount.objects.filter(pk=account.pk).update(
                venue_account_id=look.venue_account_id
            )
    except IntegrityError:
        kept = [line for line in look.lines if line.name != "identity"]
        return replace(look, lines=(*kept, taken(look.venue_account_id)))
    account.venue_account_id = look.venue_account_id
    return look
