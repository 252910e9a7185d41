"""What streams tell becomes rows, as polling would have written them.

Recorded by `orders.recording`, under the account's lock, so it is safe beside a lane at work, and
twice, late or out of order do no harm. An order whose request is still away is its lane's: news of
it wait. What an event leaves open is asked of the venue until books and venue agree, and then left
to the next comparison. Nothing is decided and nothing sent here; the lane is rung where it has
work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Protocol

import structlog
from django.db.models import Max

from brokers.errors import BrokerError
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.streams.protocol import Raw, Stream
from brokers.streams.states import StreamState
from brokers.types import OrderReport, ReportStatus
from orders.comparisons import reconcile_soon
from orders.doorbell import ring_on_commit
from orders.market import name_of
from orders.models import Fill, LaneItem, Order
from orders.recording import apply_report, lock_account
from orders.syncing import sync_account
from orders.turns import Turns
from tradehub.core.money import ZERO
from tradehub.core.words import OrderStatus
from tradehub.lib import metrics
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction

WAITS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between looks at an order whose request is away: its lane records the answer first."""
LOOKS = (0.0, 0.3, 1.0, 3.0, 10.0)
"""Seconds before each question about what filled: venues tell it by a list that lags."""
COMPARED_EVERY = timedelta(seconds=10)
"""At most, for orders that are not ours."""

log = structlog.get_logger(__name__)
_LANES_OWN = (OrderStatus.QUEUED.value, OrderStatus.SENDING.value)


class Outcome(StrEnum):
    RECORDED = "recorded"
    BEHIND = "behind"
    """The venue counts more than we know of: its fills must be asked for."""
    WAITS = "waits"
    """Its request is still away."""
    FOREIGN = "foreign"
    """Not an order of ours."""


def record_told(account_id: str, report: OrderReport, *, now: datetime) -> Outcome:
    """Record what an event says of an order, as far as its books are complete."""
    known = _order_of(account_id, report)
    if known is not None and _tells_only_of_more(known, report):
        return Outcome.BEHIND  # nothing to record yet: no turn at the database is waited for

    def record() -> Outcome:
        lock_account(account_id)
        order = _order_of(account_id, report)
        if order is None:
            return Outcome.FOREIGN
        if order.status in _LANES_OWN:
            return Outcome.WAITS
        behind = _lacking(order, report) > ZERO
        # An order does not end before its fills are known: what protects a position goes by them.
        told = replace(report, status=ReportStatus.OPEN) if behind else report
        recorded = apply_report(account_id, order.pk, told, now=now)
        if recorded.version != order.version:
            _ring_where_due(account_id, now)
        return Outcome.BEHIND if behind else Outcome.RECORDED

    return in_write_transaction(record)


def look_at_order(
    account: BrokerAccount, told: OrderReport, *, clock: Callable[[], datetime] = utc_now
) -> Outcome:
    """Ask the venue about an order that an event told of, and record what it says. BEHIND while it
    says less than the event did. Raises BrokerError."""
    order = _order_of(account.pk, told)
    if order is None:
        return Outcome.FOREIGN
    broker = connect(account, now=clock)
    name = broker.capabilities().name_of(order.client_order_id, order.venue_order_id)
    for report in broker.reports([name]):
        if report.filled_quantity < told.filled_quantity:
            continue
        return record_told(account.pk, report, now=clock())
    return Outcome.BEHIND


def _order_of(account_id: str, report: OrderReport) -> Order | None:
    orders = Order.objects.filter(account_id=account_id)
    found = None
    if report.client_order_id:
        found = orders.filter(client_order_id=report.client_order_id).first()
    if found is None and report.venue_order_id:
        found = orders.filter(venue_order_id=report.venue_order_id).first()
    return found


def _lacking(order: Order, report: OrderReport) -> Decimal:
    """How much the venue says has filled beyond what we know and what it names here."""
    ids = [each.venue_fill_id for each in report.fills]
    known = set(
        Fill.objects.filter(account_id=order.account_id, venue_fill_id__in=ids).values_list(
            "venue_fill_id", flat=True
        )
    )
    fresh = (each.quantity for each in report.fills if each.venue_fill_id not in known)
    return report.filled_quantity - sum(fresh, order.filled_quantity)


def _tells_only_of_more(order: Order, report: OrderReport) -> bool:
    at_venue = order.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
    return at_venue and not report.fills and report.filled_quantity > order.filled_quantity


def _ring_where_due(account_id: str, now: datetime) -> None:
    queued = LaneItem.Status.QUEUED.value
    if LaneItem.objects.filter(account_id=account_id, status=queued, due_at__lte=now).exists():
        ring_on_commit([account_id])


# ---- what comes of news ----


class Later(Protocol):
    def __call__(self, seconds: float, work: Callable[[], object]) -> object:
        """Do it so much later, in a thread that must not wait."""


@dataclass
class Recorder:
    """The `Ear` of all streams of a process: hands every piece of news to the account's turn."""

    later: Later
    turns: Turns = field(default_factory=Turns)
    clock: Callable[[], datetime] = utc_now
    _pending: set[tuple[str, str]] = field(default_factory=set)
    """(account, order) of looks that are yet to come: one more sees nothing else."""
    _compared: dict[str, datetime] = field(default_factory=dict)

    def connected(self, account: BrokerAccount, *, again: bool) -> None:
        """No venue tells again what was missed."""
        self._put(account, partial(self._catch_up, account, again))

    def told(self, account: BrokerAccount, stream: Stream, event: Raw) -> None:
        if not self._put(account, partial(self._read, account, stream, event)):
            log.warning("stream_overrun", account=account.pk)

    def look(self, account: BrokerAccount) -> None:
        self._look_soon(account, "")

    # ---- in the account's turn ----

    def _catch_up(self, account: BrokerAccount, again: bool) -> None:
        sync_account(account, clock=self.clock)
        if again:
            reconcile_soon(account.pk, self.clock())

    def _read(self, account: BrokerAccount, stream: Stream, event: Raw) -> None:
        try:
            report = stream.report(event)
        except (BrokerError, ValueError, KeyError, TypeError) as error:
            log.warning("stream_event_not_read", account=account.pk, error=name_of(error))
            self._count(account, "unread")
            self._look_soon(account, "")
            return
        self._record(account, report, 0)

    def _record(self, account: BrokerAccount, report: OrderReport, waited: int) -> None:
        outcome = record_told(account.pk, report, now=self.clock())
        if outcome is Outcome.WAITS:
            again = partial(self._record, account, report, waited + 1)
            if waited < len(WAITS):
                self.later(WAITS[waited], partial(self._put, account, again))
            return
        self._count(account, outcome.value)
        if outcome is Outcome.BEHIND:
            self._ask(account, report, 0)
        elif outcome is Outcome.FOREIGN:
            # It may be what an order of ours has become, under another name.
            self._look_soon(account, "")
            self._compare(account)

    def _ask(self, account: BrokerAccount, report: OrderReport, looks: int) -> None:
        """Look at the order, after the pause before this look."""
        subject = (account.pk, report.client_order_id or report.venue_order_id)
        if subject in self._pending:
            return
        if looks >= len(LOOKS):
            log.warning("stream_fill_not_listed", account=account.pk)
            reconcile_soon(account.pk, self.clock())
            return
        self._pending.add(subject)
        look = partial(self._look, account, report, looks, subject)
        if LOOKS[looks]:
            self.later(LOOKS[looks], partial(self._put_pending, account, look, subject))
        else:
            look()

    def _look(
        self, account: BrokerAccount, report: OrderReport, looks: int, subject: tuple[str, str]
    ) -> None:
        self._pending.discard(subject)
        try:
            outcome = look_at_order(account, report, clock=self.clock)
        except BrokerError as error:
            log.warning("stream_look_failed", account=account.pk, error=error.code)
            outcome = Outcome.BEHIND
        if outcome is Outcome.BEHIND:
            self._ask(account, report, looks + 1)

    def _look_soon(self, account: BrokerAccount, order: str) -> None:
        """At the whole account, once for all that asked for it meanwhile."""
        subject = (account.pk, order)
        if subject not in self._pending:
            self._pending.add(subject)
            self._put_pending(account, partial(self._sync, account, subject), subject)

    def _sync(self, account: BrokerAccount, subject: tuple[str, str]) -> None:
        self._pending.discard(subject)
        sync_account(account, clock=self.clock)

    def _compare(self, account: BrokerAccount) -> None:
        """Somebody trades there by hand: compare the books, not once for each of many fills."""
        now = self.clock()
        last = self._compared.get(account.pk)
        if last is not None and now - last < COMPARED_EVERY:
            return
        self._compared[account.pk] = now
        reconcile_soon(account.pk, now)

    def _put(self, account: BrokerAccount, work: Callable[[], object]) -> bool:
        return self.turns.put(account.pk, account.kind, work)

    def _put_pending(
        self, account: BrokerAccount, work: Callable[[], object], subject: tuple[str, str]
    ) -> None:
        """One that finds no turn is not to come any more: the next news asks for another."""
        if not self._put(account, work):
            self._pending.discard(subject)

    def _count(self, account: BrokerAccount, outcome: str) -> None:
        metrics.stream_events.labels(account.kind, outcome).inc()


# ---- streams that are connected and do not tell ----

SEEN_WITHIN, HEARD_WITHIN = timedelta(minutes=2), timedelta(seconds=10)


def missed_fills(states: Mapping[str, StreamState], *, now: datetime) -> list[str]:
    """Accounts whose stream was connected when they had a fill, and said nothing of it: polling
    found it. The time of a fill is the venue's own."""
    fills = Fill.objects.filter(
        account_id__in=list(states), at__gt=now - SEEN_WITHIN, at__lt=now - HEARD_WITHIN
    )
    newest = fills.order_by("account_id").values_list("account_id").annotate(Max("at"))
    return [account_id for account_id, at in newest if _missed(states[account_id], at)]


def _missed(state: StreamState, at: datetime) -> bool:
    if state.connected_since is None or at < _time(state.connected_since) + HEARD_WITHIN:
        return False
    return state.last_event_at is None or _time(state.last_event_at) < at - HEARD_WITHIN


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
