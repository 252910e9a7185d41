"""Orders, fills and positions as their owner may see them; what accounts and positions are worth.

What a venue or a price can't tell now is None, with the reason beside it: a page shows the rest.
MoneyField is summed here in Python, never in SQL.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db.models import Prefetch, QuerySet

from accounts.models import User
from brokers.base import Broker
from brokers.errors import BrokerError
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.types import AccountState, Quote
from orders.models import (
    DayStart,
    Decision,
    Drift,
    Fill,
    LaneItem,
    Order,
    OrderEvent,
    Position,
    Reconciliation,
)
from orders.protection import NewChild, read_watched
from tradehub.core.errors import NotFound
from tradehub.core.money import EXACT, ZERO
from tradehub.lib.clock import utc_now

log = structlog.get_logger(__name__)

DAY = timedelta(hours=24)


def orders_for(user: User) -> QuerySet[Order]:
    """Newest first, with their events and fills."""
    return (
        Order.objects.filter(owner=user)
        .prefetch_related(
            Prefetch("events", OrderEvent.objects.order_by("id")),
            Prefetch("fills", Fill.objects.order_by("id")),
        )
        .order_by("-id")
    )


def order_for(user: User, order_id: str) -> Order:
    """Raises NotFound, also for somebody else's."""
    found = orders_for(user).select_related("account").filter(pk=order_id).first()
    if found is None:
        raise NotFound
    return found


def fills_for(user: User) -> QuerySet[Fill]:
    return Fill.objects.filter(owner=user).order_by("-id")


def positions_for(user: User) -> QuerySet[Position]:
    """Flat ones too."""
    return Position.objects.filter(owner=user).order_by("-id")


# ---- what a request for an order became ----


@dataclass(frozen=True, slots=True)
class RequestResult:
    """`decision` is None while the account's lane has not come to it."""

    item: LaneItem
    decision: Decision | None
    order: Order | None


def request_result(user: User, item_id: int) -> RequestResult:
    """Of a manual order, a close or a replacement. Raises NotFound, also for somebody else's."""
    kinds = [LaneItem.Kind.DECIDE.value, LaneItem.Kind.REPLACE.value]
    item = LaneItem.objects.filter(
        pk=item_id, account__owner=user, signal__isnull=True, kind__in=kinds
    ).first()
    if item is None:
        raise NotFound
    decision = Decision.objects.filter(item=item).first()
    order = None
    if decision is not None:
        order = orders_for(user).filter(decision=decision).order_by("id").first()
        if order is None and item.subject in decision.cancels:
            order = order_for(user, item.subject)  # it had filled as much: it was only cancelled
    return RequestResult(item, decision, order)


# ---- positions with marks ----


@dataclass(frozen=True, slots=True)
class PositionView:
    position: Position
    mark_price: Decimal | None
    mark_at: datetime | None
    unrealized_pnl: Decimal | None

    @property
    def watched_targets(self) -> list[NewChild]:
        """Those that don't rest at the venue: they are taken when a price meets them."""
        return read_watched(self.position.quantity, self.position.protection)


def positions_with_marks(user: User) -> list[PositionView]:
    """The open ones, newest first."""
    rows = positions_for(user).filter(is_open=True)
    return with_marks(list(rows.select_related("account", "strategy")))


def with_marks(positions: list[Position]) -> list[PositionView]:
    """Each with the price that its account's venue has now; one look a symbol and account."""
    brokers: dict[str, Broker | None] = {}
    quotes: dict[tuple[str, str], Quote | None] = {}
    for each in positions:
        key = (each.account_id, each.symbol)
        if not each.is_open or key in quotes:
            continue
        if each.account_id not in brokers:
            brokers[each.account_id] = _broker(each.account)
        quotes[key] = _quote(brokers[each.account_id], each.symbol)
    return [_view(each, quotes.get((each.account_id, each.symbol))) for each in positions]


def _view(position: Position, quote: Quote | None) -> PositionView:
    if quote is None:
        return PositionView(position, None, None, None)
    moved = EXACT.subtract(quote.last, position.average_entry_price)
    return PositionView(position, quote.last, quote.at, EXACT.multiply(moved, position.quantity))


# ---- accounts ----


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """`todays_pnl` is None when equity, or what the day began with, is not known."""

    account: BrokerAccount
    equity: Decimal | None
    cash: Decimal | None
    todays_pnl: Decimal | None
    currency: str
    error: str = ""
    buying_power: Decimal | None = None
    at: datetime | None = None


def account_summaries(user: User) -> list[AccountSummary]:
    """Of the enabled ones, oldest first."""
    accounts = BrokerAccount.objects.filter(owner=user, enabled=True).order_by("id")
    return [account_summary(each) for each in accounts]


def account_summary(account: BrokerAccount, *, now: datetime | None = None) -> AccountSummary:
    state, error = _state(account)
    if state is None:
        options = account.options
        currency = str(options.get("currency") or options.get("quote_currency") or "USD")
        return AccountSummary(account, None, None, None, currency, error)
    return AccountSummary(
        account=account,
        equity=state.equity,
        cash=state.cash,
        todays_pnl=todays_pnl(account, state, now or utc_now()),
        currency=state.currency,
        buying_power=state.buying_power,
        at=state.at,
    )


# ---- compared with the venue ----


@dataclass(frozen=True, slots=True)
class ReconciliationView:
    """`reconciled`: the account may trade. `error`: why the last comparison could not be finished;
    empty when it could. `held`: alerts that wait for it."""

    reconciled: bool
    reconciled_at: datetime | None
    error: str
    drifts: list[Drift]
    held: int


def reconciliation_of(account: BrokerAccount) -> ReconciliationView:
    row = Reconciliation.objects.filter(pk=account.pk).first()
    drifts = Drift.objects.filter(account=account, healed_at__isnull=True).order_by("symbol")
    held = LaneItem.objects.filter(account=account, status=LaneItem.Status.HELD.value)
    return ReconciliationView(
        reconciled=row is not None and row.required_at is None,
        reconciled_at=None if row is None else row.reconciled_at,
        error="" if row is None else row.error,
        drifts=list(drifts),
        held=held.filter(reason="ACCOUNT_NOT_RECONCILED").count(),
    )


def drifts_for(user: User) -> QuerySet[Drift]:
    """The confirmed ones, of which entries wait; oldest first."""
    rows = Drift.objects.filter(
        account__owner=user, healed_at__isnull=True, confirmed_at__isnull=False
    )
    return rows.select_related("account").order_by("id")


def unreconciled_for(user: User) -> QuerySet[Reconciliation]:
    """Enabled accounts that must be compared before they trade, and could not be."""
    rows = Reconciliation.objects.filter(
        account__owner=user, account__enabled=True, required_at__isnull=False
    )
    return rows.exclude(error="").select_related("account").order_by("pk")


def todays_pnl(account: BrokerAccount, state: AccountState, now: datetime) -> Decimal | None:
    """Since the day's first decision, which is when its start is recorded. Without one, nothing
    was traded today: what is held moved since an equity that nobody noted; else it is zero."""
    start = (
        DayStart.objects.filter(account=account, day_start__gt=now - DAY, day_start__lte=now)
        .order_by("-day_start")
        .first()
    )
    if start is not None:
        return EXACT.subtract(state.equity, start.equity)
    return None if Position.objects.filter(account=account, is_open=True).exists() else ZERO


def _state(account: BrokerAccount) -> tuple[AccountState | None, str]:
    try:
        return connect(account).account(), ""
    except BrokerError as error:
        log.warning("account_failed", account=account.pk, code=error.code)
        return None, error.text


def _broker(account: BrokerAccount) -> Broker | None:
    try:
        return connect(account)
    except BrokerError as error:
        log.warning("account_failed", account=account.pk, code=error.code)
        return None


def _quote(broker: Broker | None, symbol: str) -> Quote | None:
    if broker is None:
        return None
    try:
        return broker.quote(symbol)
    except BrokerError as error:
        log.warning("quote_failed", symbol=symbol, code=error.code)
        return None
