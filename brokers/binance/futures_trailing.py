"""The distance of a trailing stop at USD-M futures: the venue keeps it in percent of the best
price.

Pure. One that is given as a price is turned into percent of the last price, to a tenth of a
percent, which is how finely the venue takes it. So it grows and shrinks with the price.
"""

from dataclasses import replace
from decimal import Decimal

from brokers.errors import Unsupported
from brokers.types import OrderRequest
from tradehub.core.intent import Trail
from tradehub.core.money import EXACT, HUNDRED, plain, ratio, round_nearest

LEAST, MOST = Decimal("0.1"), Decimal(10)
"""Percent; callbackRate."""
STEP = Decimal("0.1")


def in_percent(request: OrderRequest, last: Decimal) -> OrderRequest:
    """`last`: the symbol's last price, above zero."""
    trail = request.trail
    if trail is None or trail.offset is None:
        return request
    exact = ratio(EXACT.multiply(trail.offset, HUNDRED), last)
    percent = round_nearest(exact, STEP)
    check_percent(percent, f"{plain(trail.offset)} at a price of {plain(last)} is {plain(percent)}")
    return replace(request, trail=Trail(percent=percent))


def check_percent(percent: Decimal, asked: str) -> None:
    if not LEAST <= percent <= MOST:
        raise Unsupported(
            f"A trailing stop at Binance futures keeps {plain(LEAST)} to {plain(MOST)} percent; "
            f"{asked}.",
            venue_code="TRAIL",
        )
