"""The last gate: what may have changed between the decision and the moment an order leaves.

Asked inside the transaction that commits `sending`. Only entries are asked; exits and protection
always pass (I7).
"""

from datetime import datetime, timedelta

from brokers.models import BrokerAccount
from orders.models import LaneItem, Order
from orders.terms import Terms
from risk.models import RiskProfile
from risk.selectors import states_for
from tradehub.core.intent import Intent
from tradehub.core.words import OrderRole, TradingStateName

AT_ONCE = timedelta(seconds=5)
"""An order that leaves this soon after its decision is as old as the decision found it."""

Refusal = tuple[str, str]
"""A reason code and its sentence."""


def refusal_at_the_gate(order: Order, *, now: datetime) -> Refusal | None:
    if order.role != OrderRole.ENTRY:
        return None
    if not BrokerAccount.objects.filter(pk=order.account_id, enabled=True).exists():
        return "ACCOUNT_DISABLED", "The account was disabled before the order was sent."
    states = states_for(
        owner_id=order.owner_id, account_id=order.account_id, strategy_id=order.strategy_id
    )
    if states.strictest is TradingStateName.HALTED:
        return "TRADING_HALTED", "Trading was halted before the order was sent."
    if states.strictest is TradingStateName.REDUCING:
        return "REDUCE_ONLY_STATE", "Trading was set to reduce before the order was sent."
    if states.paused:
        return "STRATEGY_PAUSED", "The strategy was paused before the order was sent."
    return None if now - order.created_at < AT_ONCE else _too_late(order, now)


def _too_late(order: Order, now: datetime) -> Refusal | None:
    """An entry that had to wait, for the venue or for another order, may be too old by now."""
    item = LaneItem.objects.filter(decision=order.decision_id).first()
    if item is None:
        return None
    profile = RiskProfile.objects.filter(pk=Terms.from_json(item.terms).risk_profile).first()
    intents = [Intent.from_json(each) for each in item.intents]
    limits = [each.max_age_seconds for each in intents]
    limits.append(None if profile is None else profile.max_signal_age_seconds)
    known = [limit for limit in limits if limit is not None]
    if not known:
        return None
    sent_at = next((each.sent_at for each in intents if each.sent_at), item.created_at)
    age = round((now - sent_at).total_seconds())
    if age <= min(known):
        return None
    return "SIGNAL_STALE", f"The alert was {age} s old when its order could leave."
