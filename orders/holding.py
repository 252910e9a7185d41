"""Items that wait until their account is reconciled.

Held are decisions, replacements, and orders that wait for another, with the reason
ACCOUNT_NOT_RECONCILED; protection, cancels and halts never. They go back to the lane in their
order. An entry that grew too old meanwhile ends without the venue; exits wait on and are executed
late (I7).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import structlog
from django.db import DatabaseError, transaction

from brokers.types import Capabilities, Instrument
from orders.deciding import decide_item
from orders.doorbell import ring_on_commit
from orders.lanes import Claim, hold_lane
from orders.market import Market
from orders.models import Decision, LaneItem, Reconciliation
from orders.protection import LOWEST
from orders.recording import lock_account
from orders.settling import settle
from orders.terms import UNREADABLE, Terms, effective_intent, mapped_symbol
from risk.models import RiskProfile
from risk.rules.timing import TOO_LATE, check_age
from risk.types import Check
from tradehub.core.intent import Intent
from tradehub.core.words import OrderType, Outcome, TimeInForce
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)

REASON = "ACCOUNT_NOT_RECONCILED"
HELD_KINDS = tuple(
    kind.value for kind in (LaneItem.Kind.DECIDE, LaneItem.Kind.SEND, LaneItem.Kind.REPLACE)
)
NEVER = timedelta(days=3650)
LOOK_AGAIN = timedelta(seconds=30)
_HELD_AT_ONCE = 20
_ENDED_AT_ONCE = 100
_ANY = Capabilities(frozenset(OrderType), frozenset(TimeInForce), shorts=True, linked_orders=False)


def hold_waiting(claim: Claim, *, clock: Callable[[], datetime]) -> int:
    """Put what waits in the lane aside; how many items. Raises LostLane."""
    held = 0
    while batch := in_write_transaction(partial(_hold_some, claim, clock)):
        held += batch
    if held:
        log.warning("lane_held", account=claim.account_id, items=held, code=REASON)
    return held


def _hold_some(claim: Claim, clock: Callable[[], datetime]) -> int:
    """As many as a short transaction takes."""
    hold_lane(claim, now=clock())
    if not Reconciliation.objects.filter(pk=claim.account_id, required_at__isnull=False).exists():
        return 0  # compared meanwhile: nobody would release what is held now
    waiting = LaneItem.objects.filter(
        account_id=claim.account_id, status=LaneItem.Status.QUEUED.value, kind__in=HELD_KINDS
    )
    items = list(waiting.order_by("id")[:_HELD_AT_ONCE])
    for item in items:
        LaneItem.objects.filter(pk=item.pk).update(
            status=LaneItem.Status.HELD.value, reason=REASON, due_at=_too_old_at(item)
        )
        settle(item.signal_id)
    return len(items)


def release_held(account_id: str, *, now: datetime) -> int:
    """Back to the lane, in their order; inside the comparison's transaction."""
    held = LaneItem.objects.filter(
        account_id=account_id, status=LaneItem.Status.HELD.value, reason=REASON
    )
    released = held.update(status=LaneItem.Status.QUEUED.value, reason="", due_at=now)
    if released:
        ring_on_commit([account_id])
    return released


def expire_held(*, clock: Callable[[], datetime]) -> int:
    """End the held entries that are too old by now; how many. The venue is not asked."""
    due = LaneItem.objects.filter(
        status=LaneItem.Status.HELD.value,
        reason=REASON,
        kind=LaneItem.Kind.DECIDE.value,
        due_at__lte=clock(),
    ).order_by("due_at")
    return sum(_expire(item, clock()) for item in due.select_related("account")[:_ENDED_AT_ONCE])


class _NotAnEntry(Exception):
    """It would do something else than be refused, so it waits on."""


def _expire(item: LaneItem, now: datetime) -> bool:
    def work() -> bool:
        lock_account(item.account_id)
        held = LaneItem.objects.filter(pk=item.pk, status=LaneItem.Status.HELD.value, reason=REASON)
        if not held.exists() or not _is_refused(item, now):
            held.update(due_at=now + LOOK_AGAIN)
            return False
        held.update(status=LaneItem.Status.DONE.value, finished_at=now)
        settle(item.signal_id)
        return True

    return in_write_transaction(work)


def _is_refused(item: LaneItem, now: datetime) -> bool:
    try:
        check = _too_old(item, now)
        if check is None:
            return False
        with transaction.atomic():
            _refuse(item, check, now)
    except DatabaseError:
        raise
    except _NotAnEntry:
        return False
    except Exception as error:  # ours: its own turn will tell, and no other waits for it
        log.exception("held_item_failed", item=item.pk, error=type(error).__name__)
        return False
    return True


def _refuse(item: LaneItem, check: Check, now: datetime) -> None:
    """The usual decision finds out whether it is an entry and nothing else; what it says of
    numbers that nobody asked the venue for is left out."""
    if Decision.objects.filter(item=item).exists():
        raise _NotAnEntry
    decision, orders = decide_item(item, item.account, _nothing_known(item), now=now)
    if orders or decision.cancels or decision.outcome != Outcome.DENIED:
        raise _NotAnEntry
    reasons = [each for each in decision.reasons if each["code"] in TOO_LATE]
    decision.reasons = reasons or [check.reason_json()]
    decision.checks = [each for each in decision.checks if each["code"] in TOO_LATE]
    decision.checks = decision.checks or [check.to_json()]
    decision.sizing = None
    decision.save(update_fields=["reasons", "checks", "sizing"])


def _nothing_known(item: LaneItem) -> Market:
    """Without prices and equity, and with every symbol and order type allowed, so that only the
    book and the age speak."""
    terms = Terms.from_json(item.terms)
    symbols = {mapped_symbol(Intent.from_json(each), terms) for each in item.intents}
    instruments: dict[str, Instrument | None] = {
        symbol: Instrument(symbol, quantity_step=LOWEST) for symbol in symbols if symbol
    }
    return Market(_ANY, None, instruments, dict.fromkeys(instruments))


def _too_old(item: LaneItem, now: datetime) -> Check | None:
    """The failed check of the first of its intents that is too old; None while all are young."""
    for intent, limits in _aged(item):
        check = check_age(intent.aged_from(item.created_at), now, limits)
        if check is not None and not check.passed:
            return check
    return None


def _too_old_at(item: LaneItem) -> datetime:
    """Never, where that can't be read: its own turn will tell."""
    try:
        ends = [
            intent.aged_from(item.created_at) + timedelta(seconds=float(min(known)))
            for intent, limits in _aged(item)
            if (known := [limit for limit in limits if limit is not None])
        ]
    except UNREADABLE as error:
        log.warning("held_item_unreadable", item=item.pk, error=type(error).__name__)
        ends = []
    return min(ends, default=item.created_at + NEVER)


def _aged(item: LaneItem) -> list[tuple[Intent, tuple[int | None, Decimal | None]]]:
    """Each intent with the limits of its age. An order that waits is judged at its last gate."""
    if item.kind != LaneItem.Kind.DECIDE or not item.intents:
        return []
    terms = Terms.from_json(item.terms)
    profile = RiskProfile.objects.filter(pk=terms.risk_profile).first()
    most = None if profile is None else profile.max_signal_age_seconds
    intents = (effective_intent(Intent.from_json(each), terms) for each in item.intents)
    return [(intent, (most, intent.max_age_seconds)) for intent in intents]
