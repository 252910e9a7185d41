"""The risk rules, and their one list.

Pure. A rule is a function (plan, snapshot, limits, terms) -> Check | None; None means that it is
not limited or does not apply. It never raises, and a number that it needs and does not have is a
failed check. A new rule: one function in the module of its subject, one field of Limits, its code
here (in the order of the public contract) and in `tradehub.core.reasons`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from risk.rules import account, permission, price, protection, size, timing
from risk.types import Check, EntryPlan, Limits, Snapshot, Terms

Rule = Callable[[EntryPlan, Snapshot, Limits, Terms], Check | None]

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "TRADING_HALTED": permission.trading_halted,
        "REDUCE_ONLY_STATE": permission.reduce_only_state,
        "STRATEGY_PAUSED": permission.strategy_paused,
        "ACCOUNT_DISABLED": permission.account_disabled,
        "ACCOUNT_CHECK_FAILED": permission.account_check_failed,
        "DIRECTION_NOT_ALLOWED": permission.direction_not_allowed,
        "SYMBOL_NOT_ALLOWED": permission.symbol_not_allowed,
        "DELAYED_DATA": price.delayed_data,
        "SIGNAL_STALE": timing.signal_stale,
        "SIGNAL_OUT_OF_ORDER": timing.signal_out_of_order,
        "PRICE_MISSING": price.price_missing,
        "PRICE_STALE": price.price_stale,
        "PRICE_OUTSIDE_COLLAR": price.price_outside_collar,
        "SPREAD_ABOVE_MAX": price.spread_above_max,
        "STOP_LOSS_REQUIRED": protection.stop_loss_required,
        "STOP_LOSS_WRONG_SIDE": protection.stop_loss_wrong_side,
        "TAKE_PROFIT_REQUIRED": protection.take_profit_required,
        "TAKE_PROFIT_WRONG_SIDE": protection.take_profit_wrong_side,
        "RISK_REWARD_TOO_LOW": protection.risk_reward_too_low,
        "SIZE_MISSING": size.size_missing,
        "SIZE_ZERO": size.size_zero,
        "ORDER_VALUE_BELOW_MIN": size.order_value_below_min,
        "ORDER_VALUE_ABOVE_MAX": size.order_value_above_max,
        "ORDER_QUANTITY_ABOVE_MAX": size.order_quantity_above_max,
        "POSITION_VALUE_ABOVE_MAX": size.position_value_above_max,
        "TOTAL_EXPOSURE_ABOVE_MAX": size.total_exposure_above_max,
        "OPEN_POSITIONS_AT_MAX": account.open_positions_at_max,
        "TRADES_TODAY_AT_MAX": account.trades_today_at_max,
        "DAILY_LOSS_REACHED": account.daily_loss_reached,
        "LEVERAGE_ABOVE_MAX": size.leverage_above_max,
        "BUYING_POWER_TOO_LOW": size.buying_power_too_low,
        "SHORT_NOT_ALLOWED": permission.short_not_allowed,
        "LIMIT_NOT_SET": permission.limit_not_set,
    }
)
