"""Alpaca in the contract suite: a stock at the fake. No flip in one order, and no linked orders."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from brokers.base import Broker
from tests.venues.alpaca.fixtures import KEY, Alpaca, opened_alpaca
from tests.venues.contract.desk import Can

KIND = "alpaca"
CAN = frozenset(
    {
        Can.FAULTS,
        Can.BY_HAND,
        Can.PARTIAL,
        Can.LAG,
        Can.TRAILS,
        Can.NO_SHORTS,
        Can.FORGETS,
        Can.LISTS,
    }
)


class AlpacaDesk:
    symbol = "AAPL"

    def __init__(self, alpaca: Alpaca) -> None:
        self._alpaca = alpaca
        self._venue = alpaca.venue
        self.broker = self.reopen()

    def reopen(self) -> Broker:
        return self._alpaca.broker()

    def set_price(self, price: str) -> None:
        self._venue.set_price(self.symbol, price)

    def fault(self, operation: str, kind: str, *, times: int = 1, **more: Any) -> None:
        if kind == "refuse_connection":
            self._alpaca.server.close_door()
        else:
            self._venue.fault(operation, kind, times=times, **more)

    def posts(self, client_order_id: str) -> int:
        return len(self._venue.posts(client_order_id))

    def by_hand_order(self, side: str, quantity: str, *, limit_price: str | None = None) -> None:
        kind = {"type": "market"} if limit_price is None else {
            "type": "limit", "limit_price": limit_price}  # fmt: skip
        body = {"symbol": self.symbol, "side": side, "qty": quantity, "time_in_force": "day"}
        self._venue.by_hand(KEY, **body, **kind)

    def fill(self, client_order_id: str, quantity: str) -> None:
        self._venue.fill(KEY, client_order_id, quantity)

    def lag(self, seconds: float) -> None:
        self._venue.change(KEY, order_lag=seconds)


@contextmanager
def open_desk(request: pytest.FixtureRequest) -> Iterator[AlpacaDesk]:
    with opened_alpaca() as alpaca:
        yield AlpacaDesk(alpaca)
