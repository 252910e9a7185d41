"""The Binance fake as one thing: its books, its clock, its rate limit, its scripted faults, and a
note of every request.

Everything is done under `lock`. The methods in the middle are what a test does to the world.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.venue.faults import ANY, Fault, FaultKind, Script
from tests.venues.binance.books import Account, Books, Market, Order, Refused

Number = Decimal | str | int
STEP, TICK = "0.00001", "0.01"


@dataclass(frozen=True, slots=True)
class Note:
    """A request that arrived; `taken` says whether it had its effect."""

    operation: str
    key: str
    params: dict[str, str]
    taken: bool


def filters(**changes: dict[str, Any] | None) -> dict[str, dict[str, object]]:
    """Those of a usual pair; None takes one away."""
    usual: dict[str, dict[str, Any] | None] = {
        "PRICE_FILTER": {"minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": TICK},
        "LOT_SIZE": {"minQty": STEP, "maxQty": "9000.00", "stepSize": STEP},
        "MARKET_LOT_SIZE": {"minQty": "0.00", "maxQty": "6000.00", "stepSize": "0.00"},
        "NOTIONAL": {"minNotional": "5.00", "applyMinToMarket": True, "maxNotional": "9000000.00",
                     "applyMaxToMarket": False, "avgPriceMins": 5},
        "PERCENT_PRICE_BY_SIDE": {"bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
                                  "askMultiplierUp": "5", "askMultiplierDown": "0.2",
                                  "avgPriceMins": 5},
        "TRAILING_DELTA": {"minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
                           "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
    }  # fmt: skip
    return {name: each for name, each in (usual | changes).items() if each is not None}


@dataclass
class Venue:
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    skew: timedelta = timedelta()
    books: Books = field(default_factory=Books)
    script: Script = field(default_factory=Script)
    notes: list[Note] = field(default_factory=list)
    weight_limit: int = 6000
    retry_after: int = 30
    order_count: int = 1
    """Of unfilled ones. Told, not counted."""
    cancels: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    _used: int = 0
    _minute: datetime | None = None
    _too_many: int = 0

    def now(self) -> datetime:
        """The venue's own clock, which may be wrong; in whole milliseconds, as it tells it."""
        at = self.clock() + self.skew
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    # What a test does

    def add_market(self, base: str, quote: str, price: Number, **more: Any) -> Market:
        last = Decimal(price)
        market = Market(base, quote, last, last, last, more.pop("filters", filters()), **more)
        self.books.markets[market.symbol] = market
        return market

    def open_account(self, key: str, secret: str, **balances: Number) -> Account:
        account = Account(key, secret, uid=1000 + len(self.books.accounts))
        for asset, amount in balances.items():
            account.balance(asset).free = Decimal(amount)
        self.books.accounts[key] = account
        return account

    def set_price(
        self, symbol: str, last: Number, *, bid: Number | None = None, ask: Number | None = None
    ) -> None:
        with self.lock:
            market = self.books.markets[symbol]
            market.last = Decimal(last)
            market.bid, market.ask = Decimal(bid or last), Decimal(ask or last)
            self.books.meet(symbol, self.now())

    def by_hand(self, key: str, order: Order) -> Order:
        """An order of the owner at the venue's own site."""
        with self.lock:
            order.created_at = order.updated_at = self.now()
            self.books.place(self.books.accounts[key], order, self.now())
            return order

    def fill(self, key: str, client_id: str, quantity: Number, price: Number | None = None) -> None:
        """A part of a resting order, at its own price."""
        with self.lock:
            account = self.books.accounts[key]
            order = next(each for each in account.orders if each.client_id == client_id)
            at = Decimal(price) if price is not None else order.price or order.stop_price
            self.books.fill(account, order, Decimal(quantity), at, self.now(), maker=True)

    def fault(
        self, operation: str, kind: FaultKind | str, *, key: str = ANY, times: int = 1, **more: Any
    ) -> None:
        """`more`: the fields of `tests.venue.faults.Fault`. Besides its operations there are
        `prices`, `permissions`, `reference` and `average`."""
        fault = Fault(FaultKind(kind), **more)
        with self.lock:
            if operation in ("prices", "permissions", "reference", "average"):
                self.script.queues.setdefault((key, operation), deque()).extend([fault] * times)
            else:
                self.script.add(key, operation, fault, times)

    def asked(self, operation: str, key: str | None = None) -> list[Note]:
        return [x for x in self.notes if x.operation == operation and key in (None, x.key)]

    def posts(self, client_id: str) -> int:
        """How many requests to place this order have arrived."""
        names = ("newClientOrderId", "aboveClientOrderId", "belowClientOrderId")
        asked = self.asked("submit")
        return sum(client_id in [x.params.get(name) for name in names] for x in asked)

    # What the API asks

    def hides(self, account: Account, order: Order) -> bool:
        return self.now() - order.created_at < timedelta(seconds=account.order_lag)

    def weigh(self, weight: int) -> dict[str, str]:
        minute = self.now().replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        self._used += weight
        return {"X-MBX-USED-WEIGHT-1M": str(self._used)}

    def check_rate(self) -> None:
        """Whoever goes on after a 429 is banned."""
        if self._used <= self.weight_limit:
            self._too_many = 0
            return
        self._too_many += 1
        if self._too_many > 3:
            until = int((self.now() + timedelta(seconds=120)).timestamp() * 1000)
            text = (
                f"Way too much request weight used; IP banned until {until}. Please use WebSocket "
                "Streams for live updates to avoid bans."
            )
            raise Refused(-1003, text, status=418)
        text = (
            f"Too much request weight used; current limit is {self.weight_limit} request weight "
            "per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
        )
        raise Refused(-1003, text, status=429)
