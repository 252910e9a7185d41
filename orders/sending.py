"""Sending: one attempt at the venue, with what it did committed before and after.

`sending` is committed before the request leaves and no transaction is open while it is away. There
are three outcomes: accepted, refused for certain, unconfirmed. Nothing here sends an order twice:
what becomes of an unconfirmed one is found out by `orders.unconfirmed`.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import structlog

from brokers.base import Broker, SymbolBroker
from brokers.errors import (
    BadCredentials,
    BrokerError,
    NotSent,
    OrderRejected,
    RateLimited,
    Unsupported,
)
from brokers.types import Instrument, OrderReport, OrderRequest, ReportStatus
from orders.comparisons import reconcile_soon
from orders.exiting import fit_exit
from orders.gate import refusal_at_the_gate
from orders.lanes import LEASE, LONGEST_WAIT, Claim, LostLane, hold_lane
from orders.lifecycle import OrderEventName
from orders.models import Order
from orders.positions import shares_symbol
from orders.recording import apply_report, record_event
from orders.remaining import fit_replacement
from tradehub.core.intent import Trail
from tradehub.core.words import (
    OrderRole,
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
)
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)
E = OrderEventName

MAX_ATTEMPTS = 5
EXITS_TRY_FOR = timedelta(minutes=10)
CERTAIN_REFUSALS = (OrderRejected, BadCredentials, Unsupported)


class NotYet(Exception):
    """The lane must wait: the venue asks for patience, or an outcome is not known."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


Finish = Callable[[datetime], None]
"""What ends with an order's answer, in the transaction that records it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a lane works with: its claim, the venue, the clock."""

    claim: Claim
    broker: Broker
    clock: Callable[[], datetime]


def send_order(desk: Desk, order_id: str, instrument: Instrument | None = None) -> Order:
    """Send a queued order; returns it as recorded. `instrument`: of an exit (`orders.exiting`).
    Raises NotYet and LostLane."""

    def commit() -> tuple[Order, bool]:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        order = Order.objects.select_related("decision").get(pk=order_id)
        queued = order.status == OrderStatus.QUEUED
        return order, queued and mark_sending(order, now=now, instrument=instrument)

    order, leaves = in_write_transaction(commit)
    return attempt_order(desk, order) if leaves else order


def mark_sending(
    order: Order, *, now: datetime, at_once: bool = False, instrument: Instrument | None = None
) -> bool:
    """The last gate of a queued order, then `sending`, in the transaction that holds the lane:
    it is committed before the request leaves. False: it has ended instead. `at_once`: what it
    replaces ends with the same request."""
    if order.replaces_id is not None and not at_once:
        fit_replacement(order, now=now)
    if order.role == OrderRole.EXIT and order.status == OrderStatus.QUEUED:
        fit_exit(order, now=now, instrument=instrument)
    if order.status != OrderStatus.QUEUED:
        return False
    refusal = refusal_at_the_gate(order, now=now)
    if refusal is not None:
        code, text = refusal
        record_event(order, E.DENY, key="deny", now=now, reason=code, reason_text=text)
        return False
    attempt = order.attempts + 1
    return record_event(
        order,
        E.SEND,
        key=f"send:{attempt}",
        now=now,
        ours=True,
        data={"attempt": attempt, "request": fingerprint(order)},
        attempts=attempt,
        submitted_at=order.submitted_at or now,
        reason="",
    )


def attempt_order(
    desk: Desk,
    order: Order,
    finish: Finish | None = None,
    submit: Callable[[OrderRequest], OrderReport] | None = None,
) -> Order:
    """One request for an order that is committed as `sending`; returns it as recorded.

    `finish` is called in the transaction that records a proven outcome. `submit` sends it in
    another way than by itself. Raises NotYet and LostLane."""
    if desk.clock() - order.updated_at > LEASE / 2:
        # We slept since `sending` was committed: another worker may be asking about it by now.
        raise LostLane(order.account_id)
    left_at = desk.clock()
    try:
        report = (submit or desk.broker.submit)(request_of(order))
    except CERTAIN_REFUSALS as error:
        return _refuse(desk, order, error, finish)
    except (NotSent, RateLimited) as error:
        _not_sent(desk, order, error)
        raise NotYet(error.code, _pause(order, error)) from error
    except Exception as error:  # whatever else happened, the order may be at the venue
        _lose(desk, order, error)
        raise NotYet("OUTCOME_UNKNOWN", 1) from error
    since = left_at if order.attempts == 1 else None
    recorded = record_answer(desk, order, report, finish, since)
    if _closed_less(order, report):
        reconcile_soon(order.account_id, desk.clock())
    return recorded


def _closed_less(order: Order, report: OrderReport) -> bool:
    """The venue had less to close than we think is held: something is not known here yet."""
    over = report.status not in (ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED)
    return order.reduce_only and over and report.filled_quantity < order.quantity


def fingerprint(order: Order) -> str:
    """SHA-256 of what is asked of the venue: a resend must ask the very same."""
    asked = json.dumps(asdict(request_of(order)), default=str, sort_keys=True)
    return sha256(asked.encode()).hexdigest()


def say_symbol(broker: Broker, order: Order) -> None:
    """Before the venue is asked about an order that another process may have sent."""
    if isinstance(broker, SymbolBroker):
        broker.expect(order.client_order_id, order.symbol)


def request_of(order: Order) -> OrderRequest:
    trail = None
    if order.trail is not None:
        trail = Trail(**{name: Decimal(text) for name, text in order.trail.items()})
    return OrderRequest(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=OrderSide(order.side),
        order_type=OrderType(order.order_type),
        time_in_force=TimeInForce(order.time_in_force),
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail=trail,
        reduce_only=order.reduce_only,
        closes_all=order.role == OrderRole.STOP_LOSS and not shares_symbol(order),
        link=order.link,
        extended_hours=order.extended_hours,
        leverage=order.leverage,
    )


def record_answer(
    desk: Desk,
    order: Order,
    report: OrderReport,
    finish: Finish | None = None,
    left_at: datetime | None = None,
) -> Order:
    def record() -> Order:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        recorded = apply_report(order.account_id, order.pk, report, now=now, left_at=left_at)
        if finish is not None:
            finish(now)
        return recorded

    return in_write_transaction(record)


def record_error(
    desk: Desk,
    order: Order,
    event: E,
    key: str,
    error: Exception,
    finish: Finish | None = None,
    **changes: Any,
) -> Order:
    data = {"error": type(error).__name__}
    if isinstance(error, BrokerError):
        data |= {"venue_code": error.venue_code or "", "text": error.text}

    def record() -> Order:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        fresh = Order.objects.get(pk=order.pk)
        record_event(fresh, event, key=key, now=now, data=data, **changes)
        if finish is not None:
            finish(now)
        return fresh

    return in_write_transaction(record)


def _refuse(desk: Desk, order: Order, error: BrokerError, finish: Finish | None = None) -> Order:
    text = " ".join(filter(None, (error.venue_code, error.text)))[:300]
    refused = record_error(
        desk, order, E.REJECT, "reject", error, finish, reason=error.code, reason_text=text
    )
    if order.reduce_only:  # there may be less to close than we think
        reconcile_soon(order.account_id, desk.clock())
    return refused


def _not_sent(desk: Desk, order: Order, error: BrokerError) -> None:
    if order.attempts >= MAX_ATTEMPTS and not _must_leave(order, error, desk.clock()):
        _refuse(desk, order, error)
        return
    record_error(desk, order, E.NOT_SENT, f"not_sent:{order.attempts}", error, reason=error.code)


def _lose(desk: Desk, order: Order, error: Exception) -> None:
    log.warning("order_unconfirmed", order=order.pk, error=type(error).__name__)
    reconcile_soon(order.account_id, desk.clock())
    record_error(desk, order, E.LOSE, f"lose:{order.attempts}", error, reason="OUTCOME_UNKNOWN")


def _must_leave(order: Order, error: BrokerError, now: datetime) -> bool:
    """An exit or a stop is not given up because the venue was away for some minutes, and never
    while it refuses all for their rate: a ban may last for days."""
    if order.role == OrderRole.ENTRY:
        return False
    if isinstance(error, RateLimited) or now - order.created_at < EXITS_TRY_FOR:
        return True
    refused = order.events.filter(
        event=E.NOT_SENT.value, at__gt=now - (LONGEST_WAIT + EXITS_TRY_FOR)
    )
    return any(each.data.get("error") == RateLimited.__name__ for each in refused)


def _pause(order: Order, error: BrokerError) -> float:
    """Before the next attempt: longer each time for what is tried for long."""
    longer = 0.0 if order.role == OrderRole.ENTRY else min(2.0 ** (order.attempts - 1), 15.0)
    return max(patience(error), longer)


def patience(error: Exception) -> float:
    """As the venue asks; never so short that a lane would turn in circles."""
    return max(error.retry_after, 0.25) if isinstance(error, RateLimited) else 1.0
