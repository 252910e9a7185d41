"""What Binance's USD-M futures tell everybody: contracts, their rules, prices.

The rules of all contracts come in one answer, which can't be asked for by name: they are kept for
an hour for each address, and read again, at most once a minute, when the venue refuses an order by
one of them or somebody names a contract that is not in them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any

from brokers.binance.answers import parsed
from brokers.binance.errors import Meaning, unreadable
from brokers.binance.filters import Percent, Rules
from brokers.binance.futures_client import FuturesClient
from brokers.binance.futures_parsing import quote, read_rules
from brokers.binance.market import last_seen
from brokers.binance.site import TRUSTED_FOR
from brokers.budgeting import Priority
from brokers.errors import BrokerError
from brokers.types import Quote
from brokers.urgency import urgency
from tradehub.core.money import to_decimal

RULES_LAST = timedelta(hours=1)
READ_AGAIN_AFTER = timedelta(minutes=1)
MOST_NAMED = 3
"""Prices of more contracts are asked for all at once, which weighs less than each by itself."""


@dataclass
class Shelf:
    """What is cached of one address; shared by its accounts and threads."""

    rules: dict[str, Rules] = field(default_factory=dict)
    read_at: datetime | None = None
    doubted: bool = False
    failed_at: datetime | None = None
    """When an exit asked for the rules in vain."""
    seen: dict[str, Quote] = field(default_factory=dict)


_shelves: dict[str, Shelf] = {}
_lock = Lock()


def _shelf_of(url: str) -> Shelf:
    with _lock:
        return _shelves.setdefault(url, Shelf())


def forget_futures_markets() -> None:
    with _lock:
        _shelves.clear()


class FuturesMarket:
    def __init__(self, client: FuturesClient) -> None:
        self._client = client
        self._shelf = _shelf_of(client.site.url)

    def rules(self, symbol: str) -> Rules | None:
        """None for what is no contract there."""
        shelf, age = self._shelf, self.age()
        known = shelf.rules.get(symbol)
        # One that takes no orders may any moment, and till then its entries are denied.
        wanted = shelf.doubted or known is None or not known.trading
        if age >= RULES_LAST or (wanted and age >= READ_AGAIN_AFTER):
            can_wait = known is None or urgency(Priority.NORMAL) is not Priority.FIRST
            if not can_wait and self._failed_of_late():
                return known
            try:
                self._read()
            except BrokerError:
                if can_wait:
                    raise
                # An exit can't wait for it. In a minute it is asked for again.
                shelf.failed_at = self._client.now()
                shelf.read_at = shelf.failed_at - RULES_LAST + TRUSTED_FOR
        return shelf.rules.get(symbol)

    def _failed_of_late(self) -> bool:
        failed_at = self._shelf.failed_at
        return failed_at is not None and timedelta() <= self._client.now() - failed_at < TRUSTED_FOR

    def age(self) -> timedelta:
        """Of the rules."""
        read_at = self._shelf.read_at
        if read_at is None:
            return RULES_LAST
        age = self._client.now() - read_at
        return age if age >= timedelta() else RULES_LAST

    def doubt(self) -> None:
        """The rules are not what we think."""
        self._shelf.doubted = True

    def doubt_now(self) -> None:
        """All may have changed: it is read again before it is used."""
        shelf, old = self._shelf, self._client.now() - RULES_LAST
        shelf.read_at = None if shelf.read_at is None else min(shelf.read_at, old)
        shelf.failed_at = None

    def last(self, symbol: str) -> Decimal | None:
        """The last price of a contract that exists."""
        if self.rules(symbol) is None:
            return None
        found = self._client.futures_symbol_ticker(symbol=symbol)
        return parsed(lambda: to_decimal(found["price"]))

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """The book has no last price, and the last price no book: two requests."""
        wanted = [each for each in dict.fromkeys(symbols) if self.rules(each) is not None]
        if not wanted:
            return {}
        now = self._client.now()
        books = self._ask(self._client.futures_orderbook_ticker, wanted)
        lasts = self._ask(self._client.futures_symbol_ticker, wanted)

        def read() -> list[Quote | None]:
            prices = {each["symbol"]: to_decimal(each["price"]) for each in lasts}
            named = [each for each in books if each["symbol"] in wanted]
            return [
                quote(each, prices[each["symbol"]], now)
                for each in named
                if each["symbol"] in prices
            ]

        quotes = {each.symbol: each for each in parsed(read) if each is not None}
        self._shelf.seen.update(quotes)
        return quotes

    def seen(self, symbol: str) -> Decimal | None:
        """The last price, where somebody asked for it of late."""
        return last_seen(self._shelf.seen, symbol, self._client.now())

    def measured(self, symbol: str, percent: Percent) -> Decimal | None:
        """What PERCENT_PRICE is measured by: the mark price."""
        found = self._client.futures_mark_price(symbol=symbol)
        return parsed(lambda: to_decimal(found["markPrice"]))

    def _read(self) -> None:
        now = self._client.now()
        found = self._client.futures_exchange_info()
        rules = _readable(parsed(lambda: found["symbols"]))
        if not rules:
            raise unreadable()
        self._shelf.rules, self._shelf.read_at, self._shelf.doubted = rules, now, False

    def _ask(self, question: Any, wanted: list[str]) -> list[Any]:
        """One that has gone since takes the others not away."""
        if len(wanted) > MOST_NAMED:
            return list(question())
        found = []
        for each in wanted:
            try:
                found.append(question(symbol=each))
            except BrokerError as error:
                if self._client.meaning_of(error) is not Meaning.NO_SYMBOL:
                    raise
                self.doubt()
        return found


def _readable(rows: Iterable[Any]) -> dict[str, Rules]:
    """One odd contract among hundreds must not take the others away."""
    found = {}
    for each in rows:
        try:
            rules = read_rules(each)
        except (ArithmeticError, KeyError, TypeError, ValueError):
            continue
        found[rules.symbol] = rules
    return found
