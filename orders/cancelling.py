"""Cancelling: an order ends by the venue's word, or by the proof that the venue does not have it.

"Unknown order" proves nothing by itself: what was taken a moment ago may not be visible yet, and
would work on while we call it cancelled. Such a cancel is asked for again, as an item of the lane,
until the venue tells how the order ended, or until the comparison with the venue
(`orders.reconciling`) has proven that it is not there. What comes next goes on meanwhile.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from django.db.models import F

from brokers.errors import BrokerError
from orders.lanes import hold_lane
from orders.lifecycle import AT_VENUE, OrderEventName
from orders.models import LaneItem, Order
from orders.reconciling import reconcile_soon
from orders.recording import record_event
from orders.sending import CERTAIN_REFUSALS, Desk, NotYet, patience, record_answer, say_symbol
from tradehub.core.words import OrderStatus
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)

ASKED_AGAIN_AFTER = timedelta(seconds=1)
LONGEST_PAUSE = 10.0
CANCELS_TAKE = timedelta(seconds=10)
"""So long what needs the freed quantity waits for a cancel that the venue has not carried out."""
INSIST_FOR = timedelta(minutes=1)
"""So long a venue is asked that knows the order and does not cancel it."""


class _Answer(StrEnum):
    DONE = "done"
    """Cancelled, or ended otherwise; at least the venue has taken the cancel."""
    REFUSED = "refused"
    """It works on, as the venue says."""
    NONE = "none"
    """The venue does not know it, or can't be asked: nothing is proven."""


def cancel_at_venue(desk: Desk, order_id: str) -> Order:
    """Cancel one order, whatever its status; an ended one is returned as it ended.

    Raises NotYet when the venue can't be reached. What it refuses for certain is no reason to wait:
    the order is returned as it stands, and what comes next (an exit, perhaps) goes on."""
    order, answer = _ask(desk, order_id)
    if answer is _Answer.NONE:
        _ask_again_later(desk, order)
    if order.status in AT_VENUE:
        _note_taken(desk, order)
    return order


def wait_for_cancels(desk: Desk, asked: Iterable[Order]) -> None:
    """For what can't leave before these have ended, as they hold its quantity. Raises NotYet, for
    some seconds from when each was asked for first; then it goes out all the same."""
    now = desk.clock()
    pending = [each for each in asked if each.status in AT_VENUE]
    if any(now - (each.cancel_taken_at or now) < CANCELS_TAKE for each in pending):
        raise NotYet("OUTCOME_UNKNOWN", 1)


def cancel_rest(entry: Order, *, why: str, now: datetime) -> None:
    """Queue the cancel of an order of ours by ourselves, which its page is to explain. In the
    transaction that holds the lane."""
    same = Order.objects.filter(pk=entry.pk, version=entry.version)
    if same.update(reason="UNPROTECTED_POSITION", reason_text=why, version=F("version") + 1):
        _queue(entry, now, now)


def insist_on_cancel(desk: Desk, item: LaneItem) -> None:
    """The same as an item of its own, which has the time to wait: raises NotYet until it is known
    what became of the order, or the venue has refused for long."""
    order, answer = _ask(desk, item.subject)
    now = desk.clock()
    asked_for = now - item.created_at
    if answer is _Answer.NONE:
        reconcile_soon(order.account_id, now)
    elif answer is _Answer.DONE or asked_for >= INSIST_FOR:
        return
    pause = min(LONGEST_PAUSE, max(1.0, asked_for.total_seconds() / 2))
    raise NotYet("OUTCOME_UNKNOWN", pause)


def _ask(desk: Desk, order_id: str) -> tuple[Order, _Answer]:
    """The order afterwards, and what the venue said."""
    order = in_write_transaction(lambda: _cancel_unsent(desk, order_id))
    if order.status not in AT_VENUE:
        return order, _Answer.DONE
    name = desk.broker.capabilities().name_of(order.client_order_id, order.venue_order_id)
    say_symbol(desk.broker, order)
    try:
        report = desk.broker.cancel(name)
    except CERTAIN_REFUSALS as error:
        return _refused(desk, order, name, error)
    except BrokerError as error:
        raise NotYet(error.code, patience(error)) from error
    return record_answer(desk, order, report), _Answer.DONE


def _cancel_unsent(desk: Desk, order_id: str) -> Order:
    now = desk.clock()
    hold_lane(desk.claim, now=now)
    order = Order.objects.get(pk=order_id, account_id=desk.claim.account_id)
    if order.status == OrderStatus.QUEUED:
        record_event(order, OrderEventName.CANCEL, key="cancel", now=now)
    return order


def _refused(desk: Desk, order: Order, name: str, error: BrokerError) -> tuple[Order, _Answer]:
    """The venue would not: mostly since the order has ended, or is none that it knows yet."""
    log.warning("cancel_refused", order=order.pk, code=error.code, text=error.text)
    try:
        report = desk.broker.order(name)
    except BrokerError:
        return order, _Answer.NONE
    if report is None:
        return order, _Answer.NONE
    recorded = record_answer(desk, order, report)
    return recorded, _Answer.REFUSED if recorded.status in AT_VENUE else _Answer.DONE


def _ask_again_later(desk: Desk, order: Order) -> None:
    now = desk.clock()
    reconcile_soon(order.account_id, now)
    in_write_transaction(lambda: _queue_again(desk, order, now))


def _queue_again(desk: Desk, order: Order, now: datetime) -> None:
    hold_lane(desk.claim, now=now)
    _queue(order, now + ASKED_AGAIN_AFTER, now)


def _note_taken(desk: Desk, order: Order) -> None:
    def note() -> None:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        order.refresh_from_db(fields=["cancel_taken_at"])
        earlier = order.cancel_taken_at
        if earlier is None or now - earlier >= INSIST_FOR:  # that one came to nothing
            order.cancel_taken_at = now
            Order.objects.filter(pk=order.pk).update(cancel_taken_at=now)

    in_write_transaction(note)


def _queue(order: Order, due_at: datetime, now: datetime) -> None:
    kind, status = LaneItem.Kind.CANCEL.value, LaneItem.Status.QUEUED.value
    waiting = LaneItem.objects.filter(
        account_id=order.account_id, kind=kind, subject=order.pk, status=status
    )
    if not waiting.exists():
        LaneItem.objects.create(
            account_id=order.account_id,
            kind=kind,
            subject=order.pk,
            due_at=due_at,
            created_at=now,
        )
