"""What one working order does when it meets one quote.

Pure. Every fill comes from here. Rules a reader must not break: an order never fills beyond what
it has left; a stop is judged by the last price and then fills as a market order, at the market
and not at the stop (a gap is paid for); slippage only ever worsens a price; a price inside the
bounds of a limit is never exceeded. Only instants at which the venue looks are judged: a price
between two looks did not happen here. Cash and positions: `ledger`; many orders: `venue`.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext

from brokers.types import OrderRequest, Quote, ReportStatus
from tradehub.core.money import EXACT, ONE, ZERO, percent_of, round_up
from tradehub.core.words import OrderSide, OrderType, TimeInForce

WORKING = frozenset({ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED})
FEE_STEP = Decimal("1e-12")
"""A fee finer than this is rounded up."""
SLIPPED_DIGITS = 12
"""Significant digits of a price worsened by slippage; rounded against the trader."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The account's terms. Percents are whole numbers: 0.1 is 0.1 %."""

    fee_percent: Decimal = ZERO
    slippage_percent: Decimal = ZERO
    fill_limit: Decimal | None = None
    """The most that one order fills on one quote; None for all of it."""
    allow_short: bool = True
    leverage: Decimal = ONE
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """One order as the venue has it now."""

    request: OrderRequest
    quantity: Decimal
    """What may still fill plus what has: below `request.quantity` after a cut or a sibling."""
    created_at: datetime
    updated_at: datetime
    status: ReportStatus = ReportStatus.OPEN
    filled: Decimal = ZERO
    triggered: bool = False
    best_price: Decimal | None = None
    """The best last price since the order came: what a trailing stop follows."""
    filled_on: datetime | None = None
    """The time of the quote that filled last: with a fill limit, the next needs a newer one."""
    code: str | None = None
    text: str | None = None

    @property
    def id(self) -> str:
        return self.request.client_order_id

    @property
    def working(self) -> bool:
        return self.status in WORKING

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled if self.working else ZERO

    def ended(self, status: ReportStatus, code: str, text: str, now: datetime) -> "VenueOrder":
        return replace(self, status=status, code=code, text=text, updated_at=now)


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill."""

    client_order_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime


def match(
    order: VenueOrder, quote: Quote, rules: Rules, *, most: Decimal | None, now: datetime
) -> tuple[VenueOrder, Execution | None]:
    """The order after it has met the quote. `most`: what it may fill at all, for an order that
    can only reduce; None when it may open."""
    order = _trigger(_follow(order, quote), quote, now)
    price = _fill_price(order, quote, rules) if order.triggered else None
    if price is None:
        return order, None
    if most is not None and most <= 0:
        text = "Nothing is held that this order could reduce."
        return order.ended(ReportStatus.CANCELED, "NOTHING_TO_REDUCE", text, now), None
    quantity = _fill_quantity(order, quote, rules, most)
    if quantity <= 0:
        return order, None
    return _fill(order, quote, rules, quantity, price, now)


def expired(order: VenueOrder, now: datetime) -> bool:
    """A day order ends with the UTC day in which it came: paper has no other session yet."""
    if order.request.time_in_force is not TimeInForce.DAY:
        return False
    next_day = order.created_at.astimezone(UTC).date() + timedelta(days=1)
    return now >= datetime.combine(next_day, time(), UTC)


def expected_price(request: OrderRequest, quote: Quote | None, rules: Rules) -> Decimal | None:
    """What one unit is taken to cost when the order is accepted; None when nothing tells."""
    if request.limit_price is not None:
        return request.limit_price
    if request.stop_price is not None:
        return _worsened(request.stop_price, request.side, rules)
    return None if quote is None else _market_price(request.side, quote, rules)


def fee_of(notional: Decimal, rules: Rules) -> Decimal:
    return round_up(percent_of(notional, rules.fee_percent), FEE_STEP)


def trail_stop(order: VenueOrder) -> Decimal | None:
    """Where a trailing stop stands now."""
    trail, best = order.request.trail, order.best_price
    if trail is None or best is None:
        return None
    with localcontext(EXACT):
        distance = (
            trail.offset if trail.offset is not None else percent_of(best, trail.percent or ZERO)
        )
        return best - order.request.side.opposite.sign * distance


def _follow(order: VenueOrder, quote: Quote) -> VenueOrder:
    if order.request.order_type is not OrderType.TRAILING_STOP or order.triggered:
        return order
    known, last = order.best_price, quote.last
    better = max if order.request.side is OrderSide.SELL else min
    best = last if known is None else better(known, last)
    return order if best == known else replace(order, best_price=best)


def _trigger(order: VenueOrder, quote: Quote, now: datetime) -> VenueOrder:
    if order.triggered:
        return order
    kind = order.request.order_type
    if kind in (OrderType.MARKET, OrderType.LIMIT):
        return replace(order, triggered=True)
    stop = trail_stop(order) if kind is OrderType.TRAILING_STOP else order.request.stop_price
    if stop is None:
        return order
    buying = order.request.side is OrderSide.BUY
    reached = quote.last >= stop if buying else quote.last <= stop
    return replace(order, triggered=True, updated_at=now) if reached else order


def _fill_price(order: VenueOrder, quote: Quote, rules: Rules) -> Decimal | None:
    """None when a limit is not touched."""
    request = order.request
    limit = request.limit_price
    if request.order_type not in (OrderType.LIMIT, OrderType.STOP_LIMIT) or limit is None:
        return _market_price(request.side, quote, rules)
    if request.side is OrderSide.BUY:
        return quote.ask if quote.ask <= limit else None
    return quote.bid if quote.bid >= limit else None


def _market_price(side: OrderSide, quote: Quote, rules: Rules) -> Decimal:
    return _worsened(quote.ask if side is OrderSide.BUY else quote.bid, side, rules)


def _worsened(price: Decimal, side: OrderSide, rules: Rules) -> Decimal:
    if not rules.slippage_percent:
        return price
    slip = percent_of(price, rules.slippage_percent)
    rounding = ROUND_CEILING if side is OrderSide.BUY else ROUND_FLOOR
    kept = max(SLIPPED_DIGITS, len(price.as_tuple().digits))
    return Context(prec=kept, rounding=rounding).add(price, side.sign * slip)


def _fill_quantity(order: VenueOrder, quote: Quote, rules: Rules, most: Decimal | None) -> Decimal:
    quantity = order.remaining if most is None else min(order.remaining, most)
    if rules.fill_limit is not None:
        if order.filled_on is not None and quote.at <= order.filled_on:
            return ZERO
        quantity = min(quantity, rules.fill_limit)
    all_or_none = order.request.time_in_force is TimeInForce.FOK
    return ZERO if all_or_none and quantity < order.remaining else quantity


def _fill(
    order: VenueOrder,
    quote: Quote,
    rules: Rules,
    quantity: Decimal,
    price: Decimal,
    now: datetime,
) -> tuple[VenueOrder, Execution]:
    with localcontext(EXACT):
        filled = order.filled + quantity
        fee = fee_of(quantity * price, rules)
    done = filled >= order.quantity
    after = replace(
        order,
        filled=filled,
        filled_on=quote.at,
        status=ReportStatus.FILLED if done else ReportStatus.PARTIALLY_FILLED,
        updated_at=now,
    )
    request = order.request
    return after, Execution(order.id, request.symbol, request.side, quantity, price, fee, now)
