"""Taking a watched target: its stop is cancelled, with proof, and then the target is sent.

The venue holds for the stop what the target would sell, so one must go for the other. The target is
a limit at its own price that fills at once or not at all: a price that has gone since costs nothing
but the attempt. What is left of it is ended here, and the caller (`orders.protecting`) puts the
stop back for what is held then. The taker's row is all that is kept, so whoever asks again after a
crash goes on where it stopped.
"""

from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from brokers.errors import BrokerError
from orders.cancelling import cancel_at_venue
from orders.children import working_children, working_takers
from orders.lanes import hold_lane
from orders.lifecycle import AT_VENUE, WORKING, OrderEventName
from orders.models import Order, Position
from orders.pairing import cancel_all, is_found
from orders.protection import Protection, closing_side
from orders.recording import record_event
from orders.sending import Desk, NotYet, send_order
from orders.triggers import target_met
from tradehub.core.words import OrderSide, OrderStatus
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)

MET_FOR = timedelta(seconds=5)
"""After so long the price is looked at again, before a stop is cancelled for it."""
CANCELS_TAKE = timedelta(seconds=30)
"""For so long a cancel is waited for that the venue has not proven, from when it was asked for."""


def take_targets(desk: Desk, position_id: str, *, tick: Decimal | None) -> None:
    """Send the position's targets that were met. Raises NotYet and LostLane."""
    for taker in working_takers(position_id):
        if taker.status == OrderStatus.QUEUED and _is_worth_it(desk, taker):
            _free_its_quantity(desk, taker)
            if _still_fits(desk, taker, tick):
                taker = _send(desk, taker)
        if taker.status in AT_VENUE:
            _end_rest(desk, taker)


def _is_worth_it(desk: Desk, taker: Order) -> bool:
    """False: the price has gone since, and the taker has ended."""
    if desk.clock() - taker.created_at < MET_FOR:
        return True
    try:
        quote = desk.broker.quote(taker.symbol)
    except BrokerError:
        quote = None
    assert taker.limit_price is not None
    if quote is not None and target_met(OrderSide(taker.side), taker.limit_price, quote):
        return True
    _give_up(desk, taker, "The price had gone when the order was to leave.")
    return False


def _free_its_quantity(desk: Desk, taker: Order) -> None:
    """Cancel what rests for the position. Raises NotYet while that is not proven."""
    resting = [child.pk for child in working_children(str(taker.link))]
    pending = [each for each in cancel_all(desk, resting) if each.status in WORKING]
    if pending:
        asked = [each.cancel_taken_at for each in pending if each.cancel_taken_at is not None]
        if desk.clock() - max([taker.created_at, *asked]) > CANCELS_TAKE:
            _give_up(desk, taker, "The venue did not cancel the stop that held its quantity.")
            return
        raise NotYet("OUTCOME_UNKNOWN", 1)


def _still_fits(desk: Desk, taker: Order, tick: Decimal | None) -> bool:
    """Between the price and now a stop may have filled, or an alert moved the target."""

    def look() -> bool:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        taker.refresh_from_db()
        if taker.status != OrderStatus.QUEUED:
            return False
        if _is_asked_for(taker, Position.objects.get(pk=taker.link), tick):
            return True
        _cancel_unsent(taker, "The position does not ask for it any more.", now)
        return False

    return in_write_transaction(look)


def _is_asked_for(taker: Order, position: Position, tick: Decimal | None) -> bool:
    asked = Protection.from_json(position.protection).on_tick(tick)
    return (
        position.is_open
        and closing_side(position.quantity) == taker.side
        and abs(position.quantity) >= taker.quantity
        and taker.limit_price in [each.price for each in asked.targets]
    )


def _send(desk: Desk, taker: Order) -> Order:
    """Whatever comes of it is no reason to leave the position without its stop."""
    try:
        return send_order(desk, taker.pk)
    except NotYet as wait:
        log.warning("target_not_taken", order=taker.pk, reason=wait.reason)
    taker.refresh_from_db()
    if taker.status == OrderStatus.QUEUED:  # certain: it has not left
        _give_up(desk, taker, "It could not be sent, and the stop could not wait.")
    elif is_found(desk, taker):
        taker.refresh_from_db()
    return taker


def _end_rest(desk: Desk, taker: Order) -> None:
    """A venue that knows no "at once or not at all" for it lets it rest, and holds its quantity."""
    ended = cancel_at_venue(desk, taker.pk)
    left_at = ended.submitted_at or taker.created_at
    if ended.status in AT_VENUE and desk.clock() - left_at < CANCELS_TAKE:
        raise NotYet("OUTCOME_UNKNOWN", 1)


def _give_up(desk: Desk, taker: Order, why: str) -> None:
    def end() -> None:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        taker.refresh_from_db()
        if taker.status == OrderStatus.QUEUED:
            _cancel_unsent(taker, why, now)

    in_write_transaction(end)


def _cancel_unsent(taker: Order, why: str, now: datetime) -> None:
    record_event(taker, OrderEventName.CANCEL, key="cancel", now=now, reason_text=why)
