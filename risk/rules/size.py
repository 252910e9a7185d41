"""Rules on how large the order, the position and the account's exposure become.

Pure. Without a quantity or a price there is nothing to measure: SIZE_MISSING or PRICE_MISSING has
then denied the entry, and these rules say nothing. Any other missing number denies here.
"""

from decimal import Decimal

from risk import wording
from risk.types import Check, EntryPlan, Limits, Snapshot, Terms
from tradehub.core.money import EXACT, percent_of, ratio


def size_missing(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check | None:
    """Silent where sizing failed for another reason, which the engine records as its own."""
    if plan.quantity is None:
        if plan.problem is not None:
            return None
        return Check("SIZE_MISSING", False, None, None, "No quantity could be computed.")
    text = f"The quantity is {wording.quantity(plan.quantity)}."
    return Check("SIZE_MISSING", True, plan.quantity, None, text)


def size_zero(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check | None:
    if plan.quantity is None:
        return None
    if plan.quantity <= 0:
        text = f"The quantity is {wording.quantity(plan.quantity)}: there is nothing to send."
        return Check("SIZE_ZERO", False, plan.quantity, None, text)
    return Check("SIZE_ZERO", True, plan.quantity, None, "The quantity is above zero.")


def order_value_below_min(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    """The larger of the profile's and the venue's own least value; and the venue's of its stop."""
    limit = max(limits.min_order_value or plan.min_notional, plan.min_notional)
    if plan.value and plan.value < limit:
        text = f"{_order(plan.value)} is below the least value of {wording.money(limit)}."
        return Check("ORDER_VALUE_BELOW_MIN", False, plan.value, limit, text)
    if plan.stop_value is not None and plan.stop_value < plan.min_stop_value:
        return _stop_below_min(plan.stop_value, plan.min_stop_value)
    if not limit or not plan.value:
        return None
    text = f"{_order(plan.value)} is at least {wording.money(limit)}."
    return Check("ORDER_VALUE_BELOW_MIN", True, plan.value, limit, text)


def _stop_below_min(value: Decimal, least: Decimal) -> Check:
    text = (
        f"Its stop would be worth {wording.money(value)}, and the venue's least is "
        f"{wording.money(least)}: what is entered could not be guarded."
    )
    return Check("ORDER_VALUE_BELOW_MIN", False, value, least, text)


def order_value_above_max(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    if limits.max_order_value is None or plan.value is None:
        return None
    return _ceiling("ORDER_VALUE_ABOVE_MAX", _order(plan.value), plan.value, limits.max_order_value)


def order_quantity_above_max(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    """The smaller of the profile's and the venue's own largest quantity."""
    bounds = [each for each in (limits.max_order_quantity, plan.max_quantity) if each is not None]
    if not bounds or plan.quantity is None:
        return None
    limit = min(bounds)
    code, told = "ORDER_QUANTITY_ABOVE_MAX", f"Order quantity {wording.quantity(plan.quantity)}"
    if plan.quantity > limit:
        why = plan.max_quantity_why if limit == plan.max_quantity else ""
        text = f"{told} is above the limit of {wording.quantity(limit)}. {why}".strip()
        return Check(code, False, plan.quantity, limit, text)
    text = f"{told} is within the limit of {wording.quantity(limit)}."
    return Check(code, True, plan.quantity, limit, text)


def position_value_above_max(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    code = "POSITION_VALUE_ABOVE_MAX"
    if limits.max_position_value is None and limits.max_position_percent is None:
        return None
    if plan.value is None:
        return None
    limit, basis = position_limit(now, limits)
    if limit is None:
        text = "The account's equity is not known, so the position limit can't be checked."
        return Check(code, False, None, None, text)
    if now.symbol_position_value is None:
        text = f"What the account holds of {plan.symbol} is not known; the limit can't be checked."
        return Check(code, False, None, limit, text)
    measured = EXACT.add(now.symbol_position_value, plan.value)
    told = f"The position in {plan.symbol} would be worth {wording.money(measured)}, which"
    return _ceiling(code, told, measured, limit, basis)


def position_limit(now: Snapshot, limits: Limits) -> tuple[Decimal | None, str]:
    """The stricter of value and percent of equity, and what it rests on. None: the percent can't
    be computed, or neither is set."""
    if limits.max_position_percent is None:
        return limits.max_position_value, ""
    if now.equity is None:
        return None, ""
    share = percent_of(now.equity, limits.max_position_percent)
    if limits.max_position_value is not None and limits.max_position_value <= share:
        return limits.max_position_value, ""
    equity = wording.money(now.equity)
    return share, f" ({wording.percent(limits.max_position_percent)} of the equity of {equity})"


def total_exposure_above_max(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    code, limit = "TOTAL_EXPOSURE_ABOVE_MAX", limits.max_total_exposure
    if limit is None or plan.value is None:
        return None
    if now.gross_exposure is None:
        text = "The account's exposure is not known, so its limit can't be checked."
        return Check(code, False, None, limit, text)
    measured = EXACT.add(now.gross_exposure, plan.value)
    told = f"The account's exposure would be {wording.money(measured)}, which"
    return _ceiling(code, told, measured, limit)


def leverage_above_max(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    """What the entry asks for, and what the account has after it."""
    code, limit = "LEVERAGE_ABOVE_MAX", limits.max_leverage
    if limit is None:
        return None
    if plan.leverage is not None and plan.leverage > limit:
        told = f"The entry asks for a leverage of {wording.quantity(plan.leverage)}, which"
        return _above(code, told, plan.leverage, limit)
    if plan.value is None:
        return None
    if now.gross_exposure is None or now.equity is None or now.equity <= 0:
        text = "The account's exposure or equity is not known, so its leverage can't be checked."
        return Check(code, False, None, limit, text)
    measured = ratio(EXACT.add(now.gross_exposure, plan.value), now.equity)
    told = f"The account's exposure would be {wording.quantity(measured)} times its equity, which"
    if measured > limit:
        return _above(code, told, measured, limit)
    text = f"{told} is within the limit of {wording.quantity(limit)}."
    return Check(code, True, measured, limit, text)


def _above(code: str, told: str, measured: Decimal, limit: Decimal) -> Check:
    return Check(
        code, False, measured, limit, f"{told} is above the limit of {wording.quantity(limit)}."
    )


def buying_power_too_low(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    code = "BUYING_POWER_TOO_LOW"
    if now.buying_power is None:
        return Check(code, False, plan.value, None, "The account's buying power is not known.")
    if plan.value is None:
        return None
    free = wording.money(now.buying_power)
    if plan.value > now.buying_power:
        text = f"{_order(plan.value)} is above the free buying power of {free}."
        return Check(code, False, plan.value, now.buying_power, text)
    text = f"{_order(plan.value)} is within the free buying power of {free}."
    return Check(code, True, plan.value, now.buying_power, text)


def _order(value: Decimal) -> str:
    return f"Order value {wording.money(value)}"


def _ceiling(code: str, told: str, measured: Decimal, limit: Decimal, basis: str = "") -> Check:
    """Exactly at the limit passes."""
    if measured > limit:
        text = f"{told} is above the limit of {wording.money(limit)}{basis}."
        return Check(code, False, measured, limit, text)
    text = f"{told} is within the limit of {wording.money(limit)}{basis}."
    return Check(code, True, measured, limit, text)
