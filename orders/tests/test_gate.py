"""The last gate reads the age of an entry that had to wait as the decision reads it."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from brokers.errors import RateLimited
from orders.tests.conftest import MakeHub
from tradehub.core.intent import iso
from tradehub.testing.builders import deliver
from tradehub.testing.hub import Hub, use_venue

pytestmark = pytest.mark.django_db


def send_held_up(hub: Hub, monkeypatch: pytest.MonkeyPatch, *commands: dict[str, Any]) -> list[str]:
    """The venue takes the first request half a minute late. The statuses of the alert's orders."""
    use_venue(monkeypatch, hub.clock).fail("submit", RateLimited("slow down", retry_after=30))
    said = [{"symbol": "AAPL", "price": "150", **each} for each in commands]
    deliver(hub.token, orjson.dumps(said), hub.clock())
    hub.drain()
    assert hub.orders()[0].status == "queued"
    hub.sweep(31)
    return [each.reason or each.status for each in hub.orders()]


BUY = {"action": "buy", "quantity": 1}


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        ({}, "filled"),
        ({"timenow": 25}, "filled"),
        ({"timenow": 35}, "SIGNAL_STALE"),
        ({"timenow": -20}, "filled"),
        ({"time": 35}, "filled"),
        ({"time": 65, "interval": "1"}, "filled"),
        ({"time": 95, "interval": "1"}, "SIGNAL_STALE"),
        ({"time": 95, "interval": "5"}, "filled"),
    ],
)
def test_age_at_the_gate(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch, ages: dict[str, Any], expected: str
) -> None:
    hub = make_hub(limits={"max_signal_age_seconds": 60})
    said = {
        key: value if key == "interval" else iso(hub.clock.now - timedelta(seconds=value))
        for key, value in ages.items()
    }
    assert send_held_up(hub, monkeypatch, BUY | said) == [expected]


def test_an_open_bar_keeps_no_entry_young(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(limits={"max_signal_age_seconds": 20})
    bar = {"time": iso(hub.clock.now), "interval": "1D"}
    assert send_held_up(hub, monkeypatch, BUY | bar) == ["SIGNAL_STALE"]


def test_the_limit_of_another_command_says_nothing_of_the_entry(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub()
    close = {"action": "close", "max_age_seconds": 1}
    other = BUY | {"symbol": "MSFT", "max_age_seconds": 10}
    found = send_held_up(hub, monkeypatch, close, BUY, other)
    assert found == ["filled", "SIGNAL_STALE"]
