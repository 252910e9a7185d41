"""What Binance's spot market tells everybody: symbols, their rules, prices. Rules are cached for an
hour for each address and dropped when the venue refuses an order by one of them.

Whether a symbol exists is known from the list of all prices, for one unknown name in a question
makes the venue refuse all of it.
"""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any, TypeVar

from brokers.binance.client import VenueClient
from brokers.binance.errors import Meaning, meaning_of, unreadable
from brokers.binance.filters import Rules, read_rules
from brokers.binance.parsing import quote
from brokers.errors import BrokerError
from brokers.types import Quote
from tradehub.core.money import to_decimal

T = TypeVar("T")
RULES_LAST = timedelta(hours=1)
NEW_NAMES_AFTER = timedelta(minutes=1)
"""A name that is not in the list may be new: so old the list must be before it is read again."""
MOST_NAMED = 20
"""Of ticker/24hr, more symbols by name weigh twenty times as much."""


@dataclass
class Shelf:
    """What is cached of one address; shared by its accounts and threads."""

    rules: dict[str, tuple[Rules, datetime]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    names_at: datetime | None = None


_shelves: dict[str, Shelf] = {}
_lock = Lock()


def _shelf_of(url: str) -> Shelf:
    with _lock:
        return _shelves.setdefault(url, Shelf())


def forget_markets() -> None:
    with _lock:
        _shelves.clear()


class SpotMarket:
    def __init__(self, client: VenueClient) -> None:
        self._client = client
        self._shelf = _shelf_of(client.site.url)

    def rules(self, symbol: str) -> Rules | None:
        return self.rules_of([symbol]).get(symbol)

    def rules_of(self, symbols: Iterable[str]) -> dict[str, Rules]:
        """Of those that exist."""
        now = self._client.now()
        wanted = list(dict.fromkeys(symbols))
        missing = [each for each in wanted if not self._is_fresh(each, now)]
        if missing:
            self._read_rules(self._existing(missing), now)
        return {each: self._shelf.rules[each][0] for each in wanted if each in self._shelf.rules}

    def age(self, symbol: str) -> timedelta:
        """Of the symbol's rules."""
        known = self._shelf.rules.get(symbol)
        return RULES_LAST if known is None else self._client.now() - known[1]

    def drop(self, symbol: str) -> None:
        """Its rules are not what we think."""
        self._shelf.rules.pop(symbol, None)

    def prices(self, symbols: Iterable[str]) -> dict[str, Decimal]:
        """The last prices of those that exist."""
        wanted = self._existing(symbols)
        if not wanted:
            return {}
        found = self._ask(self._client.get_symbol_ticker, wanted)
        prices = parsed(lambda: {each["symbol"]: to_decimal(each["price"]) for each in found})
        return {each: prices[each] for each in wanted if each in prices}

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        wanted = self._existing(symbols)
        if not wanted:
            return {}
        at = self._client.now()
        found = self._ask(self._client.get_ticker, wanted)
        read = parsed(lambda: [quote(each, at) for each in found if each["symbol"] in wanted])
        return {each.symbol: each for each in read if each is not None}

    def _existing(self, symbols: Iterable[str]) -> list[str]:
        wanted = list(dict.fromkeys(symbols))
        now, shelf = self._client.now(), self._shelf
        age = RULES_LAST if shelf.names_at is None else now - shelf.names_at
        strange = any(each not in shelf.names for each in wanted)
        if age >= RULES_LAST or (strange and age >= NEW_NAMES_AFTER):
            found = self._client.get_symbol_ticker()
            shelf.names = parsed(lambda: frozenset(str(each["symbol"]) for each in found))
            shelf.names_at = now
        return [each for each in wanted if each in shelf.names]

    def _is_fresh(self, symbol: str, now: datetime) -> bool:
        known = self._shelf.rules.get(symbol)
        return known is not None and timedelta() <= now - known[1] < RULES_LAST

    def _read_rules(self, symbols: list[str], now: datetime) -> None:
        if not symbols:
            return
        found = self._client.get_rules(symbols)
        for rules in parsed(lambda: [read_rules(each) for each in found["symbols"]]):
            self._shelf.rules[rules.symbol] = (rules, now)

    def _ask(self, question: Callable[..., Any], wanted: list[str]) -> list[Any]:
        """By name while they are few; all when one of them has gone since."""
        if len(wanted) <= MOST_NAMED:
            try:
                return list(question(symbols=json.dumps(wanted, separators=(",", ":"))))
            except BrokerError as error:
                if meaning_of(error) is not Meaning.NO_SYMBOL:
                    raise
                self._shelf.names_at = None
        return list(question())


def parsed(read: Callable[[], T]) -> T:
    """What can't be read says nothing."""
    try:
        return read()
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise unreadable() from error
