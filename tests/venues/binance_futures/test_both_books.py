"""What cancels everything reaches both books of Binance futures: ordinary and algo orders."""

from typing import Any

import pytest

from orders.services import emergency_stop, halt_trading
from tests.venues.binance_futures.fixtures import KEY, FuturesVenue, make_futures_hub
from tests.venues.binance_futures.test_hub import LIMITS, held, poll, send, working
from tradehub.core.words import Scope
from tradehub.testing.hub import Hub

MODES = ["one_way", "hedge"]


@pytest.fixture(params=MODES)
def hub(request: pytest.FixtureRequest, alice: Any, futures_venue: FuturesVenue) -> Hub:
    hub = make_futures_hub(alice, futures_venue, LIMITS, options={"position_mode": request.param})
    futures_venue.venue.books.accounts[KEY].hedged = request.param == "hedge"
    return hub


def rest_entries(hub: Hub, there: FuturesVenue) -> None:
    """One order in each book, neither of them filled."""
    send(hub, action="buy", quantity="1", order_type="limit", limit_price="90")
    send(hub, symbol="ETHUSDT", price="10", action="buy", quantity="1", order_type="stop",
         stop_price="12")  # fmt: skip
    assert types_of(there) == ["LIMIT", "STOP_MARKET"]


def types_of(there: FuturesVenue) -> list[str]:
    return sorted(each[1] for each in working(there))


def statuses(hub: Hub, role: str) -> set[str]:
    return {each.status for each in hub.orders(role=role)}


def test_trap_3_an_emergency_stop_empties_both_books_and_closes(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    rest_entries(hub, futures_venue)
    bnb = {"symbol": "BNBUSDT", "price": "500", "stop_loss": "475", "take_profit": "550"}
    send(hub, action="buy", quantity="1", **bnb)
    assert types_of(futures_venue) == ["LIMIT", "LIMIT", "STOP_MARKET", "STOP_MARKET"]
    assert held(futures_venue, "BNBUSDT") == 1
    emergency_stop(owner=hub.owner, reason="fire", actor=hub.owner, now=hub.clock())
    hub.drain()
    assert working(futures_venue) == []
    assert held(futures_venue, "BNBUSDT") == 0
    assert statuses(hub, "stop_loss") == statuses(hub, "take_profit") == {"canceled"}
    assert statuses(hub, "exit") == {"filled"}
    assert not hub.position("BNBUSDT").is_open
    futures_venue.venue.set_price("ETHUSDT", "13")  # a stop that was left would open now
    poll(hub)
    assert held(futures_venue, "ETHUSDT") == 0


def test_trap_3_a_halt_empties_both_books_of_entries_and_leaves_protection(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    rest_entries(hub, futures_venue)
    send(hub, symbol="BNBUSDT", price="500", action="buy", quantity="1", stop_loss="475")
    halt_trading(
        scope=Scope.USER, scope_id=str(hub.owner.pk), reason="holiday", owner=hub.owner,
        actor=hub.owner, now=hub.clock(),
    )  # fmt: skip
    hub.drain()
    assert types_of(futures_venue) == ["STOP_MARKET"]
    assert held(futures_venue, "BNBUSDT") == 1
    assert hub.position("BNBUSDT").protected is True


def test_trap_3_an_alert_that_cancels_all_reaches_both_books(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    rest_entries(hub, futures_venue)
    hub.send(action="cancel_all")
    assert working(futures_venue) == []
    assert statuses(hub, "entry") == {"canceled"}
