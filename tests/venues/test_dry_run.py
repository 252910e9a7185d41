"""A dry run at each local venue: all is decided by what is really there, and nothing is changed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from orders import syncing
from orders.models import Decision, LaneItem, Order
from signals.models import Signal, Subscription
from signals.routes import bump_route_version
from tests.venues.alpaca.fixtures import KEY as ALPACA_KEY
from tests.venues.alpaca.fixtures import make_alpaca_hub, opened_alpaca
from tests.venues.binance.fixtures import KEY, make_spot_hub
from tests.venues.binance_futures.fixtures import make_futures_hub
from tradehub.testing.hub import Hub

LIMITS = {"max_order_value": "100000000", "max_leverage": "10", "size_limits": "deny"}
KINDS = ["alpaca", "binance_futures", "binance_spot"]
READS = frozenset(
    {
        "account", "balance", "clock", "config", "fills", "instrument", "open_orders", "order",
        "positions", "prices", "quotes", "setting", "time",
    }
)  # fmt: skip
"""What leaves a venue as it was, in the words of its notes."""


@dataclass
class World:
    hub: Hub
    symbol: str
    operations: Callable[[], list[str]]
    """What has arrived at the venue, in order."""
    books: Callable[[], str]
    """All that it has of the account."""

    def send(self, **alert: Any) -> Decision:
        return self.hub.send(**{"symbol": self.symbol, "price": "100", **alert})

    def rehearse(self, mode: str) -> None:
        Subscription.objects.update(mode=mode)
        bump_route_version()

    def changes(self) -> set[str]:
        return {*self.operations()} - READS


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, alice: Any, settings: Any) -> Any:
    if request.param == "alpaca":
        with opened_alpaca() as there:
            hub = make_alpaca_hub(alice, there, settings, LIMITS, mode="dry_run")
            asked, accounts = there.venue.asked, there.venue.accounts
            yield World(
                hub,
                "AAPL",
                lambda: [x.operation for x in asked],
                lambda: repr(accounts[ALPACA_KEY]),
            )
        return
    if request.param == "binance_spot":
        spot = request.getfixturevalue("spot_venue")
        hub, venue = make_spot_hub(alice, spot, LIMITS, mode="dry_run"), spot.venue
    else:
        futures = request.getfixturevalue("futures_venue")
        options = {"leverage": 5}
        hub = make_futures_hub(alice, futures, LIMITS, options=options, mode="dry_run")
        venue = futures.venue
    yield World(
        hub,
        "BTCUSDT",
        lambda: [x.operation for x in venue.notes],
        lambda: repr(venue.books.accounts[KEY]),
    )


def look(world: World) -> None:
    """The poll, and the lane with what came of it."""
    world.hub.clock.wait(1)
    syncing.sync_account(world.hub.account, clock=world.hub.clock)
    world.hub.drain()


def test_all_is_decided_and_nothing_but_read(world: World) -> None:
    before = world.books()
    decision = world.send(action="buy", quantity="2", stop_loss="95", take_profit="110")
    assert decision.outcome == "approved", decision.reasons
    assert decision.rehearsal is not None
    (order,) = decision.rehearsal["orders"]
    wanted = {"symbol": world.symbol, "side": "buy", "role": "entry", "quantity": "2"}
    assert wanted.items() <= order.items()
    assert "95" in str(order["protection"])
    assert world.symbol in (decision.quote or {})
    assert {"account", "quotes"} & {*world.operations()}, "it went by the venue's own numbers"
    assert world.changes() == set()
    assert world.books() == before
    assert not Order.objects.exists()
    assert not LaneItem.objects.filter(status="queued").exists()
    assert Signal.objects.get().status == "processed"


def test_it_decides_as_what_is_sent(world: World) -> None:
    alert = {"action": "buy", "quantity": "2", "stop_loss": "95"}
    rehearsed = world.send(**alert)
    assert world.changes() == set()
    world.rehearse("auto")
    sent = world.send(**alert)
    assert "submit" in world.changes()
    if world.hub.account.kind == "binance_futures":
        assert {"leverage", "margin"} <= world.changes(), "what a real entry sets there"
    for name in ("outcome", "reasons", "sizing"):
        assert getattr(rehearsed, name) == getattr(sent, name), name
    assert [each["code"] for each in rehearsed.checks] == [each["code"] for each in sent.checks]
    (entry,) = world.hub.orders(role="entry")
    assert entry.status == "filled"
    assert sent.rehearsal is None


def test_what_the_venue_does_not_allow_is_denied_by_a_rehearsal_too(world: World) -> None:
    decision = world.send(symbol="NOSUCHUSDT", action="buy", quantity="2")
    assert [each["code"] for each in decision.reasons] == ["SYMBOL_UNKNOWN"]
    too_much = world.send(action="buy", quantity="100000")
    assert too_much.outcome == "denied"
    assert "BUYING_POWER_TOO_LOW" in [each["code"] for each in too_much.reasons]
    assert decision.rehearsal == too_much.rehearsal == {"orders": [], "cancels": []}
    assert world.changes() == set()


@pytest.mark.parametrize("action", ["exit", "close_all", "cancel_all"])
def test_what_is_held_and_rests_there_is_left_as_it_is(world: World, action: str) -> None:
    world.rehearse("auto")
    if action == "cancel_all":
        world.send(action="buy", quantity="1", order_type="limit", limit_price="50")
    else:
        world.send(action="buy", quantity="2", stop_loss="95")
    look(world)
    world.rehearse("dry_run")
    working = len(world.hub.working())
    assert working == 1
    arrived, before = len(world.operations()), world.books()
    decision = world.send(action=action)
    rehearsal = decision.rehearsal
    assert rehearsal is not None
    assert rehearsal["orders"] or rehearsal["cancels"]
    assert {*world.operations()[arrived:]} <= READS
    assert world.books() == before
    assert len(world.hub.working()) == working
