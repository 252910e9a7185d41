"""What is left of Alpaca's rate of one host, as its answers tell: the last of it is for orders.

Pure. Alpaca counts the requests of a key by the minute (200 without a plan) and answers 429 beyond.
Other questions stop before that, and after a 429 until it is over; an order, a cancel or a look at
an order may always try, as a refusal by the rate is certain. What is told is counted for the key,
so each process knows of the others.
"""

from collections.abc import Mapping

from brokers.alpaca.errors import retry_after
from brokers.errors import RateLimited

FOR_ORDERS = 20
"""So many requests of a minute are left to what concerns orders."""


class Rate:
    def __init__(self) -> None:
        self._held_until = 0.0

    def ask(self, *, of_orders: bool, now: float) -> None:
        """Before a request. Raises RateLimited. `now`: seconds since 1970."""
        left = self._held_until - now
        if left > 0 and not of_orders:
            text = "The rest of this minute's requests to Alpaca is kept for orders."
            raise RateLimited(text, retry_after=left, venue_code="HELD")

    def note(self, status: int, headers: Mapping[str, str], *, now: float) -> None:
        """After an answer."""
        remaining = headers.get("X-RateLimit-Remaining", "")
        short = remaining.isdecimal() and int(remaining) < FOR_ORDERS
        if status == 429 or short:
            self._held_until = now + retry_after(headers, now)
