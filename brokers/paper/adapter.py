"""PaperBroker: the venue that is a ledger of our own, behind the protocol of every venue.

It is the venue, so it opens short transactions of its own and may be asked by several processes
at once. A client order id is taken for ever: asked again, it answers for the first order. Every
question first lets the working orders meet the present price; with prices from alerts, each
price that is named meets them too. Where the prices are a venue's, they are asked for before a
transaction begins: an order that came meanwhile does not meet them. A price of the night before
tells what is held is worth, and fills nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from brokers.errors import NotReplaced, OrderRejected, OutcomeUnknown, Unsupported
from brokers.models import BrokerAccount
from brokers.options import read_paper_options
from brokers.paper import storage, venue
from brokers.paper.ledger import NoPrice, buying_power, equity
from brokers.paper.matching import Rules
from brokers.paper.prices import TRADED_FOR, can_trade, known_symbol, quotes_of, record_price
from brokers.paper.venue import Market, State
from brokers.prices.asking import source_quotes
from brokers.prices.places import VENUE_SOURCES
from brokers.types import (
    AccountState,
    Capabilities,
    CashPage,
    FillReport,
    Instrument,
    OrderReport,
    OrderRequest,
    Quote,
    Replacement,
    ReportStatus,
    VenuePosition,
)
from tradehub.core.money import ONE, ZERO
from tradehub.core.symbols import crypto_quote
from tradehub.core.words import OrderType, TimeInForce
from tradehub.lib.db import in_write_transaction

PAIR_STEP = Decimal("0.00000001")
FRACTION_STEP = Decimal("0.000001")
TIMES = frozenset({TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})
MAX_ID_LENGTH = 64


def open_paper(account: BrokerAccount, now: Callable[[], datetime]) -> "PaperBroker":
    """Named by the setting BROKER_ADAPTERS."""
    return PaperBroker(account.pk, account.options, now)


class PaperBroker:
    def __init__(
        self, account_id: str, options: Mapping[str, Any], now: Callable[[], datetime]
    ) -> None:
        self._account_id = account_id
        self.options = read_paper_options(options)
        self._now = now
        self._sourced = self.options.price_source in VENUE_SOURCES
        self._seen: dict[str, Quote] = {}
        """Of a venue's prices: what the last look found."""
        self._there: frozenset[str] = frozenset()
        """Orders that had come before that look."""
        self._rules = Rules(
            fee_percent=self.options.fee_percent,
            slippage_percent=self.options.slippage_percent,
            fill_limit=self.options.fill_limit,
            allow_short=self.options.allow_short,
            leverage=self.options.leverage,
            currency=self.options.currency,
        )

    def __repr__(self) -> str:
        return f"PaperBroker({self._account_id})"

    def capabilities(self) -> Capabilities:
        return Capabilities(
            order_types=frozenset(OrderType),
            times_in_force=TIMES,
            shorts=self.options.allow_short,
            linked_orders=True,
            settle_seconds=0,
            replaces=True,
            fills_within=int(TRADED_FOR.total_seconds()) if self._sourced else None,
        )

    def account(self) -> AccountState:
        """Fails rather than guess while something is held that has no price."""
        state = self._advance()
        self._look(state)
        market = self._market(state)
        try:
            worth = equity(state.book, market.quotes)
            power = buying_power(state.book, state.orders, market.quotes, self._rules)
        except NoPrice as missing:
            fix = "Send an alert that names its price."
            if self._sourced:
                fix = f"{self.options.price_source.title()} tells none of it just now."
            raise OutcomeUnknown(
                f"The equity can't be told: no price of {missing.symbol} is known here. {fix}",
                venue_code="PRICE_MISSING",
            ) from missing
        return AccountState(
            equity=worth,
            cash=state.book.cash,
            buying_power=max(ZERO, power),
            currency=self.options.currency,
            at=market.now,
        )

    def instrument(self, symbol: str) -> Instrument | None:
        if not known_symbol(symbol):
            return None
        step = ONE
        if crypto_quote(symbol) is not None:
            step = PAIR_STEP
        elif self.options.fractional:
            step = FRACTION_STEP
        currency = self.options.currency
        return Instrument(symbol, quantity_step=step, min_quantity=step, currency=currency)

    def quote(self, symbol: str) -> Quote | None:
        return self.quotes([symbol]).get(symbol)

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        known = [symbol for symbol in symbols if known_symbol(symbol)]
        if self._sourced:
            return self._asked(known)
        return quotes_of(self._account_id, known, self.options, self._now())

    def observe(self, symbol: str, price: Decimal, at: datetime) -> None:
        """The first price of a symbol starts its synthetic walk. A price that is not above zero
        or of a symbol that does not exist is no price. Where a venue tells them, it alone does."""
        if self._sourced or price <= 0 or not known_symbol(symbol):
            return
        known = partial(record_price, self._account_id, symbol, price, at, self._now())
        if in_write_transaction(known, forgettable=True):
            self._advance()

    def submit(self, request: OrderRequest) -> OrderReport:
        self._refuse(request)
        self._look(None, request.symbol)

        def work() -> OrderReport:
            storage.take_turn(self._account_id, self.options)
            client_id = request.client_order_id
            if storage.is_known(self._account_id, client_id):
                return self._reports([client_id])[client_id]
            return self._enter(request)

        report = in_write_transaction(work)
        if report.status is ReportStatus.REJECTED:
            raise OrderRejected(report.text or "", venue_code=report.code)
        return report

    def replace(self, client_order_id: str, request: OrderRequest) -> Replacement:
        self._refuse(request)
        self._look(None, request.symbol)

        def work() -> Replacement:
            storage.take_turn(self._account_id, self.options)
            before = storage.read_state(self._account_id, self.options)
            after = venue.cancel(before, client_order_id, self._market(before))
            storage.write_state(self._account_id, before, after, self.options.currency)
            worked = any(each.id == client_order_id for each in before.orders)
            old = self._reports([client_order_id]).get(client_order_id)
            if not worked or old is None or old.filled_quantity:
                raise NotReplaced("The order is not as it was.", venue_code="NOT_REPLACED")
            new = self._enter(request)
            if new.status is ReportStatus.REJECTED:
                raise OrderRejected(new.text or "", venue_code=new.code)
            return Replacement(old, new)

        return in_write_transaction(work)

    def cancel(self, client_order_id: str) -> OrderReport:
        self._look(None)

        def work() -> None:
            storage.take_turn(self._account_id, self.options)
            before = storage.read_state(self._account_id, self.options)
            after = venue.cancel(before, client_order_id, self._market(before))
            storage.write_state(self._account_id, before, after, self.options.currency)

        in_write_transaction(work)
        report = self._reports([client_order_id]).get(client_order_id)
        if report is None:
            raise OrderRejected(
                f"The paper venue has no order {client_order_id}.", venue_code="UNKNOWN_ORDER"
            )
        return report

    def order(self, client_order_id: str) -> OrderReport | None:
        self._advance()
        return self._reports([client_order_id]).get(client_order_id)

    def reports(self, client_order_ids: Sequence[str]) -> list[OrderReport]:
        self._advance()
        found = self._reports(client_order_ids)
        return [found[each] for each in client_order_ids if each in found]

    def open_orders(self, symbols: Collection[str] | None = None) -> list[OrderReport]:
        self._advance()
        rows = storage.working_rows(self._account_id).prefetch_related("fills").order_by("id")
        return [storage.report_of(row, row.fills.all(), self.options.currency) for row in rows]

    def closed_orders(
        self, since: datetime, symbols: Collection[str] | None = None
    ) -> list[OrderReport]:
        self._advance()
        rows = storage.ended_rows(self._account_id, since).prefetch_related("fills").order_by("id")
        return [storage.report_of(row, row.fills.all(), self.options.currency) for row in rows]

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        self._advance()
        return storage.fills_since(self._account_id, since, self.options.currency)

    def positions(self) -> list[VenuePosition]:
        book = self._advance().book
        return [
            VenuePosition(symbol, held.quantity, held.average_price)
            for symbol, held in book.holdings.items()
        ]

    def cash_entries(self, since: datetime, until: datetime) -> CashPage:
        """The venue is our own, and books nothing that its fills don't tell."""
        return CashPage((), until)

    def _refuse(self, request: OrderRequest) -> None:
        """What is refused without taking the id: it could not even be stored."""
        if request.time_in_force not in TIMES:
            raise Unsupported(f"Paper takes day, gtc, ioc and fok, not {request.time_in_force}.")
        if not 0 < len(request.client_order_id) <= MAX_ID_LENGTH:
            raise OrderRejected("A client order id has 1 to 64 characters.", venue_code="BAD_ID")
        if not known_symbol(request.symbol):
            raise OrderRejected(
                f"{request.symbol[:40]!r} is not a symbol.", venue_code="SYMBOL_UNKNOWN"
            )

    def _enter(self, request: OrderRequest) -> OrderReport:
        """In a transaction that has the turn."""
        instrument = self.instrument(request.symbol)
        assert instrument is not None
        before = storage.read_state(self._account_id, self.options)
        market = self._market_for(request, before)
        after = venue.submit(before, request, market, step=instrument.quantity_step)
        currency = self.options.currency
        written = storage.write_state(self._account_id, before, after, currency)
        return written[request.client_order_id]

    def _advance(self) -> State:
        """Looks without a lock first; takes the turn only when something will change. The state
        as it is then."""
        before = storage.read_state(self._account_id, self.options)
        if not before.orders:
            return before
        self._look(before)
        if venue.advance(before, self._market(before)) == before:
            return before

        def work() -> None:
            storage.take_turn(self._account_id, self.options)
            before = storage.read_state(self._account_id, self.options)
            after = venue.advance(before, self._market(before))
            storage.write_state(self._account_id, before, after, self.options.currency)

        in_write_transaction(work)
        return storage.read_state(self._account_id, self.options)

    def _market(self, state: State, *symbols: str) -> Market:
        wanted, now = _symbols_of(state, symbols), self._now()
        if self._sourced:
            quotes = {each: self._seen[each] for each in wanted & self._seen.keys()}
            tradable = {symbol for symbol, each in quotes.items() if can_trade(each, now)}
            orders = (each for each in state.orders if each.request.symbol in tradable)
            meeting = self._there & {each.id for each in orders}
            return Market(quotes, self._rules, now, meeting)
        quotes = quotes_of(self._account_id, wanted, self.options, now)
        return Market(quotes, self._rules, now)

    def _market_for(self, request: OrderRequest, state: State) -> Market:
        """As a new order finds it. A price that nobody can have any more is none to trade at, and
        still tells what is held is worth: what may rest does."""
        market, symbol = self._market(state, request.symbol), request.symbol
        if market.meeting is None:
            return market
        quote = market.quotes.get(symbol)
        if quote is None or can_trade(quote, market.now):
            return replace(market, meeting={*market.meeting, request.client_order_id})
        if request.order_type is not OrderType.MARKET:
            return market
        return replace(market, quotes={k: v for k, v in market.quotes.items() if k != symbol})

    def _look(self, state: State | None, *symbols: str) -> None:
        """Outside of any transaction, since a venue may be asked. None: as it is stored now."""
        if self._sourced:
            state = state or storage.read_state(self._account_id, self.options)
            self._there = frozenset(each.id for each in state.orders)
            self._seen = self._asked(_symbols_of(state, symbols))

    def _asked(self, symbols: Collection[str]) -> dict[str, Quote]:
        return source_quotes(self._account_id, self.options.price_source, symbols, self._now)

    def _reports(self, client_order_ids: Sequence[str]) -> dict[str, OrderReport]:
        return storage.reports_of(self._account_id, client_order_ids, self.options.currency)


def _symbols_of(state: State, more: Collection[str]) -> set[str]:
    return {*more, *state.book.holdings, *(order.request.symbol for order in state.orders)}
