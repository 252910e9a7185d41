"""Polling beside streams: what is asked for each second, and what a living stream saves."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest

from brokers.errors import RateLimited
from brokers.registry import connect
from brokers.streams import states
from brokers.streams import station as streams_station
from brokers.streams.states import StreamState
from orders import stream_process, syncing
from orders.models import Fill, Position
from orders.stream_process import Poller
from orders.streaming import Recorder, missed_fills
from tradehub.lib import logs
from tradehub.lib.heartbeat import redis_client
from tradehub.testing.hub import Hub, make_hub

pytestmark = pytest.mark.django_db


@dataclass
class Line:
    state: StreamState

    @property
    def is_up(self) -> bool:
        return self.state.connected

    def doubt(self, why: str) -> None:
        """Its loop is asked."""


@dataclass
class Station:
    polls: bool = True
    up: dict[str, Line] = field(default_factory=dict)
    distrusted: dict[str, float] = field(default_factory=dict)

    def lines(self) -> dict[str, Line]:
        return self.up

    states = streams_station.Station.states


@dataclass
class Asked:
    polled: list[str] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked()
    monkeypatch.setattr(
        stream_process, "sync_account", lambda account, **_: found.polled.append(account.pk)
    )
    monkeypatch.setattr(
        stream_process, "watch_account", lambda account, *_, **__: found.watched.append(account.pk)
    )
    return found


@pytest.fixture
def hub(alice: Any, now: Any) -> Hub:
    made = make_hub(alice, now)
    made.send(action="buy", quantity=1, order_type="limit", price=140)
    return made


def poller(station: Station, hub: Hub) -> Poller:
    return Poller(cast(Any, station), cast(Any, None), clock=hub.clock)


def test_a_venue_that_does_not_answer_is_told_of_once_a_minute(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise RateLimited("Not now.")

    passed = [100.0]
    monkeypatch.setattr(logs, "monotonic", lambda: passed[0])
    monkeypatch.setattr(syncing, "_said", logs.Seldom())
    monkeypatch.setattr(syncing, "sync_orders", away)
    monkeypatch.setattr(stream_process, "watch_account", away)
    streamed = {hub.account.pk: Line(StreamState(connected_since=1.0))}
    for station, word in ((Station(), "sync_failed"), (Station(up=streamed), "watch_failed")):
        polls = poller(station, hub)
        monkeypatch.setattr(polls, "_is_due", lambda _, due=word == "sync_failed": due)
        for expected in (1, 0, 1):
            caplog.clear()
            for _ in range(5):
                polls.round()
            assert sum(word in each.getMessage() for each in caplog.records) == expected
            passed[0] += logs.SELDOM_SECONDS / 2 + 1


def test_an_account_without_a_stream_is_polled_each_time(hub: Hub, asked: Asked) -> None:
    polls = poller(Station(), hub)
    for _ in range(3):
        polls.round()
    assert asked.polled == [hub.account.pk] * 3


def test_one_with_a_living_stream_now_and_then_and_its_prices_each_time(
    hub: Hub, asked: Asked
) -> None:
    station = Station(up={hub.account.pk: Line(StreamState(connected_since=1.0))})
    polls = poller(station, hub)
    for _ in range(3):
        polls.round()
    assert asked.polled == [hub.account.pk]
    assert asked.watched == [hub.account.pk] * 2
    polls._polled[hub.account.pk] -= stream_process.POLL_STREAMED_SECONDS
    polls.round()
    assert asked.polled == [hub.account.pk] * 2
    # A stream that was lost says nothing.
    line = station.up[hub.account.pk]
    line.state = replace(line.state, connected_since=None)
    polls.round()
    assert asked.polled == [hub.account.pk] * 3


def test_a_stream_that_missed_a_fill_saves_no_polling_for_a_while(hub: Hub, asked: Asked) -> None:
    station = Station(up={hub.account.pk: Line(StreamState(connected_since=1.0))})
    made: list[str] = []
    loop = cast(Any, SimpleNamespace(call_soon_threadsafe=lambda work, why: made.append(why)))
    hub.send(action="buy", quantity=1)
    hub.clock.wait(30)
    polls = Poller(cast(Any, station), loop, clock=hub.clock)
    for _ in range(3):
        polls.round()
    assert made == ["missed a fill"]
    before = len(asked.polled)
    for _ in range(3):
        polls.round()
    assert len(asked.polled) == before + 3
    until = station.distrusted[hub.account.pk] - hub.clock().timestamp()
    hub.clock.wait(until + 1)
    polls._doubted_at = monotonic()
    polls.round()
    assert len(asked.polled) == before + 3


@pytest.mark.parametrize("distrusted", [False, True])
def test_a_stream_that_another_process_holds_saves_polling_too(
    hub: Hub, asked: Asked, redis_server: str, settings: Any, distrusted: bool
) -> None:
    settings.REDIS_URL = redis_server
    now = hub.clock()
    until = now.timestamp() + 60 if distrusted else None
    state = StreamState(connected_since=1.0, distrusted_until=until)
    states.tell(redis_client(), {hub.account.pk: state}, now=now)
    polls = poller(Station(), hub)
    for _ in range(3):
        polls.round()
    assert asked.polled == [hub.account.pk] * (3 if distrusted else 1)


def test_an_account_that_breaks_keeps_no_other_from_its_poll(
    hub: Hub, asked: Asked, bob: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_hub(bob, now)
    other.send(action="buy", quantity=1, order_type="limit", price=140)
    first, last = sorted([hub.account.pk, other.account.pk])
    polls = poller(Station(up={first: Line(StreamState(connected_since=1.0))}), hub)
    polls.round()

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("bidPrice")

    monkeypatch.setattr(stream_process, "watch_account", broken)
    asked.polled.clear()
    polls.round()
    assert asked.polled == [last]


@pytest.mark.parametrize(
    ("connected", "heard", "missed"),
    [
        (-60, None, True),
        (-60, -30, True),
        (-60, 0, False),  # told
        (-60, -5, False),  # told, by another clock
        (-5, None, False),  # had hardly begun
        (None, None, False),
    ],
)
def test_a_fill_is_missed_that_nothing_was_told_of(
    hub: Hub, connected: float | None, heard: float | None, missed: bool
) -> None:
    """Seconds from the fill."""
    hub.send(action="buy", quantity=1)
    at = Fill.objects.get().at.timestamp()
    hub.clock.wait(30)
    state = StreamState(
        connected_since=None if connected is None else at + connected,
        last_event_at=None if heard is None else at + heard,
    )
    expected = [hub.account.pk] if missed else []
    assert missed_fills({hub.account.pk: state}, now=hub.clock.now) == expected
    assert missed_fills({"acc_other": state}, now=hub.clock.now) == []


def test_a_position_that_lacks_its_protection_is_looked_at_each_time(
    hub: Hub, asked: Asked
) -> None:
    hub.send(action="buy", quantity=1)
    Position.objects.filter(account=hub.account).update(is_open=True, protected=False)
    polls = poller(Station(up={hub.account.pk: Line(StreamState(connected_since=1.0))}), hub)
    for _ in range(3):
        polls.round()
    assert asked.polled == [hub.account.pk] * 3


def test_one_process_of_several_polls(hub: Hub, asked: Asked) -> None:
    poller(Station(polls=False), hub).round()
    assert asked.polled == []


def test_a_look_that_found_no_turn_is_not_waited_for(hub: Hub) -> None:
    """The next news of the order asks for another."""
    later: list[Any] = []
    recorder = Recorder(later=lambda _, work: later.append(work), clock=hub.clock)
    recorder.turns.close()
    (order,) = hub.orders()
    told = replace(
        connect(hub.account, now=hub.clock).reports([order.client_order_id])[0],
        filled_quantity=Decimal(1),
    )
    for _ in range(2):
        recorder._ask(hub.account, told, 1)
    assert len(later) == 1
    later.pop()()
    recorder._ask(hub.account, told, 1)
    assert len(later) == 1
