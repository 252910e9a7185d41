"""Where each trading day begins: the equity that the daily loss is measured from.

Noted as soon as a worker looks after the day began, so what was lost before the day's first alert
counts too. A decision that comes even earlier notes it itself (`orders.facts`). The first one
stands, so none is noted by a key that has not passed the account doctor: it may be of another
account, and the day's losses would be counted from there.
"""

from datetime import datetime
from decimal import Decimal
from functools import partial

import structlog
from django.db import DatabaseError

from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.selectors import passed_accounts, still_passes
from orders.market import name_of
from orders.models import DayStart
from risk.models import RiskProfile
from risk.selectors import day_start_of
from tradehub.lib.db import in_write_transaction
from tradehub.lib.prepared import Prepared

log = structlog.get_logger(__name__)


def start_equity(
    account: BrokerAccount, day_start: datetime, equity: Decimal | None
) -> Decimal | None:
    """What was noted for the day; else `equity`, which is noted now. In a write transaction."""
    found = _noted(account, day_start)
    if found is not None or equity is None or account.trouble:
        return found
    fresh = DayStart(account=account, day_start=day_start, equity=equity)
    DayStart.objects.bulk_create([fresh], ignore_conflicts=True)
    return _noted(account, day_start)


def _noted(account: BrokerAccount, day_start: datetime) -> Decimal | None:
    return next((row[0] for row in _NOTED.rows(account=account.pk, day=day_start)), None)


_NOTED = Prepared(
    lambda account, day: DayStart.objects.filter(account_id=account, day_start=day).values_list(
        "equity"
    ),
    texts=["account"],
    times=["day"],
)


def note_day_starts(*, now: datetime) -> int:
    """For each account and each risk profile that it trades under; how many days began."""
    return sum(_note_or_say(account, now) for account in passed_accounts())


def _note_or_say(account: BrokerAccount, now: datetime) -> int:
    try:
        return _note(account, now)
    except DatabaseError:
        raise
    except Exception as error:  # one that breaks must keep no other from its day
        log.warning("day_start_not_noted", account=account.pk, error=name_of(error))
        return 0


def _note(account: BrokerAccount, now: datetime) -> int:
    profiles = RiskProfile.objects.filter(subscriptions__account=account).distinct()
    wanted = {day_start_of(profile, now=now) for profile in profiles}
    noted = DayStart.objects.filter(account=account, day_start__in=wanted)
    missing = wanted - set(noted.values_list("day_start", flat=True))
    if not missing:
        return 0
    equity = connect(account, now=lambda: now).account().equity
    return in_write_transaction(partial(_begin, account, missing, equity))


def _begin(account: BrokerAccount, days: set[datetime], equity: Decimal) -> int:
    if not still_passes(account):
        return 0
    for day_start in days:
        start_equity(account, day_start, equity)
    return len(days)
