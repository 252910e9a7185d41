"""The last gate: what may have changed between the decision and the moment an order leaves.

Asked inside the transaction that commits `sending`. Only entries are asked; exits and protection
always pass (I7).
"""

from datetime import datetime, timedelta

from brokers.models import BrokerAccount
from orders.clearing import unless_cleared
from orders.models import LaneItem, Order
from orders.terms import Terms, mapped_symbol
from risk.models import RiskProfile
from risk.rules.timing import check_age
from risk.selectors import states_for
from tradehub.core.intent import Intent
from tradehub.core.words import OrderRole, TradingStateName, Verb
from tradehub.lib.prepared import Prepared

AT_ONCE = timedelta(seconds=5)
"""An order that leaves this soon after its decision is as old as the decision found it."""

_NEVER_ENTERS = (Verb.EXIT, Verb.REDUCE, Verb.CANCEL)
"""Another command of the same alert, whose age says nothing about the entry."""

_ENABLED = Prepared(
    lambda pk: BrokerAccount.objects.filter(pk=pk, enabled=True).values_list("trouble"),
    texts=["pk"],
)
Refusal = tuple[str, str]
"""A reason code and its sentence."""


def refusal_at_the_gate(order: Order, *, now: datetime) -> Refusal | None:
    if order.role != OrderRole.ENTRY:
        return None
    enabled = _ENABLED.rows(pk=order.account_id)
    if not enabled:
        return "ACCOUNT_DISABLED", "The account was disabled before the order was sent."
    ((trouble,),) = enabled
    if trouble:
        return "ACCOUNT_CHECK_FAILED", f"The account failed its check before this left: {trouble}"
    states = states_for(
        owner_id=order.owner_id, account_id=order.account_id, strategy_id=order.strategy_id
    )
    if states.strictest is TradingStateName.HALTED:
        return "TRADING_HALTED", "Trading was halted before the order was sent."
    if states.strictest is TradingStateName.REDUCING:
        return "REDUCE_ONLY_STATE", "Trading was set to reduce before the order was sent."
    if states.paused:
        return "STRATEGY_PAUSED", "The strategy was paused before the order was sent."
    late = None if now - order.created_at < AT_ONCE else _too_late(order, now)
    return late or unless_cleared(order)


def _too_late(order: Order, now: datetime) -> Refusal | None:
    """An entry that had to wait, for the venue or for another order, may be too old by now."""
    item = LaneItem.objects.filter(decision=order.decision_id).first()
    if item is None:
        return None
    terms = Terms.from_json(item.terms)
    profile = RiskProfile.objects.filter(pk=terms.risk_profile).first()
    allowed = None if profile is None else profile.max_signal_age_seconds
    for data in item.intents:
        intent = Intent.from_json(data)
        if mapped_symbol(intent, terms) != order.symbol or intent.verb in _NEVER_ENTERS:
            continue
        limits = (allowed, intent.max_age_seconds)
        check = check_age(intent.aged_from(item.created_at), now, limits)
        if check is not None and not check.passed:
            return check.code, f"{check.message} It had to wait before its order could leave."
    return None
