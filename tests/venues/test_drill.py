"""The drill: each venue passes it, and what a venue might change is found."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from brokers.drill import SYMBOLS
from brokers.errors import OutcomeUnknown
from brokers.kinds import KINDS
from brokers.types import (
    OrderReport,
    OrderRequest,
    Replacement,
    ReportStatus,
)
from tests.venues.alpaca.fixtures import Alpaca, alpaca
from tests.venues.binance.books import Refused
from tests.venues.binance.fixtures import SpotVenue
from tests.venues.binance_futures import api as futures_api
from tests.venues.binance_futures import fixtures as at_futures
from tests.venues.binance_futures.fixtures import FuturesVenue
from tests.venues.contract.conftest import MODULES, desk
from tests.venues.contract.desk import VenueDesk, held
from tests.venues.drilling import Changed, broker, drilled, failed, of_stops, raising, unreadable
from tradehub.core.words import OrderType

__all__ = ["alpaca", "broker", "desk"]  # fixtures

BEGIN = ["account", "instrument", "unknown order"]
LIFE = ["place", "look up", "open orders", "the same id again", "cancel", "after the cancel"]
WHERE_ORDERS_ARE_MOVED = ("binance_spot", "paper")


def steps_of(kind: str) -> list[str]:
    """Without the stream's."""
    stop = [f"stop: {name}" for name in LIFE]
    if kind in WHERE_ORDERS_ARE_MOVED:
        stop.insert(4, "stop: replace")
    return [*BEGIN, *LIFE, *stop, "nothing left"]


@pytest.mark.parametrize("desk", MODULES, indirect=True)
def test_each_venue_passes(desk: VenueDesk, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["desk"]
    lines = drilled(desk.broker, desk.symbol)
    assert failed(lines) == [], [line.text for line in lines]
    assert [line.name for line in lines] == steps_of(kind)
    assert desk.broker.open_orders() == []
    assert held(desk) == 0


def test_each_kind_that_an_account_may_have_has_a_symbol_to_drill_with() -> None:
    assert KINDS.keys() == SYMBOLS.keys()


# ---- the stop goes the way of a stop that guards a position ----


def test_at_spot_it_is_a_stop_loss_that_is_moved_in_one_request(
    spot_venue: SpotVenue, broker: Any
) -> None:
    lines = drilled(broker, "BTCUSDT")
    assert failed(lines) == []
    limit, stop, moved = spot_venue.venue.books.accounts["apikey1"].orders
    assert (limit.type, limit.price) == ("LIMIT", 80)
    assert (stop.type, stop.stop_price, moved.type, moved.stop_price) == (
        "STOP_LOSS", 125, "STOP_LOSS", 130,
    )  # fmt: skip
    assert [each.quantity for each in (stop, moved)] == [Decimal("0.055")] * 2, "5 USDT and a tenth"


def test_at_futures_it_is_in_the_algo_book(futures_venue: FuturesVenue, alice: User) -> None:
    books = futures_venue.open()
    broker = at_futures.make_broker(at_futures.make_account(alice))
    assert failed(drilled(broker, "BTCUSDT")) == []
    (stop,) = books.algos
    assert (stop.client_id, stop.type, stop.trigger) == ("drill2", "STOP_MARKET", 125)
    assert [each.client_id for each in books.orders] == ["drill1"]


def test_of_a_coin_at_alpaca_it_is_a_stop_limit(alpaca: Alpaca) -> None:
    assert failed(drilled(alpaca.broker(), "BTCUSD")) == []
    limit, stop = alpaca.venue.accounts["PKFAKE"].orders.values()
    assert (stop.type, stop.stop_price, stop.limit_price) == ("stop_limit", 125, 138)
    assert {limit.status, stop.status} == {"canceled"}


# ---- what a venue might change ----


def named(symbol: str) -> Callable[[OrderReport], OrderReport]:
    return lambda report: replace(report, symbol=symbol)


def without_stops(reports: list[OrderReport]) -> list[OrderReport]:
    return [each for each in reports if not each.stop_price]


def half(done: Replacement) -> Replacement:
    return replace(done, placed=OutcomeUnknown("No answer."))


CHANGES: list[tuple[str, Callable[[Any], Any], str]] = [
    ("instrument", lambda _: None, "instrument"),
    ("quote", lambda _: None, "instrument"),
    ("quote", lambda quote: replace(quote, ask=quote.bid / 2), "instrument"),
    ("submit", named("ETHUSDT"), "place"),
    ("submit", lambda report: replace(report, status=ReportStatus.REJECTED), "place"),
    ("submit", raising, "place"),
    ("submit", unreadable, "place"),
    ("submit", lambda report: replace(report, filled_quantity=Decimal(1)), "place"),
    ("open_orders", lambda _: [], "open orders"),
    ("open_orders", lambda reports: reports * 2, "open orders"),
    ("cancel", raising, "cancel"),
    ("closed_orders", lambda _: [], "after the cancel"),
    ("instrument", lambda it: replace(it, order_types=frozenset({OrderType.LIMIT})), "stop: place"),
    ("submit", of_stops(named("ETHUSDT")), "stop: place"),
    ("submit", of_stops(lambda it: replace(it, status=ReportStatus.EXPIRED)), "stop: place"),
    ("submit", of_stops(lambda it: replace(it, stop_price=Decimal(75))), "stop: place"),
    ("submit", of_stops(lambda it: replace(it, order_type=OrderType.LIMIT)), "stop: place"),
    ("submit", of_stops(raising), "stop: place"),
    ("submit", of_stops(unreadable), "stop: place"),
    ("order", of_stops(lambda _: None), "stop: look up"),
    ("open_orders", without_stops, "stop: open orders"),
    ("replace", raising, "stop: replace"),
    ("replace", half, "stop: replace"),
    ("cancel", of_stops(raising), "stop: cancel"),
    ("closed_orders", without_stops, "stop: after the cancel"),
]


@pytest.mark.parametrize(("method", "change", "step"), CHANGES)
def test_what_a_venue_changes_is_found_and_nothing_is_left_behind(
    broker: Any, method: str, change: Callable[[Any], Any], step: str
) -> None:
    lines = drilled(Changed(broker, method, change), "BTCUSDT")
    assert failed(lines)[0] == step
    assert lines[-1].name == ("instrument" if step == "instrument" else "nothing left")
    assert broker.open_orders() == []


def test_a_replace_that_leaves_the_old_stop_is_found(broker: Any) -> None:
    class Lying(Changed):
        def replace(self, name: str, request: OrderRequest) -> Replacement:
            ended = replace(broker.order(name), status=ReportStatus.CANCELED)
            return Replacement(ended, broker.submit(request))

    lines = drilled(Lying(broker, "", lambda answer: answer), "BTCUSDT")
    assert failed(lines) == ["stop: replace"]
    assert [line.name for line in lines[-3:]] == ["clean up", "clean up", "nothing left"]
    assert broker.open_orders() == []


def test_an_algo_book_that_takes_no_stop_any_more_is_found(
    futures_venue: FuturesVenue, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise Refused(-4120, "Order type not supported for this endpoint.")

    where = ("POST", "/fapi/v1/algoOrder")
    closed = replace(futures_api.ROUTES[where], serve=refuse)
    monkeypatch.setitem(futures_api.ROUTES, where, closed)
    futures_venue.open()
    broker = at_futures.make_broker(at_futures.make_account(alice))
    lines = drilled(broker, "BTCUSDT")
    assert failed(lines) == ["stop: place"]
    (found,) = [line for line in lines if not line.ok]
    assert "not supported for this endpoint" in found.text
    assert [line.name for line in lines[-2:]] == ["clean up", "nothing left"]
    assert broker.open_orders() == []


def test_a_spot_market_without_stops_is_found(spot_venue: SpotVenue, broker: Any) -> None:
    market = spot_venue.venue.books.markets["BTCUSDT"]
    market.types = tuple(each for each in market.types if each != "STOP_LOSS")
    *_, found, last = drilled(broker, "BTCUSDT")
    assert (found.name, found.ok, last.ok) == ("stop: place", False, True)
    assert "takes no stop" in found.text


def test_an_order_that_is_told_under_no_id_is_found_out(broker: Any) -> None:
    class Forgetting(Changed):
        def order(self, name: str) -> None:
            return None

    lines = drilled(Forgetting(broker, "", lambda answer: answer), "BTCUSDT")
    assert failed(lines) == ["look up", "clean up", "nothing left"]
    assert broker.open_orders() == []


def test_an_id_that_opens_a_second_order_is_found_and_both_are_cancelled(broker: Any) -> None:
    class Doubling(Changed):
        times = 0

        def submit(self, request: Any) -> OrderReport:
            self.times += 1
            name = f"{request.client_order_id}x{self.times}"
            told = broker.submit(replace(request, client_order_id=name))
            return replace(told, client_order_id=request.client_order_id)

        def order(self, name: str) -> OrderReport | None:
            found = broker.order(name if "x" in name else f"{name}x1")
            return found and replace(found, client_order_id=name)

        def open_orders(self) -> list[OrderReport]:
            listed = broker.open_orders()
            return [replace(each, client_order_id=each.client_order_id[:6]) for each in listed]

        def cancel(self, name: str) -> OrderReport:
            first = min(each.client_order_id for each in broker.open_orders())
            return replace(broker.cancel(first), client_order_id=name)

    lines = drilled(Doubling(broker, "", lambda answer: answer), "BTCUSDT")
    (found, *_) = [line for line in lines if not line.ok]
    assert found.name == "the same id again"
    assert "second order" in found.text
    assert broker.open_orders() == []
    assert lines[-1].ok


def test_a_stop_that_the_venue_gives_a_limit_of_its_own_is_as_asked(broker: Any) -> None:
    """Alpaca does with those that buy shares."""

    def limited(report: OrderReport) -> OrderReport:
        return replace(report, order_type=OrderType.STOP_LIMIT, limit_price=Decimal(130))

    assert failed(drilled(Changed(broker, "submit", of_stops(limited)), "BTCUSDT")) == []
