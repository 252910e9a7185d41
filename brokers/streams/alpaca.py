"""Alpaca's stream of one account's orders.

It says that an order filled before the list of fills has it; what filled is asked for until it is
there (`orders.streaming`).
"""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings

from brokers.alpaca.parsing import order_report
from brokers.credentials import open_key
from brokers.models import BrokerAccount
from brokers.streams.alpaca_frames import AlpacaDialect, order_of
from brokers.streams.protocol import News, Raw
from brokers.types import OrderReport
from tradehub.core.words import Environment

LIVE_URL = "wss://api.alpaca.markets"
TEST_URL = "wss://paper-api.alpaca.markets"
PATH = "/stream"


def open_stream(account: BrokerAccount, now: Callable[[], datetime]) -> "AlpacaStream":
    """Raises BadCredentials for an account that has none."""
    return AlpacaStream(account)


class AlpacaStream:
    silence_seconds = 50.0
    keep_seconds = None

    def __init__(self, account: BrokerAccount) -> None:
        key, secret = open_key(account, "Alpaca")
        self._environment = account.environment
        self._dialect = AlpacaDialect(key, secret)

    def where(self) -> str:
        own = LIVE_URL if self._environment == Environment.LIVE else TEST_URL
        return (settings.VENUE_URLS["ALPACA_STREAM_URL"] or own) + PATH

    def greeting(self) -> list[str]:
        return self._dialect.greeting()

    def hear(self, frame: str | bytes) -> list[News]:
        return self._dialect.hear(frame)

    def keep(self) -> None:
        """A session lasts as long as its connection."""

    def report(self, event: Raw) -> OrderReport:
        return order_report(order_of(event))
