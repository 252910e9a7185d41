"""The books of the fake Alpaca: accounts, orders, fills, positions, assets, prices. Pure state.

Time comes in. What an order must fulfil is in `rules`, when it trades in `matching`, how it is
shown in `shapes`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

ZERO = Decimal(0)
WORKING = ("pending_new", "accepted", "new", "held", "partially_filled", "pending_cancel")


class Refused(Exception):
    """As Alpaca says it."""

    def __init__(self, status: int, code: int | None, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, **({} if code is None else {"code": code}), **more}


@dataclass(frozen=True, slots=True)
class Price:
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: datetime | None = None
    """None: always fresh."""


@dataclass(slots=True)
class Asset:
    symbol: str
    crypto: bool = False
    status: str = "active"
    tradable: bool = True
    fractionable: bool = True
    shortable: bool = True
    borrow_status: str | None = "easy_to_borrow"
    min_order_size: str | None = None
    min_trade_increment: str | None = None
    price_increment: str | None = None
    id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def flat(self) -> str:
        """Without its slash: as positions name it."""
        return self.symbol.replace("/", "")


@dataclass(slots=True)
class Order:
    client_order_id: str
    asset: Asset
    qty: Decimal
    side: str
    type: str
    time_in_force: str
    created_at: datetime
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_percent: Decimal | None = None
    trail_price: Decimal | None = None
    extended_hours: bool = False
    position_intent: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "new"
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    hwm: Decimal | None = None
    triggered: bool = False
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    cancels_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    order_class: str = ""
    other: "Order | None" = field(default=None, repr=False)
    """Of an `oco`."""
    is_leg: bool = False

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1

    @property
    def remaining(self) -> Decimal:
        return self.qty - self.filled

    @property
    def working(self) -> bool:
        return self.status in WORKING

    def end(self, status: str, now: datetime) -> None:
        self.status, self.ended_at, self.updated_at = status, now, now


@dataclass(frozen=True, slots=True)
class Fill:
    id: str
    order: Order
    qty: Decimal
    price: Decimal
    cum_qty: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    """One that is no trade, as it is told."""

    id: str
    day: str
    words: dict[str, str]


@dataclass(slots=True)
class Position:
    asset: Asset
    qty: Decimal
    average: Decimal


@dataclass(slots=True)
class Account:
    """Lags are seconds during which something stays unseen."""

    key: str
    secret: str
    cash: Decimal = Decimal(50_000)
    multiplier: Decimal = Decimal(1)
    status: str = "ACTIVE"
    crypto_status: str = "ACTIVE"
    shorting_enabled: bool = True
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False
    maintenance_margin: Decimal = ZERO
    order_lag: float = 0
    fill_lag: float = 0
    position_lag: float = 0
    cancel_seconds: float = 0
    crypto_fee_percent: Decimal = Decimal("0.25")
    fills_by_hand: bool = False
    tells_legs: bool = True
    """In the answer to a new order of two legs."""
    id: str = field(default_factory=lambda: str(uuid4()))
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)
    moved: dict[str, datetime] = field(default_factory=dict)

    def held(self, asset: Asset) -> Decimal:
        found = self.positions.get(asset.flat)
        return found.qty if found else ZERO

    def held_for_orders(self, asset: Asset, side: str) -> Decimal:
        """Of the position, by what works on the side that closes it."""
        working = [each for each in self.open_of(asset) if each.side == side]
        held = (each.remaining for each in working if not (each.is_leg and each.other in working))
        return sum(held, ZERO)

    def open_of(self, asset: Asset) -> list[Order]:
        return [each for each in self.orders.values() if each.working and each.asset is asset]

    def by_client_id(self, client_order_id: str) -> Order | None:
        found = (each for each in self.orders.values() if each.client_order_id == client_order_id)
        return next(found, None)

    def fill(self, order: Order, qty: Decimal, price: Decimal, now: datetime) -> None:
        order.filled += qty
        order.paid += qty * price
        order.updated_at = now
        number = len(self.fills) + 1
        name = f"{now:%Y%m%d%H%M%S}{number % 1000:03}::{uuid4()}"
        self.fills.append(Fill(name, order, qty, price, order.filled, now))
        if order.other is not None and order.other.working:
            if order.remaining <= 0:
                order.other.end("canceled", now)
            else:
                order.other.qty -= qty
        if order.remaining <= 0:
            order.end("filled", now)
        elif order.working:
            order.status = "partially_filled"
        self._move(order, qty, price, now)

    def _move(self, order: Order, qty: Decimal, price: Decimal, now: datetime) -> None:
        received = qty
        self.cash -= order.sign * qty * price
        if order.asset.crypto:
            # The fee is kept of what is received: coins of a buy, money of a sale.
            fee = self.crypto_fee_percent / 100
            received = qty - qty * fee if order.side == "buy" else qty
            self.cash -= ZERO if order.side == "buy" else qty * price * fee
        self.move(order.asset, order.sign * received, price, now)

    def move(self, asset: Asset, change: Decimal, price: Decimal, now: datetime) -> None:
        before = self.positions.get(asset.flat) or Position(asset, ZERO, price)
        after = before.qty + change
        if before.qty * change >= 0:
            cost = before.qty * before.average + change * price
            before.average = cost / after if after else price
        before.qty = after
        self.positions[asset.flat] = before
        self.moved[asset.flat] = now
        if not after:
            del self.positions[asset.flat]
