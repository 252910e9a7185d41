"""Streams over real sockets: what a venue tells becomes rows, once, whatever becomes of the stream.

Nobody polls here. Every case runs at each venue that has a stream.
"""

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection

from brokers.models import BrokerAccount
from brokers.streams import states
from brokers.streams.states import StreamState
from orders import streaming
from orders.doorbell import doorbell
from orders.models import Fill, LaneItem, Order, OrderEvent, Reconciliation
from orders.stream_process import Poller
from orders.streaming import Outcome, missed_fills, record_told
from tests.venues.alpaca.fixtures import opened_alpaca
from tests.venues.binance.fixtures import spot_venue
from tests.venues.binance_futures.fixtures import futures_venue
from tests.venues.streams import (
    Process,
    World,
    following,
    pass_examination,
    resting,
    until,
    world_at,
)
from tradehub.lib.heartbeat import redis_client

__all__ = ["futures_venue", "spot_venue"]
VENUES = {"binance_spot": "spot_venue", "binance_futures": "futures_venue", "alpaca": "alpaca"}
pytestmark = pytest.mark.django_db(transaction=True)


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


@pytest.fixture
def process(world: World) -> Iterator[Process]:
    with following(world.hub.clock) as running:
        running.connected(world.hub.account)
        until(lambda: world.sockets.up(world.key) == 1)
        yield running


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Accounts whose lanes were rung."""
    lanes: list[str] = []
    monkeypatch.setattr(doorbell, "publish", lanes.append)
    return lanes


def fresh(order: Order) -> Order:
    order.refresh_from_db()
    return order


def test_fills_become_rows_and_a_position(world: World, process: Process) -> None:
    order = resting(world)
    world.fill(order, "1")
    until(lambda: fresh(order).filled_quantity == 1, "the first fill")
    assert order.status == "partially_filled"
    world.fill(order, "2")
    until(lambda: fresh(order).status == "filled", "the second fill")
    assert order.filled_quantity == 3
    assert sorted(fill.quantity for fill in Fill.objects.all()) == [1, 2]
    held = world.hub.position(world.symbol)
    assert held.quantity == 3 - sum(fill.kept for fill in Fill.objects.all())
    assert held.average_entry_price == 90


def test_the_fill_of_a_stream_is_the_one_that_polling_tells(world: World, process: Process) -> None:
    """To the last digit, and under the same id, so that it is recorded once."""
    order = resting(world)
    world.fill(order, "3", "89.5")
    until(lambda: fresh(order).status == "filled", "filled")
    from brokers.registry import connect

    (told,) = Fill.objects.all()
    (asked,) = connect(world.hub.account, now=world.hub.clock).reports([order.client_order_id])
    (fill,) = asked.fills
    names = ("quantity", "price", "fee", "fee_currency", "kept", "at", "venue_fill_id")
    assert [getattr(told, name) for name in names] == [getattr(fill, name) for name in names]
    assert told.fee_value == fill.cost


def test_a_cancel_and_a_refusal_at_the_venue_end_the_order(world: World, process: Process) -> None:
    order = resting(world)
    world.fill(order, "1")
    world.cancel(order)
    until(lambda: fresh(order).status == "canceled", "canceled")
    assert order.filled_quantity == 1


def test_a_refusal_after_it_was_taken(world: World, process: Process) -> None:
    order = resting(world)
    world.reject(order)
    until(lambda: fresh(order).status == "rejected", "rejected")
    assert order.reason == "VENUE_REJECTED"


def test_a_fill_that_asks_for_protection_rings_the_lane(
    world: World, process: Process, rung: list[str]
) -> None:
    order = resting(world, stop_loss="80")
    rung.clear()
    world.fill(order, "3")
    until(lambda: world.hub.account.pk in rung, "rung")
    world.hub.drain()
    (stop,) = world.hub.orders(role="stop_loss")
    assert stop.status == "open"
    until(lambda: world.hub.position(world.symbol).protected, "protected")
    held = world.hub.position(world.symbol).quantity
    world.strike(stop)
    until(lambda: not world.hub.position(world.symbol).is_open, "closed")
    assert stop.quantity <= held
    queued = LaneItem.objects.filter(status=LaneItem.Status.QUEUED, kind=LaneItem.Kind.DECIDE)
    assert not queued.exists()


def test_what_comes_twice_counts_once(world: World, process: Process) -> None:
    world.sockets.manners.copies = 3
    order = resting(world)
    world.fill(order, "1")
    world.fill(order, "2")
    until(lambda: fresh(order).status == "filled", "filled")
    assert sorted(fill.quantity for fill in Fill.objects.all()) == [1, 2]
    events = [each.event for each in OrderEvent.objects.filter(order=order).order_by("id")]
    assert events == ["send", "accept", "partial_fill", "fill"]


def test_what_comes_in_disorder_ends_the_same(world: World, process: Process) -> None:
    order = resting(world)
    world.sockets.manners.held = []
    world.fill(order, "1")
    world.fill(order, "1")
    world.cancel(order)
    until(lambda: len(world.sockets.manners.held or []) >= 3)
    world.sockets.release(lambda told: told[::-1])
    until(lambda: fresh(order).status == "canceled", "canceled")
    assert order.filled_quantity == 2
    assert [fill.quantity for fill in Fill.objects.all()] == [1, 1]
    assert world.hub.position(world.symbol).quantity == 2 - sum(
        fill.kept for fill in Fill.objects.all()
    )


def test_a_fill_during_a_drop_is_found_when_it_is_connected_again(
    world: World, process: Process
) -> None:
    order = resting(world)
    world.sockets.manners.refuses = True
    world.sockets.drop()
    until(lambda: not process.follows(), "lost")
    world.fill(order, "3")
    assert fresh(order).status == "open"
    compared = Reconciliation.objects.filter(pk=world.hub.account.pk)
    compared.update(due_at=world.hub.clock.now + timedelta(hours=1))
    world.sockets.manners.refuses = False
    until(lambda: fresh(order).status == "filled", "found")
    soon = world.hub.clock.now + timedelta(minutes=1)
    until(lambda: compared.get().due_at < soon, "a comparison is due")


def test_silence_is_noticed_and_what_was_missed_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brokers.streams.alpaca import AlpacaStream
    from brokers.streams.binance_futures import FuturesStream
    from brokers.streams.binance_spot import SpotStream

    for each in (AlpacaStream, FuturesStream, SpotStream):
        monkeypatch.setattr(each, "silence_seconds", 0.4)
    with following(world.hub.clock) as process:
        process.connected(world.hub.account)
        order = resting(world)
        first = world.sockets.accepted
        world.sockets.fall_silent()
        world.fill(order, "3")
        until(lambda: world.sockets.accepted > first, "connected anew")
        until(lambda: fresh(order).status == "filled", "found")
        assert process.error_of(world.hub.account) == "ConnectionClosedError"


def test_a_stream_that_is_connected_and_does_not_tell_is_found_out(
    world: World, process: Process
) -> None:
    """By a fill that polling found."""
    from orders.syncing import sync_account

    world.sockets.manners.mute = True  # before all else, or the loop may hear of it later
    order = resting(world)
    clock = world.hub.clock
    clock.wait(60)
    world.fill(order, "3")
    clock.wait(30)
    sync_account(world.hub.account, clock=clock)
    assert fresh(order).status == "filled"
    before = world.sockets.accepted
    Poller(process.station, process.loop, clock=clock).doubt()
    until(lambda: world.sockets.accepted > before, "connected anew")
    process.connected(world.hub.account)
    process.station.distrusted.clear()
    Poller(process.station, process.loop, clock=clock).doubt()
    assert not process.station.distrusted, "the new one has missed nothing"


def test_a_wrong_key_is_told_and_not_tried_again_soon(world: World) -> None:
    world.change_secret("another")
    with following(world.hub.clock) as process:
        until(lambda: process.error_of(world.hub.account) == "BAD_CREDENTIALS", "refused")
        assert process.follows() == set()
        assert world.sockets.accepted <= 1
        # The owner enters the right one.
        BrokerAccount.objects.update(sealed_credentials=world.seal("another"))
        process.connected(world.hub.account)


def test_a_replaced_key_opens_another_connection(world: World, process: Process) -> None:
    world.change_secret("fresh")
    BrokerAccount.objects.update(sealed_credentials=world.seal("fresh"))
    until(lambda: world.sockets.accepted == 2, "connected anew")
    process.connected(world.hub.account)
    until(lambda: world.sockets.up(world.key) == 1, "the old one is closed")


@pytest.mark.parametrize("change", ["disabled", "failed"])
def test_an_account_that_is_not_traded_with_is_not_followed(
    world: World, process: Process, change: str
) -> None:
    account = world.hub.account
    if change == "disabled":
        BrokerAccount.objects.filter(pk=account.pk).update(enabled=False)
    else:
        account.examination.passed = False
        account.examination.save(update_fields=["passed"])
    until(lambda: world.sockets.up(world.key) == 0, "closed")
    assert process.station.lines() == {}

    def shown() -> dict[str, StreamState]:
        return states.states_of(redis_client(), [account.pk], now=world.hub.clock.now)

    until(lambda: not shown(), "forgotten")
    pass_examination(account, world.hub.clock.now)
    BrokerAccount.objects.filter(pk=account.pk).update(enabled=True)
    process.connected(account)


def test_trades_by_hand_have_the_books_compared(world: World, process: Process) -> None:
    compared = Reconciliation.objects.filter(pk=world.hub.account.pk)
    world.hub.drain()
    compared.update(due_at=world.hub.clock.now + timedelta(hours=1))
    world.buy_by_hand("1")
    soon = world.hub.clock.now + timedelta(minutes=1)
    until(lambda: compared.get().due_at < soon, "a comparison is due")
    assert not Fill.objects.exists()


def test_news_of_an_order_whose_request_is_away_waits_for_its_lane(
    world: World, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = resting(world)
    Order.objects.filter(pk=order.pk).update(status="sending", version=order.version + 1)
    seen = threading.Event()
    real = streaming.record_told

    def watched(*given: Any, **more: Any) -> Outcome:
        outcome = real(*given, **more)
        if outcome is Outcome.WAITS:
            seen.set()
        return outcome

    monkeypatch.setattr(streaming, "record_told", watched)
    world.fill(order, "3")
    assert seen.wait(20)
    assert fresh(order).status == "sending"
    assert not Fill.objects.exists()
    Order.objects.filter(pk=order.pk).update(status="open", version=order.version + 1)
    until(lambda: fresh(order).status == "filled", "filled")


def test_the_state_of_a_stream_can_be_read(world: World, process: Process) -> None:
    account = world.hub.account
    order = resting(world)
    world.fill(order, "3")
    now = world.hub.clock.now

    def known() -> StreamState | None:
        found = states.states_of(redis_client(), [account.pk, "acc_none"], now=now)
        return found.get(account.pk)

    state = until(lambda: (each := known()) and each.last_event_at and each, "told")
    assert state.connected_since is not None
    assert state.last_error == ""
    later = now + timedelta(seconds=states.GOOD_FOR_SECONDS + 60)
    assert states.states_of(redis_client(), [account.pk], now=later) == {}


def test_no_secret_is_logged(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "sesame-never-to-be-seen"
    world.change_secret(secret)
    BrokerAccount.objects.update(sealed_credentials=world.seal(secret))
    caplog.set_level("DEBUG")
    with following(world.hub.clock) as process:
        process.connected(world.hub.account)
        world.sockets.drop()
        until(lambda: world.sockets.accepted == 2)
    printed = "".join(capfd.readouterr()) + caplog.text
    assert secret not in printed
    kept = redis_client().hgetall(states.KEY)
    assert secret not in str(kept)


def test_more_is_left_of_a_fill_than_an_event_says(world: World, process: Process) -> None:
    """An end that comes before its fills are known waits for them: protection goes by them."""
    from brokers.types import OrderReport, ReportStatus
    from tradehub.core.words import OrderSide

    order = resting(world)
    report = OrderReport(
        order.client_order_id, order.venue_order_id, order.symbol, OrderSide.BUY,
        ReportStatus.CANCELED, D(3), D(2), world.hub.clock.now,
    )  # fmt: skip
    assert record_told(order.account_id, report, now=world.hub.clock.now) is Outcome.BEHIND
    assert fresh(order).status == "open"
    assert not missed_fills({}, now=world.hub.clock.now)
    connection.close()
