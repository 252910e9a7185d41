"""When a price asks for something: a watched target that is met, a stop that was passed or jumped.

Pure. A target is met when whoever closes could have its price now, so by the bid for a long and the
ask for a short; a jump through the price meets it too. A stop is passed by the last trade, as at
the venues. Where a stop has a limit, whoever closes must also be able to have that. An old price
says nothing.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from brokers.types import Quote
from tradehub.core.words import OrderSide

TELLS_FOR = timedelta(minutes=5)
"""A thin stock may not be quoted for minutes; the night's last quote is older."""
LONGEST_PAUSE = timedelta(minutes=5)
_MOST_DOUBLINGS = 9


def tells(quote: Quote, now: datetime) -> bool:
    return now - quote.at < TELLS_FOR


def target_met(side: OrderSide, price: Decimal, quote: Quote) -> bool:
    """`side`: of the order that closes the position."""
    there = quote.bid if side is OrderSide.SELL else quote.ask
    return (there - price) * side.sign <= 0


def stop_passed(side: OrderSide, price: Decimal, quote: Quote) -> bool:
    """Whether a stop at `price` would trigger at once. `side`: as above."""
    return (quote.last - price) * side.sign >= 0


def stop_jumped(side: OrderSide, price: Decimal, limit: Decimal, quote: Quote) -> bool:
    """Whether a stop that is a limit once it has triggered would trigger and not fill."""
    there = quote.bid if side is OrderSide.SELL else quote.ask
    return stop_passed(side, price, quote) and (there - limit) * side.sign > 0


def pause_after(vain: int) -> timedelta:
    """Longer after each attempt in vain, so that nothing turns in circles."""
    if not vain:
        return timedelta()
    return min(LONGEST_PAUSE, timedelta(seconds=2 ** min(vain, _MOST_DOUBLINGS)))
