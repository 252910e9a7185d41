"""All orders of one paper account together: acceptance, matching, links, cancels.

Pure. State in, state out; `adapter` loads and stores it in one transaction. Orders are matched
oldest first. Of the working orders of one link, those of one side and kind (limits; stops) are a
ladder and add up; the ladders are alternatives: what one fills is taken from the others too, in
the same step, so a link never fills more than its largest ladder and one cancels the other.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext

from brokers.paper.ledger import (
    Book,
    NoPrice,
    equity,
    exposure,
    ladder_of,
    only_reduces,
    reducible,
)
from brokers.paper.matching import Execution, Rules, VenueOrder, expired, fee_of, match
from brokers.types import OrderRequest, Quote, ReportStatus
from tradehub.core.intent import Trail
from tradehub.core.money import EXACT, HUNDRED, ZERO, plain
from tradehub.core.words import OrderSide, OrderType, TimeInForce

AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
Refusal = tuple[str, str]
"""The venue's code and its text."""


@dataclass(frozen=True, slots=True)
class State:
    """One account: its book, its working orders (oldest first; ended ones stay listed once) and
    the fills of the steps so far."""

    book: Book
    orders: tuple[VenueOrder, ...] = ()
    executions: tuple[Execution, ...] = ()


@dataclass(frozen=True, slots=True)
class Market:
    quotes: Mapping[str, Quote]
    rules: Rules
    now: datetime
    meeting: Collection[str] | None = None
    """Ids of the orders that may meet these quotes; None for all. A quote that was asked for
    before an order came is none for it."""


def advance(state: State, market: Market) -> State:
    """Every working order meets its quote once."""
    book, fills = state.book, list(state.executions)
    orders = {order.id: order for order in state.orders}
    for key in list(orders):
        order = orders[key]
        if not order.working:
            continue
        order, fill = _meet(order, book, market)
        orders[key] = order
        if fill is not None:
            book = book.after(fill)
            fills.append(fill)
            orders |= _shrunk_siblings(order, fill.quantity, orders.values(), market.now)
    return State(book, tuple(orders.values()), tuple(fills))


def submit(
    state: State,
    request: OrderRequest,
    market: Market,
    *,
    step: Decimal,
) -> State:
    """The state with the new order in it: filled, resting, ended, or rejected with a code."""
    state = advance(state, market)
    order = _accept(state, request, market, step)
    state = advance(replace(state, orders=(*state.orders, order)), market)
    order = state.orders[-1]
    if order.working and request.time_in_force in AT_ONCE:
        word = request.time_in_force.value
        text = f"{plain(order.remaining)} could not fill at once, so it was cancelled ({word})."
        order = order.ended(ReportStatus.CANCELED, word.upper(), text, market.now)
        state = replace(state, orders=(*state.orders[:-1], order))
    return state


def cancel(state: State, client_order_id: str, market: Market) -> State:
    """Ends the order if it still works after the market was looked at."""
    state = advance(state, market)
    text = "Cancelled on request."
    orders = tuple(
        order.ended(ReportStatus.CANCELED, "CANCELED", text, market.now)
        if order.id == client_order_id and order.working
        else order
        for order in state.orders
    )
    return replace(state, orders=orders)


def _meet(order: VenueOrder, book: Book, market: Market) -> tuple[VenueOrder, Execution | None]:
    if expired(order, market.now):
        text = "The day (UTC) of this day order has ended."
        return order.ended(ReportStatus.EXPIRED, "DAY_ENDED", text, market.now), None
    quote = market.quotes.get(order.request.symbol)
    if quote is None or (market.meeting is not None and order.id not in market.meeting):
        return order, None
    most = None
    if only_reduces(order, market.rules):
        most = reducible(book, order.request.symbol, order.request.side)
    return match(order, quote, market.rules, most=most, now=market.now)


def _shrunk_siblings(
    filled: VenueOrder, quantity: Decimal, orders: Iterable[VenueOrder], now: datetime
) -> dict[str, VenueOrder]:
    """What of its link changes: each ladder is cut to what is left, its newest orders first."""
    link = filled.request.link
    if link is None:
        return {}
    ladders: dict[tuple[OrderSide, bool], list[VenueOrder]] = {}
    for order in orders:
        if order.request.link == link and (order.working or order.id == filled.id):
            ladders.setdefault(ladder_of(order), []).append(order)
    cut: dict[str, VenueOrder] = {}
    with localcontext(EXACT):
        sums = {key: sum((each.remaining for each in of), ZERO) for key, of in ladders.items()}
        mine = sums[ladder_of(filled)] + quantity
        left = max([mine, *sums.values()]) - quantity
        for key, ladder in ladders.items():
            excess = sums[key] - left
            for order in reversed(ladder):
                if excess > 0 and order.working:
                    taken = min(excess, order.remaining)
                    cut[order.id] = _cut_by(order, taken, now)
                    excess -= taken
    return cut


def _cut_by(order: VenueOrder, taken: Decimal, now: datetime) -> VenueOrder:
    if taken >= order.remaining:
        text = "The order that it is linked with has filled."
        return order.ended(ReportStatus.CANCELED, "LINKED_FILLED", text, now)
    return replace(order, quantity=order.quantity - taken, updated_at=now)


def _accept(
    state: State,
    request: OrderRequest,
    market: Market,
    step: Decimal,
) -> VenueOrder:
    order = VenueOrder(
        request=request, quantity=request.quantity, created_at=market.now, updated_at=market.now
    )
    for check in (_bad_quantity, _bad_prices, _bad_time):
        refusal = check(request, step)
        if refusal is not None:
            return order.ended(ReportStatus.REJECTED, *refusal, market.now)
    if request.reduce_only:
        held = reducible(state.book, request.symbol, request.side)
        order = replace(order, quantity=min(order.quantity, held))
    for judge in (_nothing_to_reduce, _short_not_allowed, _cannot_pay):
        refusal = judge(state, order, market)
        if refusal is not None:
            return order.ended(ReportStatus.REJECTED, *refusal, market.now)
    return order


def _bad_quantity(request: OrderRequest, step: Decimal) -> Refusal | None:
    if request.quantity <= 0:
        return "BAD_QUANTITY", f"The quantity is {plain(request.quantity)}; it must be above 0."
    if EXACT.remainder(request.quantity, step):
        return "BAD_QUANTITY", (
            f"The quantity is {plain(request.quantity)}; "
            f"{request.symbol} trades in steps of {plain(step)}."
        )
    return None


_NEEDS_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_NEEDS_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


def _bad_prices(request: OrderRequest, step: Decimal) -> Refusal | None:
    kind = request.order_type
    for name, price, needed in (
        ("limit price", request.limit_price, kind in _NEEDS_LIMIT),
        ("stop price", request.stop_price, kind in _NEEDS_STOP),
    ):
        if needed != (price is not None):
            return "BAD_PRICE", f"A {kind} order has {'a' if needed else 'no'} {name}."
        if price is not None and price <= 0:
            return "BAD_PRICE", f"The {name} is {plain(price)}; it must be above 0."
    if (kind is OrderType.TRAILING_STOP) != (request.trail is not None):
        return "BAD_PRICE", "A trailing stop, and nothing else, has a trail."
    return None if request.trail is None else _bad_trail(request.trail)


def _bad_trail(trail: Trail) -> Refusal | None:
    percent, offset = trail.percent, trail.offset
    if (percent is None) == (offset is None):
        return "BAD_PRICE", "A trail is a percent or an offset, one of the two."
    if percent is not None and not ZERO < percent < HUNDRED:
        return "BAD_PRICE", f"The trail is {plain(percent)} %; it must lie between 0 and 100."
    if offset is not None and offset <= 0:
        return "BAD_PRICE", f"The trail is {plain(offset)}; it must be above 0."
    return None


def _bad_time(request: OrderRequest, step: Decimal) -> Refusal | None:
    at_once = (OrderType.MARKET, OrderType.LIMIT)
    if request.time_in_force in AT_ONCE and request.order_type not in at_once:
        return "BAD_TIME_IN_FORCE", (
            f"{request.time_in_force} is for market and limit orders, "
            f"not for a {request.order_type}."
        )
    return None


def _nothing_to_reduce(state: State, order: VenueOrder, market: Market) -> Refusal | None:
    if order.quantity > 0:
        return None
    held = plain(state.book.held(order.request.symbol))
    return "NOTHING_TO_REDUCE", (
        f"The account holds {held} {order.request.symbol}: "
        f"a {order.request.side} has nothing to reduce."
    )


def _short_not_allowed(state: State, order: VenueOrder, market: Market) -> Refusal | None:
    held = state.book.held(order.request.symbol)
    if market.rules.allow_short or order.request.side is OrderSide.BUY or order.quantity <= held:
        return None
    return "SHORT_NOT_ALLOWED", (
        f"This would sell {plain(order.quantity)} {order.request.symbol} where {plain(held)} is "
        f"held, and the account may not sell short."
    )


def _cannot_pay(state: State, order: VenueOrder, market: Market) -> Refusal | None:
    """An order that closes what is held, or adds no exposure, is never refused for money."""
    quotes, rules, symbol = market.quotes, market.rules, order.request.symbol
    if order.request.order_type is OrderType.MARKET and symbol not in quotes:
        return _price_missing(symbol)
    if order.quantity <= reducible(state.book, symbol, order.request.side):
        return None
    try:
        before = exposure(state.book, state.orders, quotes, rules)
        after = exposure(state.book, (*state.orders, order), quotes, rules)
        if after <= before:
            return None
        with localcontext(EXACT):
            needed = after - before + fee_of(after - before, rules)
            there = rules.leverage * equity(state.book, quotes) - before
    except NoPrice as missing:
        return _price_missing(missing.symbol)
    if needed <= there:
        return None
    return "BUYING_POWER_TOO_LOW", (
        f"This order needs {plain(needed)} {rules.currency} of buying power and "
        f"{plain(max(there, ZERO))} is left."
    )


def _price_missing(symbol: str) -> Refusal:
    return "PRICE_MISSING", f"No price of {symbol} is known here, so nothing can trade at it."
