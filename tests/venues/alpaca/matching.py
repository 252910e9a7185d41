"""When an order of the fake Alpaca trades, and at which price. Pure.

Stocks trade while the market is open; a limit order for extended hours also when it is not. What
came in before waits as `accepted` until the open.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from tests.venues.alpaca.books import Account, Order, Price


def advance(account: Account, prices: Mapping[str, Price], now: datetime, *, is_open: bool) -> None:
    """Every working order meets its price once, oldest first."""
    for order in list(account.orders.values()):
        if order.cancels_at is not None and order.working and now >= order.cancels_at:
            order.end("canceled", now)
        if not order.working or order.status == "pending_cancel":
            continue
        trades = order.asset.crypto or is_open or order.extended_hours
        if order.status in ("new", "accepted"):
            order.status = "new" if trades else "accepted"
        price = prices.get(order.asset.flat)
        if not trades or price is None or account.fills_by_hand:
            continue
        met = price_met(order, price)
        if met is not None:
            if order.is_leg and order.other is not None and order.other.working:
                order.other.end("canceled", now)  # its stop has triggered
            account.fill(order, order.remaining, met, now)
        elif order.time_in_force in ("ioc", "fok"):
            order.end("canceled", now)


def price_met(order: Order, price: Price) -> Decimal | None:
    """None while it rests."""
    market = price.ask if order.side == "buy" else price.bid
    if order.type == "market":
        return market
    if order.type == "limit":
        return market if _within(order, market) else None
    order.triggered = order.triggered or _reached(order, price.last)
    if not order.triggered:
        return None
    limited = order.type == "stop_limit" or collar(order) is not None
    return market if not limited or _within(order, market) else None


def collar(order: Order) -> Decimal | None:
    """The limit that Alpaca gives a stop to buy shares. How such an order is shown is documented
    nowhere: here as it was sent."""
    if (order.type, order.side) != ("stop", "buy") or order.asset.crypto:
        return None
    assert order.stop_price is not None
    return order.stop_price * (Decimal("1.04") if order.stop_price < 50 else Decimal("1.025"))


def _within(order: Order, market: Decimal) -> bool:
    limit = order.limit_price if order.limit_price is not None else collar(order)
    assert limit is not None
    return (limit - market) * order.sign >= 0


def _reached(order: Order, last: Decimal) -> bool:
    stop = order.stop_price
    if order.type == "trailing_stop":
        best = order.hwm if order.hwm is not None else last
        order.hwm = min(best, last) if order.side == "buy" else max(best, last)
        away = order.trail_price
        if away is None:
            assert order.trail_percent is not None
            away = order.hwm * order.trail_percent / 100
        stop = order.stop_price = order.hwm + order.sign * away
    assert stop is not None
    return (last - stop) * order.sign >= 0
