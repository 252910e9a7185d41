"""A venue that has taken a cancel and still holds the shares: what waits for it, and how long."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from brokers.alpaca.adapter import AlpacaBroker
from brokers.errors import NotSent
from brokers.types import OrderReport
from orders.positions import queue_protection
from orders.services import emergency_stop
from signals.routes import bump_route_version
from tests.venues.alpaca.fixtures import KEY, Alpaca, make_alpaca_hub
from tests.venues.alpaca.test_pairs import BUY, LIMITS, working
from tests.venues.dying import poll
from tradehub.testing.hub import Hub


@pytest.fixture(autouse=True)
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a request it is not waited for: the clock of these tests stands still there."""
    monkeypatch.setattr("brokers.alpaca.adapter.LOOKS_AT_A_CANCEL", (0.0,))


@pytest.fixture
def hub(alice: Any, alpaca: Alpaca, settings: Any) -> Hub:
    return make_alpaca_hub(alice, alpaca, settings, LIMITS)


@pytest.mark.parametrize("seconds", [3, 6])
def test_an_exit_waits_for_the_cancel_of_the_pair(hub: Hub, alpaca: Alpaca, seconds: int) -> None:
    """Nobody repeats an exit that the venue has refused, and nothing is placed before it."""
    hub.send(**BUY)
    alpaca.venue.change(KEY, cancel_seconds=seconds)
    hub.send(price="100", action="exit")
    for _ in range(seconds + 2):
        poll(hub)
    (left,) = hub.orders(role="exit")
    assert left.status == "filled"
    assert alpaca.venue.positions(KEY) == {}
    assert all(each.status < 300 for each in alpaca.venue.posts())
    assert len(hub.orders(role="stop_loss")) == 1


def test_an_exit_leaves_though_a_cancel_is_never_carried_out(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**BUY)
    alpaca.venue.change(KEY, cancel_seconds=3600)
    hub.send(price="100", action="exit")
    for _ in range(15):
        poll(hub)
    (left,) = hub.orders(role="exit")
    assert left.status == "rejected"
    assert hub.position().is_open


def ended(hub: Hub) -> list[tuple[str, str]]:
    return [(each.order_type, each.status) for each in hub.orders(role="exit")]


@pytest.mark.parametrize("seconds", [3, 30])
def test_an_exit_waits_for_the_cancel_of_one_that_rests(
    hub: Hub, alpaca: Alpaca, seconds: int
) -> None:
    hub.send(price="100", action="buy", quantity="10")
    hub.send(action="exit", order_type="limit", price="130")
    alpaca.venue.change(KEY, cancel_seconds=seconds)
    hub.send(price="100", action="exit", order_type="market")
    for _ in range(seconds + 2):
        poll(hub)
    assert ended(hub) == [("limit", "canceled"), ("market", "filled")]
    assert alpaca.venue.positions(KEY) == {}
    assert all(each.status < 300 for each in alpaca.venue.posts())


def test_an_exit_waits_for_the_cancel_of_an_entry(hub: Hub, alpaca: Alpaca) -> None:
    """No order is taken beside an opposite one that works."""
    hub.send(price="100", action="buy", quantity="10")
    hub.strategy.max_adds = 3
    hub.strategy.save(update_fields=["max_adds"])
    bump_route_version()
    hub.send(action="buy", quantity="5", order_type="limit", price="99")
    alpaca.venue.change(KEY, cancel_seconds=3)
    hub.send(price="100", action="exit", order_type="market")
    for _ in range(5):
        poll(hub)
    assert ended(hub) == [("market", "filled")]
    assert alpaca.venue.positions(KEY) == {}


def test_an_emergency_stop_flattens_however_slow_the_cancels_are(hub: Hub, alpaca: Alpaca) -> None:
    for symbol in ("AAPL", "MSFT"):
        hub.send(symbol=symbol, price="100", action="buy", quantity="10")
        hub.send(symbol=symbol, action="exit", order_type="limit", price="130")
    alpaca.venue.change(KEY, cancel_seconds=3)
    emergency_stop(owner=hub.owner, reason="fire", actor=hub.owner, now=hub.clock())
    for _ in range(8):
        poll(hub)
    assert alpaca.venue.positions(KEY) == {}


def test_an_exit_leaves_after_a_minute_though_one_rests_on(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(price="100", action="buy", quantity="10")
    hub.send(action="exit", order_type="limit", price="130")
    alpaca.venue.change(KEY, cancel_seconds=3600)
    hub.send(price="100", action="exit", order_type="market")
    for _ in range(25):
        poll(hub)
    assert ended(hub) == [("limit", "open"), ("market", "queued")]
    for _ in range(25):
        poll(hub)
    assert ended(hub) == [("limit", "open"), ("market", "rejected")]


def test_an_exit_that_waits_keeps_none_of_its_alert(hub: Hub, alpaca: Alpaca) -> None:
    for symbol in ("AAPL", "MSFT"):
        hub.send(symbol=symbol, price="100", action="buy", quantity="10")
    hub.send(symbol="AAPL", action="exit", order_type="limit", price="130")
    alpaca.venue.change(KEY, cancel_seconds=30)
    hub.send(price="100", action="close_all")
    assert list(alpaca.venue.positions(KEY)) == ["AAPL"]


def seconds_until_flat(hub: Hub, alpaca: Alpaca, most: int = 120) -> int:
    for second in range(1, most):
        poll(hub, 1)
        if not alpaca.venue.positions(KEY):
            return second
    return most


def test_positions_are_closed_beside_each_other_however_slow_their_stops_end(
    hub: Hub, alpaca: Alpaca
) -> None:
    venue, symbols = alpaca.venue, ["AAPL", "MSFT", "AMZN", "NVDA", "TSLA", "META"]
    for symbol in symbols:
        venue.assets.setdefault(symbol, replace(venue.assets["AAPL"], symbol=symbol))
        venue.prices.setdefault(symbol, venue.prices["AAPL"])
        hub.send(symbol=symbol, price="100", action="buy", quantity="10", stop_loss="95")
    assert len(venue.positions(KEY)) == len(hub.working(role="stop_loss")) == 6
    venue.change(KEY, cancel_seconds=6)
    hub.send(price="100", action="close_all")
    assert seconds_until_flat(hub, alpaca) <= 10
    assert len(hub.orders(role="stop_loss")) == 6


@pytest.mark.parametrize("away", [10, 40])
def test_a_stop_is_not_put_back_before_an_exit_that_is_old(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch, away: int
) -> None:
    """It was no use to cancel it then: each would be cancelled and placed again for ever."""
    hub.send(price="100", action="buy", quantity="10", stop_loss="95")
    alpaca.venue.change(KEY, cancel_seconds=6)
    cancel, back_at = AlpacaBroker.cancel, hub.clock.now + timedelta(seconds=away)

    def without_connection(broker: AlpacaBroker, name: str) -> OrderReport:
        if hub.clock.now < back_at:
            raise NotSent("There is no connection.")
        return cancel(broker, name)

    monkeypatch.setattr(AlpacaBroker, "cancel", without_connection)
    hub.send(price="100", action="exit", order_type="market")
    assert seconds_until_flat(hub, alpaca) <= away + 25
    assert len(hub.orders(role="stop_loss")) == 1


@pytest.mark.parametrize("late", [0, 15])
@pytest.mark.parametrize("mode", ["alarm", "close"])
def test_another_pair_waits_for_the_cancel_of_the_first(
    alice: Any, alpaca: Alpaca, settings: Any, late: int, mode: str
) -> None:
    """However long nobody had looked before: the cancel takes its time from when it was asked."""
    hub = make_alpaca_hub(alice, alpaca, settings, {**LIMITS, "on_unprotected": mode})
    hub.send(**BUY)
    alpaca.venue.change(KEY, cancel_seconds=6)
    position = hub.position()
    assert position.protection is not None
    position.protection["targets"][0]["price"] = "125"
    position.save(update_fields=["protection"])
    queue_protection(position, now=hub.clock())
    hub.clock.wait(late)
    for _ in range(12):
        poll(hub)
    assert working(alpaca) == [("limit", 10), ("stop", 10)]
    assert all(each.status < 300 for each in alpaca.venue.posts())
    assert hub.position().protected is True


def test_a_pair_comes_back_however_slow_the_cancel_was(hub: Hub, alpaca: Alpaca) -> None:
    """Refused for want of shares, both are; that says nothing about the target."""
    hub.send(**BUY)
    alpaca.venue.change(KEY, cancel_seconds=20)
    position = hub.position()
    assert position.protection is not None
    position.protection["targets"][0]["price"] = "125"
    position.save(update_fields=["protection"])
    queue_protection(position, now=hub.clock())
    for _ in range(40):
        poll(hub)
    assert "rejected" in [each.status for each in hub.orders(role="take_profit")]
    assert working(alpaca) == [("limit", 10), ("stop", 10)]
