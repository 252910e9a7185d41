"""Working a lane: claim it, do its items in order, let go.

The same function serves the doorbell (a Celery task), the worker's own look every 2 s, and tests.
An item is done only when all that it asked for has left our hands, so a worker that dies at any
point leaves it to be taken up where it stopped: a decision is made once, an order is sent once.
"""

import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from uuid import uuid4

import structlog
from django.db import DatabaseError
from django.db.models import Q

from brokers.budget import at
from brokers.budgeting import Priority
from brokers.models import BrokerAccount
from brokers.registry import connect
from orders.beside import sort_waiting
from orders.cancelling import (
    cancel_at_venue,
    insist_on_cancel,
    is_in_review,
    time_to_clear,
)
from orders.children import working_takers
from orders.deciding import decide_item
from orders.ending import end_item
from orders.facts import open_symbols
from orders.failing import pause_after_failure, tell_of_failing
from orders.holding import HELD_KINDS, hold_waiting
from orders.lanes import (
    LONGEST_WAIT,
    Claim,
    LostLane,
    claim_lane,
    head_item,
    hold_lane,
    is_due,
    next_item,
    release_lane,
)
from orders.lifecycle import AT_VENUE, WORKING
from orders.market import name_of, observe_prices, read_instrument, read_market
from orders.models import Decision, LaneItem, Order
from orders.pausing import pause_item, pause_items
from orders.protecting import (
    exit_goes_first,
    guard_doubted,
    has_children,
    make_room,
    protect_position,
)
from orders.reconciling import ensure_reconciled
from orders.recording import makes_way
from orders.replacing import pass_on, replace_at_venue
from orders.sending import (
    Desk,
    Finish,
    NotYet,
    attempt_order,
    mark_sending,
    send_order,
)
from orders.syncing import sync_orders
from orders.terms import Terms, mapped_symbol
from orders.unconfirmed import settle_unconfirmed
from tradehub.core.intent import Intent
from tradehub.core.words import OrderRole, OrderSource, OrderStatus, OrderType
from tradehub.lib import metrics
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction
from tradehub.lib.prepared import Prepared

log = structlog.get_logger(__name__)

UNCONNECTED_SECONDS = 10


def holder_name() -> str:
    """Who claims: this host, process and call; never the same twice."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid4().hex[:12]}"


def drain_lane(account_id: str, *, clock: Callable[[], datetime] = utc_now) -> int:
    """Do what is due for an account; how many items. 0 when somebody else is at it."""
    done = 0
    while True:
        claim = claim_lane(account_id=account_id, holder=holder_name(), now=clock())
        if claim is None:
            return done
        try:
            done += _drain(claim, clock)
        except LostLane:
            log.warning("lane_lost", account=account_id)
            return done
        finally:
            release_lane(claim)
        # An item stored while we let go found the lane taken: its bell was in vain.
        if next_item(account_id, now=clock()) is None:
            return done


_ACCOUNT = Prepared(lambda pk: BrokerAccount.objects.filter(pk=pk), texts=["pk"])
_DECISION = Prepared(lambda item: Decision.objects.filter(item_id=item), numbers=["item"])


def _drain(claim: Claim, clock: Callable[[], datetime]) -> int:
    (account,) = _ACCOUNT.all(pk=claim.account_id)
    desk = _desk(claim, account, clock)
    done = 0
    with at(Priority.FIRST):  # exits may be waiting for it
        trades = ensure_reconciled(claim, account, desk.broker, clock=clock)
    try:
        settle_unconfirmed(desk)
    except NotYet as wait:
        guard_doubted(desk)
        done = _go_on_beside(desk, account, trades)
        _postpone_lane(desk, wait, trades)
        return done
    while (item := head_item(account.pk, now=clock())) is not None:
        if not is_due(item, clock()):
            return done + _go_on_beside(desk, account, trades)
        if not trades and item.kind in HELD_KINDS:
            trades = not hold_waiting(claim, clock=clock)
            continue
        if _do(desk, account, item) is not _End.DONE:
            return done + _go_on_beside(desk, account, trades)
        done += 1
    return done


def _go_on_beside(desk: Desk, account: BrokerAccount, trades: bool) -> int:
    """While an order is in doubt or an item waits: what can't depend on it; how many items. Each
    is tried once: one that waits in its turn keeps its own symbols only, until the venue wants
    patience."""
    done, tried = 0, set[int]()
    while True:
        items, _ = sort_waiting(account.pk, now=desk.clock(), trades=trades)
        item = next((each for each in items if each.pk not in tried), None)
        if item is None:
            return done
        tried.add(item.pk)
        end = _do(desk, account, item)
        if end is _End.STOPS:
            return done
        done += end is _End.DONE


def _desk(claim: Claim, account: BrokerAccount, clock: Callable[[], datetime]) -> Desk:
    """Without an adapter (an unknown kind, an unreadable key) the lane waits, and says so."""
    try:
        return Desk(claim, connect(account, now=clock), clock)
    except Exception:
        in_write_transaction(partial(_wait_all, claim, clock(), UNCONNECTED_SECONDS))
        raise


class _End(Enum):
    """Of one turn of an item."""

    DONE = auto()
    WAITS = auto()
    """For what becomes of an order; what can't depend on that goes on."""
    STOPS = auto()
    """It is tried again later, and so would be whatever came now."""


def _do(desk: Desk, account: BrokerAccount, item: LaneItem) -> _End:
    try:
        finished = _HANDLERS[LaneItem.Kind(item.kind)](desk, account, item)
    except NotYet as wait:
        pause_item(desk, item, wait.seconds)
        return _End.WAITS if wait.reason == "OUTCOME_UNKNOWN" else _End.STOPS
    except LostLane:
        raise
    except Exception as error:  # ours or a venue's: the lane must go on without this item
        log.exception("lane_item_failed", item=item.pk, error=type(error).__name__)
        return _give_up_or_retry(desk, item)
    if not finished:
        _finish(desk, item, LaneItem.Status.DONE)
    return _End.DONE


def _decide(desk: Desk, account: BrokerAccount, item: LaneItem) -> bool:
    decision = _DECISION.first(item=item.pk)
    if decision is not None:
        orders = list(decision.orders.filter(parent__isnull=True).order_by("id"))
    else:
        decision, orders, leaves = _decide_now(desk, account, item)
        if leaves:
            last = len(orders) == 1
            sent = attempt_order(desk, orders[0], _finish_with(item) if last else None)
            _measure(item, sent)
            if last:
                return True
            del orders[0]
    for order_id in decision.cancels:
        cancel_at_venue(desk, order_id)
    # One that has to wait for its room, or for what was cancelled, keeps no other from leaving.
    waits = [_send(desk, order) for order in orders]
    if any(waits):
        raise NotYet("OUTCOME_UNKNOWN", min(filter(None, waits)))
    return False


def _measure(item: LaneItem, order: Order) -> None:
    if item.signal_id is not None and order.submitted_at is not None:
        taken = (order.submitted_at - item.created_at).total_seconds()
        metrics.signal_to_order_seconds.observe(taken)


def _finish_with(item: LaneItem) -> Finish:
    """The item ends in the transaction that records its one order's answer."""
    return partial(end_item, item, LaneItem.Status.DONE, "")


def _decide_now(
    desk: Desk, account: BrokerAccount, item: LaneItem
) -> tuple[Decision, list[Order], bool]:
    """True: the first order is committed as `sending`, with the decision, and must leave now."""
    terms = Terms.from_json(item.terms)
    intents = [Intent.from_json(each) for each in item.intents]
    symbols = [mapped_symbol(each, terms) for each in intents]
    prices = [each.reference_price for each in intents]
    observe_prices(desk.broker, zip(symbols, prices, strict=True), desk.clock())
    synced = _sync(desk, account)
    market = read_market(desk.broker, [*_named(symbols), *open_symbols(account)])
    market = replace(market, synced=synced)

    def decide() -> tuple[Decision, list[Order], bool]:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        decision, orders = decide_item(item, account, market, now=now)
        leaves = _is_free(decision, orders) and mark_sending(
            orders[0], now=desk.clock(), instrument=market.instruments.get(orders[0].symbol)
        )
        return decision, orders, leaves

    return in_write_transaction(decide)


def _is_free(decision: Decision, orders: list[Order]) -> bool:
    """Nothing has to be cancelled at the venue before the first order leaves."""
    if not orders or decision.cancels:
        return False
    return orders[0].role == OrderRole.ENTRY or not has_children(orders[0])


def _sync(desk: Desk, account: BrokerAccount) -> bool:
    """Whether the venue told what became of our orders. If not, exits pass and entries don't."""
    try:
        sync_orders(account, desk.broker, clock=desk.clock)
    except DatabaseError:
        raise
    except Exception as error:  # a venue that can't tell must not keep an exit from going out
        log.warning("decided_unsynced", account=account.pk, error=name_of(error))
        return False
    return True


def _named(symbols: Iterable[str | None]) -> list[str]:
    return [symbol for symbol in symbols if symbol is not None]


def _send(desk: Desk, order: Order) -> float:
    """0, or after how many seconds it is to be tried again: what was cancelled for it works yet."""
    if order.after_id is not None:  # read anew: by now it may wait for a part of that one
        order = Order.objects.select_related("after", "decision").get(pk=order.pk)
    if order.status != OrderStatus.QUEUED:
        return 0.0
    if order.after is not None and not makes_way(order.after):
        return 0.0  # its own SEND item comes when that order is filled
    wait = time_to_clear(desk, order)
    if wait:
        return wait
    if order.role != OrderRole.EXIT:
        send_order(desk, order.pk)
        return 0.0
    with at(Priority.FIRST):  # one turn for both, where a venue's limits leave few
        lots = desk.broker.capabilities().market_lots and order.order_type == OrderType.MARKET
        instrument = read_instrument(desk.broker, order.symbol) if lots else None
        try:
            has_room = make_room(desk, order)
        except NotYet as held:
            if held.reason != "OUTCOME_UNKNOWN":
                raise
            return held.seconds  # the cancel was taken: others may leave meanwhile
        if has_room:
            send_order(desk, order.pk, instrument)
    return 0.0


def _send_waiting(desk: Desk, account: BrokerAccount, item: LaneItem) -> bool:
    orders = Order.objects.select_related("decision")
    wait = _send(desk, orders.get(pk=item.subject, account=account))
    if wait:
        raise NotYet("OUTCOME_UNKNOWN", wait)
    return False


def _cancel(desk: Desk, account: BrokerAccount, item: LaneItem) -> bool:
    insist_on_cancel(desk, item)
    pass_on(desk, item)
    return False


def _replace(desk: Desk, account: BrokerAccount, item: LaneItem) -> bool:
    replace_at_venue(desk, account, item)
    return False


def _protect(desk: Desk, account: BrokerAccount, item: LaneItem) -> bool:
    if exit_goes_first(desk, item.subject):
        pause_item(desk, item, 1)
        return True
    protect_position(desk, item.subject)
    if any(each.status == OrderStatus.UNCONFIRMED for each in working_takers(item.subject)):
        # Its stop is back, but nothing else may go on as if no order were in doubt.
        raise NotYet("OUTCOME_UNKNOWN", 1)
    return False


def _halt(desk: Desk, account: BrokerAccount, item: LaneItem) -> bool:
    """Working entries of the account (of one strategy, if named) are cancelled; exits stay, and
    so does what its owner ordered elsewhere."""
    entries = Order.objects.filter(
        account=account,
        role=OrderRole.ENTRY.value,
        status__in=[each.value for each in WORKING],
    )
    entries = entries.exclude(source=OrderSource.EXTERNAL.value)
    if item.subject:
        entries = entries.filter(strategy_id=item.subject)
    for order in entries.order_by("id"):
        if order.status == OrderStatus.QUEUED or order.status in AT_VENUE or is_in_review(order):
            cancel_at_venue(desk, order.pk)
    return False


_HANDLERS: dict[LaneItem.Kind, Callable[[Desk, BrokerAccount, LaneItem], bool]] = {
    LaneItem.Kind.DECIDE: _decide,
    LaneItem.Kind.SEND: _send_waiting,
    LaneItem.Kind.CANCEL: _cancel,
    LaneItem.Kind.PROTECT: _protect,
    LaneItem.Kind.HALT: _halt,
    LaneItem.Kind.REPLACE: _replace,
}
"""Each does an item's work; True when the item was ended with it."""


def _finish(desk: Desk, item: LaneItem, status: LaneItem.Status, reason: str = "") -> None:
    def finish() -> None:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        end_item(item, status, reason, now)

    in_write_transaction(finish)


def _give_up_or_retry(desk: Desk, item: LaneItem) -> _End:
    pause = pause_after_failure(item)
    if pause is None:
        _finish(desk, item, LaneItem.Status.PARKED, "INTERNAL_ERROR")
        return _End.DONE
    tell_of_failing(desk, item)
    pause_item(desk, item, pause, failed=True)
    return _End.WAITS


def _postpone_lane(desk: Desk, wait: NotYet, trades: bool) -> None:
    """What could depend on it waits until the venue has told about what was sent."""
    account_id = desk.claim.account_id
    _, waiting = sort_waiting(account_id, now=desk.clock(), trades=trades)
    log.info("lane_waits", account=account_id, reason=wait.reason, items=len(waiting))
    pause_items(desk, waiting, wait.seconds)


def _wait_all(claim: Claim, now: datetime, seconds: float) -> None:
    hold_lane(claim, now=now)
    until = now + timedelta(seconds=seconds)
    queued = LaneItem.objects.filter(
        account_id=claim.account_id, status=LaneItem.Status.QUEUED.value
    )
    queued.filter(Q(due_at__lt=until) | Q(due_at__gt=now + LONGEST_WAIT)).update(due_at=until)
