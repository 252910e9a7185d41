"""AlpacaBroker: stocks and crypto at Alpaca, behind the protocol of every venue.

One request places an order, and nothing sends it again. A client order id is taken for ever: a
second order with it is refused, and then the first is answered for. Alpaca takes an order before it
fills it, so an order that should fill at once is looked at for some tenths of a second. What is
allowed is judged by `assets` before anything is sent; an exit is bent where it can be.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from brokers.alpaca import parsing
from brokers.alpaca.assets import Asset, instrument_of, refusal
from brokers.alpaca.cash import cash_page
from brokers.alpaca.client import Client
from brokers.alpaca.connection import Connection, connections
from brokers.alpaca.errors import AlreadyThere, NotFound, is_too_much, unreadable
from brokers.alpaca.ordering import order_body
from brokers.alpaca.pairs import PARENT, pair_body, refusal_of_pair
from brokers.alpaca.reading import LISTED_BEFORE, Json, Reader
from brokers.budget import prioritised
from brokers.credentials import open_key
from brokers.errors import (
    BadCredentials,
    BrokerError,
    NotSent,
    OrderRejected,
    RateLimited,
    Unsupported,
)
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
    VenuePosition,
)
from tradehub.core.money import ONE, ZERO, round_down
from tradehub.core.words import Environment, OrderType, TimeInForce

LIVE_URL = "https://api.alpaca.markets"
TEST_URL = "https://paper-api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"

SETTLE_SECONDS = 30
LOOKS_AT_A_FILL = (0.0, 0.1, 0.3)
LOOKS_AT_A_CANCEL = (0.0, 0.1, 0.2, 0.4, 0.8)
"""Pauses before each look, in seconds."""
SYMBOLS_AT_ONCE = 100
CRYPTO_FEE_PERCENT = Decimal("0.25")
"""What a taker pays who trades less than 100,000 USD in 30 days. Alpaca tells no fee of a fill."""
_QUEUED = ("accepted", "accepted_for_bidding", "held")
"""Taken and not at the market: it will not fill within moments."""
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


def open_alpaca(account: BrokerAccount, now: Callable[[], datetime]) -> "AlpacaBroker":
    """Named by the setting BROKER_ADAPTERS. Makes no request."""
    trading, data = addresses(account.environment)
    seal = f"{trading} {data} {account.sealed_credentials}"

    def make() -> Client:
        key, secret = open_key(account, "Alpaca")
        return Client(api_key=key, api_secret=secret, trading_url=trading, data_url=data)

    connection = connections.take(account.pk, seal, make)
    connection.client.owner.expect(account)
    return AlpacaBroker(connection, now, account.options)


def addresses(environment: str) -> tuple[str, str]:
    """Of trading and of prices: the operator's, else Alpaca's own for the environment."""
    own = LIVE_URL if environment == Environment.LIVE else TEST_URL
    return (
        settings.VENUE_URLS["ALPACA_TRADING_URL"] or own,
        settings.VENUE_URLS["ALPACA_DATA_URL"] or DATA_URL,
    )


@prioritised
class AlpacaBroker:
    def __init__(
        self, connection: Connection, now: Callable[[], datetime], options: Mapping[str, Any]
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self._now = now
        self._fractional = bool(options.get("fractional", False))
        self._feed = str(options.get("feed", "iex"))
        self._pairs = Pairs.NONE if options.get("targets") == "watch" else Pairs.SHRINK
        self._reader = Reader(connection, now, CRYPTO_FEE_PERCENT)

    def __repr__(self) -> str:
        return f"AlpacaBroker({self._client!r})"

    def capabilities(self) -> Capabilities:
        """Never asks: shorts are thought to be allowed until the account has been read."""
        return Capabilities(
            order_types=frozenset(OrderType),
            times_in_force=frozenset(TimeInForce),
            shorts=self._connection.shorting,
            linked_orders=False,
            client_ids=ClientIds.UNIQUE_FOREVER,
            settle_seconds=SETTLE_SECONDS,
            holds_balance=True,
            pairs=self._pairs,
            extended_hours=True,
        )

    def doubt(self) -> None:
        """What is remembered of assets may have changed."""
        self._connection.forget_assets()

    def account(self) -> AccountState:
        raw = self._client.get("/account")
        self._connection.shorting = self._reader.read(parsing.standing, raw).shorting
        return self._reader.read(lambda found: parsing.account_state(found, self._now()), raw)

    def standing(self) -> parsing.Standing:
        """For the account doctor."""
        return self._reader.read(parsing.standing, self._client.get("/account"))

    def asset_of(self, symbol: str) -> Asset | None:
        """For the account doctor; asked of Alpaca only where it is not remembered."""
        return self._asset(symbol)

    def clock(self) -> tuple[parsing.MarketClock, timedelta]:
        """Of US stocks; and how far Alpaca's time is ahead of ours, half a journey taken off."""
        left = self._now()
        found, _ = self._connection.read_clock(self._now)
        return found, found.at - left - (self._now() - left) / 2

    def instrument(self, symbol: str) -> Instrument | None:
        asset = self._asset(symbol)
        if asset is None:
            return None
        last = None
        if not asset.crypto:
            last = self._connection.prices.get(symbol) or self._last_of(symbol)
        found = instrument_of(asset, fractional=self._fractional, last=last)
        if asset.crypto:
            return found
        return replace(found, pair_step=ONE, hours=self._connection.hours(self._now))

    def quote(self, symbol: str) -> Quote | None:
        return self.quotes([symbol]).get(symbol)

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """One request for all stocks, one for all coins."""
        assets = [each for each in map(self._asset, dict.fromkeys(symbols)) if each is not None]
        found: dict[str, Quote] = {}
        for crypto in (False, True):
            names = [each.name for each in assets if each.crypto is crypto]
            for start in range(0, len(names), SYMBOLS_AT_ONCE):
                found |= self._snapshots(names[start : start + SYMBOLS_AT_ONCE], crypto)
        for symbol, quote in found.items():
            self._connection.prices.put(symbol, quote.last)
        return found

    def observe(self, symbol: str, price: Decimal, at: datetime) -> None:
        """Alpaca has prices of its own."""

    def submit(self, request: OrderRequest) -> OrderReport:
        asset = self._asset_to_trade(request.symbol)
        why = refusal(asset, request, shorting=self._connection.shorting)
        if why is not None:
            raise Unsupported(why)
        try:
            raw = self._post(asset, request)
        except AlreadyThere as error:
            return self._earlier(request.client_order_id, error)
        except OrderRejected:
            self._connection.forget_asset(request.symbol)
            raise
        report = self._taken(raw, request.client_order_id)
        return self._looked_at(request, raw, report)

    def submit_pair(
        self, stop: OrderRequest, target: OrderRequest
    ) -> tuple[OrderReport, OrderReport]:
        asset = self._asset_to_trade(target.symbol)
        why = refusal_of_pair(asset, stop, target)
        if why is not None:
            raise Unsupported(why)
        try:
            raw = self._client.post("/orders", pair_body(asset, stop, target))
        except AlreadyThere as error:
            stop_id, target_id = stop.client_order_id, target.client_order_id
            return self._earlier(stop_id, error), self._earlier(target_id, error)
        except OrderRejected:
            self._connection.forget_asset(target.symbol)
            raise
        report = self._taken(raw, target.client_order_id)
        return self._leg_told(stop, raw, report), report

    def cancel(self, client_order_id: str) -> OrderReport:
        raw = self._reader.order(client_order_id)
        if raw is None:
            text = f"Alpaca has no order {client_order_id}."
            raise OrderRejected(text, venue_code="UNKNOWN_ORDER")
        if parsing.has_ended(raw):
            return self._reader.report(raw)
        try:
            self._client.delete(f"/orders/{raw.get(PARENT) or raw['id']}")
        except (OrderRejected, NotFound):
            # It has ended meanwhile, or can't be cancelled now: it is as it stands.
            return self._reader.report(self._reader.order_of(raw["id"]))
        return self._reader.report(self._ended(raw["id"]))

    def order(self, client_order_id: str) -> OrderReport | None:
        raw = self._reader.order(client_order_id)
        return None if raw is None else self._reader.report(raw)

    def reports(self, client_order_ids: Sequence[str]) -> list[OrderReport]:
        """Those that work in one list; only what is not in it is asked for alone."""
        working: dict[str, Json] = {}
        if len(client_order_ids) > 1:
            working = {each["client_order_id"]: each for each in self._reader.orders("open")}
        raws = (working.get(each) or self._reader.order(each) for each in client_order_ids)
        return self._reader.told(each for each in raws if each is not None)

    def open_orders(self, symbols: Collection[str] | None = None) -> list[OrderReport]:
        return self._reader.told(self._reader.orders("open"))

    def closed_orders(
        self, since: datetime, symbols: Collection[str] | None = None
    ) -> list[OrderReport]:
        placed_since = since - LISTED_BEFORE
        raws = self._reader.orders("closed", after=placed_since)
        ended = [
            each
            for each in raws
            if parsing.has_ended(each) and self._reader.read(parsing.changed_at, each) >= since
        ]
        if len(ended) > 1:
            self._reader.fills_known_since(placed_since)
        return self._reader.told(ended)

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        return self._reader.fills(since)

    def cash_entries(self, since: datetime, until: datetime) -> CashPage:
        return cash_page(self._client, since, until)

    def positions(self) -> list[VenuePosition]:
        return self._reader.positions()

    def _asset(self, symbol: str) -> Asset | None:
        return self._connection.asset(symbol, self._now())

    def _asset_to_trade(self, symbol: str) -> Asset:
        """Whatever kept us from reading it, no order has left."""
        try:
            asset = self._asset(symbol)
        except (BadCredentials, RateLimited):
            raise
        except BrokerError as error:
            raise NotSent(f"{symbol} can't be looked up: {error.text}") from error
        if asset is None:
            text = f"Alpaca has no stock or coin {symbol[:40]!r}."
            raise OrderRejected(text, venue_code="SYMBOL_UNKNOWN")
        return asset

    def _post(self, asset: Asset, request: OrderRequest) -> Any:
        """An exit leaves whole, for a position is told some seconds late and Alpaca itself refuses
        what would open the other side. Only one that was refused as too much is cut, and sent once
        more: of coins, a part may have been kept as the fee."""
        quantity = request.quantity
        if request.reduce_only and asset.quantity_step is not None:
            quantity = round_down(quantity, asset.quantity_step) or quantity
        try:
            return self._client.post("/orders", order_body(asset, request, quantity))
        except OrderRejected as error:
            less = self._less(asset, request) if is_too_much(error) else ZERO
            if not ZERO < less < quantity:
                raise
        return self._client.post("/orders", order_body(asset, request, less))

    def _less(self, asset: Asset, request: OrderRequest) -> Decimal:
        """What is there to close; zero where nothing is told, and for a stop of shares, that must
        not guard less than it says."""
        resting = request.order_type not in (OrderType.MARKET, OrderType.LIMIT)
        if not request.reduce_only or (resting and not asset.crypto):
            return ZERO
        try:
            held = self._reader.held(asset.symbol)
        except BrokerError:
            return ZERO
        there = max(ZERO, -request.side.sign * (held or ZERO))
        return there if asset.quantity_step is None else round_down(there, asset.quantity_step)

    def _taken(self, raw: Any, client_order_id: str) -> OrderReport:
        report = self._reader.read(parsing.order_report, raw)
        if report.client_order_id != client_order_id:
            raise unreadable()
        self._connection.client_ids.put(report.venue_order_id, report.client_order_id)
        return report

    def _earlier(self, client_order_id: str, error: AlreadyThere) -> OrderReport:
        """The order that holds the id: ours, from an attempt whose answer was lost."""
        try:
            found = self.order(client_order_id)
        except BrokerError:
            found = None
        if found is None:
            raise error
        return found

    def _leg_told(self, stop: OrderRequest, raw: Json, target: OrderReport) -> OrderReport:
        """The pair is taken, so the stop is; what can't be read of it now is told later."""
        try:
            leg = self._reader.leg_of(raw)
        except BrokerError:
            leg = None
        if leg is not None:
            return self._reader.report(leg)
        return replace(
            target,
            client_order_id=stop.client_order_id,
            venue_order_id="",
            order_type=stop.order_type,
            limit_price=None,
            stop_price=stop.stop_price,
        )

    def _looked_at(self, request: OrderRequest, raw: Json, report: OrderReport) -> OrderReport:
        """The order is taken; what can't be read now is told later."""
        at_once = request.order_type is OrderType.MARKET or request.time_in_force in _AT_ONCE
        try:
            for pause in LOOKS_AT_A_FILL if at_once else ():
                if parsing.has_ended(raw) or (pause and raw["status"] in _QUEUED):
                    break
                time.sleep(pause)
                raw = self._reader.order_of(report.venue_order_id)
            return self._reader.report(raw)
        except BrokerError:
            return report

    def _ended(self, venue_order_id: str) -> Json:
        """A cancel is only a request: the order as it is soon after."""
        raw: Json = {}
        for pause in LOOKS_AT_A_CANCEL:
            time.sleep(pause)
            raw = self._reader.order_of(venue_order_id)
            if parsing.has_ended(raw):
                break
        return raw

    def _last_of(self, symbol: str) -> Decimal | None:
        """For a tick; without it a stock is thought to cost a dollar or more."""
        try:
            quote = self.quote(symbol)
        except BrokerError:
            return None
        return None if quote is None else quote.last

    def _snapshots(self, names: Iterable[str], crypto: bool) -> dict[str, Quote]:
        wanted = ",".join(names)
        if crypto:
            found = self._client.prices("/crypto/us/snapshots", version="v1beta3", symbols=wanted)
            found = self._reader.read(lambda raw: raw["snapshots"], found)
        else:
            query = {"symbols": wanted, "feed": self._feed}
            found = self._client.prices("/stocks/snapshots", version="v2", **query)
        read = self._reader.read(
            lambda raw: [parsing.quote(name, each) for name, each in raw.items()], found
        )
        return {each.symbol: each for each in read if each is not None}
