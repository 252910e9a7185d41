"""The position monitor: prices come in, and what they ask for is written into the lane.

A watched target that is met becomes a queued taker and a look by the lane (`orders.taking`). A
position whose stop is not at the venue, and whose price has passed it, is closed: that is what the
stop was for. So is one whose price has jumped beyond the limit of its stop, but by the lane, which
looks once more. Nothing is sent or kept here. The poll calls it, and whoever has prices may: it is
safe beside a lane and twice at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from brokers.base import Broker
from brokers.models import BrokerAccount
from brokers.types import Instrument, Quote
from orders.children import (
    create_child,
    has_stop,
    takers_in_vain,
    working_children,
    working_takers,
)
from orders.closing import close_bare
from orders.doorbell import ring_on_commit
from orders.models import Order, Position
from orders.positions import queue_protection, set_protected
from orders.protection import (
    NewChild,
    Protection,
    StopLimit,
    closing_side,
    read_stop_limit,
    read_watched,
)
from orders.recording import lock_account
from orders.triggers import pause_after, stop_jumped, stop_passed, target_met, tells
from tradehub.core.words import OrderRole, OrderStatus, TimeInForce
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)

MAY_FILL = timedelta(seconds=3)
"""For so long a stop that the price has jumped may fill yet, or have filled and not be told."""
LOOKED_AT_AGAIN = timedelta(seconds=5)
"""While the price is there and the position is not closed."""


def watch_account(account: BrokerAccount, broker: Broker, *, clock: Callable[[], datetime]) -> int:
    """Ask the account's venue for the prices that its positions wait for."""
    symbols = watched_symbols(account.pk)
    return watch_prices(account.pk, broker.quotes(symbols), clock()) if symbols else 0


def watched_symbols(account_id: str) -> list[str]:
    """Those whose price matters."""
    return sorted({each.symbol for each in _waiting(account_id)})


def watch_prices(account_id: str, quotes: Mapping[str, Quote], now: datetime) -> int:
    """For how many of the account's positions these prices mean work."""
    told = {symbol: quote for symbol, quote in quotes.items() if tells(quote, now)}
    waiting = [each for each in _waiting(account_id) if each.symbol in told]
    if not any(asks(each, told[each.symbol]) for each in waiting):
        return 0
    return in_write_transaction(partial(_write, account_id, told, now))


def _waiting(account_id: str) -> list[Position]:
    positions = Position.objects.filter(
        account_id=account_id, is_open=True, protection__isnull=False
    )
    return [each for each in positions.order_by("pk") if waits(each)]


def waits(position: Position) -> bool:
    """Its price matters: a target is watched, or a stop is missing or has a limit."""
    return (
        bool(read_watched(position.quantity, position.protection))
        or read_stop_limit(position.protection) is not None
        or _lacks_stop(position)
    )


def _lacks_stop(position: Position) -> bool:
    stop = Protection.from_json(position.protection).stop_price
    return position.protected is False and stop is not None


def asks(position: Position, quote: Quote) -> bool:
    """Whether the price means work for it. Asks nobody."""
    return bool(_met(position, quote)) or _is_passed(position, quote) or _turns(position, quote)


def _met(position: Position, quote: Quote) -> list[NewChild]:
    watched = read_watched(position.quantity, position.protection)
    return [each for each in watched if target_met(each.side, each.price, quote)]


def _is_passed(position: Position, quote: Quote) -> bool:
    stop = Protection.from_json(position.protection).stop_price
    if stop is None or position.protected is not False or is_jumped(position):
        return False
    return stop_passed(closing_side(position.quantity), stop, quote)


def is_jumped(position: Position) -> bool:
    """It was seen that its stop works, and protects nothing."""
    limit = read_stop_limit(position.protection)
    return limit is not None and limit.jumped_at is not None


def _jumps(position: Position, quote: Quote) -> bool:
    stop = Protection.from_json(position.protection).stop_price
    limit = read_stop_limit(position.protection)
    if stop is None or limit is None:
        return False
    return stop_jumped(closing_side(position.quantity), stop, limit.price, quote)


def _turns(position: Position, quote: Quote) -> bool:
    """The price jumps its stop, or has come back."""
    return _jumps(position, quote) is not is_jumped(position)


def _write(account_id: str, quotes: Mapping[str, Quote], now: datetime) -> int:
    lock_account(account_id)
    moved = 0
    for position in _waiting(account_id):
        quote = quotes.get(position.symbol)
        if quote is not None:
            moved += (
                _take_met(position, quote, now)
                or _close_passed(position, quote, now)
                or _note_jump(position, quote, now)
            )
    if moved:
        ring_on_commit([account_id])
    return moved


def _take_met(position: Position, quote: Quote, now: datetime) -> bool:
    met = _met(position, quote)
    if not met:
        return False
    takers = working_takers(position.pk)
    if any(each.status == OrderStatus.QUEUED for each in takers):
        queue_protection(position, now=now)  # there already, unless its look was lost
    if takers:
        return False
    vain = takers_in_vain(position, now=now)
    if vain and now < max(each.updated_at for each in vain) + pause_after(len(vain)):
        return False
    for each in met:
        create_child(position, each, now, time_in_force=_time_in_force(vain))
    log.info("target_met", position=position.pk, symbol=position.symbol, targets=len(met))
    queue_protection(position, now=now)
    return True


def _time_in_force(vain: list[Order]) -> TimeInForce:
    """Some accounts may not send what must fill at once: then one for the day, ended by us."""
    refused = (each for each in vain if each.status == OrderStatus.REJECTED)
    return TimeInForce.DAY if any(refused) else TimeInForce.IOC


def _close_passed(position: Position, quote: Quote, now: datetime) -> bool:
    """Also where the profile leaves an unprotected position open: this one has met its stop."""
    if not _is_passed(position, quote) or has_stop(position.pk) or working_takers(position.pk):
        return False
    if not close_bare(position, now=now):
        return False
    log.warning("stop_passed", position=position.pk, symbol=position.symbol)
    return True


def _note_jump(position: Position, quote: Quote, now: datetime) -> bool:
    limit = read_stop_limit(position.protection)
    if limit is None or not _turns(position, quote):
        return False
    jumped = limit.jumped_at is None
    if jumped and _is_older(quote, position):
        return False
    watched = read_watched(position.quantity, position.protection)
    noted = replace(limit, jumped_at=now if jumped else None)
    set_protected(position, False, now=now, watched=watched, stop_limit=noted)
    queue_protection(position, now=now, after=MAY_FILL if jumped else None)
    if jumped:
        log.error("position_unprotected", position=position.pk, code="UNPROTECTED_POSITION")
    return True


def _is_older(quote: Quote, position: Position) -> bool:
    """It says nothing of a stop that was not there yet."""
    stops = [each for each in working_children(position.pk) if each.role == OrderRole.STOP_LOSS]
    return any(quote.at < (each.submitted_at or each.created_at) for each in stops)


# ---- asked by the lane ----


def reach_of_stop(position: Position, instrument: Instrument | None) -> StopLimit | None:
    """Of a stop that works; with what was seen of it before. That stands where nothing is told."""
    kept = read_stop_limit(position.protection)
    if instrument is None:
        return kept
    stop = Protection.from_json(position.protection).on_tick(instrument.price_tick).stop_price
    if stop is None:
        return None
    price = instrument.limit_of_stop(closing_side(position.quantity), stop)
    if price is None:
        return None
    return kept if kept is not None and kept.price == price else StopLimit(price)


def look_again_if_jumped(position: Position, now: datetime) -> bool:
    """Inside the caller's transaction."""
    limit = read_stop_limit(position.protection)
    if limit is None or limit.jumped_at is None:
        return False
    left = limit.jumped_at + MAY_FILL - now
    queue_protection(position, now=now, after=left if left > timedelta() else LOOKED_AT_AGAIN)
    return True


def close_jumped(position_id: str, quote: Quote, now: datetime) -> bool:
    """Close what the stop at the venue does not protect. The exit cancels the stop, with proof,
    before it leaves, and takes what is held then: a stop that fills meanwhile is not doubled."""

    def close() -> bool:
        position = Position.objects.get(pk=position_id)
        lock_account(position.account_id)
        position.refresh_from_db()
        limit = read_stop_limit(position.protection)
        if limit is None or limit.jumped_at is None or now - limit.jumped_at < MAY_FILL:
            return False
        if not tells(quote, now) or not _jumps(position, quote) or working_takers(position.pk):
            return False
        if not close_bare(position, now=now):
            return False
        log.warning("stop_jumped", position=position.pk, symbol=position.symbol)
        return True

    return in_write_transaction(close)
