"""What Binance's spot market tells everybody: symbols, their rules, prices. Rules are cached for an
hour for each address and dropped when the venue refuses an order by one of them.

Whether a symbol exists is known from the list of all prices, for one unknown name in a question
makes the venue refuse all of it. An exit goes on with old rules where the venue does not tell them.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any

from brokers.binance.answers import parsed
from brokers.binance.client import VenueClient
from brokers.binance.errors import Meaning, meaning_of
from brokers.binance.filters import Percent, Rules, read_rules
from brokers.binance.parsing import quote
from brokers.binance.site import TRUSTED_FOR
from brokers.budgeting import Priority
from brokers.errors import BrokerError
from brokers.types import Quote
from brokers.urgency import urgency
from tradehub.core.money import to_decimal

RULES_LAST = timedelta(hours=1)
LOCKED_LASTS = timedelta(minutes=1)
"""Of a symbol that takes no orders: it may any moment, and till then its entries are denied."""
NEW_NAMES_AFTER = timedelta(minutes=1)
"""A name that is not in the list may be new: so old the list must be before it is read again."""
MOST_NAMED = 20
"""Of ticker/24hr, more symbols by name weigh twenty times as much."""
SEEN_FOR = timedelta(minutes=1)
"""For so long a price that was told is near enough to ask whether a limit is far from it."""


@dataclass
class Shelf:
    """What is cached of one address; shared by its accounts and threads."""

    rules: dict[str, tuple[Rules, datetime]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    names_at: datetime | None = None
    failed_at: datetime | None = None
    """When an exit asked for rules in vain."""
    seen: dict[str, Quote] = field(default_factory=dict)


_shelves: dict[str, Shelf] = {}
_lock = Lock()


def _shelf_of(url: str) -> Shelf:
    with _lock:
        return _shelves.setdefault(url, Shelf())


def forget_markets() -> None:
    with _lock:
        _shelves.clear()


def last_seen(seen: Mapping[str, Quote], symbol: str, now: datetime) -> Decimal | None:
    told = seen.get(symbol)
    return told.last if told is not None and now - told.at <= SEEN_FOR else None


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
        can_wait = self._can_wait(missing)
        if can_wait or not self._failed_of_late(now):
            try:
                self._read_rules(missing, now)
            except BrokerError:
                if can_wait:
                    raise
                self._trust(missing)
        return {each: self._shelf.rules[each][0] for each in wanted if each in self._shelf.rules}

    def age(self, symbol: str) -> timedelta:
        """Of the symbol's rules."""
        known = self._shelf.rules.get(symbol)
        return RULES_LAST if known is None else self._client.now() - known[1]

    def drop(self, symbol: str) -> None:
        """Its rules are not what we think."""
        self._shelf.rules.pop(symbol, None)

    def doubt(self) -> None:
        """All may have changed: it is read again before it is used."""
        old, shelf = self._client.now() - RULES_LAST, self._shelf
        shelf.failed_at = None
        shelf.names_at = None if shelf.names_at is None else min(shelf.names_at, old)
        for symbol, (rules, at) in list(shelf.rules.items()):
            shelf.rules[symbol] = rules, min(at, old)

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
        quotes = {each.symbol: each for each in read if each is not None}
        self._shelf.seen.update(quotes)
        return quotes

    def seen(self, symbol: str) -> Decimal | None:
        """The last price, where somebody asked for it of late."""
        return last_seen(self._shelf.seen, symbol, self._client.now())

    def measured(self, symbol: str, percent: Percent) -> Decimal | None:
        """What PERCENT_PRICE is measured by (filters.md): the reference price where the symbol has
        one, else an average, or the last price. None where it is not told."""
        reference = self._reference(symbol)
        if reference is not None:
            return reference
        if not percent.minutes:
            return self.prices([symbol]).get(symbol)
        average = self._client.get_avg_price(symbol=symbol)
        if parsed(lambda: int(average["mins"])) != percent.minutes:
            return None
        return parsed(lambda: to_decimal(average["price"]))

    def _reference(self, symbol: str) -> Decimal | None:
        """None where the symbol has none."""
        try:
            found = self._client.get_reference_price(symbol)
        except BrokerError as error:
            if meaning_of(error) is not Meaning.NO_REFERENCE:
                raise
            return None
        told = parsed(lambda: found["referencePrice"])
        return None if told is None else parsed(lambda: to_decimal(told))

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
        if known is None:
            return False
        lasts = RULES_LAST if known[0].trading else LOCKED_LASTS
        return timedelta() <= now - known[1] < lasts

    def _can_wait(self, symbols: list[str]) -> bool:
        """Or must: something is not known. An exit goes on with old rules."""
        known = all(each in self._shelf.rules for each in symbols)
        return not known or urgency(Priority.NORMAL) is not Priority.FIRST

    def _failed_of_late(self, now: datetime) -> bool:
        failed_at = self._shelf.failed_at
        return failed_at is not None and timedelta() <= now - failed_at < TRUSTED_FOR

    def _trust(self, symbols: list[str]) -> None:
        """Go on with the rules that are known, though they are old. In a minute they are asked for
        again."""
        shelf, now = self._shelf, self._client.now()
        shelf.failed_at = now
        for each in symbols:
            shelf.rules[each] = shelf.rules[each][0], now - RULES_LAST + TRUSTED_FOR

    def _read_rules(self, symbols: list[str], now: datetime) -> None:
        existing = self._existing(symbols) if symbols else []
        told = self._told(existing) if existing else []
        for rules in parsed(lambda: [read_rules(each) for each in told]):
            self._shelf.rules[rules.symbol] = (rules, now)
        for each in {*symbols} - {*existing}:
            self.drop(each)

    def _told(self, symbols: list[str]) -> list[Any]:
        """One that has gone since makes the venue refuse them all, so each is asked for alone."""
        try:
            found = self._client.get_rules(symbols)
        except BrokerError as error:
            if meaning_of(error) is not Meaning.NO_SYMBOL:
                raise
            self._shelf.names_at = None
            if len(symbols) == 1:
                self.drop(symbols[0])
                return []
            return [row for each in symbols for row in self._told([each])]
        return parsed(lambda: list(found["symbols"]))

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
