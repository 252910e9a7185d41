"""FuturesBroker: one account at Binance USD-M futures, behind the protocol of every venue.

Market and limit orders go to the ordinary book, stops of any kind to the algo book. Both are looked
at for whatever an order is asked about. An order that reduces says so (`reduceOnly`; in hedge mode
by the position it closes), so it never opens the opposite. A client order id is free again when its
order has ended: whoever sends one twice must have asked first.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from brokers.binance.answers import object_of, parsed
from brokers.binance.client import Timeouts
from brokers.binance.errors import Meaning, unreadable
from brokers.binance.filters import instrument_of, with_numbers
from brokers.binance.futures_account import FuturesAccount, Options
from brokers.binance.futures_cash import cash_page
from brokers.binance.futures_client import FuturesClient
from brokers.binance.futures_fills import FuturesFills
from brokers.binance.futures_fitting import Fitted, Fitting
from brokers.binance.futures_history import FuturesHistory
from brokers.binance.futures_market import FuturesMarket
from brokers.binance.futures_parsing import (
    CONDITIONAL,
    TIMES,
    TYPES,
    algo_params,
    has_ended,
    is_conditional,
    order_params,
)
from brokers.binance.parsing import Raw
from brokers.binance.seats import Seat, seat_of
from brokers.budget import prioritised
from brokers.errors import BrokerError, NotSent, OrderRejected
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
    Quote,
    ReportStatus,
    VenuePosition,
)
from tradehub.core.money import ZERO
from tradehub.core.words import OrderType

SETTLE_SECONDS = 20
"""recvWindow (5 s), for so long the venue may still take a request; its own 10 s; and a margin."""
PREPARED_WITHIN = timedelta(seconds=10)
"""An order may need several answers before it leaves, each with a time-out of its own."""
_NOT_KNOWN = (Meaning.NOT_WORKING, Meaning.ABSENT)


def open_futures(account: BrokerAccount, now: Callable[[], datetime]) -> "FuturesBroker":
    """Named by the setting BROKER_ADAPTERS."""
    return FuturesBroker(seat_of(account, now, Timeouts()), read_options(account))


def read_options(account: BrokerAccount) -> Options:
    stored, usual = account.options, Options()
    return Options(
        currency=str(stored.get("quote_currency") or usual.currency),
        leverage=int(stored.get("leverage") or usual.leverage),
        margin_mode=str(stored.get("margin_mode") or usual.margin_mode),
        hedged=stored.get("position_mode") == "hedge",
        close_position=stored.get("stops") == "close_position",
    )


@prioritised
class FuturesBroker:
    def __init__(self, seat: Seat, options: Options) -> None:
        self.client = cast(FuturesClient, seat.client)
        self.options = options
        self._memory = seat.memory
        self._market = FuturesMarket(self.client)
        self.holdings = FuturesAccount(
            self.client, self._market, seat.memory, seat.settings, options
        )
        fills = FuturesFills(self.client, self._market, seat.memory, options.currency)
        self._history = FuturesHistory(
            self.client, fills, seat.memory, seat.symbols, seat.conditionals
        )
        self._symbols = seat.symbols
        self._fitting = Fitting(self._market, self.holdings, seat.memory)

    def __repr__(self) -> str:
        return f"FuturesBroker({self.client.site.url})"

    def capabilities(self) -> Capabilities:
        return Capabilities(
            order_types=frozenset(TYPES),
            times_in_force=frozenset(TIMES),
            shorts=True,
            linked_orders=False,
            client_ids=ClientIds.UNIQUE_WHILE_OPEN,
            market_lots=True,
            settle_seconds=SETTLE_SECONDS,
            holds_balance=False,
        )

    def doubt(self) -> None:
        """What is remembered of the market, and of the account's settings, may have changed."""
        self._market.doubt_now()
        self.holdings.forget()

    # What there is

    def account(self) -> AccountState:
        return self.holdings.state()

    def positions(self) -> list[VenuePosition]:
        found = self.holdings.positions()
        self._symbols.add([each.symbol for each in found])
        return found

    def instrument(self, symbol: str) -> Instrument | None:
        rules = self._market.rules(symbol)
        if rules is None or rules.quote != self.options.currency:
            return None
        return instrument_of(rules, TYPES)

    def quote(self, symbol: str) -> Quote | None:
        return self.quotes([symbol]).get(symbol)

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        return self._market.quotes(symbols)

    def observe(self, symbol: str, price: Decimal, at: datetime) -> None:
        """Binance has prices of its own."""

    # Orders

    def submit(self, request: OrderRequest) -> OrderReport:
        began = self.client.now()
        fitted = self._fitting.fit(request)
        try:
            return self._place(fitted, began)
        except BrokerError as error:
            flat = self.client.meaning_of(error) is Meaning.FLAT
            less = self._fitting.less(fitted) if flat else None
            if less is None:
                return self._instead(fitted, error)
        try:
            return self._place(less, began)
        except BrokerError as error:
            return self._instead(less, error)

    def _place(self, fitted: Fitted, began: datetime) -> OrderReport:
        if self.client.now() - began > PREPARED_WITHIN:
            # By now somebody else may have been told that it was lost.
            raise NotSent("Binance took too long to tell what the order needs; nothing was sent.")
        request, hedged = fitted.request, fitted.hedged
        conditional = request.order_type in CONDITIONAL
        self._history.expect(request.client_order_id, request.symbol, conditional=conditional)
        if conditional:
            params = algo_params(request, hedged=hedged, whole=fitted.whole)
            raw = self.client.futures_create_algo_order(**params)
        else:
            raw = self.client.futures_create_order(**order_params(request, hedged=hedged))
        report = self._answered(raw, request)
        expired = report.status is ReportStatus.EXPIRED and bool(report.filled_quantity)
        if expired and request.reduce_only and not conditional and self._is_flat(request):
            return replace(report, status=ReportStatus.FILLED)  # all that there was to close
        return report

    def cancel(self, client_order_id: str) -> OrderReport:
        if self._history.is_conditional(client_order_id):
            return self._cancel_conditional(client_order_id)
        symbol = self._history.symbol_of(client_order_id)
        if symbol is None:
            raw = self._found(client_order_id)
            if is_conditional(raw):
                return self._cancel_conditional(client_order_id)
            symbol = str(raw["symbol"])
        try:
            raw = self.client.futures_cancel_order(symbol=symbol, origClientOrderId=client_order_id)
        except BrokerError as error:
            if self.client.meaning_of(error) not in _NOT_KNOWN:
                raise
            found = self._history.find(client_order_id)
            if found is None:
                raise
            return self._history.report(found)
        return self._history.report_of_answer(object_of(raw))

    def expect(self, client_order_id: str, symbol: str) -> None:
        self._history.name_symbol(client_order_id, symbol)

    def order(self, client_order_id: str) -> OrderReport | None:
        return self._look_up(client_order_id)

    def reports(self, client_order_ids: Sequence[str]) -> list[OrderReport]:
        """Several of a symbol are looked for in its lists first: two requests for all of them."""
        listed = self._listed(client_order_ids)
        found = [listed.get(each) or self._look_up(each) for each in client_order_ids]
        return [each for each in found if each is not None]

    def open_orders(self, symbols: Collection[str] | None = None) -> list[OrderReport]:
        return self._history.all_working(symbols)

    def closed_orders(
        self, since: datetime, symbols: Collection[str] | None = None
    ) -> list[OrderReport]:
        return self._history.ended(since, symbols)

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        return self._history.fills(since, symbols)

    def cash_entries(self, since: datetime, until: datetime) -> CashPage:
        return cash_page(self.client, since, until)

    # Within: after an order

    def _look_up(self, client_order_id: str) -> OrderReport | None:
        """As urgent as what asks: a poll of many must not take the turns of exits."""
        raw = self._history.find(client_order_id)
        return None if raw is None else self._history.report(raw)

    def _answered(self, raw: Any, request: OrderRequest) -> OrderReport:
        report = self._history.report_of_answer(self._history.remembered(object_of(raw)))
        # One that closes whatever is held has no quantity there.
        return report if report.quantity else replace(report, quantity=request.quantity)

    def _instead(self, fitted: Fitted, error: BrokerError) -> OrderReport:
        """What follows from a refusal. Raises it, unless an earlier attempt stands, or an exit
        found nothing to close."""
        request = fitted.request
        meaning = self.client.meaning_of(error)
        if meaning is Meaning.EXISTS:
            earlier = self._earlier(request.client_order_id)
            if earlier is not None:
                return earlier
        elif meaning is Meaning.FILTER:
            self._market.doubt()
            raise with_numbers(error, fitted.rules, request.side) from error
        elif meaning is Meaning.SIDES:
            self.holdings.forget_mode()
        elif meaning is Meaning.FLAT and request.order_type is OrderType.MARKET:
            return self._nothing_to_close(request, error)
        elif error.venue_code == "-1106" and "reduceonly" in error.text.lower():
            self._memory.algo_reduces = False
            raise NotSent(
                "Binance takes no reduce-only order in its algo book; it is sent again as one "
                "that closes the position.",
                venue_code=error.venue_code,
            ) from error
        raise error

    def _nothing_to_close(self, request: OrderRequest, error: BrokerError) -> OrderReport:
        """A close of what is flat is no failure. Raises the refusal where something is held."""
        if not self._is_flat(request):
            raise error
        return OrderReport(
            client_order_id=request.client_order_id,
            venue_order_id="",
            symbol=request.symbol,
            side=request.side,
            status=ReportStatus.CANCELED,
            quantity=request.quantity,
            filled_quantity=ZERO,
            at=self.client.now(),
            code=error.venue_code,
            text="Nothing was left to close at Binance.",
            found_flat=True,
        )

    def _is_flat(self, request: OrderRequest) -> bool:
        """For certain: nothing is left that it could close."""
        try:
            legs = self.holdings.legs(request.symbol)
        except BrokerError:
            return False
        return not any(request.side.sign * each.quantity < 0 for each in legs)

    def _earlier(self, client_order_id: str) -> OrderReport | None:
        """The order that holds the id. Unless it is told, nothing is known: no error of this
        question may pass for one of the order."""
        try:
            return self.order(client_order_id)
        except BrokerError:
            return None

    def _cancel_conditional(self, client_order_id: str) -> OrderReport:
        """In the algo book, and the ordinary order that it may have become."""
        refused: BrokerError | None = None
        try:
            self.client.futures_cancel_order(clientAlgoId=client_order_id)
        except BrokerError as error:
            if self.client.meaning_of(error) not in _NOT_KNOWN:
                raise
            refused = error
        raw = self._history.find(client_order_id)
        if raw is None:
            raise refused or unreadable()
        actual = self._history.became(raw)
        if actual is not None and not parsed(lambda: has_ended(actual)):
            try:
                self.client.futures_cancel_order(symbol=raw["symbol"], orderId=actual["orderId"])
            except BrokerError as error:
                if self.client.meaning_of(error) not in _NOT_KNOWN:
                    raise
        return self._history.report(raw)

    def _found(self, client_order_id: str) -> Raw:
        found = self._history.find(client_order_id)
        if found is None:
            raise OrderRejected("Unknown order sent.", venue_code="-2011")
        return found

    def _listed(self, client_order_ids: Sequence[str]) -> dict[str, OrderReport]:
        by_symbol: dict[str, list[str]] = {}
        for each in client_order_ids:
            symbol = self._history.symbol_of(each)
            if symbol is not None:
                by_symbol.setdefault(symbol, []).append(each)
        listed: dict[str, OrderReport] = {}
        for symbol, ids in by_symbol.items():
            if len(ids) > 2:
                reports = self._history.working(symbol)
                listed |= {each.client_order_id: each for each in reports}
        return listed
