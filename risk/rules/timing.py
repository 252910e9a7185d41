"""Rules on when the alert was sent: how old it is, and whether a newer one came before it.

Pure. Entries are denied by them; an exit is executed late and only says so (I7). An age below zero
(a clock ahead of ours) counts as fresh. Sending times are compared only with sending times: a
receipt or a bar's time would make a good alert look older than it is.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from risk import wording
from risk.types import Check, EntryPlan, Limits, Snapshot, Terms
from tradehub.core.money import EXACT, ZERO

TOO_LATE = frozenset({"SIGNAL_STALE", "SIGNAL_OUT_OF_ORDER"})
_MICROSECOND = Decimal("0.000001")


def signal_stale(plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms) -> Check | None:
    """What is no alert has no age."""
    if plan.signal_at is None:
        return None
    return check_age(plan.signal_at, now.now, (limits.max_signal_age_seconds, plan.max_age_seconds))


def signal_out_of_order(
    plan: EntryPlan, now: Snapshot, limits: Limits, terms: Terms
) -> Check | None:
    """Only for an alert that says when it was sent."""
    if plan.sent_at is None:
        return None
    if plan.newer_at is not None:
        return out_of_order(plan.symbol, plan.sent_at, plan.newer_at)
    text = f"No newer alert for {plan.symbol} was decided before it."
    return Check("SIGNAL_OUT_OF_ORDER", True, None, None, text)


def check_age(
    signal_at: datetime, now: datetime, limits: Iterable[Decimal | int | None]
) -> Check | None:
    """Against the strictest limit; None where there is none. Asked by the rule, and by the last
    gate for what had to wait."""
    ages = [Decimal(each) for each in limits if each is not None]
    if not ages:
        return None
    age, limit = seconds_between(signal_at, now), min(ages)
    told = f"The alert is {wording.seconds(age)} old"
    if age > limit:
        text = f"{told}; the limit is {wording.seconds(limit)}."
        return Check("SIGNAL_STALE", False, age, limit, text)
    text = f"{told}, within the limit of {wording.seconds(limit)}."
    return Check("SIGNAL_STALE", True, age, limit, text)


def is_older(sent_at: datetime, other: datetime) -> bool:
    """Was it sent before the other? A time without a fraction may be any moment of its second, as
    TradingView's `{{timenow}}`, and is compared by the second."""
    if not (sent_at.microsecond and other.microsecond):
        return sent_at.replace(microsecond=0) < other.replace(microsecond=0)
    return sent_at < other


def out_of_order(
    symbol: str, sent_at: datetime, newer_at: datetime, what: str = "decided"
) -> Check:
    """`what`: how far the newer alert has come."""
    behind = seconds_between(sent_at, newer_at)
    text = (
        f"It was sent {wording.seconds(behind)} before a newer alert for {symbol} that was {what} "
        "already."
    )
    return Check("SIGNAL_OUT_OF_ORDER", False, behind, ZERO, text)


def passed(symbol: str, received_at: datetime, newer_at: datetime) -> Check:
    """As above, of one that failed on our side until the newer one was executed."""
    behind = seconds_between(received_at, newer_at)
    text = (
        f"It failed on our side, and a newer entry of {symbol}, which came "
        f"{wording.seconds(behind)} later, was executed meanwhile. What that opened stays open."
    )
    return Check("SIGNAL_OUT_OF_ORDER", False, behind, ZERO, text)


def late_exit(check: Check) -> Check:
    """A failed check of an exit, as the note that it passes all the same."""
    return replace(check, passed=True, message=f"{check.message} Exits are executed late.")


def seconds_between(then: datetime, now: datetime) -> Decimal:
    """To the microsecond."""
    gap = now - then
    whole = Decimal(gap.days * 86_400 + gap.seconds)
    return EXACT.add(whole, EXACT.multiply(Decimal(gap.microseconds), _MICROSECOND))
