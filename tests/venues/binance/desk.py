"""Binance spot in the contract suite: the real adapter and SDK, over sockets, at the fake."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from brokers.base import Broker
from brokers.binance.seats import close_seats
from brokers.models import BrokerAccount
from tests.venues.binance.books import Order
from tests.venues.binance.fixtures import KEY, SpotVenue, make_account, make_broker
from tests.venues.contract.desk import Can

KIND = "binance_spot"
CAN = frozenset(
    {
        Can.FAULTS,
        Can.TRAILS,
        Can.BY_HAND,
        Can.PARTIAL,
        Can.LAG,
        Can.NO_SHORTS,
        Can.FORGETS,
        Can.LISTS,
    }
)


class BinanceDesk:
    """Of spot; that of futures has other orders and another adapter."""

    symbol = "BTCUSDT"

    def __init__(
        self,
        there: Any,
        account: BrokerAccount,
        connect: Callable[[BrokerAccount], Broker] = make_broker,
        order: Callable[..., Any] = Order,
    ) -> None:
        self._there = there
        self._account = account
        self._connect = connect
        self._order = order
        self.broker = self.reopen()

    def reopen(self) -> Broker:
        close_seats()
        return self._connect(self._account)

    def set_price(self, price: str) -> None:
        self._there.venue.set_price(self.symbol, price)

    def fault(self, operation: str, kind: str, *, times: int = 1, **more: Any) -> None:
        if kind == "refuse_connection":
            self.broker.account()  # what is needed for an order is known, and a connection kept
            self._there.server.close_door()
            return
        self._there.venue.fault(operation, kind, key=KEY, times=times, **more)

    def posts(self, client_order_id: str) -> int:
        return self._there.venue.posts(client_order_id)

    def by_hand_order(self, side: str, quantity: str, *, limit_price: str | None = None) -> None:
        now = self._there.venue.now()
        kind = "MARKET" if limit_price is None else "LIMIT"
        name = f"web_{len(self._there.venue.books.accounts[KEY].orders)}"
        order = self._order(
            0, name, self.symbol, side.upper(), kind, "GTC", Decimal(quantity), now, now,
            price=Decimal(limit_price or 0),
        )  # fmt: skip
        self._there.venue.by_hand(KEY, order)

    def fill(self, client_order_id: str, quantity: str) -> None:
        self._there.venue.fill(KEY, client_order_id, quantity)

    def lag(self, seconds: float) -> None:
        self._there.venue.books.accounts[KEY].order_lag = seconds


@contextmanager
def open_desk(request: pytest.FixtureRequest) -> Iterator[BinanceDesk]:
    there: SpotVenue = request.getfixturevalue("spot_venue")
    there.open()
    yield BinanceDesk(there, make_account(request.getfixturevalue("alice")))
