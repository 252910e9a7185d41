"""What TradeHub and a venue say to each other: requests out, reports in.

Pure frozen dataclasses; never a vendor's dict. Quantities are in units of the symbol's base,
prices and money in the account's currency (no conversion), times aware UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from brokers.errors import BrokerError
from brokers.hours import Hours
from tradehub.core.intent import Trail
from tradehub.core.money import EXACT, ONE, ZERO
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


class Pairs(StrEnum):
    """What becomes of one order of a pair (`PairBroker`) when a part of the other fills."""

    NONE = "none"
    """There are no pairs, or the account wants none."""
    END = "end"
    """It ends: what is left must be guarded anew."""
    SHRINK = "shrink"
    """It becomes as much smaller."""


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
    holds_balance: bool = False
    """What rests holds what it would sell, so a stop and a target of the same quantity can't both
    rest there as two orders."""
    pairs: Pairs = Pairs.NONE
    """Whether they can as one, for symbols that have a `pair_step`."""
    replaces: bool = False
    """It replaces an order of which nothing has filled as one request (`ReplacingBroker`). Else it
    is cancelled first, and the other is sent when the venue has told how it ended."""
    market_lots: bool = False
    """Its instruments may have a largest order at the market: it is asked before an exit leaves."""
    fills_within: int | None = None
    """Seconds: a market order fills at no price that is as old, and is refused. None: it tells no
    such bound."""

    def name_of(self, client_order_id: str, venue_order_id: str) -> str:
        """By which of its ids the venue is asked about an order, and lists it."""
        return venue_order_id if self.client_ids is ClientIds.NONE else client_order_id


@dataclass(frozen=True, slots=True)
class StopReach:
    """That stops of a side become limits when they trigger."""

    side: OrderSide
    share: Decimal
    """How far beyond its trigger one still trades, as a share of that."""
    below: Decimal | None = None
    """Only of triggers below this price."""


@dataclass(frozen=True, slots=True)
class Instrument:
    symbol: str
    quantity_step: Decimal
    price_tick: Decimal | None = None
    min_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    currency: str = "USD"
    tradable: bool = True
    """False while the venue takes no orders of it (halted, in a break)."""
    max_quantity: Decimal | None = None
    market_step: Decimal | None = None
    """Of market orders, where it is another than `quantity_step`."""
    market_max_quantity: Decimal | None = None
    max_notional: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    order_types: frozenset[OrderType] | None = None
    """Of this symbol; None: those of the account's capabilities."""
    pair_step: Decimal | None = None
    """In which steps of quantity a stop and a target may rest as a pair; None: not at all."""
    locked_as: str = ""
    """The venue's own word for it while it is not tradable."""
    guard_type: OrderType = OrderType.STOP
    """As which type the stop of a position rests there."""
    exit_min_notional: Decimal = ZERO
    """The least value of an order that only reduces; zero: as little as it likes."""
    buy_keeps: Decimal = ZERO
    """The share of a buy that the venue may keep of the symbol itself, as its fee."""
    hours: Hours | None = None
    """When it trades; None: round the clock, or the venue tells no hours."""
    stop_reach: tuple[StopReach, ...] = ()
    """The first that fits counts; a stop that none fits trades at any price."""

    def limit_of_stop(self, side: OrderSide, trigger: Decimal) -> Decimal | None:
        """Beyond which price a stop does not trade; None where it trades at any."""
        for each in self.stop_reach:
            if each.side is side and (each.below is None or trigger < each.below):
                return EXACT.multiply(trigger, ONE + side.sign * each.share)
        return None

    def most(self, kind: OrderType | None) -> Decimal | None:
        """The largest order of that type; None for no bound."""
        bounds = [self.max_quantity]
        if kind is OrderType.MARKET:
            bounds.append(self.market_max_quantity)
        return min((each for each in bounds if each is not None), default=None)


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
    venue_account_id: str = ""
    """The venue's own name of the account, the same behind every key of it; empty for none."""
    leverage: Decimal | None = None
    """At which `buying_power` counts, where an entry may ask for another; None: none may."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the account doctor's findings."""

    name: str
    ok: bool
    text: str
    what_to_do: str = ""
    hard: bool = False
    """While such a line is not ok, no entry is sent on the account; exits pass."""
    code: str = ""
    """A reason code with a help page, where there is one."""


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
    closes_all: bool = False
    """Of a stop: what it guards is all that the account has of the symbol, so it may close whatever
    is held when it triggers."""
    link: str | None = None
    """Orders of one link cancel each other as they fill, where the venue can do that. Those of
    one side and kind (limits; stops) are a ladder: they add up and spare each other."""
    extended_hours: bool = False
    leverage: Decimal | None = None
    """At which an entry asks to trade its symbol; None: at the account's."""


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
    kept: Decimal = ZERO
    """How much of the traded asset itself the venue kept as its fee: what is held moves by so much
    less."""
    fee_value: Decimal | None = None
    """The fee in the account's currency; None: `fee` is in it."""
    least: Decimal = ZERO
    """Less than this of the symbol can't be traded: what is left below it counts as nothing."""

    @property
    def moved(self) -> Decimal:
        """By how much it changes what is held, towards its side."""
        return EXACT.subtract(self.quantity, self.side.sign * self.kept)

    @property
    def cost(self) -> Decimal:
        """Its fee as money of the account."""
        return self.fee if self.fee_value is None else self.fee_value


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
    found_flat: bool = False
    """It was to reduce, and ended since nothing was left to reduce."""
    closes_all: bool = False
    """It closes whatever is held when it triggers."""


class CashKind(StrEnum):
    """What the venue booked money for."""

    REALIZED_PNL = "realized_pnl"
    FEE = "fee"
    FUNDING = "funding"
    INTEREST = "interest"
    DIVIDEND = "dividend"
    TRANSFER = "transfer"
    OTHER = "other"
    """Also what this version has no word for."""


@dataclass(frozen=True, slots=True)
class CashReport:
    """One line of the venue's own records of an account: money that was booked on it."""

    venue_entry_id: str
    """Unique in the account, and the same whenever it is told."""
    kind: CashKind
    amount: Decimal
    """Signed: above zero is the account's gain."""
    currency: str
    at: datetime
    symbol: str = ""
    venue_fill_id: str = ""
    """Of the fill that it belongs to, where the venue tells."""
    words: str = ""
    """The venue's own kind."""


@dataclass(frozen=True, slots=True)
class CashPage:
    """`reports` hold all that is told from the time that was asked for until `until`."""

    reports: tuple[CashReport, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Replacement:
    """`ended` was cancelled with nothing filled; `placed` took its place, or was refused."""

    ended: OrderReport
    placed: OrderReport | BrokerError


@dataclass(frozen=True, slots=True)
class VenuePosition:
    symbol: str
    quantity: Decimal
    """Signed: a short is below zero."""
    average_price: Decimal
    least: Decimal = ZERO
    """As of a fill: a difference below it is none."""
