"""The drill listens to the account's stream at each venue that has one, and finds one that fails.

A stream that fails ends no drill: orders are tried all the same.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from brokers.drill import Drill
from brokers.drill_orders import Odd
from brokers.drill_stream import Hearing, hearing_of
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.streams.venues import STREAMS
from brokers.types import Line
from tests.venues.alpaca.fixtures import opened_alpaca
from tests.venues.binance.fixtures import spot_venue
from tests.venues.binance_futures.fixtures import futures_venue
from tests.venues.drilling import failed
from tests.venues.streams import World, until, world_at

__all__ = ["futures_venue", "spot_venue"]
VENUES = {"binance_spot": "spot_venue", "binance_futures": "futures_venue", "alpaca": "alpaca"}


@pytest.fixture(params=list(VENUES))
def world(request: pytest.FixtureRequest, alice: Any, settings: Any) -> Iterator[World]:
    if request.param != "alpaca":
        there = request.getfixturevalue(VENUES[request.param])
        with world_at(request.param, alice, there, settings) as made:
            yield made
    else:
        with opened_alpaca() as there, world_at(request.param, alice, there, settings) as made:
            yield made


def drilled(world: World, patience: float = 20) -> list[Line]:
    account, clock = world.hub.account, world.hub.clock
    hearing = Hearing(account, clock, patience)
    broker = connect(account, now=clock)
    return Drill(broker, world.symbol, "drill", hearing, pause=lambda seconds: None).lines()


def test_every_venue_with_a_stream_is_tried_here() -> None:
    assert VENUES.keys() == STREAMS.keys()


def test_it_connects_is_let_in_and_hears_of_its_orders(world: World) -> None:
    lines = drilled(world)
    assert failed(lines) == [], [line.text for line in lines]
    names = [line.name for line in lines]
    assert names.index("stream") < names.index("place")
    assert names[-2:] == ["stream, of orders", "nothing left"]
    until(lambda: not world.sockets.listeners, "it is connected no more")


def test_a_venue_that_lets_nobody_in_is_found_and_stops_are_tried(world: World) -> None:
    world.sockets.manners.refuses = True
    lines = drilled(world)
    assert failed(lines) == ["stream"]
    assert "InvalidStatus" in lines[3].text
    assert [line.name for line in lines[-2:]] == ["stop: after the cancel", "nothing left"]


def test_a_stream_that_is_connected_and_mute_is_found(world: World) -> None:
    world.sockets.manners.mute = True
    lines = drilled(world, patience=0.3)
    assert failed(lines) == ["stream, of orders"]
    (found,) = [line for line in lines if not line.ok]
    assert found.text.endswith("told nothing of drill1, drill2.")
    assert lines[-1].ok


def test_a_refused_key_is_named(world: World) -> None:
    world.change_secret("another")
    hearing = Hearing(world.hub.account, world.hub.clock)
    try:
        with pytest.raises(Odd, match="BAD_CREDENTIALS"):
            hearing.begin()
    finally:
        hearing.end()
    until(lambda: not world.sockets.listeners, "it is connected no more")


def test_one_that_never_began_ends_too(world: World) -> None:
    Hearing(world.hub.account, world.hub.clock).end()
    assert world.sockets.accepted == 0


def test_a_venue_without_a_stream_has_none_to_hear() -> None:
    assert hearing_of(BrokerAccount(kind="paper")) is None
