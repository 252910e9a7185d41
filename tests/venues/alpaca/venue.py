"""The fake Alpaca as one thing: accounts, assets, prices, clock, scripts, and what it was asked.

Tests speak to it directly, adapters only over the socket (`server`). One lock: a request sees and
changes all at once.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from tests.venue.faults import ANY, Fault, FaultKind, Script
from tests.venues.alpaca import rules
from tests.venues.alpaca.books import Account, Activity, Asset, Order, Price
from tests.venues.alpaca.matching import advance

Number = Decimal | str | int
STOCKS = ("AAPL", "MSFT", "TSLA", "BRK.B")


def coins() -> list[Asset]:
    words: dict[str, Any] = {"crypto": True, "shortable": False, "borrow_status": None}
    return [
        Asset("BTC/USD", min_order_size="0.0001", min_trade_increment="0.0001",
              price_increment="1", **words),
        Asset("ETH/USD", min_order_size="0.001", min_trade_increment="0.000000001",
              price_increment="0.1", **words),
        Asset("BTC/USDT", min_order_size="0.0001", min_trade_increment="0.0001",
              price_increment="1", **words),
    ]  # fmt: skip


@dataclass(slots=True)
class Asked:
    """A request that arrived; `taken`: it had its effect."""

    method: str
    path: str
    operation: str
    key: str
    body: Any = None
    fault: str = ""
    taken: bool | None = None
    status: int = 0


@dataclass
class Venue:
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    skew: timedelta = timedelta(0)
    is_open: bool = True
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    """When the market for stocks will next; None: when a test says so."""
    most: int = 10_000
    remaining: int = 10_000
    """Of the minute's requests; it ends in 30 s. Told, not counted."""
    accounts: dict[str, Account] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    script: Script = field(default_factory=Script)
    asked: list[Asked] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        for each in [*map(Asset, STOCKS), *coins()]:
            self.assets[each.flat] = each

    def now(self) -> datetime:
        return self.clock() + self.skew

    # What a test tells it

    def open_account(self, key: str, secret: str, **values: Any) -> Account:
        """`values`: the fields of `Account`."""
        account = Account(key, secret)
        self.accounts[key] = account
        self.change(key, **values)
        return account

    def change(self, key: str, **values: Any) -> None:
        with self.lock:
            for name, value in values.items():
                kind = type(getattr(self.accounts[key], name))
                setattr(self.accounts[key], name, kind(value) if kind is Decimal else value)

    def set_price(
        self, symbol: str, last: Number, *, bid: Number | None = None, ask: Number | None = None,
        age: float | None = None,
    ) -> None:  # fmt: skip
        """Resting orders meet it at once."""
        with self.lock:
            at = None if age is None else self.now() - timedelta(seconds=age)
            values = (last if bid is None else bid, last if ask is None else ask, last)
            bids, asks, lasts = (Decimal(str(each)) for each in values)
            self.prices[symbol] = Price(bids, asks, lasts, at)
            self.advance()

    def advance(self) -> None:
        with self.lock:
            self._keep_hours()
            for account in self.accounts.values():
                advance(account, self.prices, self.now(), is_open=self.is_open)

    def _keep_hours(self) -> None:
        """Whatever has come first: the open, the close, or both."""
        while True:
            turns_at = self.closes_at if self.is_open else self.opens_at
            if turns_at is None or self.now() < turns_at:
                return
            if self.is_open:
                self.closes_at = None
                self.end_day()
            else:
                self.is_open, self.opens_at = True, None

    def open_market(self, *, is_open: bool) -> None:
        self.is_open = is_open
        self.advance()

    def end_day(self) -> None:
        """The close: orders in stocks for the day expire."""
        with self.lock:
            self.is_open = False
            for account in self.accounts.values():
                for each in account.orders.values():
                    if each.working and each.time_in_force == "day":
                        each.end("expired", self.now())

    def end(self, key: str, client_order_id: str, status: str) -> None:
        with self.lock:
            self._found(key, client_order_id).end(status, self.now())

    def fill(
        self, key: str, client_order_id: str, qty: Number, price: Number | None = None
    ) -> None:
        """Also late, after a cancel."""
        with self.lock:
            order = self._found(key, client_order_id)
            at = price or order.limit_price or self.prices[order.asset.flat].last
            was = order.status
            self.accounts[key].fill(order, Decimal(str(qty)), Decimal(str(at)), self.now())
            if was not in ("new", "partially_filled", "accepted"):
                order.status = was

    def by_hand(self, key: str, **body: Any) -> Order:
        """Placed at Alpaca's own site: with an id of Alpaca's making."""
        with self.lock:
            return self.submit(self.accounts[key], body)

    def book(self, key: str, kind: str, amount: Number = "0", *, day: str = "", **more: str) -> str:
        """What is no trade: a dividend, a fee, a transfer. Its id."""
        with self.lock:
            account, at = self.accounts[key], self.now()
            number = len(account.activities) + 1
            name = f"{at:%Y%m%d%H%M%S}{number % 1000:03}::{uuid4()}"
            words = {"activity_type": kind, "net_amount": str(amount), "status": "executed"}
            day = day or f"{at:%Y-%m-%d}"
            account.activities.append(Activity(name, day, words | more))
            return name

    def fault(self, operation: str, kind: FaultKind | str, *, times: int = 1, **more: Any) -> None:
        fault = Fault(FaultKind(kind), **more)
        self.script.add(ANY, operation, fault, times)

    # What a test asks it

    def posts(self, client_order_id: str | None = None) -> list[Asked]:
        return [
            each
            for each in self.asked
            if each.operation == "submit"
            and client_order_id in (None, (each.body or {}).get("client_order_id"))
        ]

    def positions(self, key: str) -> dict[str, Decimal]:
        return {name: each.qty for name, each in self.accounts[key].positions.items()}

    # What a request does

    def submit(self, account: Account, body: dict[str, Any]) -> Order:
        """Raises Refused."""
        given = account, body, self.assets, self.prices, self.now()
        if body.get("order_class") == "oco":
            order, leg = rules.read_oco(*given)
            placed = [order, leg]
        else:
            order = rules.read_order(*given)
            placed = [order]
        account.orders |= {each.id: each for each in placed}
        advance(account, self.prices, self.now(), is_open=self.is_open)
        return order

    def replace_leg(self, account: Account, leg: Order) -> Order:
        """Another one, with another id, takes its place."""
        with self.lock:
            fresh = replace(
                leg,
                id=str(uuid4()),
                client_order_id=str(uuid4()),
                replaces=leg.id,
                created_at=self.now(),
            )
            account.orders[fresh.id] = fresh
            leg.end("replaced", self.now())
            leg.replaced_by = fresh.id
            assert leg.other is not None
            leg.other.other = fresh
            return fresh

    def cancel(self, account: Account, order: Order) -> None:
        if order.status == "pending_cancel":
            return  # asked before, which makes it no later
        both = [order, *([order.other] if order.other and order.other.working else [])]
        for each in both:
            if account.cancel_seconds:
                each.status = "pending_cancel"
                each.cancels_at = self.now() + timedelta(seconds=account.cancel_seconds)
            else:
                each.end("canceled", self.now())

    def _found(self, key: str, client_order_id: str) -> Order:
        order = self.accounts[key].by_client_id(client_order_id)
        assert order is not None, client_order_id
        return order
