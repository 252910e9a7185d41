"""Rules on how good the price is.

Pure. An age below zero (a clock ahead of ours) counts as fresh.
"""

from decimal import Decimal

from risk import wording
from risk.rules.timing import seconds_between
from risk.types import Check, EntryPlan, Limits, Snapshot, Terms
from tradehub.core.money import EXACT, HUNDRED, ratio


def delayed_data(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check | None:
    if not now.live:
        return None
    code = "DELAYED_DATA"
    if plan.delayed:
        text = (
            f"The chart of {plan.symbol} shows delayed data; a live account does not trade on it."
        )
        return Check(code, False, None, None, text)
    return Check(code, True, None, None, "The chart is not marked as delayed.")


def price_missing(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check:
    code = "PRICE_MISSING"
    if plan.price is None:
        return Check(code, False, None, None, f"No price of {plan.symbol} is known.")
    if plan.price <= 0:
        text = f"The price {wording.money(plan.price)} of {plan.symbol} is not above zero."
        return Check(code, False, plan.price, None, text)
    text = f"{plan.symbol} is valued at {wording.money(plan.price)}."
    return Check(code, True, plan.price, None, text)


def price_stale(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check | None:
    """By the profile's limit, and by the age at which the venue itself trades at no price."""
    bounds = [limits.max_price_age_seconds, plan.price_good_for]
    known = [each for each in bounds if each is not None]
    if not known or plan.price is None:
        return None  # Not limited, or PRICE_MISSING has denied it.
    code, limit = "PRICE_STALE", Decimal(min(known))
    if now.quote_at is None:
        text = (
            f"The quote of {plan.symbol} has no known age; the limit is {wording.seconds(limit)}."
        )
        return Check(code, False, None, limit, text)
    age = seconds_between(now.quote_at, now.now)
    told = f"The quote of {plan.symbol} is {wording.seconds(age)} old"
    if plan.price_good_for is not None and age >= plan.price_good_for:
        text = f"{told}; the venue fills nothing at a price of {wording.seconds(limit)} or older."
        return Check(code, False, age, limit, text)
    if age > limit:
        return Check(code, False, age, limit, f"{told}; the limit is {wording.seconds(limit)}.")
    return Check(code, True, age, limit, f"{told}, within the limit of {wording.seconds(limit)}.")


def price_outside_collar(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    """How far the price that the alert had in mind is from the quote."""
    limit = limits.price_collar_percent
    if limit is None or plan.reference_price is None:
        return None
    code = "PRICE_OUTSIDE_COLLAR"
    if now.quote_price is None or now.quote_price <= 0:
        text = f"No quote of {plan.symbol} to compare the alert's price with."
        return Check(code, False, None, limit, text)
    gap = EXACT.subtract(plan.reference_price, now.quote_price).copy_abs()
    measured = EXACT.multiply(ratio(gap, now.quote_price), HUNDRED)
    told = (
        f"The alert's price {wording.money(plan.reference_price)} is {wording.percent(measured)} "
        f"from the quote {wording.money(now.quote_price)}"
    )
    if measured > limit:
        text = f"{told}; the limit is {wording.percent(limit)}."
        return Check(code, False, measured, limit, text)
    text = f"{told}, within the limit of {wording.percent(limit)}."
    return Check(code, True, measured, limit, text)


def spread_above_max(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check | None:
    limit = limits.max_spread_percent
    if limit is None:
        return None
    code, bid, ask = "SPREAD_ABOVE_MAX", now.quote_bid, now.quote_ask
    if bid is None or ask is None or bid <= 0 or ask <= 0:
        text = f"Bid and ask of {plan.symbol} are not known, so the spread can't be checked."
        return Check(code, False, None, limit, text)
    middle = EXACT.divide(EXACT.add(bid, ask), Decimal(2))
    measured = EXACT.multiply(ratio(EXACT.subtract(ask, bid), middle), HUNDRED)
    told = f"The spread is {wording.percent(measured)}"
    if measured > limit:
        text = f"{told}, above the limit of {wording.percent(limit)}."
        return Check(code, False, measured, limit, text)
    text = f"{told}, within the limit of {wording.percent(limit)}."
    return Check(code, True, measured, limit, text)
