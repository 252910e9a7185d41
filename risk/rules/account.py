"""Rules on what the account did today and holds already.

Pure. Counts and the loss deny when they have reached their limit: the entry would be one more.
"""

from decimal import Decimal

from risk import wording
from risk.types import Check, EntryPlan, Limits, Snapshot, Terms
from tradehub.core.money import ZERO, percent_of


def open_positions_at_max(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    """An entry into what is held already opens nothing."""
    if limits.max_open_positions is None or not now.opens_new_position:
        return None
    return _count(
        "OPEN_POSITIONS_AT_MAX", "open positions", now.open_positions, limits.max_open_positions
    )


def trades_today_at_max(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    if limits.max_trades_per_day is None:
        return None
    return _count(
        "TRADES_TODAY_AT_MAX", "trades today", now.trades_today, limits.max_trades_per_day
    )


def daily_loss_reached(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    code = "DAILY_LOSS_REACHED"
    if limits.max_daily_loss_amount is None and limits.max_daily_loss_percent is None:
        return None
    limit, basis = daily_loss_limit(now, limits)
    if limit is None:
        text = "The equity at the start of the day is not known, so the loss can't be checked."
        return Check(code, False, None, None, text)
    if now.daily_pnl is None:
        return Check(code, False, None, limit, "Today's profit or loss is not known.")
    loss = max(now.daily_pnl.copy_negate(), ZERO)
    told = f"Today's loss of {wording.money(loss)}"
    if loss >= limit:
        text = f"{told} has reached the limit of {wording.money(limit)}{basis}."
        return Check(code, False, loss, limit, text)
    text = f"{told} is below the limit of {wording.money(limit)}{basis}."
    return Check(code, True, loss, limit, text)


def daily_loss_limit(now: Snapshot, limits: Limits) -> tuple[Decimal | None, str]:
    """The stricter of amount and percent, and what it rests on. None: the percent can't be
    computed, or neither is set."""
    if limits.max_daily_loss_percent is None:
        return limits.max_daily_loss_amount, ""
    if now.day_start_equity is None:
        return None, ""
    share = percent_of(now.day_start_equity, limits.max_daily_loss_percent)
    if limits.max_daily_loss_amount is not None and limits.max_daily_loss_amount <= share:
        return limits.max_daily_loss_amount, ""
    began = wording.money(now.day_start_equity)
    percent = wording.percent(limits.max_daily_loss_percent)
    return share, f" ({percent} of {began} at the start of the day)"


def _count(code: str, noun: str, counted: int | None, limit: int) -> Check:
    allowed = Decimal(limit)
    if counted is None:
        text = f"The number of {noun} is not known; the limit is {limit}."
        return Check(code, False, None, allowed, text)
    told = f"{counted} {noun} of at most {limit}"
    if counted >= limit:
        return Check(code, False, Decimal(counted), allowed, f"{told}: no room for one more.")
    return Check(code, True, Decimal(counted), allowed, f"{told}.")
