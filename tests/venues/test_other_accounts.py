"""A key that opens another account at the venue: nothing is sent or compared there, all waits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from brokers.alpaca.connection import connections
from brokers.binance.seats import close_seats
from brokers.examining import examine_account
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.services import update_account
from orders import syncing
from orders.models import Decision, LaneItem, Reconciliation
from orders.reconciling import reconcile_now
from tests.venues.alpaca.fixtures import make_alpaca_hub, opened_alpaca
from tests.venues.binance.fixtures import make_spot_hub
from tests.venues.binance_futures.fixtures import make_futures_hub
from tradehub.testing.hub import Hub

LIMITS = {"max_order_value": "100000"}
KEYS = {
    "alpaca": ("PKFAKE", "sesame"),
    "binance_spot": ("apikey1", "secret-of-apikey1"),
    "binance_futures": ("apikey1", "secret-of-apikey1"),
}
OTHER = "otherkey"
WHOSE = {"account", "balance"}
"""What asks whose account it is."""
PUBLIC = {"time", "prices", "quotes", "rules"}
"""What is of no account."""


@dataclass
class World:
    hub: Hub
    symbol: str
    asked: Callable[[str], list[str]]
    """What was asked of the venue with a key."""

    @property
    def key(self) -> str:
        return KEYS[self.hub.account.kind][0]

    def send(self, **alert: Any) -> Any:
        return self.hub.send(**{"symbol": self.symbol, "price": "100", **alert})

    def poll(self) -> None:
        """What goes on at its own accord: the poll, the comparison and the lane."""
        self.hub.clock.wait(20)
        account = self.row()
        syncing.sync_account(account, clock=self.hub.clock)
        reconcile_now(account, clock=self.hub.clock)
        self.hub.drain()

    def change_key(self, key: str) -> None:
        self.hub.clock.wait(1)
        given = {"api_key": key, "api_secret": KEYS[self.hub.account.kind][1]}
        update_account(
            account=self.row(), now=self.hub.clock(), actor=self.hub.owner, credentials=given
        )

    def examine(self) -> BrokerAccount:
        examine_account(self.row(), clock=self.hub.clock)
        return self.row()

    def row(self) -> BrokerAccount:
        return BrokerAccount.objects.get(pk=self.hub.account.pk)


@pytest.fixture(params=KEYS)
def world(request: pytest.FixtureRequest, alice: Any, settings: Any) -> Any:
    secret = KEYS[request.param][1]
    if request.param == "alpaca":
        with opened_alpaca() as there:
            there.venue.open_account(OTHER, secret)
            hub = make_alpaca_hub(alice, there, settings, LIMITS)
            asked = there.venue.asked
            yield World(hub, "AAPL", lambda key: [x.operation for x in asked if x.key == key])
        return
    spot = request.param == "binance_spot"
    venue = request.getfixturevalue("spot_venue" if spot else "futures_venue")
    hub = make_spot_hub(alice, venue, LIMITS) if spot else make_futures_hub(alice, venue, LIMITS)
    venue.open(OTHER, secret)
    notes = venue.venue.notes
    yield World(hub, "BTCUSDT", lambda key: [x.operation for x in notes if x.key == key])


@pytest.fixture
def held(world: World) -> World:
    """Its key has passed, and it holds a position with its stop."""
    assert world.examine().trouble == ""
    world.send(action="buy", quantity="10", stop_loss="95")
    world.poll()
    (stop,) = world.hub.working()
    assert stop.role == "stop_loss"
    return world


@pytest.mark.parametrize("looked_at", [True, False])
def test_nothing_is_sent_or_compared_and_all_goes_on_with_the_right_key(
    held: World, looked_at: bool
) -> None:
    """Also before the account doctor has looked at the key."""
    held.change_key(OTHER)
    if looked_at:
        assert "belongs to the venue's account" in held.examine().trouble
    arrival = held.hub.deliver(symbol=held.symbol, action="sell", price="100")
    for _ in range(4):
        held.poll()
    assert set(held.asked(OTHER)) <= WHOSE | PUBLIC
    (stop,) = held.hub.working()
    assert stop.role == "stop_loss"
    assert held.hub.orders(role="exit") == []
    item = LaneItem.objects.get(signal_id=arrival.stored_id)
    assert (item.status, item.reason) == ("held", "ACCOUNT_NOT_RECONCILED")
    assert Reconciliation.objects.get(pk=held.hub.account.pk).error == "VENUE_ACCOUNT_CHANGED"

    held.change_key(held.key)
    assert held.examine().trouble == ""
    for _ in range(4):
        held.poll()
    assert Decision.objects.get(signal_id=arrival.stored_id).outcome == "approved"
    assert [each.status for each in held.hub.orders(role="exit")] == ["filled"]
    assert not held.hub.position(held.symbol).is_open


def test_an_exit_that_is_on_its_way_waits_for_the_right_key(held: World) -> None:
    """The lane had begun before the key was changed."""
    held.change_key(OTHER)
    account = held.row()
    Reconciliation.objects.filter(pk=account.pk).update(
        reconciled_at=held.hub.clock(), required_at=None
    )
    held.send(action="sell")
    assert set(held.asked(OTHER)) <= WHOSE | PUBLIC
    (exit_,) = held.hub.orders(role="exit")
    assert exit_.status == "queued"
    held.change_key(held.key)
    assert held.examine().trouble == ""
    for _ in range(4):
        held.poll()
    exit_.refresh_from_db()
    assert exit_.status == "filled"


def test_the_account_doctor_says_whose_key_it_is(held: World) -> None:
    held.change_key(OTHER)
    account = held.examine()
    assert account.examination.passed is False
    (line,) = [each for each in account.examination.lines if each["hard"] and not each["ok"]]
    assert (line["name"], line["code"]) == ("identity", "VENUE_ACCOUNT_CHANGED")


def test_whose_key_it_is_costs_an_alert_no_question(held: World) -> None:
    """Nothing while the key has passed, one for each connection while it has not."""

    def opened_anew() -> list[str]:
        close_seats()
        connections.close()
        before = len(held.asked(held.key))
        broker = connect(held.row(), now=held.hub.clock)
        for _ in range(3):
            broker.open_orders()
        return [each for each in held.asked(held.key)[before:] if each not in PUBLIC]

    usual = opened_anew()
    assert not WHOSE & set(usual)
    BrokerAccount.objects.filter(pk=held.hub.account.pk).update(trouble="Its key may withdraw.")
    first, *rest = opened_anew()
    assert first in WHOSE
    assert rest == usual
