"""Rules on whether this strategy, account, side and symbol may be entered at all.

Pure. They need no market data, so they come first in a decision.
"""

from risk import wording
from risk.types import Check, EntryPlan, Limits, Snapshot, Terms
from tradehub.core.words import OrderSide, Scope, TradingStateName

_SCOPES = {
    Scope.SITE: "the whole site",
    Scope.USER: "this user",
    Scope.ACCOUNT: "this account",
    Scope.STRATEGY: "this strategy",
}


def trading_halted(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check:
    code = "TRADING_HALTED"
    if now.states is None:
        return Check(code, False, None, None, "The trading state could not be read.")
    where = scopes_in(now, TradingStateName.HALTED)
    if where:
        return Check(code, False, None, None, f"Trading is halted for {where}. Exits still pass.")
    return Check(code, True, None, None, "Trading is not halted.")


def reduce_only_state(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check | None:
    if now.states is None:
        return None  # TRADING_HALTED has denied it.
    code = "REDUCE_ONLY_STATE"
    where = scopes_in(now, TradingStateName.REDUCING)
    if where:
        return Check(
            code, False, None, None, f"Only exits are taken now: {where} is set to reducing."
        )
    return Check(code, True, None, None, "Entries are taken.")


def strategy_paused(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check:
    code = "STRATEGY_PAUSED"
    if now.strategy_paused:
        return Check(
            code, False, None, None, "The strategy is paused: it takes exits and no entries."
        )
    return Check(code, True, None, None, "The strategy is not paused.")


def account_disabled(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check:
    code = "ACCOUNT_DISABLED"
    if not now.account_enabled:
        return Check(code, False, None, None, "The broker account is switched off.")
    return Check(code, True, None, None, "The broker account is switched on.")


def account_check_failed(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check:
    code = "ACCOUNT_CHECK_FAILED"
    if now.account_trouble:
        text = f"The account has not passed its check: {now.account_trouble}"
        return Check(code, False, None, None, text)
    return Check(code, True, None, None, "The account has passed its check.")


def direction_not_allowed(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check:
    code = "DIRECTION_NOT_ALLOWED"
    side = "long" if plan.side is OrderSide.BUY else "short"
    for whose, direction in (("strategy", terms.direction), ("risk profile", limits.direction)):
        if not direction.allows(plan.side):
            allowed = direction.value.replace("_", " ")
            text = f"This would open a {side} position, but the {whose} is {allowed}."
            return Check(code, False, None, None, text)
    return Check(code, True, None, None, f"Entries on the {side} side are allowed.")


def symbol_not_allowed(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check:
    code, symbol = "SYMBOL_NOT_ALLOWED", plan.symbol
    if terms.symbols and symbol not in terms.symbols:
        text = f"{symbol} is not among the strategy's symbols: {_some(terms.symbols)}."
        return Check(code, False, None, None, text)
    if limits.allowed_symbols and symbol not in limits.allowed_symbols:
        text = f"{symbol} is not among the profile's symbols: {_some(limits.allowed_symbols)}."
        return Check(code, False, None, None, text)
    if symbol in limits.blocked_symbols:
        return Check(code, False, None, None, f"{symbol} is blocked in the risk profile.")
    return Check(code, True, None, None, f"{symbol} is allowed.")


def short_not_allowed(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check | None:
    """Every sell that is an entry counts as a short, whatever is held: the exit of a flip may
    not have filled yet."""
    if plan.side is OrderSide.BUY:
        return None
    code = "SHORT_NOT_ALLOWED"
    if now.allow_short is None:
        return Check(code, False, None, None, "It is not known whether the account may go short.")
    if not now.allow_short:
        text = f"The account can't hold a short position in {plan.symbol}."
        return Check(code, False, None, None, text)
    return Check(code, True, None, None, "Short positions are allowed.")


def limit_not_set(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check | None:
    """Real money needs a ceiling on the order, the position and the day."""
    if not now.live:
        return None
    code = "LIMIT_NOT_SET"
    missing = []
    if limits.max_order_value is None:
        missing.append("max_order_value")
    if limits.max_position_value is None and limits.max_position_percent is None:
        missing.append("max_position_value or max_position_percent")
    if limits.max_daily_loss_amount is None and limits.max_daily_loss_percent is None:
        missing.append("max_daily_loss_amount or max_daily_loss_percent")
    if missing:
        text = f"A live account needs these limits in its risk profile: {'; '.join(missing)}."
        return Check(code, False, None, None, text)
    return Check(code, True, None, None, "The limits that a live account needs are set.")


def scopes_in(now: Snapshot, state: TradingStateName) -> str:
    """The scopes that are in this state, in words; empty for none."""
    return wording.listing([_SCOPES[scope] for scope, held in now.states or () if held is state])


def _some(symbols: frozenset[str]) -> str:
    names = sorted(symbols)
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more
