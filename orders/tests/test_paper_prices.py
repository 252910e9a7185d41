"""Paper accounts whose prices are a venue's: which order may fill at a price, and until when."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.errors import OrderRejected
from brokers.paper import adapter
from brokers.paper.adapter import PaperBroker
from brokers.paper.prices import TRADED_FOR
from brokers.types import OrderRequest, Quote, ReportStatus
from tradehub.core.words import OrderSide, OrderType, TimeInForce
from tradehub.testing.hub import Hub, make_hub

pytestmark = pytest.mark.django_db
BTC = {"symbol": "BTCUSDT", "action": "buy", "quantity": "1"}


@dataclass
class Source:
    """A venue that tells one price for each symbol, and what happens while it is asked."""

    clock: Callable[[], datetime]
    price: D = D(120)
    old: timedelta = timedelta()
    old_symbols: set[str] | None = None
    """None: all."""
    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def tell(self, _a: str, _s: str, symbols: Collection[str], _n: object) -> dict[str, Quote]:
        told = {symbol: self.quote(symbol) for symbol in symbols}
        while self.meanwhile:
            self.meanwhile.pop()()
        return told

    def quote(self, symbol: str) -> Quote:
        is_old = self.old_symbols is None or symbol in self.old_symbols
        at = self.clock() - (self.old if is_old else timedelta())
        return Quote(symbol, self.price, self.price, self.price, at, "binance")


@pytest.fixture
def hub(alice: Any, now: datetime) -> Hub:
    options = {"price_source": "binance", "currency": "USDT", "fractional": True}
    return make_hub(alice, now, {"max_order_value": "100000"}, options=options)


@pytest.fixture
def source(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Source:
    made = Source(hub.clock)
    monkeypatch.setattr(adapter, "source_quotes", made.tell)
    return made


def broker(hub: Hub) -> PaperBroker:
    return PaperBroker(hub.account.pk, hub.account.options, hub.clock)


def limit(name: str, price: int) -> OrderRequest:
    return OrderRequest(
        client_order_id=name,
        symbol="BTCUSDT",
        side=OrderSide.BUY,
        quantity=D(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        limit_price=D(price),
    )


LOOKS: dict[str, Callable[[PaperBroker], object]] = {
    "poll": lambda one: one.open_orders(),
    "cancel": lambda one: one.cancel("other"),
    "replace": lambda one: one.replace("other", limit("newer", 10)),
    "submit": lambda one: one.submit(limit("newer", 10)),
}


@pytest.mark.parametrize("look", LOOKS)
def test_an_order_does_not_fill_at_a_price_from_before_it_came(
    look: str, hub: Hub, source: Source
) -> None:
    """Asked while it is 80; when the answer is here, an order has come at 120."""
    one, two = broker(hub), broker(hub)
    one.submit(limit("early", 90))
    one.submit(limit("other", 20))

    def meanwhile() -> None:
        source.price = D(120)
        assert two.submit(limit("late", 95)).status is ReportStatus.OPEN

    source.price = D(80)
    source.meanwhile.append(meanwhile)
    LOOKS[look](one)
    found = {each.client_order_id: each for each in one.reports(["early", "late"])}
    assert found["late"].status is ReportStatus.OPEN
    assert found["early"].status is ReportStatus.FILLED, "it was there, and 80 was the price"
    source.price = D(94)
    assert "late" not in {each.client_order_id for each in one.open_orders()}


@pytest.mark.parametrize(("old", "fills"), [(TRADED_FOR / 2, True), (timedelta(days=2), False)])
def test_an_entry_does_not_fill_at_a_price_that_nobody_can_have(
    old: timedelta, fills: bool, hub: Hub, source: Source
) -> None:
    source.old = old
    assert hub.codes(**BTC) == ([] if fills else ["PRICE_STALE"])
    assert [each.status for each in hub.orders()] == (["filled"] if fills else [])


def test_nor_does_the_venue_take_one_itself(hub: Hub, source: Source) -> None:
    source.old = TRADED_FOR
    market = replace(limit("late", 90), order_type=OrderType.MARKET, limit_price=None)
    with pytest.raises(OrderRejected) as refused:
        broker(hub).submit(market)
    assert refused.value.venue_code == "PRICE_MISSING"
    source.old = TRADED_FOR - timedelta(seconds=1)
    assert broker(hub).submit(replace(market, client_order_id="b")).status is ReportStatus.FILLED


def test_at_an_old_price_an_exit_is_decided_and_a_limit_order_waits(
    hub: Hub, source: Source
) -> None:
    hub.send(**BTC)
    source.old = timedelta(days=2)
    rests = broker(hub).submit(limit("more", 130))
    assert (rests.status, rests.filled_quantity) == (ReportStatus.OPEN, 0)
    assert hub.codes(symbol="BTCUSDT", action="close") == []


def test_what_rests_does_not_fill_at_last_nights_price(hub: Hub, source: Source) -> None:
    one = broker(hub)
    one.submit(limit("resting", 90))
    source.price, source.old = D(80), TRADED_FOR
    assert [each.status for each in one.open_orders()] == [ReportStatus.OPEN]
    source.old = timedelta()
    assert one.open_orders() == []


def test_last_nights_price_tells_what_is_held_is_worth(hub: Hub, source: Source) -> None:
    """And another market goes on."""
    hub.send(**BTC)
    source.price, source.old, source.old_symbols = D(110), timedelta(days=2), {"BTCUSDT"}
    before = broker(hub).account()
    assert before.equity == before.cash + 110
    hub.send(symbol="ETHUSDT", action="buy", quantity="1")
    assert hub.position("ETHUSDT").is_open
