"""What a venue booked on an account, beside what we make of its fills: the same time, by currency.

Read only. Our realised profit is before fees and counted for each strategy; the venue's is of the
whole position. While strategies share one, or it was traded elsewhere, they differ; once it is flat
they agree. MoneyField is summed here in Python, of so many of the newest rows at most.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from accounts.models import User
from brokers.kinds import KINDS
from brokers.models import BrokerAccount
from brokers.types import CashKind
from orders.models import CashEntry, CashReading, Fill
from tradehub.core.money import EXACT, ZERO

SHOWN = timedelta(days=30)
MOST_ROWS = 20_000
FUTURES_CURRENCY = "USDT"
"""Where the account's options name none."""
Sums = dict[tuple[CashKind, str], Decimal]


@dataclass(frozen=True, slots=True)
class CashLine:
    """Signed sums; `ours` is None where fills tell nothing of the kind."""

    kind: CashKind
    currency: str
    theirs: Decimal
    ours: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        return None if self.ours is None else EXACT.subtract(self.theirs, self.ours)


@dataclass(frozen=True, slots=True)
class CashSummary:
    """`since` and `until` are None while nothing was read."""

    since: datetime | None
    until: datetime | None
    error: str
    lines: list[CashLine]

    @property
    def differs(self) -> bool:
        return any(each.difference for each in self.lines)


def cash_entries_for(user: User) -> QuerySet[CashEntry]:
    return CashEntry.objects.filter(account__owner=user).order_by("-id")


def readings_for(user: User) -> dict[str, CashReading]:
    """By account id."""
    rows = CashReading.objects.filter(account__owner=user)
    return {each.pk: each for each in rows}


def cash_summary(account: BrokerAccount, *, now: datetime) -> CashSummary | None:
    """None where the venue keeps no such records."""
    kind = KINDS.get(account.kind)
    if kind is None or not kind.cash:
        return None
    reading = CashReading.objects.filter(pk=account.pk).first()
    error = "" if reading is None else reading.error
    if reading is None or reading.begins_at is None or reading.read_until is None:
        return CashSummary(None, None, error, [])
    until = reading.read_until
    since = max(reading.begins_at, min(until, now) - SHOWN)
    rows = CashEntry.objects.filter(account=account, at__gte=since, at__lt=until).order_by("-at")
    newest = list(rows.values_list("kind", "currency", "amount", "at")[:MOST_ROWS])
    if len(newest) == MOST_ROWS:
        since = newest[-1][3] + timedelta(microseconds=1)
        newest = [each for each in newest if each[3] >= since]
    theirs: Sums = defaultdict(lambda: ZERO)
    for name, currency, amount, _ in newest:
        key = (CashKind(name), currency)
        theirs[key] = EXACT.add(theirs[key], amount)
    counted = {CashKind.REALIZED_PNL, CashKind.FEE} & kind.cash
    lines = _lines(theirs, _ours(account, since, until), counted)
    return CashSummary(since, until, error, lines)


def _ours(account: BrokerAccount, since: datetime, until: datetime) -> Sums:
    """By what was noted of each fill: its profit before fees, and the fee as it was charged."""
    fills = Fill.objects.filter(account=account, at__gte=since, at__lt=until).order_by()
    currency = str(account.options.get("quote_currency") or FUTURES_CURRENCY)
    found: Sums = defaultdict(lambda: ZERO)
    for pnl, fee, fee_currency in fills.values_list("realized_pnl", "fee", "fee_currency"):
        profit, cost = (CashKind.REALIZED_PNL, currency), (CashKind.FEE, fee_currency)
        found[profit] = EXACT.add(found[profit], pnl)
        found[cost] = EXACT.subtract(found[cost], fee)
    return found


def _lines(theirs: Sums, ours: Sums, counted: set[CashKind]) -> list[CashLine]:
    """What the venue told of, and what only we know of."""
    order = list(CashKind)
    keys = {*theirs, *(key for key, known in ours.items() if known and key[0] in counted)}
    return [
        CashLine(
            kind=key[0],
            currency=key[1],
            theirs=theirs.get(key, ZERO),
            ours=ours.get(key, ZERO) if key[0] in counted else None,
        )
        for key in sorted(keys, key=lambda each: (order.index(each[0]), each[1]))
    ]
