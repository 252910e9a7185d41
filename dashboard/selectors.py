"""Read models of the pages. Each takes the user first and sees nothing of anyone else's.

A page costs a fixed number of queries, however many rows it shows: related rows come by
select_related and prefetch, never by a loop. MoneyField is summed in Python, never in SQL.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Max, Prefetch, Q, QuerySet

from accounts.models import User
from brokers.models import BrokerAccount
from dashboard import wording
from orders.lifecycle import WORKING
from orders.models import Decision, Drift, Fill, Order, Position, Reconciliation
from orders.reviewing import reviews_for
from orders.selectors import (
    AccountSummary,
    PositionView,
    account_summaries,
    drifts_for,
    positions_with_marks,
    unreconciled_for,
)
from risk.models import RiskProfile, TradingState
from risk.selectors import risk_profiles_for
from signals.models import Signal, Strategy, Subscription, WebhookToken
from signals.selectors import signals_of_symbol
from tradehub.core.errors import NotFound
from tradehub.core.money import ZERO
from tradehub.core.symbols import BadSymbol, parse_symbol
from tradehub.core.words import Environment, Outcome, Scope, SignalStatus, TradingStateName

# ---- the frame of every page ----


@dataclass(frozen=True, slots=True)
class Shell:
    """`environments`: how many accounts of each kind of money. `stops`: what holds entries back,
    the user's own and the site's. `unprotected`: positions that asked for a stop and have none.
    `drifts`: symbols that differ from the venue. `unreconciled`: accounts that wait for it.
    `reviews`: orders whose outcome only their owner can find out. `troubled`: accounts that have
    not passed their check; `awaited`: those whose check nobody has seen the end of yet. All of
    each kind: the page groups them, and its counts are true."""

    environments: dict[str, int]
    synthetic: bool
    stops: list[TradingState]
    unprotected: list[Position]
    drifts: list[Drift]
    unreconciled: list[Reconciliation]
    reviews: list[Order]
    troubled: list[BrokerAccount]
    awaited: list[BrokerAccount]

    @property
    def live(self) -> int:
        return self.environments.get(Environment.LIVE.value, 0)

    @property
    def test(self) -> int:
        return self.environments.get(Environment.TEST.value, 0)

    @property
    def paper(self) -> int:
        return self.environments.get(Environment.PAPER.value, 0)

    @property
    def total(self) -> int:
        return sum(self.environments.values())

    @property
    def lines(self) -> int:
        """Of the alarm bar: each kind takes one, each stop its own."""
        kinds = (
            self.unprotected, self.drifts, self.unreconciled, self.reviews, self.troubled,
            self.awaited,
        )  # fmt: skip
        return len(self.stops) + sum(bool(each) for each in kinds)

    @property
    def drifting(self) -> set[str]:
        """Ids of the accounts."""
        return {each.account_id for each in self.drifts}

    @property
    def waiting(self) -> set[str]:
        return {each.account_id for each in self.unreconciled}

    @property
    def checking(self) -> set[str]:
        return {each.pk for each in self.awaited}

    @property
    def own_stop(self) -> TradingState | None:
        return next((each for each in self.stops if each.scope == Scope.USER), None)

    @property
    def site_stop(self) -> TradingState | None:
        return next((each for each in self.stops if each.scope == Scope.SITE), None)


def shell_for(user: User) -> Shell:
    environments: dict[str, int] = defaultdict(int)
    synthetic = False
    rows = BrokerAccount.objects.filter(owner=user, enabled=True)
    troubled: list[BrokerAccount] = []
    awaited: list[BrokerAccount] = []
    for account in rows.select_related("examination").only(
        "environment", "options", "label", "trouble", "examination__passed", "examination__lines"
    ):
        environments[account.environment] += 1
        synthetic = synthetic or account.options.get("price_source") == "synthetic"
        if account.trouble:
            (awaited if is_awaited(account) else troubled).append(account)
    stops = TradingState.objects.filter(
        Q(scope=Scope.SITE.value) | Q(scope=Scope.USER.value, scope_id=str(user.pk))
    ).exclude(state=TradingStateName.ACTIVE.value)
    unprotected = Position.objects.filter(owner=user, is_open=True, protected=False)
    return Shell(
        environments=dict(environments),
        synthetic=synthetic,
        stops=list(stops),
        unprotected=list(unprotected.select_related("account").order_by("symbol", "id")),
        drifts=list(drifts_for(user)),
        unreconciled=list(unreconciled_for(user)),
        reviews=list(reviews_for(user)),
        troubled=troubled,
        awaited=awaited,
    )


def is_awaited(account: BrokerAccount) -> bool:
    """Nobody has looked at its key yet: no fault, a moment's patience."""
    look = getattr(account, "examination", None)
    return bool(account.trouble) and (look is None or (look.passed is None and not look.lines))


def states_for(user: User, scope: Scope, ids: Iterable[str]) -> dict[str, TradingState]:
    """Trading states of a user's accounts or strategies, by id; no entry means active."""
    rows = TradingState.objects.filter(scope=scope.value, scope_id__in=list(ids))
    return {row.scope_id: row for row in rows}


# ---- dashboard ----


@dataclass(slots=True)
class CurrencyTotal:
    """Sums over the accounts of one currency. None when one of them could not be read: half a
    sum is not shown as a sum."""

    currency: str
    equity: Decimal | None = ZERO
    cash: Decimal | None = ZERO
    todays_pnl: Decimal | None = ZERO
    accounts: list[str] = field(default_factory=list)


def totals_by_currency(summaries: Sequence[AccountSummary]) -> list[CurrencyTotal]:
    totals: dict[str, CurrencyTotal] = {}
    for each in summaries:
        total = totals.setdefault(each.currency, CurrencyTotal(each.currency))
        total.accounts.append(each.account.pk)
        total.equity = _plus(total.equity, each.equity)
        total.cash = _plus(total.cash, each.cash)
        total.todays_pnl = _plus(total.todays_pnl, each.todays_pnl)
    return sorted(totals.values(), key=lambda total: -len(total.accounts))


def _plus(sum_so_far: Decimal | None, number: Decimal | None) -> Decimal | None:
    return None if sum_so_far is None or number is None else sum_so_far + number


@dataclass(frozen=True, slots=True)
class Overview:
    totals: list[CurrencyTotal]
    summaries: list[AccountSummary]
    states: dict[str, TradingState]
    signals_today: int
    refused_today: int
    working_orders: int
    open_positions: int


def overview_for(user: User, *, now: datetime) -> Overview:
    """The figures at the top of the dashboard. "Today" of the counts is the last 24 hours."""
    summaries = list(account_summaries(user))
    since = now - timedelta(hours=24)
    counts = Signal.objects.filter(owner=user, received_at__gte=since).aggregate(
        total=Count("id"),
        refused=Count("id", filter=Q(status__in=[SignalStatus.INVALID, SignalStatus.STALE])),
    )
    denied = Decision.objects.filter(
        owner=user, decided_at__gte=since, outcome=Outcome.DENIED.value, signal__isnull=False
    ).exclude(signal__status=SignalStatus.STALE.value)
    return Overview(
        totals=totals_by_currency(summaries),
        summaries=summaries,
        states=states_for(user, Scope.ACCOUNT, [each.account.pk for each in summaries]),
        signals_today=counts["total"],
        refused_today=counts["refused"] + denied.count(),
        working_orders=Order.objects.filter(owner=user, status__in=WORKING).count(),
        open_positions=Position.objects.filter(owner=user, is_open=True).count(),
    )


def positions_for(user: User, *, account: BrokerAccount | None = None) -> list[PositionView]:
    """Open positions with what they are worth now."""
    views = positions_with_marks(user)
    if account is not None:
        views = [each for each in views if each.position.account_id == account.pk]
    return list(views)


def position_for(user: User, position_id: str) -> Position:
    found = Position.objects.filter(owner=user, pk=position_id).select_related("account").first()
    return _or_not_found(found)


# ---- signals ----


@dataclass(frozen=True, slots=True)
class SignalRow:
    signal: Signal
    what: str
    size: str
    outcome: str | None
    """The one outcome of its decisions; the gravest where accounts differ."""
    reasons: list[dict[str, Any]]
    dry_run: bool = False
    """Every account only rehearsed: nothing was sent."""


_GRAVITY = (Outcome.DENIED, Outcome.AWAITING_APPROVAL, Outcome.APPROVED, Outcome.NOTHING_TO_DO)


def signals_for(
    user: User, *, status: str = "", strategy: str = "", symbol: str = ""
) -> QuerySet[Signal]:
    """Newest first, with what `signal_row` needs. Filters that mean nothing find nothing."""
    rows = Signal.objects.filter(owner=user).select_related("strategy").defer("raw")
    rows = rows.prefetch_related(
        Prefetch("decisions", Decision.objects.select_related("account").order_by("id"))
    )
    if status in set(SignalStatus):
        rows = rows.filter(status=status)
    elif status in (Outcome.APPROVED, Outcome.DENIED, Outcome.NOTHING_TO_DO):
        rows = rows.filter(
            pk__in=Decision.objects.filter(owner=user, outcome=status).values("signal_id")
        )
    if strategy:
        rows = rows.filter(strategy_id=strategy)
    if symbol:
        rows = signals_of_symbol(rows, symbol)
    return rows


def signal_row(signal: Signal) -> SignalRow:
    decisions = list(signal.decisions.all())
    outcomes = {each.outcome for each in decisions}
    outcome = next((each for each in _GRAVITY if each in outcomes), None)
    reasons = [reason for each in decisions for reason in each.reasons]
    if signal.status == SignalStatus.INVALID and signal.error:
        errors = signal.error.get("errors") or []
        detail = errors[0].get("detail") if errors else signal.error.get("detail")
        reasons = [{"code": signal.error.get("code"), "message": detail}]
    first = signal.intents[0] if signal.intents else None
    return SignalRow(
        signal=signal,
        what=wording.describe_intents(signal.intents),
        size=wording.describe_size(first["size"]) if first and first["verb"] == "enter" else "",
        outcome=outcome.value if outcome else None,
        reasons=reasons,
        dry_run=bool(decisions) and all(each.rehearsal is not None for each in decisions),
    )


def latest_signals_for(user: User, limit: int = 8) -> list[SignalRow]:
    return [signal_row(each) for each in signals_for(user)[:limit]]


def signal_for(user: User, signal_id: str) -> Signal:
    rows = Signal.objects.filter(owner=user, pk=signal_id).select_related("strategy", "token")
    return _or_not_found(rows.first())


def has_signal(user: User) -> bool:
    return Signal.objects.filter(owner=user).exists()


def has_signal_from_outside(user: User) -> bool:
    """One that came by the webhook's URL: a test alert of ours has no address."""
    return Signal.objects.filter(owner=user).exclude(source_ip="").exists()


# ---- orders ----

ORDER_GROUPS = {
    "working": tuple(each.value for each in WORKING),
    "filled": ("filled",),
    "ended": ("canceled", "expired"),
    "refused": ("denied", "rejected"),
}


def orders_for(user: User, *, status: str = "", symbol: str = "") -> QuerySet[Order]:
    rows = Order.objects.filter(owner=user).select_related("account", "strategy", "signal")
    rows = rows.defer("signal__raw")
    if status in ORDER_GROUPS:
        rows = rows.filter(status__in=ORDER_GROUPS[status])
    elif status:
        rows = rows.filter(status=status)
    if symbol:
        try:
            rows = rows.filter(symbol=parse_symbol(symbol).name)
        except BadSymbol:
            rows = rows.none()
    return rows


def order_for(user: User, order_id: str) -> Order:
    rows = orders_for(user).prefetch_related("events", "fills")
    return _or_not_found(rows.filter(pk=order_id).first())


def has_fill(user: User) -> bool:
    return Fill.objects.filter(owner=user).exists()


# ---- settings ----


def strategies_for(user: User) -> QuerySet[Strategy]:
    """With their webhook tokens, subscriptions and the time of the last alert."""
    return (
        Strategy.objects.filter(owner=user)
        .annotate(last_signal_at=Max("signals__received_at"))
        .prefetch_related(
            Prefetch("webhook_tokens", WebhookToken.objects.filter(revoked_at=None).order_by("id")),
            Prefetch(
                "subscriptions", Subscription.objects.select_related("account", "risk_profile")
            ),
        )
    )


def strategy_for(user: User, strategy_id: str) -> Strategy:
    return _or_not_found(strategies_for(user).filter(pk=strategy_id).first())


def subscription_for(user: User, subscription_id: str) -> Subscription:
    rows = Subscription.objects.filter(strategy__owner=user, pk=subscription_id)
    return _or_not_found(rows.select_related("strategy", "account", "risk_profile").first())


def token_for(user: User, token_id: str) -> WebhookToken:
    rows = WebhookToken.objects.filter(owner=user, pk=token_id, revoked_at__isnull=True)
    return _or_not_found(rows.select_related("strategy").first())


def profiles_with_use_for(user: User) -> QuerySet[RiskProfile]:
    """`used_by`: how many subscriptions run under each."""
    return risk_profiles_for(user).annotate(used_by=Count("subscriptions"))


def _or_not_found(found: Any) -> Any:
    if found is None:
        raise NotFound()
    return found


def strategy_names_for(user: User) -> QuerySet[Strategy]:
    return Strategy.objects.filter(owner=user).only("id", "name").order_by("name")


def subscriptions_on(account: BrokerAccount) -> QuerySet[Subscription]:
    """The strategies that trade on an account."""
    return Subscription.objects.filter(account=account).select_related("strategy", "risk_profile")
