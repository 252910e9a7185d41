"""What the hub sees of a user's accounts: how much of each limit is used, and what waits.

Read models only. A number that can't be had is None; whether one may trade more is then "no",
as it would be for an entry (I8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.models import User
from brokers.models import BrokerAccount
from brokers.streams.states import StreamState, states_for_pages
from brokers.streams.venues import STREAMS
from orders.cash_summary import readings_for
from orders.facts import trades_since
from orders.models import CashReading, DayStart, LaneItem
from orders.selectors import AccountSummary, PositionView, account_summary, positions_with_marks
from risk.models import RiskProfile
from risk.selectors import day_start_of, states_for
from tradehub.core.money import EXACT, HUNDRED, ZERO, ratio
from tradehub.core.words import TradingStateName


@dataclass(frozen=True, slots=True)
class LimitUse:
    """`used` and `limit` are of one kind: money, percent or a count."""

    risk_profile: str
    name: str
    used: Decimal | None
    limit: Decimal

    @property
    def reached(self) -> bool:
        return self.used is None or self.used >= self.limit


@dataclass(frozen=True, slots=True)
class AccountStatus:
    summary: AccountSummary
    state: TradingStateName
    active_positions: int
    trades_today: int
    can_trade_more: bool
    limits: list[LimitUse]
    stream: StreamState | None
    """Of orders, from the venue; None where nobody follows one."""
    cash: CashReading | None
    """How far the venue's own records of money are read; None where it keeps none."""


@dataclass(frozen=True, slots=True)
class Queue:
    waiting: int
    held: int
    parked: int
    lag_seconds: float | None
    """Age of the oldest thing that is due and not done; None when nothing is."""


def account_statuses_for(user: User, *, now: datetime) -> list[AccountStatus]:
    views = positions_with_marks(user)
    accounts = list(BrokerAccount.objects.filter(owner=user).order_by("id"))
    streams = states_for_pages([each.pk for each in accounts if each.kind in STREAMS], now=now)
    readings = readings_for(user)
    return [
        _status(
            account,
            [each for each in views if each.position.account_id == account.pk],
            streams.get(account.pk),
            readings.get(account.pk),
            now,
        )
        for account in accounts
    ]


def queue_for(user: User, *, now: datetime) -> Queue:
    """Of the user's own lanes."""
    items = LaneItem.objects.filter(account__owner=user)
    queued = items.filter(status=LaneItem.Status.QUEUED.value)
    oldest = queued.filter(due_at__lte=now).order_by("due_at").first()
    return Queue(
        waiting=queued.count(),
        held=items.filter(status=LaneItem.Status.HELD.value).count(),
        parked=items.filter(status=LaneItem.Status.PARKED.value).count(),
        lag_seconds=None if oldest is None else round((now - oldest.due_at).total_seconds(), 3),
    )


def _status(
    account: BrokerAccount,
    views: Sequence[PositionView],
    stream: StreamState | None,
    cash: CashReading | None,
    now: datetime,
) -> AccountStatus:
    summary = account_summary(account, now=now)
    state = states_for(owner_id=account.owner_id, account_id=account.pk).strictest
    profiles = list(
        RiskProfile.objects.filter(subscriptions__account=account).distinct().order_by("id")
    )
    uses = {each.pk: _uses(each, summary, views, now) for each in profiles}
    free = account.enabled and state is TradingStateName.ACTIVE
    room = any(not any(use.reached for use in each) for each in uses.values())
    starts = [day_start_of(each, now=now) for each in profiles]
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return AccountStatus(
        summary=summary,
        state=state,
        active_positions=len({each.position.symbol for each in views}),
        trades_today=trades_since(account, min(starts, default=midnight)),
        can_trade_more=free and room,
        limits=[use for each in uses.values() for use in each],
        stream=stream,
        cash=cash,
    )


def _uses(
    profile: RiskProfile, summary: AccountSummary, views: Sequence[PositionView], now: datetime
) -> list[LimitUse]:
    """Of every limit that fills up; those of a single order have no use to show."""
    day_start = day_start_of(profile, now=now)
    loss, loss_percent = _loss(summary, day_start)
    symbols = {each.position.symbol for each in views}
    found = {
        "max_open_positions": Decimal(len(symbols)),
        "max_trades_per_day": Decimal(trades_since(summary.account, day_start)),
        "max_total_exposure": _exposure(views),
        "max_daily_loss_amount": loss,
        "max_daily_loss_percent": loss_percent,
    }
    return [
        LimitUse(profile.pk, name, used, Decimal(limit))
        for name, used in found.items()
        if (limit := getattr(profile, name)) is not None
    ]


def _loss(summary: AccountSummary, day_start: datetime) -> tuple[Decimal | None, Decimal | None]:
    """Of the profile's trading day, as an amount and in percent; zero before its first trade."""
    if summary.equity is None:
        return None, None
    start = DayStart.objects.filter(account=summary.account, day_start=day_start).first()
    if start is None:
        return ZERO, ZERO
    lost = max(ZERO, EXACT.subtract(start.equity, summary.equity))
    if start.equity <= 0:
        return lost, None
    return lost, EXACT.multiply(ratio(lost, start.equity), HUNDRED)


def _exposure(views: Sequence[PositionView]) -> Decimal | None:
    if any(each.mark_price is None for each in views):
        return None
    values = (
        abs(EXACT.multiply(each.position.quantity, each.mark_price or ZERO)) for each in views
    )
    return sum(values, ZERO)
