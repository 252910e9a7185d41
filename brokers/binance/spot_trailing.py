"""Trailing stops at Binance spot: a stop that follows the best price in percent (`trailingDelta`).

Pure. Binance counts hundredths of a percent. One to sell is an exit, so it is bent rather than
refused: a distance that is a price becomes that part of the last price, and one that the pair does
not take the nearest that it takes. One to buy is refused then.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from brokers.binance.filters import TYPES, Deltas, Rules
from brokers.errors import NotSent, Unsupported
from brokers.types import OrderRequest
from tradehub.core.intent import Trail
from tradehub.core.money import EXACT, HUNDRED, plain, ratio, round_nearest
from tradehub.core.words import OrderSide, OrderType

NAMES: Mapping[OrderType, str] = {**TYPES, OrderType.TRAILING_STOP: TYPES[OrderType.STOP]}
"""Spot has no type of its own for it."""
STEP = Decimal("0.01")
"""Percent: one of trailingDelta."""


def kinds_of(rules: Rules) -> frozenset[OrderType]:
    found = {kind for kind, name in NAMES.items() if name in rules.types}
    return frozenset(found if rules.deltas else found - {OrderType.TRAILING_STOP})


def follows_by_price(request: OrderRequest) -> bool:
    return request.trail is not None and request.trail.percent is None


def in_percent(request: OrderRequest, deltas: Deltas | None, last: Decimal | None) -> OrderRequest:
    """`last`: the last price, where the distance is a price. Raises Unsupported and NotSent."""
    if request.order_type is not OrderType.TRAILING_STOP:
        return request
    if deltas is None:
        text = f"Binance takes no trailing stop of {request.symbol}."
        raise Unsupported(text, venue_code="ORDER_TYPE")
    trail, sells = request.trail, request.side is OrderSide.SELL
    if trail is None or (trail.percent is None and trail.offset is None):
        raise Unsupported("A trailing stop needs its distance, in percent or as a price.")
    percent = trail.percent
    if percent is None:
        if not sells or trail.offset is None:
            raise Unsupported(_BY_PRICE, venue_code="TRAILING_DELTA")
        if not last:
            raise NotSent(f"Nothing was sent: Binance tells no price of {request.symbol}.")
        percent = ratio(EXACT.multiply(trail.offset, HUNDRED), last)
    least, most = deltas.of(request.side)
    fitting = min(max(round_nearest(percent, STEP), least), most)
    if not sells and not least <= percent <= most:
        text = (
            f"Filter failure: TRAILING_DELTA. A trailing stop to buy {request.symbol} follows by "
            f"{plain(least)} to {plain(most)} percent at Binance, and this one asks for "
            f"{plain(percent)}."
        )
        raise Unsupported(text, venue_code="TRAILING_DELTA")
    return replace(request, trail=Trail(percent=fitting))


_BY_PRICE = (
    "A trailing stop to buy at Binance spot follows in percent, and this one names its distance as "
    "a price: name it in percent."
)


def delta_of(request: OrderRequest) -> str:
    """trailingDelta, of a request that `in_percent` let pass."""
    assert request.trail is not None
    assert request.trail.percent is not None
    return plain(EXACT.divide(request.trail.percent, STEP))


def follows(raw: Mapping[str, Any]) -> bool:
    """Whether an order that Binance tells of is one."""
    delta = raw.get("trailingDelta")
    return delta is not None and int(delta) > 0
