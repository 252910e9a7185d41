"""An account's orders and trades at Binance USD-M futures, from both books.

Reads only, but for what is noted of conditional orders. Those live in the algo book until they are
triggered; then an ordinary order is made of each, with a number of its own. Whatever is told of
that one, here it goes by the name of the conditional order. Which is which must be known before a
trade is told: an unknown ordinary order is looked for among the conditional ones that still wait.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from brokers.binance.answers import list_of, object_of, parsed
from brokers.binance.each_symbol import of_each
from brokers.binance.errors import Meaning
from brokers.binance.futures_client import FuturesClient
from brokers.binance.futures_fills import FuturesFills
from brokers.binance.futures_parsing import (
    algo_report,
    became,
    has_ended,
    is_conditional,
    is_triggering,
    name_of,
    order_report,
    trade,
)
from brokers.binance.memory import Conditionals, Memory, Symbols
from brokers.binance.parsing import Context, Raw, at, order_id_of
from brokers.binance.spans import past
from brokers.binance.weights import Api, after_open_orders, cheaper_by_name
from brokers.budget import ahead
from brokers.errors import BrokerError, OutcomeUnknown
from brokers.types import FillReport, OrderReport
from tradehub.core.money import ZERO, to_decimal

PAGE = 1000
ALGO_PAGE = 100
JUST_NOW = timedelta(seconds=10)
"""For so long a conditional order may be told as waiting that has become an ordinary one."""
TOLD_WITHIN = timedelta(minutes=1)
"""Until then an ordinary order that is not told may be told yet."""
OPENED_BEFORE = timedelta(hours=24)
"""Lists of orders go by when they were placed: those that end later are found so far back."""
_ABSENT = (Meaning.ABSENT, Meaning.NO_SYMBOL)


class FuturesHistory:
    def __init__(
        self,
        client: FuturesClient,
        fills: FuturesFills,
        memory: Memory,
        symbols: Symbols,
        conditionals: Conditionals,
    ) -> None:
        self._client = client
        self._fills = fills
        self._memory = memory
        self._symbols = symbols
        self._conditionals = conditionals

    def expect(self, client_order_id: str, symbol: str, *, conditional: bool) -> None:
        """An order is about to leave: it must be found again, whatever becomes of us."""
        self._symbols.add([symbol])
        self._memory.symbol_of.put(client_order_id, symbol)
        if conditional:
            self._conditionals.add(client_order_id, symbol, self._client.now())
        else:
            self._memory.ordinary.put(client_order_id, True)

    # One order

    def name_symbol(self, client_order_id: str, symbol: str) -> None:
        self._memory.symbol_of.put(client_order_id, symbol)

    def find(self, client_order_id: str) -> Raw | None:
        """From whichever book has it. None when both deny it, of every symbol that it can be of."""
        if self._memory.ordinary.get(client_order_id):
            return self._ordinary(client_order_id)
        if self._conditionals.knows(client_order_id):
            return self._conditional(client_order_id)
        return self._ordinary(client_order_id) or self._conditional(client_order_id)

    def is_conditional(self, client_order_id: str) -> bool:
        return not self._memory.ordinary.get(client_order_id) and self._conditionals.knows(
            client_order_id
        )

    def symbol_of(self, client_order_id: str) -> str | None:
        return self._memory.symbol_of.get(client_order_id)

    def became(self, raw: Raw) -> Raw | None:
        """The ordinary order that a conditional one has become, where it is known."""
        number = parsed(partial(became, raw))
        if number is None:
            return None
        try:
            found = self._client.futures_get_order(symbol=raw["symbol"], orderId=number)
        except BrokerError as error:
            if self._client.meaning_of(error) in _ABSENT:
                return None
            raise
        return object_of(found)

    def report(self, raw: Raw) -> OrderReport:
        """With its fills; of a conditional order with what became of it."""
        if not is_conditional(raw):
            return parsed(lambda: self._report_as(raw, name_of(raw)))
        name, number = parsed(partial(name_of, raw)), parsed(partial(became, raw))
        actual = self.became(raw)
        if number is None:
            return parsed(lambda: algo_report(raw, None, ()))
        if actual is not None:
            return parsed(lambda: algo_report(raw, actual, self._fills.of_order(actual, name)))
        fills = self._fills.of_number(raw["symbol"], number, name)
        if not fills and self._was_triggered_just_now(raw):
            raise OutcomeUnknown(f"Binance does not tell yet what became of {name}.")
        return parsed(lambda: algo_report(raw, None, fills))

    def _was_triggered_just_now(self, raw: Raw) -> bool:
        told = parsed(lambda: at(raw.get("triggerTime") or raw["updateTime"]))
        return self._client.their_now() - told < TOLD_WITHIN

    def report_of_answer(self, raw: Raw) -> OrderReport:
        """Of a request that was taken: whatever goes wrong while its fills are asked for, it must
        not look as if it had not been."""
        try:
            return self.report(raw)
        except BrokerError:
            if is_conditional(raw):
                return parsed(lambda: algo_report(raw, None, ()))
            return parsed(lambda: order_report(raw, ()))

    def remembered(self, raw: Raw) -> Raw:
        def note() -> None:
            name = name_of(raw)
            self._memory.symbol_of.put(name, raw["symbol"])
            if is_conditional(raw):
                self._conditionals.add(name, raw["symbol"], self._client.now())
                self._conditionals.note(name, became(raw), ended=has_ended(raw))
            else:
                self._memory.client_id_of.put(order_id_of(raw), name)

        parsed(note)
        return raw

    # Lists

    def working(self, symbol: str | None = None) -> list[OrderReport]:
        """Of both books. The algo book first: what is triggered in between is told by the other."""
        asked = {} if symbol is None else {"symbol": symbol}
        waiting = list_of(self._client.futures_get_open_orders(conditional=True, **asked))
        ordinary = list_of(self._client.futures_get_open_orders(**asked))
        self._symbols.add([each["symbol"] for each in (*waiting, *ordinary)])
        found = {}
        for raw in waiting:
            report = self.report(self.remembered(raw))
            found[report.client_order_id] = report
        for report in self._told(ordinary):
            found[report.client_order_id] = report
        return list(found.values())

    def all_working(self, symbols: Collection[str] | None) -> list[OrderReport]:
        """For a comparison: not asked for where the rest of one would have no room."""
        named = cheaper_by_name(Api.FUTURES, symbols)
        with ahead(after_open_orders(Api.FUTURES, len(self._named(symbols)), named)):
            return self.working() if named is None else of_each(self._client, named, self.working)

    def ended(self, since: datetime, symbols: Collection[str] | None) -> list[OrderReport]:
        return of_each(self._client, self._named(symbols), lambda each: self._ended_of(each, since))

    def _ended_of(self, symbol: str, since: datetime) -> list[OrderReport]:
        found = {}
        for raw in self._algo_orders(symbol, since - OPENED_BEFORE):
            if parsed(partial(_ended_since, raw, since)):
                report = self.report(self.remembered(raw))
                found[report.client_order_id] = report
        orders = self._orders(symbol, since - OPENED_BEFORE)
        ended = [each for each in orders if parsed(partial(_ended_since, each, since))]
        for report in self._told(ended):
            found.setdefault(report.client_order_id, report)
        return list(found.values())

    def fills(self, since: datetime, symbols: Collection[str] | None) -> list[FillReport]:
        found = of_each(
            self._client, self._named(symbols), lambda each: self._fills_in(each, since)
        )
        return sorted(found, key=lambda each: (each.at, each.venue_fill_id))

    def _fills_in(self, symbol: str, since: datetime) -> list[FillReport]:
        trades = list(self._trades(symbol, since))
        if not trades:
            return []
        context, names = self._fills.context(symbol), self._names(symbol, trades)
        return parsed(partial(_told, trades, names, context))

    def _named(self, symbols: Collection[str] | None) -> list[str]:
        """Those that the account ever traded, of which `symbols` may say which count."""
        return [each for each in self._symbols.known() if symbols is None or each in symbols]

    # Within: names

    def _told(self, orders: Iterable[Raw]) -> list[OrderReport]:
        """Ordinary orders under the names that they go by here."""
        reports = []
        for raw in orders:
            name = self._name(raw)
            report = parsed(partial(self._report_as, raw, name))
            reports.append(report)
        return reports

    def _report_as(self, raw: Raw, name: str) -> OrderReport:
        return replace(order_report(raw, self._fills.of_order(raw, name)), client_order_id=name)

    def _name(self, raw: Raw) -> str:
        """The client order id of an ordinary order, or of the conditional one that it was."""
        number = parsed(partial(order_id_of, raw))
        known = self._memory.client_id_of.get(number)
        if known is not None:
            return known
        symbol, name = str(raw["symbol"]), parsed(partial(name_of, raw))
        if not self._memory.ordinary.get(name):
            name = self._conditional_of(symbol, raw) or name
        self._memory.client_id_of.put(number, name)
        return name

    def _conditional_of(self, symbol: str, raw: Raw) -> str | None:
        """Which conditional order became this one. Raises while that can't be told: a fill under a
        wrong name would be somebody else's for ever."""
        number = int(raw["orderId"])
        known = self._conditionals.name_of(symbol, number)
        if known is not None or self._was_there_before(symbol, raw):
            return known
        began = self._client.their_now()
        for each in self._conditionals.waiting(symbol):
            found = self._conditional(each)
            if found is None:
                self._conditionals.absent(each, began)
            elif parsed(partial(became, found)) == number:
                return each
            elif parsed(partial(is_triggering, found)) or parsed(
                partial(_may_have_become, found, raw, began)
            ):
                raise OutcomeUnknown(f"A conditional order of {symbol} is being triggered.")
        self._memory.looked_at.put(symbol, began)
        return None

    def _was_there_before(self, symbol: str, raw: Raw) -> bool:
        """Before all that wait were looked at: then none of them became it."""
        looked = self._memory.looked_at.get(symbol)
        return looked is not None and parsed(lambda: at(raw["time"])) + JUST_NOW < looked

    def _names(self, symbol: str, trades: Iterable[Raw]) -> dict[str, str]:
        """By the numbers of the trades' orders."""
        numbers = {order_id_of(each): int(each["orderId"]) for each in trades}
        names = {}
        for number, order_id in numbers.items():
            known = self._memory.client_id_of.get(number)
            names[number] = known if known is not None else self._asked_name(symbol, order_id)
        return names

    def _asked_name(self, symbol: str, order_id: int) -> str:
        known = self._conditionals.name_of(symbol, order_id)
        if known is not None:
            return known
        try:
            raw = self._client.futures_get_order(symbol=symbol, orderId=order_id)
        except BrokerError as error:
            if self._client.meaning_of(error) in _ABSENT:
                return ""
            raise
        return self._name(object_of(raw))

    # Within: one order

    def _ordinary(self, client_order_id: str) -> Raw | None:
        symbol = self._memory.symbol_of.get(client_order_id)
        for each in [symbol] if symbol else self._symbols.known():
            asked = {"symbol": each, "origClientOrderId": client_order_id}
            raw = self._unless_absent(partial(self._client.futures_get_order, **asked))
            if raw is not None:
                self._memory.ordinary.put(client_order_id, True)
                return self.remembered(raw)
        return None

    def _conditional(self, client_order_id: str) -> Raw | None:
        ask = partial(self._client.futures_get_order, clientAlgoId=client_order_id)
        raw = self._unless_absent(ask)
        return None if raw is None else self.remembered(raw)

    def _unless_absent(self, ask: Callable[[], Any]) -> Raw | None:
        try:
            return object_of(ask())
        except BrokerError as error:
            if self._client.meaning_of(error) in _ABSENT:
                return None
            raise

    # Within: the past

    def _trades(self, symbol: str, since: datetime) -> Iterator[Raw]:
        ask, now = self._client.futures_account_trades, self._client.now()
        return past(ask, symbol, since=since, now=now, number="id", most=PAGE)

    def _orders(self, symbol: str, since: datetime) -> Iterator[Raw]:
        ask, now = self._client.futures_get_all_orders, self._client.now()
        return past(ask, symbol, since=since, now=now, number="orderId", most=PAGE)

    def _algo_orders(self, symbol: str, since: datetime) -> Iterator[Raw]:
        ask, now = self._client.futures_get_all_algo_orders, self._client.now()
        return past(ask, symbol, since=since, now=now, number="algoId", most=ALGO_PAGE)


def _may_have_become(waiting: Raw, raw: Raw, now: datetime) -> bool:
    """Whether the ordinary order `raw` is as a conditional one would be, and as young."""
    same = waiting["side"] == raw["side"] and (
        to_decimal(waiting.get("quantity") or "0") in (ZERO, to_decimal(raw["origQty"]))
    )
    return same and now - at(raw["time"]) < JUST_NOW


def _ended_since(raw: Raw, since: datetime) -> bool:
    changed = raw.get("updateTime") or raw.get("createTime") or raw["time"]
    return has_ended(raw) and at(changed) >= since


def _told(trades: Iterable[Raw], names: dict[str, str], context: Context) -> list[FillReport]:
    return [trade(each, names.get(order_id_of(each), ""), context) for each in trades]
