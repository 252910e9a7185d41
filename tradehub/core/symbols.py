"""Symbols: one spelling for what TradingView, users and venues write in many ways.

Pure. `BTCUSDT` is spot, `BTCUSDT.P` the perpetual: the two are different symbols and are never
mixed. An exchange prefix is kept apart; it says where the chart was, not where to trade.
"""

import re
from dataclasses import dataclass

CRYPTO_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "DAI", "BTC", "ETH", "BNB")
"""Quote currencies that are crypto or stable coins; a pair in one of them has fine steps."""

_EXCHANGE = re.compile(r"[A-Z0-9_]{1,24}")
_ROOT = re.compile(r"[A-Z0-9][A-Z0-9._!&^-]{0,39}")
_DELAYED = ("_DL", "_DLY")


class BadSymbol(ValueError):
    """The text names no instrument."""


@dataclass(frozen=True, slots=True)
class Symbol:
    name: str
    """Canonical, for example AAPL, BTCUSDT, BTCUSDT.P."""
    exchange: str | None = None
    """As the chart named it, for example NASDAQ; None when it was not said."""

    @property
    def perpetual(self) -> bool:
        return self.name.endswith(".P")

    @property
    def delayed(self) -> bool:
        """TradingView marks delayed data by a suffix of the exchange (support 43000531021)."""
        return self.exchange is not None and self.exchange.endswith(_DELAYED)


def parse_symbol(text: str, exchange: str | None = None) -> Symbol:
    """`BINANCE:BTCUSDT`, `btc/usdt`, `BTCUSDT.P`, `BTCUSDTPERP`. Raises BadSymbol."""
    word = text.strip().upper()
    if ":" in word:
        exchange, _, word = word.partition(":")
    place = exchange.strip().upper() if exchange and exchange.strip() else None
    if place is not None and not _EXCHANGE.fullmatch(place):
        raise BadSymbol("the exchange is not a name")
    word = _join_pair(word)
    if not _ROOT.fullmatch(word):
        raise BadSymbol("not a symbol")
    return Symbol(word, place)


def crypto_quote(name: str) -> str | None:
    """The crypto or stable coin that a pair is quoted in; None for anything else.

    The base must have two letters, so that GBTC is the fund and not a pair."""
    root = name.removesuffix(".P")
    for quote in CRYPTO_QUOTES:
        if root.endswith(quote) and len(root) - len(quote) >= 2:
            return quote
    return None


def _join_pair(word: str) -> str:
    """BTC/USDT and BTC/USDT:USDT (a perpetual, as ccxt writes it) become one word."""
    base, slash, quote = word.partition("/")
    if slash:
        if not base or not quote or "/" in quote:
            raise BadSymbol("not a pair")
        word = base + quote
    if word.endswith("PERP") and crypto_quote(word.removesuffix("PERP")):
        word = word.removesuffix("PERP") + ".P"
    return word
