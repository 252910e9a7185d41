"""The sockets of a feed: where each connects to, and with whose key.

Binance's prices are for everybody. Alpaca's want a key: that of the hub's oldest account there
which may be traded, until it is refused; it is used for the connection and for nothing else. `sip`
takes only a key of the owner for whom it is. Nothing here loads a vendor's SDK.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from django.conf import settings

from brokers.credentials import open_key
from brokers.errors import BadCredentials
from brokers.models import BrokerAccount
from brokers.prices.alpaca_frames import DataDialect
from brokers.prices.binance_frames import BOOK, LAST, MarketDialect
from brokers.prices.places import (
    ALPACA,
    COINS,
    FUTURES_LIVE,
    FUTURES_TEST,
    SPOT_LIVE,
    SPOT_TEST,
    STOCKS_IEX,
    STOCKS_SIP,
    Part,
    kind_of,
    owner_of,
    parts_of,
)
from brokers.streams.protocol import News, Raw, Refused
from brokers.types import OrderReport
from tradehub.core.words import BrokerKind

REFUSED_SECONDS = 3600.0
"""For so long after its key was refused another account's is used, where there is one."""
LONGEST_MUTE_SECONDS = 900.0
ALPACA_URL = "wss://stream.data.alpaca.markets"
_ADDRESSES = {
    SPOT_LIVE: ("BINANCE_SPOT_STREAM_URL", "wss://stream.binance.com:9443"),
    SPOT_TEST: ("BINANCE_SPOT_STREAM_URL", "wss://stream.testnet.binance.vision"),
    FUTURES_LIVE: ("BINANCE_FUTURES_STREAM_URL", "wss://fstream.binance.com"),
    FUTURES_TEST: ("BINANCE_FUTURES_STREAM_URL", "wss://fstream.binancefuture.com"),
    STOCKS_IEX: ("ALPACA_DATA_STREAM_URL", ALPACA_URL),
    STOCKS_SIP: ("ALPACA_DATA_STREAM_URL", ALPACA_URL),
    COINS: ("ALPACA_DATA_STREAM_URL", ALPACA_URL),
}
_PATHS = {
    # Since 2026-04-23 books and other prices of contracts go by two routes; not so at the testnet.
    (FUTURES_LIVE, "book"): "/public/stream",
    (FUTURES_LIVE, "last"): "/market/stream",
    (STOCKS_IEX, "all"): "/v2/iex",
    (STOCKS_SIP, "all"): "/v2/sip",
    (COINS, "all"): "/v1beta3/crypto/us",
}
_CHANNELS = {"all": (BOOK, LAST), "book": (BOOK,), "last": (LAST,)}


class Dialect(Protocol):
    def begin(self, names: Collection[str]) -> list[str]: ...

    def turn_to(self, names: Collection[str]) -> list[str]: ...

    def hear(self, frame: str | bytes) -> list[News]: ...


@dataclass
class Keys:
    """Which of the hub's accounts lends its key to a feed."""

    refused: dict[tuple[str, str], float] = field(default_factory=dict)
    """Feed and account -> when, by the monotonic clock. Without a feed: at all of them."""

    def lender(self, feed: str) -> BrokerAccount | None:
        """In a thread: the database is asked."""
        passed = BrokerAccount.objects.filter(
            kind=BrokerKind.ALPACA.value, enabled=True, examination__passed=True
        ).order_by("created_at", "pk")
        fit, owner = list(passed), owner_of(feed)
        if owner is not None:
            fit = [x for x in fit if x.owner_id == owner and x.options.get("feed") == "sip"]
        good = (each for each in fit if not self._is_refused(feed, each.pk))
        return next(good, fit[0] if fit else None)

    def refuse(self, feed: str, account_id: str, code: str) -> None:
        """A wrong key is wrong everywhere; what is taken or not allowed is so at one feed."""
        where = "" if code == BadCredentials.code else feed
        self.refused[where, account_id] = time.monotonic()

    def _is_refused(self, feed: str, account_id: str) -> bool:
        times = [self.refused.get((each, account_id)) for each in ("", feed)]
        now = time.monotonic()
        return any(at is not None and now - at < REFUSED_SECONDS for at in times)


@dataclass(eq=False)
class Wire:
    """One socket of a feed."""

    feed: str
    part: Part
    keys: Keys
    names: frozenset[str] = frozenset()
    """What it is to tell of."""
    seal: str = field(default="", repr=False)
    """Of whose key it was opened with, and which."""
    stream: "PriceStream | None" = None
    doubts: int = 0
    """How often it was made anew because it told nothing."""

    @property
    def pk(self) -> str:
        return f"{self.feed}/{self.part.name}"

    @property
    def kind(self) -> str:
        return self.feed

    @property
    def patience(self) -> float:
        """For so many seconds it may tell nothing: longer each time, for a quiet market is mute
        too, and a connection that is dead is found out by its pings."""
        most = max(self.part.mute_seconds, LONGEST_MUTE_SECONDS)
        return min(self.part.mute_seconds * 2.0 ** min(self.doubts, 10), most)

    @property
    def needs_key(self) -> bool:
        return self.feed.startswith(ALPACA)


class PriceStream:
    silence_seconds: float = 50.0
    """Binance pings every 20 s, and we every 25."""
    keep_seconds: float | None = None

    def __init__(self, wire: Wire, dialect: Dialect, lender: str = "") -> None:
        self._wire = wire
        self._dialect = dialect
        self._lender = lender

    def where(self) -> str:
        kind = kind_of(self._wire.feed)
        name, own = _ADDRESSES[kind]
        path = _PATHS.get((kind, self._wire.part.name), "/stream")
        return (settings.VENUE_URLS[name] or own) + path

    def greeting(self) -> list[str]:
        return self._dialect.begin(self._wire.names)

    def hear(self, frame: str | bytes) -> list[News]:
        news = self._dialect.hear(frame)
        for each in news:
            if self._lender and isinstance(each, Refused):
                self._wire.keys.refuse(self._wire.feed, self._lender, each.code)
        return news

    def turn_to(self, names: Collection[str]) -> list[str]:
        return self._dialect.turn_to(names)

    def keep(self) -> None:
        """A connection is all there is."""

    def report(self, event: Raw) -> OrderReport:
        raise TypeError("prices are no orders")


def wires_of(feed: str, keys: Keys) -> Iterable[Wire]:
    return [Wire(feed, part, keys) for part in parts_of(feed)]


def open_wire(wire: Wire) -> PriceStream:
    """Raises BadCredentials where a key is needed and nobody has one."""
    if wire.needs_key:
        lender = wire.keys.lender(wire.feed)
        if lender is None:
            raise BadCredentials("No account at Alpaca may be traded, so none lends its key.")
        key, secret = open_key(lender, "Alpaca")
        wire.seal = seal_of(lender)
        stream = PriceStream(wire, DataDialect(key, secret), lender.pk)
    else:
        stream = PriceStream(wire, MarketDialect(_CHANNELS[wire.part.name]))
    wire.stream = stream
    return stream


def seal_of(lender: BrokerAccount | None) -> str:
    return "" if lender is None else f"{lender.pk} {lender.sealed_credentials}"
