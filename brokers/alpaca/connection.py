"""What is kept between two questions about one Alpaca account: its client, and what never changes.

Assets are kept for some minutes, the client order ids and the complete fills of orders for as long
as there is room; all of it could be asked again. The market's hours are the same for every account
at an address, and are shared. A connection serves several threads at once. It is kept by the
account and its sealed key, so that a new key is never answered for by the old one.
"""

import atexit
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar
from urllib.parse import quote as escaped

from brokers.alpaca import parsing
from brokers.alpaca.assets import Asset
from brokers.alpaca.client import Client
from brokers.alpaca.errors import NotFound, unreadable
from brokers.errors import BrokerError
from brokers.hours import Hours
from brokers.types import FillReport
from tradehub.core.money import ZERO

K = TypeVar("K")
V = TypeVar("V")

ASSET_FOR = timedelta(minutes=10)
NO_ASSET_FOR = timedelta(minutes=1)
"""Of what can't be traded: it may any moment, and till then its entries are denied."""
CLOCK_AGAIN = timedelta(seconds=10)
"""After it could not be read: an exit needs no hours, and must not wait for it again and again."""
IDLE_SECONDS = 300.0
MOST_KEPT = 5000
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.]{0,19}")


class Kept(Generic[K, V]):
    """The newest entries of a mapping, whoever asks."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        with self._lock:
            return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


clocks: Kept[str, Hours] = Kept()
"""Of this process, by the address of trading."""


class Connection:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.client_ids: Kept[str, str] = Kept()
        """By Alpaca's own order ids."""
        self.fills: Kept[str, tuple[FillReport, ...]] = Kept()
        """Of orders of which every fill is known, by Alpaca's own order ids."""
        self.prices: Kept[str, Decimal] = Kept()
        """The last ones, by symbol: they say which tick a stock has."""
        self.shorting = True
        """Until the account says that it may not."""
        self._assets: Kept[str, tuple[Asset | None, datetime]] = Kept()
        self._no_clock_until: datetime | None = None

    def asset(self, symbol: str, now: datetime) -> Asset | None:
        """None when Alpaca has no such stock or coin."""
        if not _SYMBOL.fullmatch(symbol):
            return None
        kept = self._assets.get(symbol)
        if kept is not None and now < kept[1]:
            return kept[0]
        try:
            raw = self.client.get(f"/assets/{escaped(symbol, safe='')}")
            found = parsing.asset(raw)
        except NotFound:
            found = None
        except (ValueError, KeyError, TypeError) as error:
            raise unreadable() from error
        trades = found is not None and found.tradable
        self._assets.put(symbol, (found, now + (ASSET_FOR if trades else NO_ASSET_FOR)))
        return found

    def forget_asset(self, symbol: str) -> None:
        """The venue said something else of it than we knew."""
        self._assets.drop(symbol)

    def forget_assets(self) -> None:
        self._assets.clear()

    def hours(self, now: Callable[[], datetime]) -> Hours:
        """Of US stocks. Asked again once the market has opened or closed since; while that fails,
        what was told before counts for as long as it reaches."""
        at, kept = now(), clocks.get(self.client.address)
        if kept is not None and not kept.has_turned(at):
            return kept
        if self._no_clock_until is None or at >= self._no_clock_until:
            try:
                return self.read_clock(now)[1]
            except BrokerError:
                self._no_clock_until = now() + CLOCK_AGAIN
        return kept or Hours()

    def read_clock(self, now: Callable[[], datetime]) -> tuple[parsing.MarketClock, Hours]:
        """What Alpaca says now, and what is kept of it."""
        left = now()
        try:
            clock = parsing.market_clock(self.client.get("/clock"))
        except (ValueError, KeyError, TypeError) as error:
            raise unreadable() from error
        hours = parsing.hours_of(clock, left, now())
        clocks.put(self.client.address, hours)
        return clock, hours

    def keep_fills(self, order_id: str, fills: tuple[FillReport, ...], filled: Decimal) -> None:
        """Only when they are all: activities come some seconds after the order tells of them."""
        if sum((each.quantity for each in fills), ZERO) == filled:
            self.fills.put(order_id, fills)


@dataclass(slots=True)
class _Used:
    seal: str
    connection: Connection
    at: float


class Connections:
    """Of this process, by account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, _Used] = {}

    def take(self, account_id: str, seal: str, make: Callable[[], Client]) -> Connection:
        """The account's, or a new one where its key or address is another now."""
        now = time.monotonic()
        with self._lock:
            used = self._open.get(account_id)
            if used is None or used.seal != seal:
                if used is not None:
                    used.connection.client.close()
                used = self._open[account_id] = _Used(seal, Connection(make()), now)
            used.at = now
            self._close_idle(now)
            return used.connection

    def close(self) -> None:
        with self._lock:
            for each in self._open.values():
                each.connection.client.close()
            self._open.clear()
        clocks.clear()

    def _close_idle(self, now: float) -> None:
        for account_id, used in list(self._open.items()):
            if now - used.at > IDLE_SECONDS:
                used.connection.client.close()
                del self._open[account_id]


connections = Connections()
atexit.register(connections.close)
