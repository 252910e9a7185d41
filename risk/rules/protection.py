"""Rules on the stop and the targets that an entry brings.

Pure. A side can be wrong only against a known price; without one PRICE_MISSING has denied it.
"""

from decimal import Decimal

from risk import wording
from risk.types import Check, EntryPlan, Limits, Snapshot, Terms
from tradehub.core.money import EXACT, ratio
from tradehub.core.words import OrderSide


def stop_loss_required(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    if not limits.require_stop_loss:
        return None
    code = "STOP_LOSS_REQUIRED"
    if not plan.has_stop:
        text = "The risk profile requires a stop loss and the entry has none."
        return Check(code, False, None, None, text)
    return Check(code, True, None, None, "The entry has a stop loss.")


def stop_loss_wrong_side(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    if plan.stop_price is None or plan.price is None:
        return None
    code, stop, price = "STOP_LOSS_WRONG_SIDE", plan.stop_price, plan.price
    told = f"The stop {wording.money(stop)}"
    if stop <= 0:
        return Check(code, False, stop, price, f"{told} is not above zero.")
    long = plan.side is OrderSide.BUY
    at = f"the entry price {wording.money(price)} of a {'long' if long else 'short'} position"
    if stop >= price if long else stop <= price:
        wanted = "below" if long else "above"
        return Check(code, False, stop, price, f"{told} must be {wanted} {at}.")
    return Check(code, True, stop, price, f"{told} is {'below' if long else 'above'} {at}.")


def take_profit_required(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    if not limits.require_take_profit:
        return None
    code = "TAKE_PROFIT_REQUIRED"
    if not plan.target_prices:
        text = "The risk profile requires a take profit and the entry has none."
        return Check(code, False, None, None, text)
    return Check(code, True, None, None, "The entry has a take profit.")


def take_profit_wrong_side(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    if not plan.target_prices or plan.price is None:
        return None
    code, price = "TAKE_PROFIT_WRONG_SIDE", plan.price
    long = plan.side is OrderSide.BUY
    wanted = "above" if long else "below"
    at = f"the entry price {wording.money(price)} of a {'long' if long else 'short'} position"
    for target in plan.target_prices:
        told = f"The target {wording.money(target)}"
        if target <= 0:
            return Check(code, False, target, price, f"{told} is not above zero.")
        if target <= price if long else target >= price:
            return Check(code, False, target, price, f"{told} must be {wanted} {at}.")
    nearest = plan.target_prices[0]
    many = len(plan.target_prices) > 1
    text = f"The {'targets are' if many else 'target is'} {wanted} {at}."
    return Check(code, True, nearest, price, text)


def risk_reward_too_low(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    limit = limits.min_risk_reward
    if limit is None or plan.price is None:
        return None
    code = "RISK_REWARD_TOO_LOW"
    measured = risk_reward(plan.price, plan.stop_price, plan.target_prices)
    if measured is None:
        text = (
            "The risk profile asks for a reward of at least "
            f"{wording.quantity(limit)} times the risk; that needs a stop and a target with prices."
        )
        return Check(code, False, None, limit, text)
    told = f"The first target is {wording.quantity(measured)} times as far away as the stop"
    if measured < limit:
        text = f"{told}; at least {wording.quantity(limit)} times is asked for."
        return Check(code, False, measured, limit, text)
    text = f"{told}, which reaches the {wording.quantity(limit)} times asked for."
    return Check(code, True, measured, limit, text)


def risk_reward(
    price: Decimal, stop: Decimal | None, targets: tuple[Decimal, ...]
) -> Decimal | None:
    """Distance to the first target over distance to the stop; None when either is not known."""
    if stop is None or not targets or stop == price:
        return None
    reward = EXACT.subtract(targets[0], price).copy_abs()
    return ratio(reward, EXACT.subtract(price, stop).copy_abs())
