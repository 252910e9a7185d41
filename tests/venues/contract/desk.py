"""What a case of the contract suite works with: one account at one venue, and a hand that moves the
market and breaks the wire.

A venue joins by a module with `KIND`, `CAN` (which cases it takes part in) and
`open_desk(request)`, a context manager of a `VenueDesk`; its name is added to `MODULES` of
`conftest`. `request` is pytest's own, for fixtures such as `alice` or `tmp_path`.

The market of `symbol` starts at 100, bid and ask alike. Prices of whole numbers and quantities of
whole tenths are on its steps, 0.5 of it is above every minimum, and the account has money for a
hundred units and no more than for a thousand. Fees may be taken from the quantity
(`FillReport.kept`), and the cases count with that.
"""

from contextlib import AbstractContextManager
from decimal import Decimal
from enum import StrEnum
from itertools import count
from typing import Any, Protocol

import pytest

from brokers.base import Broker
from brokers.types import FillReport, OrderReport, OrderRequest
from tradehub.core.money import ZERO
from tradehub.core.words import OrderSide, OrderType, TimeInForce

_ids = count(1)


class Can(StrEnum):
    """What a desk's venue has; a case that needs something else is not run there."""

    FAULTS = "faults"
    """`fault`, `posts`: there is a wire, and a venue at its other end that counts."""
    BY_HAND = "by_hand"
    """`by_hand_order`."""
    PARTIAL = "partial"
    """`fill`: a part of a resting order."""
    LAG = "lag"
    """`lag`: look-ups lag behind orders."""
    REDUCE_ONLY = "reduce_only"
    """The venue itself never lets such an order open the opposite; else `submit` cuts it to what
    is held."""
    SHORTS = "shorts"
    LINKS = "links"
    TRAILS = "trails"
    NO_SHORTS = "no_shorts"
    LISTS = "lists"
    """It has a list of its symbols, and knows no others."""
    FORGETS = "forgets"
    """`reopen` gives a broker that remembers nothing."""


class Trades(Protocol):
    @property
    def symbol(self) -> str: ...


class VenueDesk(Protocol):
    broker: Broker
    symbol: str

    def set_price(self, price: str) -> None:
        """Resting orders meet it at once."""

    def fault(self, operation: str, kind: str, *, times: int = 1, **more: Any) -> None:
        """The words of `tests.venue.faults`: an operation of OPERATIONS, a FaultKind, the fields
        of Fault. Hits the account's next requests."""

    def posts(self, client_order_id: str) -> int:
        """How many requests to place this order have arrived, taken or not."""

    def by_hand_order(self, side: str, quantity: str, *, limit_price: str | None = None) -> None:
        """An order of the owner at the venue's own site; at the market without a price."""

    def fill(self, client_order_id: str, quantity: str) -> None:
        """A part of a resting order, at its own price; whatever the market says."""

    def lag(self, seconds: float) -> None:
        """For how long the venue denies an order that it has accepted."""

    def reopen(self) -> Broker:
        """As another process has it, which remembers nothing of this one."""


class Kind(Protocol):
    """What a venue's module has."""

    KIND: str
    CAN: frozenset[Can]

    def open_desk(self, request: pytest.FixtureRequest) -> AbstractContextManager[VenueDesk]: ...


def order(
    desk: Trades, side: str, quantity: str, kind: str = "market", **more: Any
) -> OrderRequest:
    """`limit_price`, `stop_price` as text; `tif` (gtc), `id` (a fresh one) and what else a request
    has."""
    for name in ("limit_price", "stop_price"):
        more[name] = Decimal(more[name]) if name in more else None
    return OrderRequest(
        client_order_id=more.pop("id", f"contract{next(_ids)}"),
        symbol=more.pop("symbol", desk.symbol),
        side=OrderSide(side),
        order_type=OrderType(kind),
        time_in_force=TimeInForce(more.pop("tif", "gtc")),
        quantity=Decimal(quantity),
        **more,
    )


def place(
    desk: VenueDesk, side: str, quantity: str, kind: str = "market", **more: Any
) -> OrderReport:
    return desk.broker.submit(order(desk, side, quantity, kind, **more))


def now(desk: VenueDesk, report: OrderReport) -> OrderReport:
    found = desk.broker.order(report.client_order_id)
    assert found is not None
    return found


def held(desk: VenueDesk) -> Decimal:
    """What is too little to be traded counts as nothing."""
    for each in desk.broker.positions():
        if each.symbol == desk.symbol and abs(each.quantity) >= each.least:
            return each.quantity
    return ZERO


def gained(*fills: FillReport) -> Decimal:
    """By how much these move what is held."""
    return sum((each.side.sign * each.quantity - each.kept for each in fills), ZERO)
