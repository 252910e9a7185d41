"""A stop and a target that leave, rest and end as one, where the venue has pairs.

As `orders.sending`: `sending` is committed for both before the one request leaves, and nothing is
sent twice. A pair that is refused for certain leaves the stop to go out alone at once: there is no
target without its stop, and never neither for want of the other.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import TypeVar, cast

import structlog

from brokers.base import PairBroker
from brokers.budget import at
from brokers.budgeting import Priority
from brokers.errors import BrokerError, NotSent, RateLimited
from brokers.types import OrderReport
from orders.cancelling import cancel_at_venue
from orders.children import target_beside
from orders.comparisons import reconcile_soon
from orders.lanes import LEASE, LostLane, hold_lane
from orders.lifecycle import AT_VENUE, OrderEventName
from orders.models import Order
from orders.recording import apply_report, record_event
from orders.sending import (
    CERTAIN_REFUSALS,
    Desk,
    NotYet,
    mark_sending,
    patience,
    record_answer,
    request_of,
    send_order,
)
from tradehub.core.words import OrderRole, OrderStatus
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)
E = OrderEventName
T = TypeVar("T")
Pair = tuple[Order, Order]
"""A stop and its target."""


def send_children(desk: Desk, queued: Iterable[Order]) -> None:
    """Those that wait to leave; a target with its stop. Raises NotYet and LostLane."""
    waiting = {each.pk: each for each in queued}
    for each in list(waiting.values()):
        if each.pk not in waiting:
            continue
        del waiting[each.pk]
        target = target_beside(each) if each.role == OrderRole.STOP_LOSS else None
        if target is None or waiting.pop(target.pk, None) is None:
            send_order(desk, each.pk)
        else:
            send_pair(desk, each.pk, target.pk)


def send_pair(desk: Desk, stop_id: str, target_id: str) -> None:
    """Both in one request; refused, the stop alone. Raises NotYet and LostLane."""

    def commit() -> Pair | None:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        stop, target = Order.objects.get(pk=stop_id), Order.objects.get(pk=target_id)
        if {stop.status, target.status} != {OrderStatus.QUEUED.value}:
            return None
        mark_sending(stop, now=now)
        mark_sending(target, now=now)
        return stop, target

    pair = in_write_transaction(commit)
    if pair is None or not _is_taken(desk, pair):
        send_order(desk, stop_id)


def _is_taken(desk: Desk, pair: Pair) -> bool:
    """False: the venue has refused it, and the stop waits to leave again."""
    stop, target = pair
    if desk.clock() - stop.updated_at > LEASE / 2:
        # We slept since `sending` was committed: another worker may be asking about it by now.
        raise LostLane(stop.account_id)
    broker = cast(PairBroker, desk.broker)
    try:
        with at(Priority.FIRST):
            told = broker.submit_pair(request_of(stop), request_of(target))
    except CERTAIN_REFUSALS as error:
        log.warning("pair_refused", target=target.pk, code=error.code, text=error.text)
        if _write(desk, partial(_leave_the_stop, pair, error)):
            return False
        raise _in_doubt(desk, pair, error) from error
    except (NotSent, RateLimited) as error:
        if _write(desk, partial(_not_sent, pair, error)):
            raise NotYet(error.code, patience(error)) from error
        raise _in_doubt(desk, pair, error) from error
    except Exception as error:  # whatever else happened, both may be at the venue
        raise _in_doubt(desk, pair, error) from error
    _write(desk, partial(_record, pair, told))
    return True


def _in_doubt(desk: Desk, pair: Pair, error: Exception) -> NotYet:
    stop, target = pair
    log.warning("pair_unconfirmed", target=target.pk, error=type(error).__name__)
    reconcile_soon(stop.account_id, desk.clock())
    _write(desk, partial(_lose, pair, error))
    return NotYet("OUTCOME_UNKNOWN", 1)


def cancel_all(desk: Desk, order_ids: Iterable[str]) -> list[Order]:
    """Cancel protection, as it stands afterwards. One of a pair ends the other, which is only asked
    about then. Raises NotYet."""
    ended: list[Order] = []
    for order_id in order_ids:
        order = Order.objects.get(pk=order_id)
        if order.status in AT_VENUE and _goes_with(order, ended) and is_found(desk, order):
            order.refresh_from_db()
        if order.status in AT_VENUE or order.status == OrderStatus.QUEUED:
            order = cancel_at_venue(desk, order_id)
        ended.append(order)
    return ended


def is_found(desk: Desk, order: Order) -> bool:
    """One look at it. What the venue says is recorded."""
    name = desk.broker.capabilities().name_of(order.client_order_id, order.venue_order_id)
    try:
        report = desk.broker.order(name) if name else None
    except BrokerError:
        return False
    if report is None:
        return False
    record_answer(desk, order, report)
    return True


def deny_target_of(stop: Order, now: datetime) -> None:
    """The venue is sure that it never knew the stop, so it never knew the pair. In the transaction
    that sends the stop again."""
    target = target_beside(stop)
    if target is not None and target.status == OrderStatus.UNCONFIRMED:
        text = "It never arrived, and its stop goes out alone."
        record_event(target, E.DENY, key="deny", now=now, reason="NOT_SENT", reason_text=text)


def _goes_with(order: Order, ended: Iterable[Order]) -> bool:
    names = {each.pk for each in ended if each.status not in AT_VENUE}
    if order.role == OrderRole.STOP_LOSS:
        target = target_beside(order)
        return target is not None and target.pk in names
    stops = (each for each in ended if each.pk in names and each.role == OrderRole.STOP_LOSS)
    return any(target_beside(each) == order for each in stops)


def _write(desk: Desk, write: Callable[[datetime], T]) -> T:
    def held() -> T:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        return write(now)

    return in_write_transaction(held)


def _record(pair: Pair, told: tuple[OrderReport, OrderReport], now: datetime) -> None:
    for order, report in zip(pair, told, strict=True):
        apply_report(order.account_id, order.pk, report, now=now)


def _leave_the_stop(pair: Pair, error: BrokerError, now: datetime) -> bool:
    """False, and nothing written: the venue has told of one meanwhile, so it took both."""
    stop, target = _as_they_are(pair)
    if not _away((stop, target)):
        return False
    text = " ".join(filter(None, (error.venue_code, error.text)))[:300]
    data = _said(error)
    record_event(
        target, E.REJECT, key="reject", now=now, data=data, reason=error.code, reason_text=text
    )
    _back(stop, data, now)
    return True


def _not_sent(pair: Pair, error: BrokerError, now: datetime) -> bool:
    """As above."""
    orders = _as_they_are(pair)
    if not _away(orders):
        return False
    for each in orders:
        _back(each, _said(error), now, reason=error.code)
    return True


def _as_they_are(pair: Pair) -> Pair:
    stop, target = (Order.objects.get(pk=each.pk) for each in pair)
    return stop, target


def _away(pair: Pair) -> bool:
    """Nothing but the answer to their request tells of them yet."""
    return all(each.status == OrderStatus.SENDING for each in pair)


def _back(order: Order, data: dict[str, str], now: datetime, *, reason: str = "") -> None:
    """Into the queue: nothing of it is at the venue."""
    key = f"not_sent:{order.attempts}"
    record_event(order, E.NOT_SENT, key=key, now=now, data=data, reason=reason)


def _lose(pair: Pair, error: Exception, now: datetime) -> None:
    for order in _as_they_are(pair):
        if order.status != OrderStatus.SENDING:
            continue  # the venue has told of it
        key = f"lose:{order.attempts}"
        record_event(order, E.LOSE, key=key, now=now, data=_said(error), reason="OUTCOME_UNKNOWN")


def _said(error: Exception) -> dict[str, str]:
    data = {"error": type(error).__name__}
    if isinstance(error, BrokerError):
        data |= {"venue_code": error.venue_code or "", "text": error.text}
    return data
