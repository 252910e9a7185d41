"""Binance USD-M futures' user stream of one account, on the private route.

A listen key is asked for before each connection and kept alive. A trade is told in full, so a fill
is recorded from the event itself. What a conditional order has become goes by another name there:
news of a name that is not ours have the account's orders asked for.
"""

from collections.abc import Callable
from datetime import datetime
from typing import cast
from urllib.parse import quote

from django.conf import settings

from brokers.binance.answers import parsed
from brokers.binance.client import Timeouts
from brokers.binance.futures import read_options
from brokers.binance.futures_client import FuturesClient
from brokers.binance.futures_fills import FuturesFills
from brokers.binance.futures_market import FuturesMarket
from brokers.binance.futures_parsing import order_report, trade
from brokers.binance.parsing import Context
from brokers.binance.seats import seat_of
from brokers.models import BrokerAccount
from brokers.streams.binance_futures_frames import EVENTS, hear, order_of, trade_of
from brokers.streams.protocol import News, Raw
from brokers.types import FillReport, OrderReport
from tradehub.core.words import Environment

LIVE_URL = "wss://fstream.binance.com"
TEST_URL = "wss://fstream.binancefuture.com"


def open_stream(account: BrokerAccount, now: Callable[[], datetime]) -> "FuturesStream":
    """Raises BadCredentials for an account that has none."""
    return FuturesStream(account, now)


class FuturesStream:
    silence_seconds = 50.0
    keep_seconds: float | None = 25 * 60.0
    """A key that is not kept alive ends after an hour."""

    def __init__(self, account: BrokerAccount, now: Callable[[], datetime]) -> None:
        self._account = account
        self._now = now
        self._key = ""
        self._client()

    def where(self) -> str:
        self._key = parsed(lambda: str(self._client().futures_stream_get_listen_key()))
        own = LIVE_URL if self._account.environment == Environment.LIVE else TEST_URL
        base = settings.VENUE_URLS["BINANCE_FUTURES_STREAM_URL"] or own
        return f"{base}/private/ws?listenKey={quote(self._key, safe='')}&events={'/'.join(EVENTS)}"

    def greeting(self) -> list[str]:
        """The key says who we are."""
        return []

    def hear(self, frame: str | bytes) -> list[News]:
        return hear(frame)

    def keep(self) -> None:
        self._client().futures_stream_keepalive(self._key)

    def report(self, event: Raw) -> OrderReport:
        order, told = order_of(event), trade_of(event)
        fills: tuple[FillReport, ...] = ()
        if told is not None:
            fills = (trade(told, order["clientOrderId"], self._context(order["symbol"])),)
        return order_report(order, fills)

    def _client(self) -> FuturesClient:
        """The account's own, as its polling has it."""
        return cast(FuturesClient, seat_of(self._account, self._now, Timeouts()).client)

    def _context(self, symbol: str) -> Context:
        """As the account's polling has it: both share the connection and what is remembered."""
        seat = seat_of(self._account, self._now, Timeouts())
        client, currency = cast(FuturesClient, seat.client), read_options(self._account).currency
        return FuturesFills(client, FuturesMarket(client), seat.memory, currency).context(symbol)
