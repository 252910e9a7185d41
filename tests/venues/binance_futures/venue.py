"""The futures fake as one thing: as spot's (`tests.venues.binance.venue`), with its own books.

Everything is done under `lock`. The methods are what a test does to the world.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.venue.faults import ANY, OPERATIONS, Fault, FaultKind
from tests.venues.binance import venue as spot
from tests.venues.binance_futures import income
from tests.venues.binance_futures.books import Account, Books, Market, Order
from tests.venues.binance_futures.income import Booking

Number = Decimal | str | int
MORE_OPERATIONS = (
    "prices", "permissions", "config", "setting", "leverage", "margin", "balance", "income", "mark",
)  # fmt: skip


def filters(**changes: dict[str, Any] | None) -> dict[str, dict[str, object]]:
    """Those of a usual contract; None takes one away."""
    usual: dict[str, dict[str, Any] | None] = {
        "PRICE_FILTER": {"minPrice": "0.10", "maxPrice": "1000000.00", "tickSize": "0.10"},
        "LOT_SIZE": {"minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"},
        "MARKET_LOT_SIZE": {"minQty": "0.001", "maxQty": "6000", "stepSize": "0.001"},
        "MIN_NOTIONAL": {"notional": "5"},
        "PERCENT_PRICE": {"multiplierUp": "5", "multiplierDown": "0.2", "multiplierDecimal": "4"},
        "MAX_NUM_ORDERS": {"limit": 200},
    }
    return {name: each for name, each in (usual | changes).items() if each is not None}


@dataclass
class Venue(spot.Venue):
    books: Books = field(default_factory=Books)  # type: ignore[assignment]  # of its own kind
    weight_limit: int = 2400
    with_average: bool = False
    """Whether answers to orders have the average price, as they had until 2026-07-15."""
    booked: list[Booking] = field(default_factory=list)
    """Besides what comes of trades."""

    def add_market(self, base: str, quote: str, price: Number, **more: Any) -> Market:  # type: ignore[override]  # as above
        last = Decimal(price)
        market = Market(base, quote, last, last, last, more.pop("filters", filters()), **more)
        self.books.markets[market.symbol] = market
        return market

    def open_account(self, key: str, secret: str, **wallets: Number) -> Account:  # type: ignore[override]  # as above
        account = Account(key, secret, alias=f"alias{len(self.books.accounts)}")
        account.wallets = {asset: Decimal(amount) for asset, amount in wallets.items()}
        self.books.accounts[key] = account
        return account

    def by_hand(self, key: str, order: Order) -> Order:  # type: ignore[override]  # as above
        with self.lock:
            order.created_at = order.updated_at = self.now()
            self.books.place(self.books.accounts[key], order, self.now())
            return order

    def fill(self, key: str, client_id: str, quantity: Number, price: Number | None = None) -> None:
        with self.lock:
            account = self.books.accounts[key]
            order = next(each for each in account.orders if each.client_id == client_id)
            at = Decimal(price) if price is not None else order.price
            self.books.fill(account, order, Decimal(quantity), at, self.now(), maker=True)

    def pay_funding(self, rate: Number) -> None:
        """As every eight hours: a percent of what is held, paid by longs when it is above zero."""
        with self.lock:
            for key, account in self.books.accounts.items():
                for symbol, asset, amount in income.funding(self.books, account, Decimal(rate)):
                    self._book(key, "FUNDING_FEE", amount, asset, symbol)

    def book(self, key: str, kind: str, amount: Number, asset: str = "USDT") -> None:
        """A transfer, a rebate, or whatever else a test calls it."""
        with self.lock:
            self.books.accounts[key].wallets[asset] += Decimal(amount)
            self._book(key, kind, Decimal(amount), asset)

    def _book(self, key: str, kind: str, amount: Decimal, asset: str, symbol: str = "") -> None:
        number = 9_689_322_392 + len(self.booked)
        self.booked.append(Booking(key, kind, amount, asset, self.now(), number, symbol))

    def trigger_now(self, key: str, client_id: str) -> None:
        """What was on its way to the ordinary book arrives there."""
        with self.lock:
            account = self.books.accounts[key]
            algo = account.find_algo(name=client_id)
            assert algo is not None
            account.slow_trigger = False
            self.books.trigger(account, algo, self.now())

    def fault(
        self, operation: str, kind: FaultKind | str, *, key: str = ANY, times: int = 1, **more: Any
    ) -> None:
        fault = Fault(FaultKind(kind), **more)
        assert operation in (ANY, *OPERATIONS, *MORE_OPERATIONS)
        with self.lock:
            self.script.queues.setdefault((key, operation), deque()).extend([fault] * times)

    def posts(self, client_id: str) -> int:
        names = ("newClientOrderId", "clientAlgoId")
        found = [each.params for each in self.asked("submit")]
        return sum(client_id in [params.get(name) for name in names] for params in found)
