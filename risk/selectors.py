"""What of this app others read: profiles by owner, their rules as plain data, trading states."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, QuerySet

from accounts.models import User
from risk.clock import trading_day_start
from risk.models import RiskProfile, TradingState
from risk.sizing import SizingRules
from risk.types import Direction, Limits, SizeLimits, SizingMethod, strictest
from tradehub.core.errors import NotFound
from tradehub.core.words import Scope, TradingStateName
from tradehub.lib.prepared import Prepared

__all__ = [
    "StatesNow",
    "day_start_of",
    "limits_of",
    "paused_strategies",
    "risk_profile_for",
    "risk_profiles_for",
    "sizing_rules_of",
    "states_for",
    "strictest",
    "trading_states_for",
]


class StatesNow(NamedTuple):
    """The trading states of the scopes that have one, and the strategy's own switch."""

    states: tuple[tuple[Scope, TradingStateName], ...]
    paused: bool

    @property
    def strictest(self) -> TradingStateName:
        return strictest(self.states)


def risk_profiles_for(user: User) -> QuerySet[RiskProfile]:
    return RiskProfile.objects.filter(owner=user).order_by("-id")


def risk_profile_for(user: User, profile_id: str) -> RiskProfile:
    """Raises NotFound."""
    found = risk_profiles_for(user).filter(pk=profile_id).first()
    if found is None:
        raise NotFound
    return found


def states_for(
    *, owner_id: int | str, account_id: str | None = None, strategy_id: str | None = None
) -> StatesNow:
    """Everything that applies to one user's account and strategy, in one query."""
    rows = _STATES.all(owner=str(owner_id), account=account_id or "", strategy=strategy_id or "")
    order = list(Scope)
    found = sorted(rows, key=lambda row: order.index(Scope(row.scope)))
    return StatesNow(
        states=tuple((Scope(row.scope), TradingStateName(row.state)) for row in found),
        paused=any(row.paused for row in found),
    )


def trading_states_for(
    user: User, *, account_ids: Collection[str], strategy_ids: Collection[str]
) -> QuerySet[TradingState]:
    """The rows themselves, for a page or the API; the caller names the user's own ids."""
    return _states_at(user.pk, account_ids, strategy_ids).select_related("changed_by")


def paused_strategies(strategy_ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that are paused; one query for a whole list."""
    rows = TradingState.objects.filter(
        scope=Scope.STRATEGY.value, scope_id__in=strategy_ids, paused=True
    )
    return frozenset(rows.values_list("scope_id", flat=True))


def limits_of(profile: RiskProfile) -> Limits:
    return Limits(
        min_order_value=profile.min_order_value,
        max_order_value=profile.max_order_value,
        max_order_quantity=profile.max_order_quantity,
        max_position_value=profile.max_position_value,
        max_position_percent=profile.max_position_percent,
        max_total_exposure=profile.max_total_exposure,
        max_leverage=profile.max_leverage,
        max_open_positions=profile.max_open_positions,
        max_trades_per_day=profile.max_trades_per_day,
        max_daily_loss_amount=profile.max_daily_loss_amount,
        max_daily_loss_percent=profile.max_daily_loss_percent,
        max_signal_age_seconds=profile.max_signal_age_seconds,
        max_price_age_seconds=profile.max_price_age_seconds,
        price_collar_percent=profile.price_collar_percent,
        max_spread_percent=profile.max_spread_percent,
        min_risk_reward=profile.min_risk_reward,
        require_stop_loss=profile.require_stop_loss,
        require_take_profit=profile.require_take_profit,
        direction=Direction(profile.direction),
        allowed_symbols=frozenset(profile.allowed_symbols),
        blocked_symbols=frozenset(profile.blocked_symbols),
    )


def sizing_rules_of(profile: RiskProfile) -> SizingRules:
    return SizingRules(
        method=SizingMethod(profile.sizing_method),
        value=profile.sizing_value,
        conviction_risk_percent={
            word: Decimal(percent) for word, percent in profile.conviction_risk_percent.items()
        },
        reduce=profile.size_limits == SizeLimits.REDUCE,
    )


def day_start_of(profile: RiskProfile, *, now: datetime) -> datetime:
    """When the profile's trading day began, in UTC."""
    return trading_day_start(now, profile.timezone, profile.day_starts_at)


def _states_at(
    owner_id: int | str, account_ids: Collection[str], strategy_ids: Collection[str]
) -> QuerySet[TradingState]:
    return TradingState.objects.filter(
        Q(scope=Scope.SITE.value)
        | Q(scope=Scope.USER.value, scope_id=str(owner_id))
        | Q(scope=Scope.ACCOUNT.value, scope_id__in=account_ids)
        | Q(scope=Scope.STRATEGY.value, scope_id__in=strategy_ids)
    )


_STATES = Prepared(
    lambda owner, account, strategy: _states_at(owner, [account], [strategy]),
    texts=["owner", "account", "strategy"],
)
