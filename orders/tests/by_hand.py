"""The paper venue after somebody traded there by hand: more orders, fills and positions than the
hub knows of, and orders that it lists no more."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from brokers.base import Broker
from brokers.paper.adapter import PaperBroker
from brokers.types import FillReport, OrderReport, ReportStatus, VenuePosition
from orders.models import Order
from tradehub.core.words import OrderSide

D = Decimal
UNUSABLE = D("sNaN")
"""Whatever computes with it breaks."""


def spoil(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    """The paper venue's fills of it can't be recorded from now on."""
    tell = PaperBroker._reports

    def reports(broker: PaperBroker, names: Sequence[str]) -> dict[str, OrderReport]:
        told = tell(broker, names)
        if order.client_order_id in told:
            mine = told[order.client_order_id]
            fills = tuple(replace(each, price=UNUSABLE) for each in mine.fills)
            told[order.client_order_id] = replace(mine, fills=fills)
        return told

    monkeypatch.setattr(PaperBroker, "_reports", reports)


def listed(
    name: str,
    status: str = "open",
    *fills: FillReport,
    at: datetime,
    quantity: Any = 5,
    **more: Any,
) -> OrderReport:
    """A buy of MSFT."""
    filled = sum((each.quantity for each in fills), D(0))
    return OrderReport(
        name, f"v-{name}", "MSFT", OrderSide.BUY, ReportStatus(status), D(quantity), filled, at,
        fills, **more,
    )  # fmt: skip


def executed(name: str, order: str, quantity: Any, *, side: str = "buy", price: Any = 100,
             symbol: str = "MSFT", at: datetime) -> FillReport:  # fmt: skip
    return FillReport(name, order, symbol, OrderSide(side), D(quantity), D(price), D(0), "USD", at)


class ByHand:
    """A broker in front of another. `errors` by method name; all else may be set at any time."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.orders: list[OrderReport] = []
        self.executions: list[FillReport] = []
        self.moved: dict[str, Decimal] = {}
        """What was traded without a trace, by symbol."""
        self.named: list[list[str] | None] = []
        """The symbols whose open orders and fills were asked for; None: all."""
        self.unlisted: set[str] = set()
        self.unknown: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        if name in self.errors:
            raise AssertionError(f"{name} has an error set and no method of its own here")
        return getattr(self._broker, name)

    def _fail(self, name: str) -> None:
        self.asked.append(name)
        if name in self.errors:
            raise self.errors[name]

    def open_orders(self, symbols: Collection[str] | None = None) -> list[OrderReport]:
        self._fail("open_orders")
        self.named.append(None if symbols is None else sorted(symbols))
        mine = (each for each in self.orders if each.status in (
            ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED)
            and (symbols is None or each.symbol in symbols))  # fmt: skip
        all_of_them = [*self._broker.open_orders(symbols), *mine]
        return [each for each in all_of_them if each.client_order_id not in self.unlisted]

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        self._fail("fills")
        mine = (each for each in self.executions if each.at >= since
                and (symbols is None or each.symbol in symbols))  # fmt: skip
        return [*self._broker.fills(since, symbols), *mine]

    def positions(self) -> list[VenuePosition]:
        self._fail("positions")
        held = {each.symbol: each for each in self._broker.positions()}
        traded = dict(self.moved)
        for each in self.executions:
            change = each.side.sign * each.quantity
            traded[each.symbol] = traded.get(each.symbol, D(0)) + change
        for symbol, quantity in traded.items():
            before = held.get(symbol, VenuePosition(symbol, D(0), D(100)))
            held[symbol] = replace(before, quantity=before.quantity + quantity)
        return [each for each in held.values() if each.quantity]

    def order(self, client_order_id: str) -> OrderReport | None:
        self._fail("order")
        if client_order_id in self.unknown:
            return None
        mine = {each.client_order_id: each for each in self.orders}
        return mine.get(client_order_id) or self._broker.order(client_order_id)

    def reports(self, client_order_ids: Sequence[str]) -> list[OrderReport]:
        self._fail("reports")
        found = (self.order(each) for each in client_order_ids)
        return [each for each in found if each is not None]

    def cancel(self, client_order_id: str) -> OrderReport:
        self._fail("cancel")
        self.cancelled.append(client_order_id)
        return self._broker.cancel(client_order_id)
