"""Orders that were sent without a proven outcome: only evidence from the venue ends their doubt.

The venue is asked by client order id, and before "not found" counts also in its open orders, closed
orders and fills. What is found is adopted at once. Not found counts only in three looks over five
seconds and past the venue's settle time; then the same id goes out once more, if it still may. A
venue without client order ids is asked by its own, where we have it, and never sent an order twice.
What stays in doubt is handed to its owner: entries of its symbol are denied until somebody knows.
"""

from datetime import datetime, timedelta

import structlog
from django.db import OperationalError

from brokers.base import Broker
from brokers.budget import at
from brokers.budgeting import Priority
from brokers.types import ClientIds, FillReport, OrderReport, ReportStatus
from orders.children import is_paired_target, is_taker
from orders.gate import refusal_at_the_gate
from orders.lanes import LostLane, hold_lane
from orders.lifecycle import NEEDS_REVIEW, OrderEventName
from orders.models import Order
from orders.pairing import deny_target_of
from orders.recording import ASK_OWNER, record_event
from orders.remaining import has_room
from orders.sending import (
    MAX_ATTEMPTS,
    Desk,
    NotYet,
    attempt_order,
    fingerprint,
    record_answer,
    record_error,
    say_symbol,
)
from tradehub.core.money import ZERO
from tradehub.core.words import OrderRole, OrderSide, OrderStatus
from tradehub.lib.db import in_write_transaction
from tradehub.lib.prepared import Prepared

log = structlog.get_logger(__name__)
E = OrderEventName

LOOKS_FOR_PROOF = 3
DOUBT_FOR = timedelta(seconds=5)
REVIEW_AFTER = timedelta(seconds=60)
"""So long the venue may say nothing at all of it."""
PROOF_WITHIN = timedelta(minutes=5)
"""So long it may answer, and prove nothing: its lists can't be read."""
LISTED_SINCE = timedelta(minutes=5)
"""Lists are read from so long before the order left: the venue's clock may be behind ours."""
LONGEST_PAUSE = 10.0
_OWN_IDS = "The venue knows orders only by its own ids."


def settle_unconfirmed(desk: Desk) -> None:
    """Ask the venue about each order that was sent without a proven outcome.

    Raises NotYet while one is left: what comes later could depend on it. One about which nothing
    could be learnt, or recorded, for a minute is handed to its owner, so that exits can pass."""
    waits: list[NotYet] = []
    for order in _UNPROVEN.all(account=desk.claim.account_id):
        try:
            order = _given_up_by_its_sender(desk, order)
            _look_up(desk, order)
        except (LostLane, OperationalError):
            raise  # it says nothing about the order
        except Exception as error:  # ours or the venue's: nothing else may wait for this order
            wait = error if isinstance(error, NotYet) else _broken(desk, order, error)
            if _is_hopeless(order, desk.clock()):
                hand_over(desk, order, "The venue proved nothing about it for too long.")
            else:
                waits.append(wait)
    if waits:
        raise min(waits, key=lambda each: each.seconds)


def _broken(desk: Desk, order: Order, error: Exception) -> NotYet:
    """Ours, as where what the venue tells of it can't be recorded: that is as good as silence, and
    nothing else of the account may wait for it."""
    log.exception("order_not_settled", order=order.pk, error=type(error).__name__)
    return NotYet("INTERNAL_ERROR", _note_look(desk, order, heard=False))


def doubted_symbols(account_id: str) -> frozenset[str]:
    """Of the orders that are still being asked about."""
    return frozenset(each.symbol for each in _UNPROVEN.all(account=account_id))


_UNPROVEN = Prepared(
    lambda account: (
        Order.objects.filter(
            account_id=account,
            status__in=[OrderStatus.SENDING.value, OrderStatus.UNCONFIRMED.value],
        )
        .exclude(reason=NEEDS_REVIEW)
        .order_by("id")
    ),
    texts=["account"],
)


def hand_over(desk: Desk, order: Order, why: str) -> None:
    """To its owner, who is told: the lane goes on, and a poll may still find it."""

    def flag() -> bool:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        fresh = Order.objects.get(pk=order.pk)
        if fresh.status != OrderStatus.UNCONFIRMED:
            return False
        text = f"{why} {ASK_OWNER}"
        key = f"review:{fresh.attempts}"
        return record_event(
            fresh, E.REVIEW, key=key, now=now, reason=NEEDS_REVIEW, reason_text=text
        )

    if in_write_transaction(flag):
        log.error("order_needs_review", order=order.pk, code=NEEDS_REVIEW)


def _given_up_by_its_sender(desk: Desk, order: Order) -> Order:
    """The lane is ours, so whoever sent it is gone: nobody waits for that answer any more."""
    if order.status != OrderStatus.SENDING:
        return order
    lost = RuntimeError("the worker that sent it is gone")
    key = f"lose:{order.attempts}"
    return record_error(desk, order, E.LOSE, key, lost, reason="OUTCOME_UNKNOWN")


def _is_hopeless(order: Order, now: datetime) -> bool:
    silent = order.silent_since is not None and now - order.silent_since >= REVIEW_AFTER
    lists_fail = order.looks >= LOOKS_FOR_PROOF - 1
    return silent or (lists_fail and now - order.updated_at >= PROOF_WITHIN)


def _look_up(desk: Desk, order: Order) -> None:
    now = desk.clock()
    pause = 0.0 if order.look_at is None else (order.look_at - now).total_seconds()
    if 0 < pause <= LONGEST_PAUSE:  # a longer one is of a clock that was set back since
        raise NotYet("OUTCOME_UNKNOWN", max(0.25, pause))
    try:
        able = desk.broker.capabilities()
        if not able.name_of(order.client_order_id, order.venue_order_id):
            hand_over(desk, order, _OWN_IDS)
            return
        report = find_at_venue(desk.broker, order, thorough=False)
    except Exception as error:  # whatever broke, nothing is proven
        raise NotYet("OUTCOME_UNKNOWN", _note_look(desk, order, heard=False)) from error
    counts = True
    if report is None and order.looks + 1 >= LOOKS_FOR_PROOF:
        try:
            report = find_in_lists(desk.broker, order)
        except Exception as error:  # it has denied the id, which alone proves nothing
            log.warning("lists_not_read", order=order.pk, error=type(error).__name__)
            counts = False
    if report is not None:
        record_answer(desk, order, report)
        return
    pause = _note_look(desk, order, heard=True, counts=counts)
    if not counts:
        raise NotYet("OUTCOME_UNKNOWN", pause)
    doubt = max(DOUBT_FOR, timedelta(seconds=able.settle_seconds))
    if order.looks < LOOKS_FOR_PROOF or desk.clock() - order.updated_at < doubt:
        raise NotYet("OUTCOME_UNKNOWN", pause)
    if able.client_ids is ClientIds.NONE:
        hand_over(desk, order, _OWN_IDS)
    else:
        _resend(desk, order)


def _note_look(desk: Desk, order: Order, *, heard: bool, counts: bool = True) -> float:
    """Count a look that the venue answered, or note since when it tells nothing; the next one
    comes later each time. In seconds. `counts`: it was as thorough as it had to be."""

    def note() -> float:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        doubted = (now - order.updated_at).total_seconds()
        pause = min(LONGEST_PAUSE, max(1.0, doubted / 2))
        order.look_at = now + timedelta(seconds=pause)
        order.looks += heard and counts
        order.silent_since = None if heard else order.silent_since or now
        Order.objects.filter(pk=order.pk, status=OrderStatus.UNCONFIRMED.value).update(
            looks=order.looks, look_at=order.look_at, silent_since=order.silent_since
        )
        return pause

    return in_write_transaction(note)


def find_at_venue(broker: Broker, order: Order, *, thorough: bool) -> OrderReport | None:
    """What the venue says of the order, which it must have a name for. `thorough`: not only by its
    id, for an id may be free again once its order has ended, and look-ups may lag behind lists."""
    name = broker.capabilities().name_of(order.client_order_id, order.venue_order_id)
    say_symbol(broker, order)
    report = broker.order(name)
    if report is not None or not thorough:
        return report
    return find_in_lists(broker, order)


def find_in_lists(broker: Broker, order: Order) -> OrderReport | None:
    """As `find_at_venue`, without the question about its id."""
    with at(Priority.FIRST):  # the lane waits for it, exits too
        return _listed(broker, order)


def _listed(broker: Broker, order: Order) -> OrderReport | None:
    name_of = broker.capabilities().name_of
    name = name_of(order.client_order_id, order.venue_order_id)
    since = (order.submitted_at or order.created_at) - LISTED_SINCE
    where = {order.symbol}
    for each in (*broker.open_orders(where), *broker.closed_orders(since, where)):
        if name_of(each.client_order_id, each.venue_order_id) == name:
            return each
    told = broker.fills(since, where)
    fills = [each for each in told if name_of(each.client_order_id, each.venue_order_id) == name]
    return _report_of(order, fills) if fills else None


def _report_of(order: Order, fills: list[FillReport]) -> OrderReport:
    """An order of which the venue lists only the fills: it is there, so it is at least open."""
    distinct = {each.venue_fill_id: each for each in fills}
    filled = sum((each.quantity for each in distinct.values()), ZERO)
    whole = filled >= order.quantity
    return OrderReport(
        client_order_id=order.client_order_id,
        venue_order_id=fills[0].venue_order_id,
        symbol=order.symbol,
        side=OrderSide(order.side),
        status=ReportStatus.FILLED if whole else ReportStatus.PARTIALLY_FILLED,
        quantity=order.quantity,
        filled_quantity=filled,
        at=max(each.at for each in fills),
        fills=tuple(distinct.values()),
    )


def _resend(desk: Desk, order: Order) -> None:
    """The venue is sure that it never knew the id; the same id goes out once more."""

    def commit() -> Order:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        fresh = Order.objects.get(pk=order.pk)
        if fresh.status == OrderStatus.UNCONFIRMED:  # else a poll has found it meanwhile
            _resend_or_deny(fresh, now)
        return fresh

    fresh = in_write_transaction(commit)
    if fresh.status == OrderStatus.SENDING:
        attempt_order(desk, fresh)


def _must_leave(order: Order) -> bool:
    """An exit or a stop for which only attempts count that were lost. What the venue has refused
    for its rate, or was away for, says nothing."""
    if order.role == OrderRole.ENTRY:
        return False
    return order.events.filter(event=E.LOSE.value).count() < MAX_ATTEMPTS


def _resend_or_deny(order: Order, now: datetime) -> None:
    attempt = order.attempts + 1
    refusal = refusal_at_the_gate(order, now=now)
    if refusal is None and is_taker(order):
        refusal = "NOT_SENT", "It never arrived, and its position has its stop again."
    elif refusal is None and is_paired_target(order):
        refusal = "NOT_SENT", "It never arrived with its stop, which goes out alone."
    elif refusal is None and not has_room(order):
        refusal = "NOT_SENT", "It never arrived, and the order that it replaces has not made way."
    elif refusal is None and attempt > MAX_ATTEMPTS and not _must_leave(order):
        refusal = "NOT_SENT", "The venue did not take it, however often it was sent."
    if refusal is not None:
        code, text = refusal
        record_event(order, E.DENY, key="deny", now=now, reason=code, reason_text=text)
        return
    record_event(
        order,
        E.RESEND,
        key=f"resend:{attempt}",
        now=now,
        data={"attempt": attempt, "request": fingerprint(order)},
        attempts=attempt,
        reason="",
        looks=0,
        look_at=None,
        silent_since=None,
    )
    deny_target_of(order, now)
