"""Reconciling: an account's books are compared with its venue's, and made to agree.

The venue is read with no transaction open; what it told is compared and written in one, under the
account's lock, so this is safe beside a lane at work and twice at once. What the venue did not tell
changes nothing. An account trades only once it is reconciled: until then its lane holds what waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import structlog
from django.db import DatabaseError, transaction

from brokers.base import Broker
from brokers.budget import at
from brokers.budgeting import Priority
from brokers.errors import BrokerError, RateLimited
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.types import OrderReport, ReportStatus
from orders.adopting import adopt_order, record_news
from orders.comparisons import (
    CLAIMED_FOR,
    COMPARED,
    anything_open,
    claim_comparison,
    is_required,
    put_comparison,
    require_reconciliation_of,
)
from orders.doorbell import ring_on_commit
from orders.drifts import adopt_first, heal_drift, note_drift
from orders.holding import hold_waiting, release_held
from orders.lanes import Claim
from orders.lifecycle import AT_VENUE
from orders.market import name_of
from orders.models import Drift, LaneItem, Order, Position, Reconciliation
from orders.reconciliation import (
    Agreed,
    Denied,
    ExternalFills,
    ExternalOrder,
    Finding,
    OrderNews,
    PositionDrift,
    StillOpen,
    TheirBooks,
    reconcile,
)
from orders.recording import deny_child, lock_account
from orders.venue_books import (
    ask_further,
    named_anew,
    prices_of,
    read_ours,
    read_theirs,
    symbols_at_work,
)
from tradehub.core.intent import iso
from tradehub.core.words import OrderSide, OrderSource
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)
Clock = Callable[[], datetime]

LOOKBACK = timedelta(minutes=5)
"""Fills are read from so long before the last comparison: venues tell some late."""
AT_WORK, IDLE = timedelta(seconds=30), timedelta(seconds=60)
IN_DOUBT, FAILED = timedelta(seconds=3), timedelta(seconds=5)
HELD_BACK = timedelta(seconds=15)
"""After one that the venue refused for its rate. One that our own budget did not let out is due
when that has room again, as are all others: the one of longest ago then goes first, and none comes
each time when the others have used it up."""
DOUBT_FOR = timedelta(seconds=5)
"""A venue must contradict us at least so long, in two looks, before its word ends an order."""
INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one comparison found. `error`: why the venue's books are not all known; else empty."""

    account_id: str
    findings: tuple[Finding, ...]
    error: str = ""

    @property
    def complete(self) -> bool:
        return not self.error


@dataclass(frozen=True, slots=True)
class _Look:
    """One reading of the venue, before it is written."""

    account: BrokerAccount
    theirs: TheirBooks
    prices: dict[str, Decimal]
    error: str
    started: datetime
    settle: timedelta
    whole: bool
    """Every symbol was asked for."""
    due_at: datetime
    """The account's turn as it was then: what is asked for meanwhile is another one."""


# ---- before a lane trades ----


def ensure_reconciled(
    claim: Claim, account: BrokerAccount, broker: Broker, *, clock: Clock = utc_now
) -> bool:
    """May the account's lane trade? Compares first where that is required and due. If not, what
    waits in the lane is held. Raises LostLane."""
    last = COMPARED.rows(account=account.pk)
    if last and not _key_is_newer(account, *last[0]):
        return True
    if last:
        require_reconciliation_of(account.pk, clock())
    if claim_comparison(account.pk, now=clock()):
        reconcile_or_note(account, lambda: broker, clock=clock)
        if not is_required(account.pk):
            return True
    hold_waiting(claim, clock=clock)
    return False


def _key_is_newer(account: BrokerAccount, reconciled_at: datetime | None) -> bool:
    """The last comparison was made with another key, maybe of another account."""
    changed_at = account.credentials_changed_at
    return changed_at is not None and reconciled_at is not None and reconciled_at < changed_at


# ---- the comparison ----


def reconcile_or_note(
    account: BrokerAccount,
    broker: Callable[[], Broker],
    *,
    whole: bool = False,
    clock: Clock = utc_now,
) -> Reconciled:
    """Compare; whatever goes wrong is noted, and tried again soon."""
    try:
        return reconcile_account(account, broker(), whole=whole, clock=clock)
    except DatabaseError:
        raise
    except Exception as error:  # a venue's or ours: the account waits, others must not
        code = name_of(error) if isinstance(error, BrokerError) else INTERNAL_ERROR
        log.exception("reconciliation_failed", account=account.pk, error=type(error).__name__)
        due_at = clock() + FAILED
        in_write_transaction(partial(put_comparison, account.pk, due_at=due_at, error=code))
        return Reconciled(account.pk, (), code)


def reconcile_account(
    account: BrokerAccount, broker: Broker, *, whole: bool = False, clock: Clock = utc_now
) -> Reconciled:
    """Compare the account with its venue now, and heal what can be healed. Where it may not trade
    before, only symbols in which it has something are asked for, unless `whole`: orders that were
    placed elsewhere in others are found by the next comparison."""
    look = _read(account, broker, clock, whole)
    found, lingering = in_write_transaction(lambda: _write(look, clock()))
    for each in lingering:
        _end_at_venue(account, broker, each)
    return found


def reconcile_now(account: BrokerAccount, *, clock: Clock = utc_now) -> Reconciled:
    """From outside the lane, due or not: someone wants to know."""
    return reconcile_or_note(account, lambda: connect(account, now=clock), whole=True, clock=clock)


def _read(account: BrokerAccount, broker: Broker, clock: Clock, whole: bool) -> _Look:
    started = clock()
    row = Reconciliation.objects.filter(pk=account.pk).first()
    baseline = None if row is None else row.baseline_at
    last = None if row is None else row.wholly_at
    since = started if last is None else last - LOOKBACK
    waits = row is None or row.required_at is not None
    symbols = None
    if row is not None and last is not None and waits and not whole:
        symbols = symbols_at_work(account.pk, since=since, doubted=row.doubts)
    # Of a venue's limit the rounds leave something to accounts that may not trade before theirs.
    with at(Priority.REQUIRED if waits else Priority.LAST):
        theirs, findings, error = _compare(account.pk, broker, since, baseline, symbols)
        theirs, further = ask_further(broker, account.pk, theirs, findings, since=since)
        prices = prices_of(broker, account.pk, findings)
    settle = timedelta(seconds=broker.capabilities().settle_seconds)
    settle = max(settle, DOUBT_FOR)
    due_at = started if row is None else row.due_at
    all_told = symbols is None
    return _Look(account, theirs, prices, error or further, started, settle, all_told, due_at)


def _compare(
    account_id: str,
    broker: Broker,
    since: datetime,
    baseline: datetime | None,
    symbols: set[str] | None,
) -> tuple[TheirBooks, tuple[Finding, ...], str]:
    """With `symbols` their books tell of those alone, and of others whose position differs: an
    account that may not trade before must not wait for what it weighs to ask for all."""
    theirs, error = read_theirs(broker, account_id, since=since, symbols=symbols)
    findings = reconcile(read_ours(account_id, theirs, baseline=baseline), theirs)
    differ = {each.symbol for each in findings if isinstance(each, PositionDrift)}
    if symbols is None or error or differ <= symbols:
        return theirs, findings, error
    return _compare(account_id, broker, since, baseline, symbols | differ)


def _write(look: _Look, now: datetime) -> tuple[Reconciled, list[StillOpen]]:
    """What was found, and of that the orders that must be ended at the venue."""
    account = look.account
    lock_account(account.pk)
    look = replace(look, theirs=named_anew(account.pk, look.theirs))
    row = put_comparison(account.pk, attempted_at=look.started)
    known = _known_symbols(account.pk)
    ours = read_ours(account.pk, look.theirs, baseline=row.baseline_at)
    findings = reconcile(ours, look.theirs)
    doubts = _doubts(row, findings, now)
    lingering: list[StillOpen] = []
    for finding in findings:
        if (
            isinstance(finding, Denied | StillOpen)
            # Looks that were made side by side are one.
            and look.started - doubts[finding.order_id] < look.settle
        ):
            continue
        try:
            with transaction.atomic():
                lingering += _apply(look, finding, row.baseline_at is None, known, now)
        except DatabaseError:
            raise
        except Exception as error:  # ours: nothing else that was found may wait for this one
            log.exception("finding_failed", account=account.pk, error=type(error).__name__)
            look = replace(look, error=look.error or INTERNAL_ERROR)
    _finish(look, row, doubts, now)
    return Reconciled(account.pk, findings, look.error), lingering


def _apply(
    look: _Look, finding: Finding, first: bool, known: set[str], now: datetime
) -> list[StillOpen]:
    """What must be ended at the venue for it. `first`: nothing was taken over from there yet."""
    account = look.account
    if isinstance(finding, Denied | StillOpen):
        return _resolve(look, finding, now)
    if isinstance(finding, PositionDrift):
        if first and finding.symbol not in known:
            adopt_first(account, finding, now=now)
        else:
            note_drift(account, finding, looked_at=look.started, now=now)
    elif isinstance(finding, OrderNews):
        record_news(account.pk, finding.order_id, finding.report, now=now)
    elif isinstance(finding, ExternalOrder | ExternalFills):
        price = look.prices.get(finding.report.symbol)
        adopt_order(account, finding.report, price=price, now=now)
        log.info("order_adopted", account=account.pk, symbol=finding.report.symbol)
    elif isinstance(finding, Agreed):
        heal_drift(account, finding, now=now)
    return []


def _doubts(
    row: Reconciliation, findings: tuple[Finding, ...], now: datetime
) -> dict[str, datetime]:
    """Since when the venue has contradicted us, in every look until now. Not from a future that a
    clock has shown which was set back since."""
    doubted = [each.order_id for each in findings if isinstance(each, Denied | StillOpen)]
    since = {order_id: datetime.fromisoformat(text) for order_id, text in row.doubts.items()}
    return {order_id: min(since.get(order_id, now), now) for order_id in doubted}


def _resolve(look: _Look, finding: Denied | StillOpen, now: datetime) -> list[StillOpen]:
    """The venue's word counts. An unconfirmed order is its lane's to resend or to give up, and one
    in review its owner's: but no position goes without protection for it."""
    order = Order.objects.get(pk=finding.order_id)
    if isinstance(finding, StillOpen):
        # Somebody else's is for somebody else to end.
        return [] if order.source == OrderSource.EXTERNAL else [finding]
    if order.status in AT_VENUE:
        log.error("order_gone", order=order.pk, symbol=order.symbol)
        text = "The venue does not list the order and does not know it any more."
        record_news(look.account.pk, order.pk, _gone(order, text, now), now=now)
    elif not look.error:
        deny_child(order, now=now)
    return []


def _gone(order: Order, text: str, now: datetime) -> OrderReport:
    return OrderReport(
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        symbol=order.symbol,
        side=OrderSide(order.side),
        status=ReportStatus.CANCELED,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        at=now,
        text=text,
    )


def _end_at_venue(account: BrokerAccount, broker: Broker, order: StillOpen) -> None:
    """It has ended here and works there: nobody would look after it. Its fills are found later."""
    log.error("order_lingers", account=account.pk, client_order_id=order.client_order_id)
    try:
        name_of = broker.capabilities().name_of
        broker.cancel(name_of(order.client_order_id, order.venue_order_id))
    except BrokerError as error:
        log.warning("cancel_refused", account=account.pk, code=error.code)


def _finish(look: _Look, row: Reconciliation, doubts: dict[str, datetime], now: datetime) -> None:
    account_id = look.account.pk
    kept = {order_id: iso(since) for order_id, since in doubts.items()}
    changes: dict[str, object] = {"doubts": kept, "error": look.error}
    if not look.error:
        changes |= {"reconciled_at": look.started, "baseline_at": row.baseline_at or look.started}
        changes |= {"wholly_at": look.started} if look.whole else {}
    rows = Reconciliation.objects.filter(pk=account_id)
    rows.update(**changes)
    pause = _pause(account_id, look, doubts)
    rows.filter(due_at=look.due_at).update(due_at=now + pause)
    # What was required after we began to read asks for another comparison.
    if not look.error:
        rows.filter(required_at__lte=look.started).update(required_at=None)
        if rows.filter(required_at__isnull=True).exists():
            release_held(account_id, now=now)
    queued = LaneItem.objects.filter(
        account_id=account_id, status=LaneItem.Status.QUEUED.value, due_at__lte=now
    )
    if queued.exists():
        ring_on_commit([account_id])


def _pause(account_id: str, look: _Look, doubts: dict[str, datetime]) -> timedelta:
    if look.theirs.held_for:
        return min(timedelta(seconds=look.theirs.held_for), CLAIMED_FOR)
    if look.error:
        return HELD_BACK if look.error == RateLimited.code else FAILED
    open_drifts = Drift.objects.filter(account_id=account_id, healed_at__isnull=True)
    if doubts or open_drifts.filter(confirmed_at__isnull=True).exists():
        return IN_DOUBT
    return AT_WORK if anything_open(account_id) else IDLE


def _known_symbols(account_id: str) -> set[str]:
    """Of which we had something before: a difference there is none that we could not know of."""
    rows = Position.objects.filter(account_id=account_id)
    orders = Order.objects.filter(account_id=account_id)
    return {*rows.values_list("symbol", flat=True), *orders.values_list("symbol", flat=True)}
