"""The one protocol that every venue serves, paper included.

Pure. A `Broker` speaks for one authenticated account. It is synchronous, opens no transaction of
ours, never retries an order by itself and raises only `brokers.errors`. Required of every adapter:

    submit           one attempt; returns what the venue says, or raises
    order            None only when the venue is sure that it never knew the id
    reports          the truth by polling: the orders asked for, as the venue has them now
    the rest         reads; safe to repeat
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable

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
    VenuePosition,
)


class Broker(Protocol):
    def capabilities(self) -> Capabilities: ...

    def account(self) -> AccountState: ...

    def instrument(self, symbol: str) -> Instrument | None:
        """None when the venue has no such symbol."""

    def quote(self, symbol: str) -> Quote | None:
        """None when no price is known; never a made-up one."""

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Of those that have a price; one request for many symbols where the venue can."""

    def observe(self, symbol: str, price: Decimal, at: datetime) -> None:
        """A price that an alert named. Venues with prices of their own ignore it."""

    def submit(self, request: OrderRequest) -> OrderReport: ...

    def cancel(self, client_order_id: str) -> OrderReport:
        """The order as it stands after the cancel; an ended order is returned as it ended."""

    def order(self, client_order_id: str) -> OrderReport | None: ...

    def reports(self, client_order_ids: Sequence[str]) -> list[OrderReport]: ...

    def open_orders(self, symbols: Collection[str] | None = None) -> list[OrderReport]:
        """Whoever placed them. With `symbols` only those of these count, and a venue that weighs
        them less is asked for no others; it may tell others all the same."""

    def closed_orders(
        self, since: datetime, symbols: Collection[str] | None = None
    ) -> list[OrderReport]:
        """Those that ended, or changed after they had, at `since` or later; whoever placed them.
        With `open_orders` it is the second place to look for one that `order` does not know.
        `symbols` as there."""

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        """`symbols` as of `open_orders`."""

    def positions(self) -> list[VenuePosition]: ...

    def cash_entries(self, since: datetime, until: datetime) -> CashPage:
        """What the venue booked on the account, by its own records. As much as it tells at once:
        `CashPage.until` is later than `since`, and where to go on. May tell of earlier ones too.
        Nothing where the venue keeps no such records (`brokers.kinds`)."""


class ReplacingBroker(Broker, Protocol):
    """A venue whose capabilities have `replaces`."""

    def replace(self, client_order_id: str, request: OrderRequest) -> Replacement:
        """Cancel an order of which nothing has filled and place `request` in its place, in one
        attempt. Raises NotReplaced where a part had filled; any other certain error means that the
        new one was refused and the old one works on."""


@runtime_checkable
class SymbolBroker(Protocol):
    """A venue that is asked about an order by symbol and id."""

    def expect(self, client_order_id: str, symbol: str) -> None:
        """Which symbol an order is of that another process may have sent."""


class PairBroker(Broker, Protocol):
    """A venue whose capabilities have `pairs`."""

    def submit_pair(
        self, stop: OrderRequest, target: OrderRequest
    ) -> tuple[OrderReport, OrderReport]:
        """Both or neither, in one attempt, as `submit`: an error is one of both. They are of one
        quantity, and a sale by one is never made by the other. The stop's client order id is that
        of `brokers.pairs`, and each is known by its own to `order`, `reports` and `cancel`, which
        cancels both."""
