"""SpotBroker: one account at Binance spot, behind the protocol of every venue.

What spot has are balances. One that can be sold for the account's currency is told as a position of
that pair, free and locked together. There is no short and nothing to reduce: an exit leaves whole,
rounded down to the step, and only one that was refused is cut to what is free. A client order id is
free again when its order has ended: whoever sends one twice must have asked first.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.binance.answers import object_of, parsed
from brokers.binance.client import Timeouts
from brokers.binance.errors import Meaning, is_too_much, meaning_of
from brokers.binance.filters import Rules, instrument_of, with_numbers
from brokers.binance.fitting import TIMES, SpotFitting
from brokers.binance.history import SpotHistory
from brokers.binance.market import SpotMarket
from brokers.binance.order_lists import leg_of, legs_of, pair_params, refusal_of_pair, takes_pairs
from brokers.binance.parsing import Balance, balances, order_params
from brokers.binance.replacing import parts_of, replace_params
from brokers.binance.seats import Seat, seat_of
from brokers.binance.spot_trailing import NAMES, kinds_of
from brokers.budget import prioritised
from brokers.errors import BrokerError, NotSent, OrderRejected, Unsupported
from brokers.models import BrokerAccount
from brokers.types import (
    AccountState,
    Capabilities,
    CashPage,
    ClientIds,
    FillReport,
    Instrument,
    OrderReport,
    OrderRequest,
    Pairs,
    Quote,
    Replacement,
    VenuePosition,
)
from tradehub.core.money import EXACT, ZERO
from tradehub.core.words import OrderType

SETTLE_SECONDS = 20
"""recvWindow (5 s), for so long the venue may still take a request; its own 10 s; and a margin."""
PREPARED_WITHIN = timedelta(seconds=10)
"""An order may need several answers before it leaves, each with a time-out of its own."""
QUOTE = "USDT"
BUY_KEEPS = Decimal("0.001")
"""Of the coin, as its fee: Binance's usual rate. An account may pay less, or in BNB."""
_NOT_KNOWN = (Meaning.NOT_WORKING, Meaning.ABSENT)


def open_spot(account: BrokerAccount, now: Callable[[], datetime]) -> "SpotBroker":
    """Named by the setting BROKER_ADAPTERS."""
    currency = str(account.options.get("quote_currency") or QUOTE)
    pairs = Pairs.NONE if account.options.get("targets") == "watch" else Pairs.END
    return SpotBroker(seat_of(account, now, Timeouts()), currency, pairs)


@prioritised
class SpotBroker:
    def __init__(self, seat: Seat, currency: str, pairs: Pairs = Pairs.END) -> None:
        self.client = seat.client
        self.currency = currency
        self._pairs = pairs
        self._market = SpotMarket(seat.client)
        self._fitting = SpotFitting(self._market, currency)
        self._symbols = seat.symbols
        self._history = SpotHistory(seat.client, self._market, seat.symbols, seat.memory, currency)

    def __repr__(self) -> str:
        return f"SpotBroker({self.client.site.url})"

    def capabilities(self) -> Capabilities:
        return Capabilities(
            order_types=frozenset(NAMES),
            times_in_force=TIMES,
            shorts=False,
            linked_orders=False,
            client_ids=ClientIds.UNIQUE_WHILE_OPEN,
            market_lots=True,
            settle_seconds=SETTLE_SECONDS,
            holds_balance=True,
            pairs=self._pairs,
            replaces=True,
        )

    def doubt(self) -> None:
        """What is remembered of the market may have changed."""
        self._market.doubt()

    def rules_of(self, symbols: Collection[str]) -> dict[str, Rules]:
        """For the account doctor: what is not remembered comes in one request."""
        return self._market.rules_of(symbols)

    # What there is

    def account(self) -> AccountState:
        raw = self.client.get_account(omitZeroBalances="true")
        held = parsed(lambda: balances(raw))
        cash = held.pop(self.currency, Balance(self.currency, ZERO, ZERO))
        prices = self._market.prices(self._pair(asset) for asset in held)
        equity = cash.total
        for asset, balance in held.items():
            price = prices.get(self._pair(asset), ZERO)
            equity = EXACT.add(equity, EXACT.multiply(balance.total, price))
        return AccountState(
            equity=equity,
            cash=cash.total,
            buying_power=cash.free,
            currency=self.currency,
            at=self.client.now(),
            venue_account_id=str(raw.get("uid") or ""),
        )

    def positions(self) -> list[VenuePosition]:
        held = {self._pair(each.asset): each for each in self._held().values()}
        held.pop(self._pair(self.currency), None)
        rules, prices = self._market.rules_of(held), self._market.prices(held)
        found = [
            VenuePosition(
                symbol=symbol,
                quantity=balance.total,
                average_price=prices.get(symbol, ZERO),
                least=rules[symbol].least(prices.get(symbol)),
            )
            for symbol, balance in held.items()
            if symbol in rules
        ]
        self._symbols.add([each.symbol for each in found if each.quantity >= each.least])
        return found

    def instrument(self, symbol: str) -> Instrument | None:
        rules = self._market.rules(symbol)
        if rules is None or rules.quote != self.currency:
            return None
        found = instrument_of(rules)
        return replace(
            found,
            order_types=kinds_of(rules),
            pair_step=found.quantity_step if takes_pairs(rules) else None,
            exit_min_notional=found.min_notional,
            buy_keeps=BUY_KEEPS,
        )

    def quote(self, symbol: str) -> Quote | None:
        return self.quotes([symbol]).get(symbol)

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        return self._market.quotes(symbols)

    def observe(self, symbol: str, price: Decimal, at: datetime) -> None:
        """Binance has prices of its own."""

    # Orders

    def submit(self, request: OrderRequest) -> OrderReport:
        began = self.client.now()
        request, rules = self._fitting.fit(request)
        self._history.expect(request.client_order_id, request.symbol)
        try:
            return self._place(request, began)
        except BrokerError as error:
            less = self._less(request, rules) if is_too_much(error) else None
            if less is None:
                return self._instead(request, rules, error)
        try:
            return self._place(less, began)
        except BrokerError as error:
            return self._instead(less, rules, error)

    def replace(self, client_order_id: str, request: OrderRequest) -> Replacement:
        began = self.client.now()
        request, rules = self._fitting.fit(request)
        self._in_time(began)
        self._history.expect(request.client_order_id, request.symbol)
        try:
            raw = self.client.cancel_replace_order(**replace_params(client_order_id, request))
        except BrokerError as error:
            if meaning_of(error) is Meaning.HALF_REPLACED:
                return Replacement(self._gone(client_order_id), error)
            earlier = self._instead(request, rules, error)
            return Replacement(self._gone(client_order_id), earlier)
        ended, placed = parsed(lambda: parts_of(object_of(raw)))
        return Replacement(self._answered(ended), self._answered(placed))

    def submit_pair(
        self, stop: OrderRequest, target: OrderRequest
    ) -> tuple[OrderReport, OrderReport]:
        began = self.client.now()
        stop, rules = self._fitting.fit(stop)
        target, _ = self._fitting.fit(target)
        problem = refusal_of_pair(rules)
        if problem is not None:
            raise Unsupported(problem[1], venue_code=problem[0])
        self._in_time(began)
        self._history.expect(stop.client_order_id, stop.symbol)
        self._history.expect(target.client_order_id, target.symbol)
        try:
            raw = self.client.create_oco_order(**pair_params(stop, target))
        except BrokerError as error:
            return self._instead(stop, rules, error), self._instead(target, rules, error)
        legs = parsed(lambda: legs_of(object_of(raw)))
        told = [legs.get(each.client_order_id) for each in (stop, target)]
        return self._answered(told[0]), self._answered(told[1])

    def cancel(self, client_order_id: str) -> OrderReport:
        symbol = self._history.symbol_of(client_order_id)
        if symbol is None:
            found = self._history.find(client_order_id)
            if found is None:
                raise OrderRejected("Unknown order sent.", venue_code="-2011")
            symbol = str(found["symbol"])
        try:
            raw = self.client.cancel_order(symbol=symbol, origClientOrderId=client_order_id)
        except BrokerError as error:
            if meaning_of(error) not in _NOT_KNOWN:
                raise
            found = self._history.find(client_order_id)
            if found is None:
                raise
            return self._report(found)
        return self._answered(parsed(lambda: leg_of(object_of(raw), client_order_id)))

    def expect(self, client_order_id: str, symbol: str) -> None:
        self._history.expect(client_order_id, symbol)

    def order(self, client_order_id: str) -> OrderReport | None:
        return self._look_up(client_order_id)

    def reports(self, client_order_ids: Sequence[str]) -> list[OrderReport]:
        """Several of a symbol are looked for in its list first, which weighs little more."""
        listed = self._listed(client_order_ids)
        found = [listed.get(each) or self._look_up(each) for each in client_order_ids]
        return [each for each in found if each is not None]

    def open_orders(self, symbols: Collection[str] | None = None) -> list[OrderReport]:
        return [self._report(each) for each in self._history.all_working(symbols)]

    def closed_orders(
        self, since: datetime, symbols: Collection[str] | None = None
    ) -> list[OrderReport]:
        return [self._report(each) for each in self._history.ended(since, symbols)]

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        return self._history.fills(since, symbols)

    def cash_entries(self, since: datetime, until: datetime) -> CashPage:
        """Of spot a key that trades is told nothing but trades, whose fees the fills have."""
        return CashPage((), until)

    # Within

    def _look_up(self, client_order_id: str) -> OrderReport | None:
        """As urgent as what asks: a poll of many must not take the turns of exits."""
        raw = self._history.find(client_order_id)
        return None if raw is None else self._report(raw)

    def _place(self, request: OrderRequest, began: datetime) -> OrderReport:
        self._in_time(began)
        return self._answered(self.client.create_order(**order_params(request)))

    def _in_time(self, began: datetime) -> None:
        """Later than this somebody else may have been told that it was lost."""
        if self.client.now() - began > PREPARED_WITHIN:
            raise NotSent("Binance took too long to tell what the order needs; nothing was sent.")

    def _gone(self, client_order_id: str) -> OrderReport:
        """An order that was cancelled for another."""
        found = self.order(client_order_id)
        if found is None:
            raise NotSent("The new order was not taken, and the old one is not told yet.")
        return found

    def _less(self, request: OrderRequest, rules: Rules) -> OrderRequest | None:
        """An exit at the market that was refused as too much, cut to what is free; None where
        that can't help. It leaves whole first, since a balance may be told late. What rests is
        never cut: a stop that covers less than it says is worse than a refused one."""
        if not request.reduce_only or request.order_type is not OrderType.MARKET:
            return None
        free = self._free(rules.base)
        quantity = ZERO if free is None else rules.floor(free, request.order_type)
        return replace(request, quantity=quantity) if ZERO < quantity < request.quantity else None

    def _free(self, asset: str) -> Decimal | None:
        """None when it can't be had."""
        try:
            held = self._held().get(asset)
        except BrokerError:
            return None
        return ZERO if held is None else held.free

    def _instead(self, request: OrderRequest, rules: Rules, error: BrokerError) -> OrderReport:
        """What follows from a refusal. Raises it, unless an earlier attempt stands."""
        meaning = meaning_of(error)
        if meaning is Meaning.EXISTS:
            earlier = self._earlier(request.client_order_id)
            if earlier is not None:
                return earlier
        elif meaning is Meaning.FILTER:
            self._market.drop(request.symbol)
            raise with_numbers(error, rules, request.side) from error
        raise error

    def _earlier(self, client_order_id: str) -> OrderReport | None:
        """The order that holds the id. Unless it is told, nothing is known: no error of this
        question may pass for one of the order."""
        try:
            return self.order(client_order_id)
        except BrokerError:
            return None

    def _listed(self, client_order_ids: Sequence[str]) -> dict[str, OrderReport]:
        by_symbol: dict[str | None, list[str]] = {}
        for each in client_order_ids:
            by_symbol.setdefault(self._history.symbol_of(each), []).append(each)
        listed: dict[str, OrderReport] = {}
        for symbol, ids in by_symbol.items():
            if symbol is None or len(ids) > 1:
                reports = [self._report(each) for each in self._history.working(symbol)]
                listed |= {each.client_order_id: each for each in reports}
        return listed

    def _held(self) -> dict[str, Balance]:
        raw = self.client.get_account(omitZeroBalances="true")
        return parsed(lambda: balances(raw))

    def _pair(self, asset: str) -> str:
        return asset + self.currency

    def _report(self, raw: Any) -> OrderReport:
        return self._history.report(object_of(raw))

    def _answered(self, raw: Any) -> OrderReport:
        return self._history.report_of_answer(object_of(raw))
