"""An account's orders and trades at Binance spot, asked for symbol by symbol.

Reads only. A client order id alone does not say which symbol to ask about: it is remembered, else
every symbol that the account ever had is asked. Trades don't name the client order id: it is looked
up by the order's number.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Any

from brokers.binance.answers import list_of, parsed
from brokers.binance.client import VenueClient
from brokers.binance.each_symbol import of_each
from brokers.binance.errors import Meaning, meaning_of
from brokers.binance.market import SpotMarket
from brokers.binance.memory import Memory, Symbols
from brokers.binance.parsing import (
    Context,
    Raw,
    client_id_of,
    context_of,
    executed,
    fills_of_answer,
    is_working,
    milliseconds,
    order_id_of,
    order_report,
    trade,
)
from brokers.binance.weights import Api, after_open_orders, cheaper_by_name
from brokers.budget import ahead
from brokers.errors import BrokerError
from brokers.types import FillReport, OrderReport
from tradehub.core.money import ZERO

PAGE = 1000
OPENED_BEFORE = timedelta(hours=24)
"""Lists of orders go by when they were placed: those that end later are found so far back."""


class SpotHistory:
    def __init__(
        self, client: VenueClient, market: SpotMarket, symbols: Symbols, memory: Memory, quote: str
    ) -> None:
        self._client = client
        self._market = market
        self._symbols = symbols
        self._memory = memory
        self._quote = quote

    def expect(self, client_order_id: str, symbol: str) -> None:
        """An order is about to leave: it must be found again, whatever becomes of us."""
        self._symbols.add([symbol])
        self._memory.symbol_of.put(client_order_id, symbol)

    def find(self, client_order_id: str) -> Raw | None:
        """None when every symbol that it can be of denies it."""
        symbol = self._memory.symbol_of.get(client_order_id)
        for each in [symbol] if symbol else self._symbols.known():
            try:
                raw = self._client.get_order(symbol=each, origClientOrderId=client_order_id)
            except BrokerError as error:
                if meaning_of(error) in (Meaning.ABSENT, Meaning.NO_SYMBOL):
                    continue
                raise
            return self._remembered(raw)
        return None

    def symbol_of(self, client_order_id: str) -> str | None:
        return self._memory.symbol_of.get(client_order_id)

    def working(self, symbol: str | None = None) -> list[Raw]:
        asked = {} if symbol is None else {"symbol": symbol}
        found = [self._remembered(each) for each in self._client.get_open_orders(**asked)]
        self._symbols.add([each["symbol"] for each in found])
        return found

    def all_working(self, symbols: Collection[str] | None) -> list[Raw]:
        """For a comparison: not asked for where the rest of one would have no room."""
        named = cheaper_by_name(Api.SPOT, symbols)
        with ahead(after_open_orders(Api.SPOT, len(self._named(symbols)), named)):
            return self.working() if named is None else of_each(self._client, named, self.working)

    def ended(self, since: datetime, symbols: Collection[str] | None) -> list[Raw]:
        return of_each(self._client, self._named(symbols), lambda each: self._ended_of(each, since))

    def _ended_of(self, symbol: str, since: datetime) -> list[Raw]:
        ended = []
        for each in self._orders(symbol, since - OPENED_BEFORE):
            changed = parsed(partial(_number, each, "updateTime"))
            if not is_working(each) and changed >= milliseconds(since):
                ended.append(self._remembered(each))
        self._learn_fills(symbol, ended)
        return ended

    def report(self, raw: Raw) -> OrderReport:
        """With its fills, which only the answer to an order carries."""
        return parsed(lambda: order_report(raw, self._fills_of(raw)))

    def report_of_answer(self, raw: Raw) -> OrderReport:
        """Of a request that was taken: whatever goes wrong while its fills are asked for, it must
        not look as if it had not been."""
        try:
            return self.report(raw)
        except BrokerError:
            return parsed(lambda: order_report(raw, ()))

    def fills(self, since: datetime, symbols: Collection[str] | None) -> list[FillReport]:
        found = of_each(
            self._client, self._named(symbols), lambda each: self._fills_in(each, since)
        )
        return sorted(found, key=lambda each: (each.at, each.venue_fill_id))

    def _fills_in(self, symbol: str, since: datetime) -> list[FillReport]:
        start = {"startTime": milliseconds(since)}
        trades = list(self._pages(self._client.get_my_trades, symbol, "fromId", "id", start))
        if not trades:
            return []
        return parsed(partial(_told, trades, self._names(symbol, trades), self.context(symbol)))

    def _named(self, symbols: Collection[str] | None) -> list[str]:
        """Those that the account ever traded, of which `symbols` may say which count."""
        return [each for each in self._symbols.known() if symbols is None or each in symbols]

    def context(self, symbol: str) -> Context:
        return context_of(symbol, self._market.rules(symbol), self._worth)

    def _worth(self, asset: str) -> Decimal | None:
        pair = asset + self._quote
        try:
            return self._market.prices([pair]).get(pair)
        except BrokerError:
            return None

    def _fills_of(self, raw: Raw) -> tuple[FillReport, ...]:
        filled, number = executed(raw), order_id_of(raw)
        if not filled:
            return ()
        known = self._memory.fills_of.get(number) or ()
        if raw.get("fills"):
            known = fills_of_answer(raw, self.context(raw["symbol"]))
        if _sum(known) != filled:
            known = self._trades_of(raw)
        self._memory.fills_of.put(number, known)
        return known

    def _learn_fills(self, symbol: str, orders: Iterable[Raw]) -> None:
        """Those of several orders in one list, or each would be a question of its own."""
        filled = {order_id_of(each): each for each in orders if executed(each)}
        unknown = {
            number: each
            for number, each in filled.items()
            if _sum(self._memory.fills_of.get(number) or ()) != executed(each)
        }
        if len(unknown) < 2:
            return
        start = {"startTime": min(parsed(partial(_number, x, "time")) for x in unknown.values())}
        trades = list(self._pages(self._client.get_my_trades, symbol, "fromId", "id", start))
        context = self.context(symbol)
        names = {number: client_id_of(each) for number, each in unknown.items()}
        for number, each in groupby(sorted(trades, key=order_id_of), order_id_of):
            if number in unknown:
                told = parsed(partial(_told, list(each), names, context))
                self._memory.fills_of.put(number, tuple(told))

    def _trades_of(self, raw: Raw) -> tuple[FillReport, ...]:
        asked = {"orderId": raw["orderId"]}
        found = self._pages(self._client.get_my_trades, raw["symbol"], "fromId", "id", asked, asked)
        context, name = self.context(raw["symbol"]), client_id_of(raw)
        return tuple(trade(each, name, context) for each in found)

    def _names(self, symbol: str, trades: Iterable[Raw]) -> dict[str, str]:
        """Client order ids by the venue's own."""
        numbers = {order_id_of(each): int(each["orderId"]) for each in trades}
        names = {each: self._memory.client_id_of.get(each) for each in numbers}
        strange = [numbers[each] for each, name in names.items() if name is None]
        if strange:
            first = {"orderId": min(strange)}
            pages = self._pages(self._client.get_all_orders, symbol, "orderId", "orderId", first)
            for each in pages:
                self._remembered(each)
                if int(each["orderId"]) >= max(strange):
                    break
        return {each: self._memory.client_id_of.get(each) or "" for each in numbers}

    def _orders(self, symbol: str, since: datetime) -> Iterator[Raw]:
        start = {"startTime": milliseconds(since)}
        return self._pages(self._client.get_all_orders, symbol, "orderId", "orderId", start)

    def _pages(
        self,
        question: Callable[..., Any],
        symbol: str,
        after: str,
        number: str,
        first: dict[str, Any],
        always: dict[str, Any] | None = None,
    ) -> Iterator[Raw]:
        """Oldest first. The first page begins as `first` says, each other after the last number."""
        asked: dict[str, Any] = first
        while True:
            page = list_of(question(symbol=symbol, limit=PAGE, **asked))
            yield from page
            if len(page) < PAGE:
                return
            asked = {**(always or {}), after: parsed(partial(_number, page[-1], number)) + 1}

    def _remembered(self, raw: Raw) -> Raw:
        def note() -> None:
            self._memory.symbol_of.put(client_id_of(raw), raw["symbol"])
            self._memory.client_id_of.put(order_id_of(raw), client_id_of(raw))

        parsed(note)
        return raw


def _sum(fills: Iterable[FillReport]) -> Decimal:
    return sum((each.quantity for each in fills), ZERO)


def _number(raw: Raw, name: str) -> int:
    return int(raw[name])


def _told(trades: Iterable[Raw], names: dict[str, str], context: Context) -> list[FillReport]:
    return [trade(each, names.get(order_id_of(each), ""), context) for each in trades]
