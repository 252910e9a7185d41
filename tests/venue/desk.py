"""The scripted venue in the contract suite: what chaos and the cases of the catalogue trust."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from brokers.base import Broker
from tests.venue.fixtures import KEY, ScriptedVenue
from tests.venues.contract.desk import Can

KIND = "scripted"
CAN = frozenset(
    {
        Can.FAULTS,
        Can.BY_HAND,
        Can.PARTIAL,
        Can.LAG,
        Can.REDUCE_ONLY,
        Can.SHORTS,
        Can.LINKS,
        Can.TRAILS,
        Can.FORGETS,
    }
)


class ScriptedDesk:
    symbol = "AAPL"

    def __init__(self, there: ScriptedVenue) -> None:
        self._there = there
        self.broker = self.reopen()
        self.set_price("100")

    def reopen(self) -> Broker:
        return self._there.broker()

    def set_price(self, price: str) -> None:
        self._there.control.set_quote(self.symbol, price)

    def fault(self, operation: str, kind: str, *, times: int = 1, **more: Any) -> None:
        if kind == "refuse_connection":
            assert self._there.server is not None
            self._there.server.close_door()
            return
        self._there.control.fault(operation, kind, account=KEY, times=times, **more)

    def posts(self, client_order_id: str) -> int:
        """From its book itself: nobody answers questions once its door is closed."""
        assert self._there.server is not None
        asked = self._there.server.venue.ledger.entries()
        return [each["client_order_id"] for each in asked if each["operation"] == "submit"].count(
            client_order_id
        )

    def by_hand_order(self, side: str, quantity: str, *, limit_price: str | None = None) -> None:
        order = {"symbol": self.symbol, "side": side, "quantity": quantity, "type": "market"}
        if limit_price is not None:
            order |= {"type": "limit", "limit_price": limit_price}
        self._there.control.place_by_hand(KEY, **order)

    def fill(self, client_order_id: str, quantity: str) -> None:
        order = self._there.control.books(KEY).order(client_order_id)
        self._there.control.fill(KEY, order["id"], quantity)

    def lag(self, seconds: float) -> None:
        self._there.control.set_rules(KEY, order_lag=seconds)


@contextmanager
def open_desk(request: pytest.FixtureRequest) -> Iterator[ScriptedDesk]:
    there: ScriptedVenue = request.getfixturevalue("scripted_venue")
    there.open(cash="20000")
    yield ScriptedDesk(there)
