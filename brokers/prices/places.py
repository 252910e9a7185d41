"""Where the price of a symbol is told: which feed, and by which name.

Pure. A feed is what one process holds alone, and has a socket for each of its parts. Accounts share
it, whoever owns them: a symbol of a feed is subscribed to once. Only Alpaca's `sip`, which is paid
for, is a feed of each owner's own. The test and the live market of a venue are two feeds; Alpaca's
prices are the same in both.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tradehub.core.words import BrokerKind, Environment

SPOT_LIVE, SPOT_TEST = "binance_spot:live", "binance_spot:test"
FUTURES_LIVE, FUTURES_TEST = "binance_futures:live", "binance_futures:test"
STOCKS_IEX, STOCKS_SIP, COINS = "alpaca:iex", "alpaca:sip", "alpaca:crypto"
"""Of `sip` this is the kind; each owner's is named by `sip_of`."""
BINANCE, ALPACA = "binance", "alpaca"
VENUE_SOURCES = (BINANCE, ALPACA)
"""What a paper account's `price_source` may name to have a venue's prices."""

_PAIR = re.compile(r"[A-Z0-9]{2,30}")
_STOCK = re.compile(r"[A-Z]{1,5}(\.[A-Z]{1,2})?")
_COIN = re.compile(r"(?P<base>[A-Z0-9]{2,10}?)(?P<quote>USDT|USDC|USD|BTC)")
_LONGEST_STOCK = 5


@dataclass(frozen=True, slots=True)
class Place:
    feed: str
    name: str
    """As the feed spells it: BTCUSDT, AAPL, BTC/USD."""

    @property
    def source(self) -> str:
        return ALPACA if self.feed.startswith(ALPACA) else BINANCE


@dataclass(frozen=True, slots=True)
class Part:
    """One socket of a feed."""

    name: str
    most: int
    """So many symbols at most; the others are polled."""
    mute_seconds: float
    """Having told nothing for so long, it is made anew."""


_BOTH = (Part("all", 200, 60.0),)
_ROUTED = (Part("book", 200, 60.0), Part("last", 200, 60.0))
FEEDS: Mapping[str, tuple[Part, ...]] = MappingProxyType(
    {
        SPOT_LIVE: _BOTH,
        SPOT_TEST: _BOTH,
        FUTURES_LIVE: _ROUTED,
        FUTURES_TEST: _ROUTED,
        # Thirty channels are free, and a symbol takes two. Stocks are silent all night.
        STOCKS_IEX: (Part("all", 15, 900.0),),
        STOCKS_SIP: (Part("all", 200, 900.0),),
        COINS: (Part("all", 15, 300.0),),
    }
)


def sip_of(owner_id: int) -> str:
    """The feed that only this owner's accounts may read."""
    return f"{STOCKS_SIP}:{owner_id}"


def owner_of(feed: str) -> int | None:
    """None where a feed is everybody's."""
    owner = feed.removeprefix(f"{STOCKS_SIP}:")
    return None if owner == feed else int(owner)


def kind_of(feed: str) -> str:
    return feed if owner_of(feed) is None else STOCKS_SIP


def parts_of(feed: str) -> tuple[Part, ...]:
    return FEEDS[kind_of(feed)]


def place_of(
    kind: str, environment: str, options: Mapping[str, Any], symbol: str, *, owner_id: int
) -> Place | None:
    """Of an account's symbol. None where no feed tells it: it is asked for."""
    live = environment == Environment.LIVE
    if kind == BrokerKind.BINANCE_SPOT:
        return _pair(SPOT_LIVE if live else SPOT_TEST, symbol)
    if kind == BrokerKind.BINANCE_FUTURES:
        return _pair(FUTURES_LIVE if live else FUTURES_TEST, symbol)
    if kind == BrokerKind.ALPACA:
        stocks = sip_of(owner_id) if options.get("feed") == "sip" else STOCKS_IEX
        return _at_alpaca(symbol, stocks)
    if kind == BrokerKind.PAPER:
        return source_place(options.get("price_source"), symbol)
    return None


def source_place(source: object, symbol: str) -> Place | None:
    """Of a paper account's symbol: the live market's, of contracts where it ends in `.P`."""
    if source == BINANCE:
        contract = symbol.removesuffix(".P")
        return _pair(SPOT_LIVE if contract == symbol else FUTURES_LIVE, contract)
    return _at_alpaca(symbol, STOCKS_IEX) if source == ALPACA else None


def _pair(feed: str, symbol: str) -> Place | None:
    return Place(feed, symbol) if _PAIR.fullmatch(symbol) else None


def _at_alpaca(symbol: str, stocks: str) -> Place | None:
    """`stocks`: the feed of those. None has a name as long as a pair's; a name that is neither's
    tells nothing there."""
    coin = _COIN.fullmatch(symbol) if len(symbol) > _LONGEST_STOCK else None
    if coin is not None:
        return Place(COINS, f"{coin['base']}/{coin['quote']}")
    if _STOCK.fullmatch(symbol):
        return Place(stocks, symbol)
    return None
