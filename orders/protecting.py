"""Protection at the venue: stop and target of a position are placed, resized and cancelled here.

Asked after every change of a position that asked for protection. It first cancels what does not
fit, then writes what is missing and sends it, then looks at what works; a crash anywhere is mended
by asking again. Where what rests holds the balance, stop and target rest as a pair or the stop
rests alone, and a watched target that was met is taken first. What can't be protected raises the
alarm, or is closed where the profile says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import structlog
from django.db.models import Q, QuerySet

from brokers.errors import BrokerError
from brokers.types import Instrument, Pairs
from orders.cancelling import cancel_rest, wait_for_cancels
from orders.children import (
    CHILD_ROLES,
    as_children,
    children_of,
    closes_anothers,
    create_children,
    create_pair,
    is_taker,
    pause_after_refusals,
    was_tried,
    working_children,
    working_takers,
)
from orders.closing import close_bare, terms_of_entry
from orders.lanes import LostLane, hold_lane
from orders.lifecycle import AT_VENUE, WORKING, OrderEventName
from orders.market import name_of
from orders.models import LaneItem, Order, Position
from orders.monitoring import close_jumped, look_again_if_jumped, reach_of_stop, watch_prices
from orders.pairing import cancel_all, is_found, send_children
from orders.positions import queue_protection, set_protected
from orders.protection import (
    LOWEST,
    ChildPlan,
    NewChild,
    Protection,
    plan_children,
    plan_guard,
    target_orders,
)
from orders.recording import record_event
from orders.sending import Desk, NotYet
from orders.taking import take_targets
from risk.models import RiskProfile
from tradehub.core.money import EXACT, ZERO
from tradehub.core.words import OrderRole, OrderStatus, OrderType, TimeInForce
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)
E = OrderEventName

_HELD = (
    "The venue holds the quantity for the position's stop, so no exit can rest beside it. Exit at "
    "the market or with the time in force ioc, or give the entry a take_profit at that price."
)
EXITS_FIRST = timedelta(seconds=30)
"""For so long protection gives way to an exit that waits for the quantity to be free."""
LEFT_OVER = timedelta(seconds=10)
"""After so long a cancel is asked for again that left a child working which does not fit."""
_REST = "Its rest was cancelled, so that what has filled can have its stop."

Shape = tuple[Decimal, Protection, frozenset[str]]
"""What a position's children are planned for: its quantity and protection, and which of those that
work would close what is another's."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """What the venue makes of a position's protection."""

    step: Decimal
    tick: Decimal | None
    holds_balance: bool
    pairs: Pairs = Pairs.NONE
    pair_step: Decimal | None = None
    min_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    instrument: Instrument | None = None
    is_told: bool = True
    """False: the venue could not be asked, so it is asked again."""

    def least(self, stop_price: Decimal) -> Decimal:
        """Less than it could be neither sold nor guarded."""
        return max(self.min_quantity, EXACT.divide(self.min_notional, stop_price))


def protect_position(desk: Desk, position_id: str) -> None:
    """Make what works at the venue fit the position. Raises NotYet and LostLane."""
    symbol = Position.objects.values_list("symbol", flat=True).get(pk=position_id)
    grid = _grid(desk, symbol)
    take_targets(desk, position_id, tick=grid.tick)
    _make_way(desk, position_id, grid)
    shape = _write_children(desk, position_id, grid)
    queued = children_of(position_id).filter(status=OrderStatus.QUEUED.value).order_by("id")
    send_children(desk, [each for each in queued if not is_taker(each)])
    if _judge(desk, position_id, grid, shape):
        _look_at_price(desk, position_id, grid)


def _make_way(desk: Desk, position_id: str, grid: _Grid) -> None:
    """Cancel what does not fit. Where it holds the balance, what comes next has to wait until it
    has ended: raises NotYet, for some seconds."""
    position = Position.objects.get(pk=position_id)
    plan = _plan(position, working_children(position_id), grid, desk.clock())
    ended = cancel_all(desk, plan.cancel)
    if grid.holds_balance:
        wait_for_cancels(desk, ended)


def guard_doubted(desk: Desk) -> None:
    """The lane waits for what became of a target that was sent. Its stop was cancelled for it and
    does not wait: unless the venue knows the target now, the stop goes back. Mostly both can't
    fill, as the venue gives the balance to one of them."""
    doubted = Order.objects.filter(
        account_id=desk.claim.account_id,
        role=OrderRole.TAKE_PROFIT.value,
        status=OrderStatus.UNCONFIRMED.value,
    )
    for taker in doubted:
        if taker.link is None or not is_taker(taker) or _was_guarded_since(taker):
            continue
        try:
            if not is_found(desk, taker):
                protect_position(desk, taker.link)
        except NotYet as wait:
            log.warning("doubted_unguarded", order=taker.pk, reason=wait.reason)
        except LostLane:
            raise
        except Exception as error:  # what other symbols wait for must go on
            log.exception("doubted_unguarded", order=taker.pk, reason=type(error).__name__)


def _was_guarded_since(taker: Order) -> bool:
    """A stop works, or was tried: the venue refuses it when the target has filled."""
    assert taker.link is not None
    stops = children_of(taker.link).filter(role=OrderRole.STOP_LOSS.value)
    left_at = taker.submitted_at or taker.created_at
    return any(
        each.status in WORKING or each.created_at > left_at
        for each in stops.exclude(status=OrderStatus.QUEUED.value)
    )


def make_room(desk: Desk, order: Order) -> bool:
    """Before an exit leaves: protection ends that holds its quantity. Also for a limit that fills
    at once or not at all: what is left is guarded again. One that would rest is denied, or the
    position would have no stop for as long as it rests; then False. Raises NotYet, for some
    seconds, while the venue has taken the cancel and still holds the quantity."""
    at_once = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    held = desk.broker.capabilities().holds_balance and has_children(order)
    if order.order_type == OrderType.MARKET or (held and at_once):
        ended = cancel_all(desk, _children_beside(order).values_list("pk", flat=True))
        if held:
            wait_for_cancels(desk, ended)
    elif held:
        _deny_resting(desk, order)
        return False
    return True


def exit_goes_first(desk: Desk, position_id: str) -> bool:
    """One waits until its quantity is free, or leaves next as the rest of one that has filled: a
    stop that was placed now would hold it again."""
    position, since = Position.objects.get(pk=position_id), desk.clock() - EXITS_FIRST
    waiting = _orders_of(position, OrderRole.EXIT, [OrderStatus.QUEUED]).filter(
        Q(after__isnull=True) | Q(after__status=OrderStatus.FILLED.value)
    )
    if not children_of(position_id).filter(cancel_taken_at__gt=since).exists():
        waiting = waiting.filter(created_at__gt=since)
    return waiting.filter(
        Q(order_type=OrderType.MARKET.value)
        | Q(time_in_force__in=[TimeInForce.IOC.value, TimeInForce.FOK.value])
    ).exists()


def _deny_resting(desk: Desk, order: Order) -> None:
    def deny() -> None:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        fresh = Order.objects.get(pk=order.pk)
        if fresh.status == OrderStatus.QUEUED:
            code = "UNSUPPORTED_BY_VENUE"
            record_event(fresh, E.DENY, key="deny", now=now, reason=code, reason_text=_HELD)

    in_write_transaction(deny)


def has_children(order: Order) -> bool:
    """Whether protection works for the position that `order` exits."""
    return _children_beside(order).exists()


def _orders_of(
    position: Position, role: OrderRole, statuses: Sequence[OrderStatus]
) -> QuerySet[Order]:
    return Order.objects.filter(
        account_id=position.account_id,
        symbol=position.symbol,
        strategy_id=position.strategy_id,
        role=role.value,
        status__in=[each.value for each in statuses],
    )


def _children_beside(order: Order) -> QuerySet[Order]:
    return Order.objects.filter(
        account_id=order.account_id,
        symbol=order.symbol,
        strategy_id=order.strategy_id,
        role__in=CHILD_ROLES,
        status__in=[each.value for each in WORKING],
    ).order_by("id")


def _write_children(desk: Desk, position_id: str, grid: _Grid) -> Shape:
    """Rows for what is missing, and for which shape of the position."""

    def write() -> Shape:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        fresh = Position.objects.get(pk=position_id)
        children = working_children(position_id)
        place = _plan(fresh, children, grid, now).place
        roles = [each.role for each in place]
        if grid.holds_balance and roles == [OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT]:
            create_pair(fresh, place[0], place[1], now)
        else:
            create_children(fresh, place, now)
        return _shape(fresh, children)

    return in_write_transaction(write)


def _plan(position: Position, children: list[Order], grid: _Grid, now: datetime) -> ChildPlan:
    asked = Protection.from_json(position.protection).on_tick(grid.tick)
    working = as_children(children, grid.pairs)
    if not grid.holds_balance:
        return plan_children(position.quantity, asked, working, grid.step)
    tried = partial(was_tried, position, now=now)
    return plan_guard(position.quantity, asked, working, grid.step, grid.pair_step, tried)


def _watched(position: Position, children: list[Order], grid: _Grid) -> list[NewChild]:
    """The targets that don't rest at the venue."""
    asked = Protection.from_json(position.protection).on_tick(grid.tick)
    if asked.stop_price is None or not grid.holds_balance:
        return []
    if any(each.role == OrderRole.TAKE_PROFIT for each in children):
        return []
    return target_orders(position.quantity, asked, grid.step, grid.least(asked.stop_price))


def _shape(position: Position, children: Sequence[Order]) -> Shape:
    wide = frozenset(each.pk for each in children if closes_anothers(each))
    return position.quantity, Protection.from_json(position.protection), wide


def _judge(desk: Desk, position_id: str, grid: _Grid, meant_for: Shape) -> bool:
    """Does what the position asked for work now? If not: the alarm, or close it. True when its
    stop is missing, or the price has jumped it.

    The item ends here, in the transaction that looks: whatever changes the position from now on
    makes a new one. If it changed since the children were planned, that is now."""

    def judge() -> bool:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        position = Position.objects.get(pk=position_id)
        _end_items(position, now)
        children = working_children(position_id)
        if _is_met(position_id) or _shape(position, children) != meant_for:
            queue_protection(position, now=now)
            return False
        _look_again_if_left_over(position, children, grid, now)
        if not position.is_open or not position.protection:
            set_protected(position, None, now=now)
            return False
        # An unconfirmed child is not placed twice, and is not taken for protection either.
        sure = [each for each in children if each.status != OrderStatus.UNCONFIRMED]
        missing = {each.role for each in _plan(position, sure, grid, now).place}
        has_stop = OrderRole.STOP_LOSS not in missing
        reach = reach_of_stop(position, grid.instrument) if has_stop else None
        works = not missing and (reach is None or reach.jumped_at is None)
        watched = _watched(position, sure, grid)
        set_protected(position, works, now=now, watched=watched, stop_limit=reach)
        if not grid.is_told:
            queue_protection(position, now=now, after=LEFT_OVER)
        if has_stop:
            return look_again_if_jumped(position, now)
        log.error("position_unprotected", position=position.pk, code="UNPROTECTED_POSITION")
        for entry in _orders_of(position, OrderRole.ENTRY, [OrderStatus.PARTIALLY_FILLED]):
            # It makes more of what has no stop, and some venues take none beside it.
            cancel_rest(entry, why=_REST, now=now)
        _close_if_asked(position, now)
        return True

    return in_write_transaction(judge)


def _look_again_if_left_over(
    position: Position, children: list[Order], grid: _Grid, now: datetime
) -> None:
    """The venue refused to cancel what does not fit, or has not done so yet: it could close more
    than is held, or what comes next. Until it is gone, also where nothing is held any more."""
    too_much = _plan(position, children, grid, now).cancel
    if any(each.status in AT_VENUE and each.pk in too_much for each in children):
        pause = max(LEFT_OVER, pause_after_refusals(position, now))
        queue_protection(position, now=now, after=pause)


def _is_met(position_id: str) -> bool:
    """A price has met a target since the children were planned."""
    return any(each.status == OrderStatus.QUEUED for each in working_takers(position_id))


def _items(position: Position) -> QuerySet[LaneItem]:
    return LaneItem.objects.filter(
        account_id=position.account_id,
        kind=LaneItem.Kind.PROTECT.value,
        status=LaneItem.Status.QUEUED.value,
        subject=position.pk,
    )


def _end_items(position: Position, now: datetime) -> None:
    _items(position).update(status=LaneItem.Status.DONE.value, finished_at=now)


def _close_if_asked(position: Position, now: datetime) -> None:
    """`on_unprotected` of the risk profile under which the entry was decided."""
    terms = terms_of_entry(position)
    if terms is None:
        return
    profile = RiskProfile.objects.filter(pk=terms.risk_profile).first()
    if profile is not None and profile.on_unprotected == "close":
        close_bare(position, now=now)


def _look_at_price(desk: Desk, position_id: str, grid: _Grid) -> None:
    """A stop that the venue refuses may have been passed by the price already, or one that works
    may be jumped still. While the market is closed that one has not triggered yet, and no exit
    would fill: it keeps its place."""
    symbol = Position.objects.values_list("symbol", flat=True).get(pk=position_id)
    try:
        quote = desk.broker.quote(symbol)
    except BrokerError as error:
        log.warning("quotes_failed", symbols=[symbol], error=name_of(error))
        return
    if quote is None:
        return
    now = desk.clock()
    watch_prices(desk.claim.account_id, {symbol: quote}, now)
    hours = None if grid.instrument is None else grid.instrument.hours
    if hours is None or not hours.surely_closed_at(now):
        close_jumped(position_id, quote, now)


def _grid(desk: Desk, symbol: str) -> _Grid:
    """Without steps a stop is better unrounded than not placed."""
    able, is_told = desk.broker.capabilities(), True
    try:
        instrument = desk.broker.instrument(symbol)
    except BrokerError:
        instrument, is_told = None, False
    if instrument is None:
        return _Grid(LOWEST, None, able.holds_balance, is_told=is_told)
    return _Grid(
        instrument.quantity_step,
        instrument.price_tick,
        able.holds_balance,
        able.pairs,
        None if able.pairs is Pairs.NONE else instrument.pair_step,
        instrument.min_quantity,
        instrument.min_notional,
        instrument,
    )
