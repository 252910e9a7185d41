"""Binance spot's user stream of one account.

A trade is told in full, so a fill is recorded from the event itself, under the id that `myTrades`
gives it. What an event leaves open (the symbol's rules, what a fee in a third asset is worth) is
asked for as polling does, and mostly remembered.
"""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings

from brokers.binance.client import Timeouts
from brokers.binance.history import SpotHistory
from brokers.binance.market import SpotMarket
from brokers.binance.parsing import Context, client_id_of, order_report, trade
from brokers.binance.seats import seat_of
from brokers.binance.spot import QUOTE
from brokers.credentials import open_key
from brokers.models import BrokerAccount
from brokers.streams.binance_spot_frames import SpotDialect, order_of, trade_of
from brokers.streams.protocol import News, Raw
from brokers.types import FillReport, OrderReport
from tradehub.core.words import Environment

LIVE_URL = "wss://ws-api.binance.com:443"
TEST_URL = "wss://ws-api.testnet.binance.vision"
PATH = "/ws-api/v3"


def open_stream(account: BrokerAccount, now: Callable[[], datetime]) -> "SpotStream":
    """Raises BadCredentials for an account that has none."""
    return SpotStream(account, now)


class SpotStream:
    silence_seconds = 50.0
    """Binance pings every 20 s, and we every 25."""
    keep_seconds = None

    def __init__(self, account: BrokerAccount, now: Callable[[], datetime]) -> None:
        key, secret = open_key(account, "Binance")
        self._account = account
        self._now = now
        self._dialect = SpotDialect(key, secret)

    def where(self) -> str:
        own = LIVE_URL if self._account.environment == Environment.LIVE else TEST_URL
        return (settings.VENUE_URLS["BINANCE_SPOT_WS_API_URL"] or own) + PATH

    def greeting(self) -> list[str]:
        return self._dialect.greeting()

    def hear(self, frame: str | bytes) -> list[News]:
        return self._dialect.hear(frame)

    def keep(self) -> None:
        """A subscription lasts as long as its connection."""

    def report(self, event: Raw) -> OrderReport:
        order, told = order_of(event), trade_of(event)
        fills: tuple[FillReport, ...] = ()
        if told is not None:
            fills = (trade(told, client_id_of(order), self._context(order["symbol"])),)
        return order_report(order, fills)

    def _context(self, symbol: str) -> Context:
        """As the account's polling has it: both share the connection and what is remembered."""
        seat = seat_of(self._account, self._now, Timeouts())
        currency = str(self._account.options.get("quote_currency") or QUOTE)
        market = SpotMarket(seat.client)
        history = SpotHistory(seat.client, market, seat.symbols, seat.memory, currency)
        return history.context(symbol)
