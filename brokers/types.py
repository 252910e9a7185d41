"""What TradeHub and a venue say to each other: requests out, reports in.

Pure frozen dataclasses; never a vendor's dict. Quantities are in units of the symbol's base,
prices and money in the account's currency (no conversion), times aware UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from tradehub.core.intent import Trail
from tradehub.core.money import ZERO
from tradehub.core.words import OrderSide, OrderType, TimeInForce


class ClientIds(StrEnum):
    """What a venue makes of the client order ids that we send."""

    UNIQUE_FOREVER = "unique_forever"
    """A second order with the id is refused, so sending again can't double one."""
    UNIQUE_WHILE_OPEN = "unique_while_open"
    """The id is free again when its order has ended: sending again may double a filled one."""
    NONE = "none"
    """Ignored and not reported back. `cancel`, `order` and `reports` take the venue's own order
    id there; and "not found" by a client id proves nothing, so nothing is ever sent again."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue can do for one account: data that is checked before anything is sent."""

    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    shorts: bool
    linked_orders: bool
    """Orders that share `OrderRequest.link` shrink together at the venue (one cancels other)."""
    client_ids: ClientIds = ClientIds.UNIQUE_FOREVER
    settle_seconds: int = 5
    """How long a venue may deny an order that it has accepted; then "not found" is proof."""
    extended_hours: bool = False

    def name_of(self, client_order_id: str, venue_order_id: str) -> str:
        """By which of its ids the venue is asked about an order, and lists it."""
        return venue_order_id if self.client_ids is ClientIds.NONE else client_order_id


@dataclass(frozen=True, slots=True)
class Instrument:
    symbol: str
    quantity_step: Decimal
    price_tick: Decimal | None = None
    min_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Quote:
    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: datetime
    source: str
    """Where it comes from: signal, synthetic, binance, alpaca."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """What the venue says of the account as a whole."""

    equity: Decimal
    cash: Decimal
    buying_power: Decimal
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderRequest:
    client_order_id: str
    symbol: str
    side: OrderSide
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Trail | None = None
    reduce_only: bool = False
    link: str | None = None
    """Orders of one link cancel each other as they fill, where the venue can do that. Those of
    one side and kind (limits; stops) are a ladder: they add up and spare each other."""
    extended_hours: bool = False


class ReportStatus(StrEnum):
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class FillReport:
    venue_fill_id: str
    client_order_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    at: datetime
    venue_order_id: str = ""
    """Where the venue names it: all that tells whose fill it is without client order ids."""


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the venue says of one order now, with every fill it knows of."""

    client_order_id: str
    venue_order_id: str
    symbol: str
    side: OrderSide
    status: ReportStatus
    quantity: Decimal
    filled_quantity: Decimal
    at: datetime
    fills: tuple[FillReport, ...] = ()
    code: str | None = None
    """The venue's own code and text, for a rejection or an early end."""
    text: str | None = None
    order_type: OrderType | None = None
    """This and what follows: for orders that are not ours. None where the venue doesn't say."""
    time_in_force: TimeInForce | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenuePosition:
    symbol: str
    quantity: Decimal
    """Signed: a short is below zero."""
    average_price: Decimal
