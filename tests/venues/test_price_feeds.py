"""Feeds of prices over real sockets: what they are told, what that means, and how they end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal as D
from typing import Any

import pytest
from redis import RedisError

from brokers.models import BrokerAccount
from brokers.prices.places import FUTURES_TEST, SPOT_TEST, STOCKS_IEX, Place, parts_of
from brokers.prices.shared import feed_states, known_prices, streamed_quotes
from brokers.streams.states import StreamState
from orders.models import Position
from tests.venues.alpaca import fixtures as at_alpaca
from tests.venues.binance.fixtures import SpotVenue, make_spot_hub, spot_venue
from tests.venues.binance_futures import fixtures as at_futures
from tests.venues.binance_futures.fixtures import futures_venue
from tests.venues.prices import (
    AlpacaPrices,
    BinancePrices,
    FuturesPrices,
    PriceDoor,
    feeding,
    told_by,
)
from tests.venues.streams import LIMITS, pass_examination, run_out, until
from tradehub.lib.clock import utc_now
from tradehub.lib.heartbeat import redis_client
from tradehub.testing.hub import Hub

__all__ = ["futures_venue", "spot_venue"]
pytestmark = pytest.mark.django_db(transaction=True)
BTC = Place(SPOT_TEST, "BTCUSDT")
BUY = {"price": "100", "action": "buy", "quantity": "1", "stop_loss": "95"}


@dataclass
class World:
    """A hub with an account at one venue, which tells its prices."""

    hub: Hub
    door: PriceDoor
    place: Place
    symbol: str
    channels: set[str]
    set_price: Callable[[str], None]


@contextmanager
def at_spot(alice: Any, there: SpotVenue, settings: Any) -> Iterator[World]:
    hub = make_spot_hub(alice, there, LIMITS)
    with told_by(BinancePrices(there.venue)) as door:
        settings.VENUE_URLS = {**settings.VENUE_URLS, "BINANCE_SPOT_STREAM_URL": door.url}
        channels = {"btcusdt@bookTicker", "btcusdt@miniTicker"}
        yield World(hub, door, BTC, "BTCUSDT", channels,
                    lambda price: there.venue.set_price("BTCUSDT", price))  # fmt: skip


@contextmanager
def at_contracts(alice: Any, there: Any, settings: Any) -> Iterator[World]:
    hub = at_futures.make_futures_hub(alice, there, LIMITS)
    with told_by(FuturesPrices(there.venue)) as door:
        settings.VENUE_URLS = {**settings.VENUE_URLS, "BINANCE_FUTURES_STREAM_URL": door.url}
        channels = {"btcusdt@bookTicker", "btcusdt@miniTicker"}
        yield World(hub, door, Place(FUTURES_TEST, "BTCUSDT"), "BTCUSDT", channels,
                    lambda price: there.venue.set_price("BTCUSDT", price))  # fmt: skip


@contextmanager
def at_stocks(alice: Any, settings: Any) -> Iterator[World]:
    with at_alpaca.opened_alpaca() as there:
        hub = at_alpaca.make_alpaca_hub(alice, there, settings, LIMITS)
        pass_examination(hub.account, hub.clock.now)
        with told_by(AlpacaPrices(there.venue)) as door:
            settings.VENUE_URLS = {**settings.VENUE_URLS, "ALPACA_DATA_STREAM_URL": door.url}
            channels = {"quotes:AAPL", "trades:AAPL"}
            yield World(hub, door, Place(STOCKS_IEX, "AAPL"), "AAPL", channels,
                        lambda price: there.venue.set_price("AAPL", price))  # fmt: skip


@pytest.fixture(params=["spot", "contracts", "stocks"])
def world(
    request: pytest.FixtureRequest, alice: Any, settings: Any, redis_server: str
) -> Iterator[World]:
    with ExitStack() as stack:
        if request.param == "spot":
            there = request.getfixturevalue("spot_venue")
            yield stack.enter_context(at_spot(alice, there, settings))
        elif request.param == "contracts":
            there = request.getfixturevalue("futures_venue")
            yield stack.enter_context(at_contracts(alice, there, settings))
        else:
            yield stack.enter_context(at_stocks(alice, settings))


@pytest.fixture
def spot(alice: Any, spot_venue: SpotVenue, settings: Any, redis_server: str) -> Iterator[World]:
    with at_spot(alice, spot_venue, settings) as made:
        yield made


@pytest.fixture(autouse=True)
def redis_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test before may have found it away."""
    monkeypatch.setattr("brokers.prices.shared._quiet_until", 0.0)


def hold(world: World, **more: Any) -> Position:
    """A position whose target is watched."""
    world.hub.account.options = {**world.hub.account.options, "targets": "watch"}
    world.hub.account.save()
    world.hub.send(**BUY, symbol=world.symbol, **{"take_profit": "110", **more})
    return world.hub.position(world.symbol)


def told(world: World) -> set[str]:
    return world.door.channels()


def states_of_feeds(world: World) -> dict[str, StreamState]:
    """As the process told them at its last look, which may be a second ago."""
    return feed_states(redis_client(), now=world.hub.clock.now)


def connected_feeds(world: World) -> set[str]:
    return {name for name, state in states_of_feeds(world).items() if state.connected}


# ---- at each venue ----


def test_with_nothing_held_no_connection_is_open(world: World) -> None:
    with feeding(world.hub.clock) as process:
        process.looks_again()
    assert world.door.accepted == 0


def test_a_price_on_the_feed_is_known_to_every_process(world: World) -> None:
    hold(world)
    with feeding(world.hub.clock) as process:
        process.connected(world.place.feed)
        until(lambda: told(world) == world.channels)
        assert known_prices([world.place], now=world.hub.clock.now) == {}
        world.set_price("101.5")
        until(lambda: known_prices([world.place], now=world.hub.clock.now))
        quotes = streamed_quotes(world.hub.account, [world.symbol], now=world.hub.clock.now)
        quote = quotes[world.symbol]
        assert (quote.symbol, quote.bid, quote.last) == (world.symbol, D("101.5"), D("101.5"))
        parts = {f"{world.place.feed}/{part.name}" for part in parts_of(world.place.feed)}
        until(lambda: connected_feeds(world) == parts)
        world.hub.clock.wait(6)
        assert known_prices([world.place], now=world.hub.clock.now) == {}
    assert states_of_feeds(world) == {}


def test_a_watched_target_is_met_when_the_feed_tells_its_price(world: World) -> None:
    contracts = world.place.feed == FUTURES_TEST  # which have their targets rest at the venue
    position = hold(world, take_profit=None if contracts else "110")
    if contracts:
        watched = [{"price": "110", "quantity": "1"}]
        position.protection = {**(position.protection or {}), "watched": watched}
        position.save(update_fields=["protection"])
    with feeding(world.hub.clock) as process:
        process.connected(world.place.feed)
        world.set_price("109")
        until(lambda: process.price(world.place) == 109)
        assert not world.hub.orders(role="take_profit")
        world.set_price("110.5")
        until(lambda: world.hub.orders(role="take_profit"), "met")
    world.hub.drain()
    assert contracts or not world.hub.position(world.symbol).is_open


def test_a_connection_that_is_cut_is_made_anew_and_told_the_same(world: World) -> None:
    hold(world)
    with feeding(world.hub.clock) as process:
        process.connected(world.place.feed)
        world.set_price("101")
        until(lambda: process.price(world.place) == 101)
        before = world.door.accepted
        world.door.drop()
        until(lambda: process.price(world.place) is None, "what it told is forgotten")
        sockets = len(process.station.lines())
        until(lambda: world.door.accepted >= before + sockets, "each of them")
        process.connected(world.place.feed)
        until(lambda: told(world) == world.channels)
        world.door.tick(world.place.name)
        until(lambda: process.price(world.place) == 101)


def test_what_nobody_holds_any_more_is_not_told_any_more(world: World) -> None:
    hold(world)
    with feeding(world.hub.clock) as process:
        process.connected(world.place.feed)
        world.hub.send(symbol=world.symbol, action="close")
        assert not world.hub.position(world.symbol).is_open
        until(lambda: not world.door.listeners, "closed")
        until(lambda: not process.station.lines())


def test_a_feed_that_falls_silent_is_made_anew(world: World) -> None:
    hold(world)
    with feeding(world.hub.clock) as process:
        process.connected(world.place.feed)
        before = world.door.accepted
        world.door.manners.mute = True
        world.hub.clock.wait(901)
        until(lambda: world.door.accepted > before, "again")


def test_a_quiet_market_is_not_doubted_each_minute(spot: World) -> None:
    hold(spot)
    with feeding(spot.hub.clock) as process:
        process.connected(SPOT_TEST)
        before = spot.door.accepted
        spot.hub.clock.wait(61)
        until(lambda: spot.door.accepted == before + 1, "again")
        process.connected(SPOT_TEST)
        spot.hub.clock.wait(61)
        process.looks_again()
        assert spot.door.accepted == before + 1
        assert process.is_up(SPOT_TEST)
        spot.hub.clock.wait(61)
        until(lambda: spot.door.accepted == before + 2, "after two minutes")


# ---- several symbols, processes, and Redis ----


def test_symbols_come_and_go_on_one_connection(spot: World) -> None:
    hold(spot)
    with feeding(utc_now) as process:  # the hub's clock leaps, as if the feed were mute
        process.connected(SPOT_TEST)
        spot.hub.send(symbol="ETHUSDT", action="buy", quantity="5", price="10")
        until(lambda: spot.door.listeners_of("ethusdt@bookTicker") == 1)
        assert spot.door.listeners_of("btcusdt@bookTicker") == 1
        spot.hub.send(symbol="ETHUSDT", action="close", price="10")
        until(lambda: told(spot) == spot.channels)
    assert spot.door.accepted == 1


def test_one_of_two_processes_holds_a_feed_and_the_other_takes_over_from_the_dead(
    spot: World,
) -> None:
    hold(spot)
    with ExitStack() as living:
        with feeding(spot.hub.clock, dies=True) as one:
            one.connected(SPOT_TEST)
            other = living.enter_context(feeding(spot.hub.clock))
            other.looks_again()
            assert spot.door.listeners_of("btcusdt@bookTicker") == 1
            assert not other.station.lines()
        run_out(one.station.leases)
        until(lambda: other.is_up(SPOT_TEST), "taken over")


def test_without_redis_a_feed_goes_on_and_nobody_else_has_prices(
    spot: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*given: Any, **more: Any) -> None:
        raise RedisError

    hold(spot)
    with feeding(spot.hub.clock) as process:
        process.connected(SPOT_TEST)
        for name in ("eval", "mget", "pipeline", "hset"):
            monkeypatch.setattr(redis_client(), name, away)
        spot.set_price("101")
        until(lambda: process.price(BTC) == 101)
        assert known_prices([BTC], now=spot.hub.clock.now) == {}
        spot.set_price("110.5")
        until(lambda: spot.hub.orders(role="take_profit"), "met")
        assert process.is_up(SPOT_TEST)
    monkeypatch.undo()


def test_a_name_that_the_feed_takes_ill_harms_no_other(spot: World) -> None:
    position = hold(spot)
    Position.objects.filter(pk=position.pk).update(symbol="FOO-BAR")
    with feeding(spot.hub.clock) as process:
        spot.hub.send(symbol="ETHUSDT", action="buy", quantity="5", price="10")
        process.connected(SPOT_TEST)
        until(lambda: told(spot) == {"ethusdt@bookTicker", "ethusdt@miniTicker"})


# ---- Alpaca's keys ----


@pytest.fixture
def stocks(alice: Any, settings: Any, redis_server: str) -> Iterator[World]:
    with at_stocks(alice, settings) as made:
        yield made


def another_account(world: World, owner: Any, key: str) -> BrokerAccount:
    from brokers.credentials import seal_credentials

    account = BrokerAccount(owner=owner, kind="alpaca", environment="test", label=key)
    given = {"api_key": key, "api_secret": "sesame"}
    account.sealed_credentials = seal_credentials(account, given)
    account.save()
    pass_examination(account, world.hub.clock.now)
    return account


def keys_used(door: PriceDoor) -> set[str]:
    return {each.key for each in list(door.listeners) if each.key}


def test_a_key_that_is_in_use_elsewhere_makes_way_for_another(stocks: World, bob: Any) -> None:
    assert isinstance(stocks.door, AlpacaPrices)
    stocks.door.taken.add(at_alpaca.KEY)
    hold(stocks)
    with feeding(stocks.hub.clock) as process:
        line = until(lambda: next(iter(process.station.lines()), None))
        until(lambda: line.state.last_error == "CONNECTION_LIMIT")
        before = stocks.door.accepted
        assert not process.is_up(STOCKS_IEX)
        stocks.door.venue.open_account("PKOTHER", "sesame")  # type: ignore[attr-defined]  # Alpaca's
        assert stocks.door.accepted == before, "it waits for minutes"
        another_account(stocks, bob, "PKOTHER")
        process.connected(STOCKS_IEX)
        assert keys_used(stocks.door) == {"PKOTHER"}


def test_no_key_no_feed_and_a_replaced_one_is_used_at_once(stocks: World, bob: Any) -> None:
    hold(stocks)
    stocks.hub.account.examination.passed = False
    stocks.hub.account.examination.save()
    with feeding(stocks.hub.clock) as process:
        stocks.door.venue.open_account("PKOTHER", "sesame")  # type: ignore[attr-defined]  # Alpaca's
        process.looks_again()
        assert not process.station.lines()
        another_account(stocks, bob, "PKOTHER")
        process.looks_again()
        assert not process.station.lines(), "another user's key is lent to Alpaca's customers only"
        other = another_account(stocks, stocks.hub.owner, "PKOTHER")
        process.connected(STOCKS_IEX)
        assert keys_used(stocks.door) == {"PKOTHER"}
        pass_examination(stocks.hub.account, stocks.hub.clock.now)
        BrokerAccount.objects.filter(pk=other.pk).update(enabled=False)
        until(lambda: keys_used(stocks.door) == {at_alpaca.KEY})


def test_what_is_said_to_alpaca_is_in_no_log(
    stocks: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(stocks)
    with caplog.at_level("DEBUG"), feeding(stocks.hub.clock) as process:
        process.connected(STOCKS_IEX)
        stocks.set_price("101")
        until(lambda: process.price(stocks.place) == 101)
        shown = repr(process.station) + repr(process.station.lines())
    ours = [each.getMessage() for each in caplog.records if each.name != "websockets.server"]
    assert "sesame" not in "".join(["".join(capsys.readouterr()), shown, *ours])
