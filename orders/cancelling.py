"""Cancelling: an order ends by the venue's word, or by the proof that the venue does not have it.

"Unknown order" proves nothing: what was taken a moment ago may not be visible yet, and would work
on while we call it cancelled. Nor does a cancel that is taken: the order may end later, or never.
So a cancel is asked for again, as an item of the lane, until the venue tells how the order ended,
the comparison (`orders.reconciling`) has proven that it is not there, or its owner has been told
that the venue lets it work. An order in review is asked for once it can be.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from django.db import DatabaseError
from django.db.models import F

from brokers.errors import BrokerError
from brokers.types import OrderReport
from orders.clearing import cancelled_before
from orders.comparisons import reconcile_soon
from orders.lanes import hold_lane
from orders.lifecycle import AT_VENUE, ENDED, NEEDS_REVIEW, OrderEventName
from orders.models import LaneItem, Order
from orders.recording import ASK_OWNER, record_event, say_of
from orders.sending import CERTAIN_REFUSALS, Desk, NotYet, patience, record_answer, say_symbol
from tradehub.core.words import OrderRole, OrderStatus
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)

ASKED_AGAIN_AFTER = timedelta(seconds=1)
LONGEST_PAUSE = 10.0
CANCELS_TAKE = timedelta(seconds=10)
"""So long what needs the freed quantity waits for a cancel that the venue has not carried out."""
INSIST_FOR = timedelta(minutes=1)
"""So long a venue is asked that knows the order and does not cancel it, and so long an exit waits
for what holds its quantity and was cancelled for it."""
WORKS_ON = "The venue was asked to cancel it for a minute, and let it work on."
MOST_SAID = 300


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
    the order is returned as it stands, and what comes next (an exit, perhaps) goes on. It does
    not wait for one in review either: that is asked for by an item of its own."""
    order = in_write_transaction(lambda: _cancel_unsent(desk, order_id))
    answer = _Answer.NONE
    if not is_in_review(order):
        order, answer = _ask(desk, order)
    if answer is _Answer.NONE:
        reconcile_soon(order.account_id, desk.clock())
    if order.status not in ENDED:
        in_write_transaction(lambda: _go_on_asking(desk, order))
    return order


def wait_for_cancels(desk: Desk, asked: Iterable[Order]) -> None:
    """For what can't leave before these have ended, as they hold its quantity. Raises NotYet, for
    some seconds from when each was asked for first; then it goes out all the same."""
    now = desk.clock()
    if _pause_for(asked, CANCELS_TAKE, now, now):
        raise NotYet("OUTCOME_UNKNOWN", 1)


def time_to_clear(desk: Desk, order: Order) -> float:
    """How many seconds an order waits, before it is looked at again, for what its decision cancels.
    0: it may go to the last gate. An entry waits for all of it. An exit waits only where the venue
    holds its quantity for what rests, or takes no order beside an opposite one, but longer; then it
    leaves all the same."""
    cancelled = cancelled_before(order)
    if cancelled is None:
        return 0.0
    now = desk.clock()
    if order.role == OrderRole.ENTRY:
        return _pause_for(cancelled, CANCELS_TAKE, now, order.created_at)
    waited = now - order.created_at
    pending = cancelled.filter(symbol=order.symbol, status__in=[each.value for each in AT_VENUE])
    if waited >= INSIST_FOR or not desk.broker.capabilities().holds_balance or not pending.exists():
        return 0.0
    # Of its own age: the cancels are asked for again and again meanwhile.
    return min(_pause(waited), (INSIST_FOR - waited).total_seconds())


def _pause_for(
    asked: Iterable[Order], longest: timedelta, now: datetime, unless_taken: datetime
) -> float:
    """0: none of them works, or each was asked for longer ago."""
    pending = [each for each in asked if each.status in AT_VENUE]
    since = max((each.cancel_taken_at or unless_taken for each in pending), default=now - longest)
    waited = now - since
    return _pause(waited) if waited < longest else 0.0


def _pause(asked_for: timedelta) -> float:
    return min(LONGEST_PAUSE, max(1.0, asked_for.total_seconds() / 2))


def cancel_rest(entry: Order, *, why: str, now: datetime) -> None:
    """Queue the cancel of an order of ours by ourselves, which its page is to explain. In the
    transaction that holds the lane."""
    same = Order.objects.filter(pk=entry.pk, version=entry.version)
    if same.update(reason="UNPROTECTED_POSITION", reason_text=why, version=F("version") + 1):
        _queue(entry, now, now)


def insist_on_cancel(desk: Desk, item: LaneItem) -> None:
    """The same as an item of its own, which has the time to wait: raises NotYet until the order has
    ended, or its owner was told why it has not."""
    order = in_write_transaction(lambda: _cancel_unsent(desk, item.subject))
    order, answer = _ask_doubted(desk, order) if is_in_review(order) else _ask(desk, order)
    if order.status in ENDED or (is_in_review(order) and answer is _Answer.DONE):
        return
    now, taken_at = desk.clock(), order.cancel_taken_at
    if answer is _Answer.NONE:
        reconcile_soon(order.account_id, now)
    elif taken_at is not None and item.created_at <= taken_at <= now - INSIST_FOR:
        in_write_transaction(lambda: _say_it_works(desk, order))
        return
    in_write_transaction(lambda: _note_taken(desk, order))
    raise NotYet("OUTCOME_UNKNOWN", _pause(now - item.created_at))


def is_in_review(order: Order) -> bool:
    return order.status == OrderStatus.UNCONFIRMED and order.reason == NEEDS_REVIEW


def _ask_doubted(desk: Desk, order: Order) -> tuple[Order, _Answer]:
    """As `_ask`, of an order that the venue may not have."""
    name = desk.broker.capabilities().name_of(order.client_order_id, order.venue_order_id)
    if not name:
        text = "The venue knows orders only by its own ids, so it can't be asked to cancel this."
        return _say(desk, order, text), _Answer.DONE
    say_symbol(desk.broker, order)
    try:
        report = _cancel_or_look(desk, name)
    except DatabaseError:
        raise  # ours
    except Exception as error:  # whatever broke, nothing is proven
        log.warning("cancel_unanswered", order=order.pk, error=type(error).__name__)
        return order, _Answer.NONE
    if report is not None:
        recorded = record_answer(desk, order, report)
        return recorded, _Answer.REFUSED if recorded.status in AT_VENUE else _Answer.DONE
    asked_at = f"{desk.clock():%Y-%m-%d %H:%M:%S} UTC"
    text = f"The venue was asked to cancel it at {asked_at}, and says that it knows no such order."
    return _say(desk, order, text), _Answer.DONE


def _cancel_or_look(desk: Desk, name: str) -> OrderReport | None:
    """None: the venue denies to know it."""
    try:
        return desk.broker.cancel(name)
    except CERTAIN_REFUSALS:
        return desk.broker.order(name)


def _say(desk: Desk, order: Order, text: str) -> Order:
    def say() -> Order:
        hold_lane(desk.claim, now=desk.clock())
        fresh = Order.objects.get(pk=order.pk)
        if is_in_review(fresh):  # else a poll has found it meanwhile
            say_of(fresh, f"{text} {ASK_OWNER}")
        return fresh

    return in_write_transaction(say)


def _ask(desk: Desk, order: Order) -> tuple[Order, _Answer]:
    """The order afterwards, and what the venue said."""
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
    except DatabaseError:
        raise  # ours
    except Exception as error:  # whatever broke, nothing is proven
        log.exception("cancel_unanswered", order=order.pk, error=type(error).__name__)
        return order, _Answer.NONE
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
    except DatabaseError:
        raise  # ours
    except Exception as error:  # the venue's or the adapter's: whatever broke, nothing is proven
        log.warning("cancel_unanswered", order=order.pk, error=type(error).__name__)
        return order, _Answer.NONE
    if report is None:
        return order, _Answer.NONE
    recorded = record_answer(desk, order, report)
    return recorded, _Answer.REFUSED if recorded.status in AT_VENUE else _Answer.DONE


def _go_on_asking(desk: Desk, order: Order) -> None:
    now = _note_taken(desk, order)
    _queue(order, now + ASKED_AGAIN_AFTER, now)


def _note_taken(desk: Desk, order: Order) -> datetime:
    """Now."""
    now = desk.clock()
    hold_lane(desk.claim, now=now)
    order.refresh_from_db(fields=["cancel_taken_at"])
    earlier = order.cancel_taken_at
    came_to_nothing = earlier is None or now - earlier >= INSIST_FOR
    if order.status in AT_VENUE and came_to_nothing:
        order.cancel_taken_at = now
        Order.objects.filter(pk=order.pk).update(cancel_taken_at=now)
    return now


def _say_it_works(desk: Desk, order: Order) -> None:
    hold_lane(desk.claim, now=desk.clock())
    fresh = Order.objects.get(pk=order.pk)
    if fresh.status in AT_VENUE:
        log.error("cancel_not_carried_out", order=order.pk)
        said = "" if WORKS_ON in fresh.reason_text else WORKS_ON
        say_of(fresh, f"{fresh.reason_text} {said}".strip()[:MOST_SAID])


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
