"""Several stream processes, and the way from a venue's event to an open page."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from channels.layers import channel_layers
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis import RedisError

from brokers.models import BrokerAccount
from orders.models import Fill
from tests.venues.alpaca.fixtures import opened_alpaca
from tests.venues.binance.fixtures import SpotVenue, make_account, spot_venue
from tests.venues.binance.sockets import Sockets, telling
from tests.venues.binance_futures.fixtures import futures_venue
from tests.venues.streams import (
    World,
    following,
    pass_examination,
    resting,
    run_out,
    until,
    world_at,
)
from tradehub.lib.clock import utc_now
from tradehub.lib.live import group_of

__all__ = ["futures_venue", "spot_venue"]
VENUES = {"binance_spot": "spot_venue", "binance_futures": "futures_venue", "alpaca": "alpaca"}
pytestmark = pytest.mark.django_db(transaction=True)
LEASE = 60.0
"""No machine is so slow that a living process loses one."""


@pytest.fixture
def sockets(spot_venue: SpotVenue, settings: Any, redis_server: str) -> Iterator[Sockets]:
    with telling(spot_venue.venue) as door:
        settings.VENUE_URLS = {**settings.VENUE_URLS, "BINANCE_SPOT_WS_API_URL": door.url}
        yield door


@pytest.fixture
def accounts(alice: Any, spot_venue: SpotVenue) -> set[str]:
    found: list[BrokerAccount] = []
    for number in range(6):
        key = f"key{number}"
        spot_venue.open(key, "secret", USDT="1000")
        account = make_account(alice, key, "secret")
        pass_examination(account, utc_now())
        found.append(account)
    return {each.pk for each in found}


def test_two_processes_share_the_accounts_and_one_takes_over_from_the_dead(
    sockets: Sockets, accounts: set[str]
) -> None:
    with following(utc_now, lease=LEASE) as one:
        until(lambda: one.follows() == accounts, "all of them")
        with following(utc_now, lease=LEASE, dies=True) as two:
            until(lambda: len(one.follows()) == len(two.follows()) == 3, "half of them")
            assert one.follows() | two.follows() == accounts
            assert [one.station.polls, two.station.polls] == [True, False]
            until(lambda: [sockets.up(f"key{each}") for each in range(6)] == [1] * 6)
        run_out(two.station.leases)
        until(lambda: one.follows() == accounts, "all of them again")
    until(lambda: not sockets.listeners, "closed")


def test_a_process_that_ends_lets_another_go_on_at_once(
    sockets: Sockets, accounts: set[str]
) -> None:
    """The lease alone would keep the accounts for a minute."""
    with following(utc_now, lease=LEASE) as one:
        until(lambda: one.follows() == accounts)
    with following(utc_now, lease=LEASE) as two:
        until(lambda: two.follows() == accounts)
        assert two.station.polls


def away(*given: Any, **more: Any) -> None:
    """What Redis is asked for."""
    raise RedisError


def test_without_redis_what_is_followed_is_kept(
    sockets: Sockets, accounts: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with following(utc_now, lease=LEASE) as process:
        until(lambda: process.follows() == accounts)
        monkeypatch.setattr(process.station.leases.redis, "eval", away)
        process.station.polls = False
        until(lambda: process.station.polls, "polls, as nobody can say who else does")
        assert process.follows() == accounts


def test_without_redis_an_account_that_was_disabled_is_let_go(
    sockets: Sockets, accounts: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with following(utc_now, lease=LEASE) as process:
        until(lambda: process.follows() == accounts)
        monkeypatch.setattr(process.station.leases.redis, "eval", away)
        gone = min(accounts)
        BrokerAccount.objects.filter(pk=gone).update(enabled=False)
        until(lambda: process.follows() == accounts - {gone}, "let go")


@pytest.fixture(params=list(VENUES))
def world(
    request: pytest.FixtureRequest, transactional_db: None, alice: Any, settings: Any,
    redis_server: str,
) -> Iterator[World]:  # fmt: skip
    if request.param != "alpaca":
        there = request.getfixturevalue(VENUES[request.param])
        with world_at(request.param, alice, there, settings) as made:
            yield made
    else:
        with opened_alpaca() as there, world_at(request.param, alice, there, settings) as made:
            there.venue.change(made.key, fills_by_hand=True)
            yield made


def test_a_fill_at_the_venue_reaches_the_owners_open_page(world: World, redis_server: str) -> None:
    """Nobody polls: the event, the rows, the frame."""
    before = channel_layers.set("default", RedisPubSubChannelLayer(hosts=[redis_server]))
    try:
        with following(world.hub.clock) as process:
            process.connected(world.hub.account)
            order = resting(world)
            frames = asyncio.run(_frames_of_a_fill(world, order))
    finally:
        channel_layers.set("default", before)
    assert {"order", "position"} <= {each["type"] for each in frames}
    told = [each for each in frames if each["type"] == "order" and each["id"] == order.pk]
    assert (told[-1]["status"], told[-1]["filled_quantity"]) == ("filled", "3")


async def _frames_of_a_fill(world: World, order: Any) -> list[dict[str, Any]]:
    from channels.layers import get_channel_layer

    layer = get_channel_layer()
    assert layer is not None
    name = await layer.new_channel()
    await layer.group_add(group_of(world.hub.owner.pk), name)
    await asyncio.to_thread(world.fill, order, "3")
    frames: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not _is_whole(frames):
            frames += (await layer.receive(name))["frames"]
    await layer.flush()
    return frames


def _is_whole(frames: list[dict[str, Any]]) -> bool:
    filled = any(each.get("status") == "filled" for each in frames)
    return filled and any(each["type"] == "position" for each in frames)


def test_what_filled_is_asked_for_until_the_venue_lists_it(
    alice: Any, settings: Any, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alpaca's list of fills lags behind its stream."""
    monkeypatch.setattr("orders.streaming.LOOKS", (0.0, *[0.02] * 500))
    with opened_alpaca() as there, world_at("alpaca", alice, there, settings) as world:
        there.venue.change(world.key, fills_by_hand=True, fill_lag=5.0)
        with following(world.hub.clock) as process:
            process.connected(world.hub.account)
            order = resting(world)
            before = there.asked("fills")
            world.fill(order, "3")
            until(lambda: there.asked("fills") > before)
            assert not Fill.objects.exists()
            world.hub.clock.wait(6)
            until(lambda: Fill.objects.exists(), "found")
            order.refresh_from_db()
            assert order.status == "filled"
