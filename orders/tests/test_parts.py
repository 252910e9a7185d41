"""Exits at a venue with a largest order at the market: parts, one after the other, each once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from brokers.errors import NotSent, Unsupported
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.types import Capabilities, Instrument, OrderReport, OrderRequest
from orders import syncing, work
from orders.closing import queue_close
from orders.models import LaneItem, Order
from orders.sending import request_of
from orders.services import cancel_order, close_position
from orders.terms import Terms
from orders.tests.conftest import MakeHub
from tradehub.core.intent import Intent, Size
from tradehub.core.words import OrderSource, OrderType, SizeMode, Verb
from tradehub.testing.hub import Clock, Desk, Hub, Venue, assert_books_agree, waiting_items

pytestmark = pytest.mark.django_db
D = Decimal


@dataclass
class LotVenue(Venue):
    most: Decimal | None = None

    def connect(self, account: BrokerAccount, *, now: Callable[[], datetime]) -> "LotDesk":
        return LotDesk(self, connect(account, now=now))


class LotDesk(Desk):
    _venue: LotVenue

    def capabilities(self) -> Capabilities:
        able: Capabilities = self._broker.capabilities()
        return replace(able, market_lots=True)

    def instrument(self, symbol: str) -> Instrument | None:
        found = self._broker.instrument(symbol)
        return found and replace(found, market_max_quantity=self._venue.most)

    def submit(self, request: OrderRequest) -> OrderReport:
        most = self._venue.most
        if request.order_type is OrderType.MARKET and most is not None and request.quantity > most:
            raise Unsupported("Too much.", venue_code="MARKET_LOT_SIZE")
        report: OrderReport = self.__getattr__("submit")(request)
        return report


def use_lots(patch: pytest.MonkeyPatch, clock: Clock) -> LotVenue:
    """Every lane and poll speaks to this venue from now on."""
    venue = LotVenue(clock)
    patch.setattr(work, "connect", venue.connect)
    patch.setattr(syncing, "connect", venue.connect)
    return venue


@pytest.fixture
def hub(make_hub: MakeHub) -> Hub:
    return make_hub({"max_order_value": "100000"}, on_opposite="reverse", max_adds=2)


@pytest.fixture
def lots(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> LotVenue:
    return use_lots(monkeypatch, hub.clock)


def hold(hub: Hub, lots: LotVenue, quantity: int = 12, most: int = 5, **alert: Any) -> None:
    lots.most = None
    hub.send(action="buy", quantity=quantity, **alert)
    lots.most = D(most)
    assert hub.position().quantity == quantity


def exits(hub: Hub) -> list[tuple[str, Decimal, str]]:
    return [(each.leg, each.quantity, each.status) for each in hub.orders(role="exit")]


def sold(lots: LotVenue) -> list[Decimal]:
    asked: list[OrderRequest] = lots.asked("submit")
    return [each.quantity for each in asked if each.reduce_only]


def test_an_exit_is_divided_into_few_parts_of_one_size(hub: Hub, lots: LotVenue) -> None:
    hold(hub, lots)
    hub.send(action="exit")
    assert exits(hub) == [("0", 4, "filled"), ("0.part.2", 4, "filled"), ("0.part.3", 4, "filled")]
    assert not hub.position().is_open
    assert_books_agree(hub)


def test_what_fits_into_one_order_leaves_as_one(hub: Hub, lots: LotVenue) -> None:
    hold(hub, lots, quantity=5)
    hub.send(action="exit")
    assert exits(hub) == [("0", 5, "filled")]


def test_another_type_than_market_leaves_whole(hub: Hub, lots: LotVenue) -> None:
    hold(hub, lots)
    hub.send(action="exit", order_type="limit", price=160)
    assert exits(hub) == [("0", 12, "open")]


def test_an_exit_whose_symbol_can_not_be_read_leaves_whole(hub: Hub, lots: LotVenue) -> None:
    """The venue says what it thinks of it; nothing is held up for a rule."""
    hold(hub, lots, most=50)
    lots.fail("instrument", NotSent("no"), times=5)
    hub.send(action="exit")
    assert exits(hub) == [("0", 12, "filled")]


def test_a_part_that_did_not_leave_is_sent_again_as_it_is(hub: Hub, lots: LotVenue) -> None:
    hold(hub, lots)
    lots.pass_("submit")
    lots.fail("submit", NotSent("no connection"), times=2)
    hub.send(action="exit")
    assert [each for *_, each in exits(hub)] == ["filled", "queued", "queued"]
    for _ in range(5):
        hub.sweep(5)
    assert sold(lots) == [4] * 5
    assert [each for *_, each in exits(hub)] == ["filled"] * 3
    assert_books_agree(hub)


def test_a_cancel_of_a_part_that_waits_ends_the_exit(hub: Hub, lots: LotVenue) -> None:
    hold(hub, lots)
    lots.pass_("submit")
    lots.fail("submit", NotSent("no connection"))
    hub.send(action="exit")
    _, second, _ = hub.orders(role="exit")
    cancel_order(order=second, actor=hub.owner, now=hub.clock())
    for _ in range(3):
        hub.sweep()
    assert [each for *_, each in exits(hub)] == ["filled", "canceled", "canceled"]
    assert hub.position().quantity == 8
    assert waiting_items(hub) == []


def test_a_close_amid_the_parts_takes_their_place(hub: Hub, lots: LotVenue) -> None:
    hold(hub, lots)
    lots.pass_("submit")
    lots.fail("submit", NotSent("no connection"))
    hub.send(action="exit")
    close_position(position=hub.position(), actor=hub.owner, now=hub.clock())
    for _ in range(4):
        hub.sweep(5)
    assert sum(each.filled_quantity for each in hub.orders(role="exit")) == 12
    assert not hub.position().is_open
    assert not hub.orders(status="queued")
    assert_books_agree(hub)


def test_what_was_closed_meanwhile_is_not_sold_again_and_the_reversal_goes_on(
    hub: Hub, lots: LotVenue
) -> None:
    hold(hub, lots)
    lots.pass_("submit")
    lots.fail("submit", NotSent("no connection"), times=2)
    hub.send(action="reverse", quantity=3)
    rest = hub.orders(role="exit")[-1]
    (entry,) = hub.orders(role="entry", side="sell")
    assert (rest.status, entry.status, entry.after_id) == ("queued", "queued", rest.pk)
    sell_at_the_venue(hub, 8)
    for _ in range(6):
        hub.sweep(5)
    rest.refresh_from_db()
    entry.refresh_from_db()
    assert (rest.status, rest.reason) == ("canceled", "ALREADY_FLAT")
    assert (entry.status, hub.position().quantity) == ("filled", -3)


def sell_at_the_venue(hub: Hub, quantity: int) -> None:
    """As a stop of it would, told by a poll."""
    order = Order.objects.create(
        owner=hub.owner, account=hub.account, strategy=hub.strategy, leg="x", symbol="AAPL",
        client_order_id="by-a-stop", side="sell", order_type="market", time_in_force="day",
        quantity=quantity, reduce_only=True, role="stop_loss", source="strategy", status="open",
    )  # fmt: skip
    connect(hub.account, now=hub.clock).submit(request_of(order))
    syncing.sync_account(hub.account, clock=hub.clock)


# ---- what fills late of entries that the exit cancels ----


def fills_as_it_is_cancelled(patch: pytest.MonkeyPatch, hub: Hub) -> None:
    """The limit at 140 fills when its cancel arrives."""

    def cancel(desk: LotDesk, name: str) -> OrderReport:
        broker = connect(hub.account, now=hub.clock)
        broker.observe("AAPL", D(139), hub.clock())
        report: OrderReport | None = broker.order(name)
        assert report is not None
        return report

    patch.setattr(LotDesk, "cancel", cancel, raising=False)


def test_what_fills_late_is_sold_too_in_a_part_of_its_own(
    hub: Hub, lots: LotVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(hub, lots, quantity=4, most=5)
    lots.most = None
    hub.send(action="add", quantity=3, order_type="limit", price=140)
    lots.most = D(5)
    fills_as_it_is_cancelled(monkeypatch, hub)
    hub.send(action="exit")
    assert [(quantity, status) for _, quantity, status in exits(hub)] == [
        (4, "filled"),
        (3, "filled"),
    ]
    assert not hub.position().is_open


def bring_down_to(hub: Hub, quantity: int) -> None:
    """A target of that much, as an item of the lane."""
    wanted = Size(SizeMode.TARGET_QUANTITY, D(quantity))
    kind = OrderType.MARKET
    intent = Intent(symbol="AAPL", verb=Verb.TARGET, size=wanted, order_type=kind)
    terms = Terms(hub.strategy.pk, hub.profile.pk)
    now = hub.clock()
    item = queue_close(hub.position(), terms=terms, source=OrderSource.STRATEGY, now=now)
    LaneItem.objects.filter(pk=item.pk).update(intents=[intent.to_json()])
    hub.drain()


def test_what_fills_late_is_counted_once(
    hub: Hub, lots: LotVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to 4 of 16, while 3 more are bought: 15 are sold, whatever has to be sent again."""
    hold(hub, lots, quantity=16, most=6)
    lots.most = None
    hub.send(action="add", quantity=3, order_type="limit", price=140)
    lots.most = D(6)
    fills_as_it_is_cancelled(monkeypatch, hub)
    lots.fail("submit", NotSent("no connection"), times=2)
    bring_down_to(hub, 4)
    for _ in range(6):
        hub.sweep(5)
    assert hub.position().quantity == 4
    assert sum(each.filled_quantity for each in hub.orders(role="exit")) == 15
    assert not LaneItem.objects.filter(account=hub.account, status="queued").exists()
    assert_books_agree(hub)
