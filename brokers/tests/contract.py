"""What every adapter must do, as cases against the Broker protocol. Paper is the first subject.

A venue subclasses `BrokerContract` as `Test…` and gives the fixture `subject`. The subject's
market starts at 100, in a symbol of which fractions of 1 can't be traded away unseen, with money
for some hundred units. `move` sets the market's price.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from brokers.base import Broker
from brokers.errors import OrderRejected, Unsupported
from brokers.types import OrderReport, OrderRequest, ReportStatus
from tradehub.core.intent import Trail
from tradehub.core.words import OrderSide, OrderType, TimeInForce

_ids = count(1)


@dataclass(frozen=True)
class Subject:
    broker: Broker
    symbol: str
    move: Callable[[str], None]

    def ask(self, side: str, quantity: str, kind: str = "market", **more: Any) -> OrderRequest:
        return OrderRequest(
            client_order_id=more.pop("id", f"contract{next(_ids)}"),
            symbol=more.pop("symbol", self.symbol),
            side=OrderSide(side),
            order_type=OrderType(kind),
            time_in_force=TimeInForce(more.pop("tif", "gtc")),
            quantity=Decimal(quantity),
            **more,
        )

    def place(self, side: str, quantity: str, kind: str = "market", **more: Any) -> OrderReport:
        return self.broker.submit(self.ask(side, quantity, kind, **more))

    def now(self, report: OrderReport) -> OrderReport:
        found = self.broker.order(report.client_order_id)
        assert found is not None
        return found

    def held(self) -> Decimal:
        positions = {each.symbol: each.quantity for each in self.broker.positions()}
        return positions.get(self.symbol, Decimal(0))


class BrokerContract:
    def test_a_market_order_fills_and_is_told_the_same_everywhere(self, subject: Subject) -> None:
        report = subject.place("buy", "3")
        assert report.status is ReportStatus.FILLED
        assert report.filled_quantity == sum(fill.quantity for fill in report.fills) == 3
        assert subject.now(report) == report
        assert subject.broker.reports([report.client_order_id, "unknown"]) == [report]
        assert subject.broker.fills(report.fills[0].at) == list(report.fills)
        assert subject.held() == 3
        assert subject.broker.open_orders() == []
        assert subject.broker.closed_orders(report.at) == [report]
        assert subject.broker.closed_orders(report.at + timedelta(seconds=1)) == []

    def test_a_limit_rests_until_it_is_touched(self, subject: Subject) -> None:
        report = subject.place("buy", "1", "limit", limit_price=Decimal(90))
        assert report.status is ReportStatus.OPEN
        assert subject.broker.open_orders() == [report]
        assert subject.broker.closed_orders(report.at) == []
        subject.move("89")
        filled = subject.now(report)
        assert filled.status is ReportStatus.FILLED
        assert filled.fills[0].price <= 90
        assert filled.venue_order_id == report.venue_order_id

    def test_a_stop_fills_once_reached(self, subject: Subject) -> None:
        subject.place("buy", "2")
        report = subject.place("sell", "2", "stop", stop_price=Decimal(95))
        assert report.status is ReportStatus.OPEN
        subject.move("94")
        assert subject.now(report).status is ReportStatus.FILLED
        assert subject.held() == 0

    def test_a_stop_limit_does_not_fill_below_its_limit(self, subject: Subject) -> None:
        prices = {"stop_price": Decimal(95), "limit_price": Decimal(94)}
        subject.place("buy", "2")
        report = subject.place("sell", "2", "stop_limit", **prices)
        subject.move("90")
        assert subject.now(report).status is ReportStatus.OPEN
        subject.move("94.5")
        assert subject.now(report).status is ReportStatus.FILLED

    def test_a_trailing_stop_follows(self, subject: Subject) -> None:
        subject.place("buy", "2")
        trail = Trail(offset=Decimal(5))
        report = subject.place("sell", "2", "trailing_stop", trail=trail)
        subject.move("110")
        subject.move("106")
        assert subject.now(report).status is ReportStatus.OPEN
        subject.move("104")
        assert subject.now(report).status is ReportStatus.FILLED

    def test_cancel_ends_a_working_order_and_leaves_an_ended_one(self, subject: Subject) -> None:
        report = subject.place("buy", "1", "limit", limit_price=Decimal(90))
        assert subject.broker.cancel(report.client_order_id).status is ReportStatus.CANCELED
        assert subject.broker.cancel(report.client_order_id).status is ReportStatus.CANCELED
        filled = subject.place("buy", "1")
        assert subject.broker.cancel(filled.client_order_id) == filled

    def test_an_id_is_taken_for_ever(self, subject: Subject) -> None:
        first = subject.place("buy", "1", id="once")
        again = subject.place("sell", "5", id="once")
        assert again == first
        assert subject.held() == 1

    def test_what_was_never_sent_is_none(self, subject: Subject) -> None:
        assert subject.broker.order("never") is None
        with pytest.raises(OrderRejected):
            subject.broker.cancel("never")

    def test_a_refusal_is_certain_and_moves_nothing(self, subject: Subject) -> None:
        too_much = subject.ask("buy", "100000000")
        with pytest.raises(OrderRejected) as refused:
            subject.broker.submit(too_much)
        assert refused.value.venue_code
        assert refused.value.text
        assert subject.held() == 0
        known = subject.broker.order(too_much.client_order_id)
        assert known is None or known.status is ReportStatus.REJECTED

    def test_what_it_cannot_do_is_not_sent(self, subject: Subject) -> None:
        missing = set(TimeInForce) - subject.broker.capabilities().times_in_force
        for tif in missing:
            asked = subject.ask("buy", "1", tif=tif.value)
            with pytest.raises(Unsupported):
                subject.broker.submit(asked)
            assert subject.broker.order(asked.client_order_id) is None

    def test_an_unknown_symbol_is_none_and_a_quote_has_a_time(self, subject: Subject) -> None:
        assert subject.broker.instrument("no symbol") is None
        assert subject.broker.quote("no symbol") is None
        quote = subject.broker.quote(subject.symbol)
        assert quote is not None
        assert quote.bid <= quote.ask
        assert quote.at.tzinfo is not None

    def test_linked_orders_cancel_each_other(self, subject: Subject) -> None:
        if not subject.broker.capabilities().linked_orders:
            return  # such a venue's orders are watched by us; there is nothing to ask of it
        subject.place("buy", "2")
        stop = subject.place("sell", "2", "stop", stop_price=Decimal(95), link="pair")
        target = subject.place("sell", "2", "limit", limit_price=Decimal(110), link="pair")
        subject.move("111")
        assert subject.now(target).status is ReportStatus.FILLED
        assert subject.now(stop).status is ReportStatus.CANCELED
        subject.move("90")
        assert subject.held() == 0

    def test_the_account_adds_up(self, subject: Subject) -> None:
        before = subject.broker.account()
        report = subject.place("buy", "2")
        after = subject.broker.account()
        fees = sum(fill.fee for fill in report.fills)
        assert after.equity == before.equity - fees
        assert after.buying_power < before.buying_power
        subject.move("110")
        assert subject.broker.account().equity == after.equity + 20
