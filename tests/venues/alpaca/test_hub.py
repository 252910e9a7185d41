"""A hub that trades at the fake: from the alert to the position, its stop there, and the exit."""

from typing import Any

import pytest

from brokers import doctor
from brokers.alpaca.adapter import LIVE_URL, TEST_URL, addresses
from brokers.alpaca.connection import connections
from brokers.credentials import seal_credentials
from brokers.errors import BadCredentials
from brokers.registry import connect
from orders import syncing
from orders.reconciling import reconcile_now
from orders.work import drain_lane
from tests.venues.alpaca.fixtures import KEY, SECRET, Alpaca, make_alpaca_hub
from tradehub.testing.hub import Hub

# The sizes that alerts name are taken as they are.
LIMITS = {"max_order_value": "100000"}


@pytest.fixture
def hub(alice: Any, alpaca: Alpaca, settings: Any) -> Hub:
    return make_alpaca_hub(alice, alpaca, settings, LIMITS)


def look(hub: Hub) -> None:
    """The poll, and the lane with what came of it."""
    hub.clock.wait(1)
    syncing.sync_account(hub.account, clock=hub.clock)
    drain_lane(hub.account.pk, clock=hub.clock)


def test_an_alert_with_a_stop_is_entered_protected_and_exited(hub: Hub, alpaca: Alpaca) -> None:
    decision = hub.send(action="buy", quantity="10", price="100", stop_loss="95")
    assert decision.outcome == "approved", decision.reasons
    look(hub)
    entry, stop = hub.orders()
    assert (entry.status, entry.role, entry.filled_quantity) == ("filled", "entry", 10)
    assert (stop.status, stop.role, stop.stop_price) == ("open", "stop_loss", 95)
    assert hub.position().protected
    placed = alpaca.venue.posts(stop.client_order_id)[0].body
    assert (placed["type"], placed["stop_price"], placed["time_in_force"]) == ("stop", "95", "gtc")
    assert placed["position_intent"] == "sell_to_close"

    assert hub.send(action="sell", price="100").outcome == "approved"
    look(hub)
    assert {each.role: each.status for each in hub.orders()} == {
        "entry": "filled",
        "stop_loss": "canceled",
        "exit": "filled",
    }
    assert alpaca.venue.positions(KEY) == {}
    assert not hub.position().is_open
    assert len(alpaca.venue.posts()) == 3


def test_the_stop_at_alpaca_closes_the_position(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(action="buy", quantity="10", price="100", stop_loss="95")
    look(hub)
    alpaca.venue.set_price("AAPL", "94")
    look(hub)
    assert hub.orders(role="stop_loss")[0].status == "filled"
    position = hub.position()
    assert (position.is_open, position.realized_pnl) == (False, -60)


def test_a_stop_for_the_day_is_placed_anew_when_it_has_expired(hub: Hub, alpaca: Alpaca) -> None:
    """Parts of a share have no order that outlives the day."""
    hub.account.options = {"fractional": True}
    hub.account.save(update_fields=["options"])
    hub.send(action="buy", quantity="2.5", price="100", stop_loss="95")
    look(hub)
    assert hub.position().quantity == hub.orders(role="stop_loss")[0].quantity
    alpaca.venue.end_day()
    look(hub)
    look(hub)
    assert [each.status for each in hub.orders(role="stop_loss")] == ["expired", "open"]


def test_a_reversal_is_two_orders_the_second_after_the_first_has_filled(
    alice: Any, alpaca: Alpaca, settings: Any
) -> None:
    hub = make_alpaca_hub(alice, alpaca, settings, LIMITS, on_opposite="reverse")
    hub.send(action="buy", quantity="10", price="100")
    hub.send(action="sell", quantity="10", price="100")
    look(hub)
    bodies = [each.body for each in alpaca.venue.posts()]
    assert [(each["side"], each["qty"]) for each in bodies] == [
        ("buy", "10"),
        ("sell", "10"),
        ("sell", "10"),
    ]
    assert all(each.status < 300 for each in alpaca.venue.posts())
    assert alpaca.venue.positions(KEY) == {"AAPL": -10}


@pytest.mark.parametrize("kind", ["accept_then_close", "accept_then_504", "refuse_504"])
def test_an_order_whose_answer_is_lost_is_filled_once(hub: Hub, alpaca: Alpaca, kind: str) -> None:
    alpaca.venue.fault("submit", kind)
    hub.send(action="buy", quantity="4", price="100")
    for _ in range(20):
        if hub.orders(status="filled"):
            break
        hub.sweep(5)
    assert [order.status for order in hub.orders()] == ["filled"]
    assert alpaca.venue.positions(KEY) == {"AAPL": 4}
    sent = {"accept_then_close": 1, "accept_then_504": 1, "refuse_504": 2}[kind]
    assert len(alpaca.venue.posts()) == sent
    assert len({post.body["client_order_id"] for post in alpaca.venue.posts()}) == 1


def test_what_is_done_by_hand_at_alpaca_is_found(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(action="buy", quantity="4", price="100")
    look(hub)
    alpaca.venue.by_hand(KEY, symbol="AAPL", qty="1", side="sell", type="market",
                         time_in_force="day")  # fmt: skip
    hub.clock.wait(1)
    found = reconcile_now(hub.account, clock=hub.clock)
    assert found.complete, found.error
    held = sum(each.quantity for each in hub.account.positions.filter(symbol="AAPL"))
    assert held == 3
    hub.clock.wait(5)
    assert reconcile_now(hub.account, clock=hub.clock).findings == ()


def test_an_account_is_spoken_to_over_one_connection_and_a_new_key_gets_its_own(
    hub: Hub, alpaca: Alpaca
) -> None:
    for _ in range(3):
        connect(hub.account, now=hub.clock).account()
    assert alpaca.server.accepted == 1
    account = hub.account
    account.sealed_credentials = seal_credentials(account, {"api_key": KEY, "api_secret": "new"})
    with pytest.raises(BadCredentials):
        connect(account, now=hub.clock).account()
    connections.close()
    account.sealed_credentials = seal_credentials(account, {"api_key": KEY})
    with pytest.raises(BadCredentials, match="api_secret"):
        connect(account, now=hub.clock)


def test_connections_that_nobody_uses_are_closed(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = connect(hub.account, now=hub.clock)
    monkeypatch.setattr("brokers.alpaca.connection.IDLE_SECONDS", -1.0)
    again = connect(hub.account, now=hub.clock)
    assert repr(again) == repr(first)
    assert not connections._open


def test_the_doctor_looks_at_an_account_there(hub: Hub, alpaca: Alpaca) -> None:
    told = {each.name: each for each in doctor.examine(hub.account, now=hub.clock)}
    assert all(each.ok for each in told.values()), told
    assert alpaca.venue.accounts[KEY].id in told["identity"].text
    assert told["clock"].ok
    alpaca.venue.change(KEY, secret="another")
    told = {each.name: each for each in doctor.examine(hub.account, now=hub.clock)}
    assert (told["connection"].ok, told["connection"].hard) == (False, True)
    assert SECRET not in str(told)


def test_paper_and_live_have_their_own_addresses_unless_the_operator_says_one(
    settings: Any,
) -> None:
    settings.VENUE_URLS = {"ALPACA_TRADING_URL": "", "ALPACA_DATA_URL": ""}
    assert addresses("live") == (LIVE_URL, "https://data.alpaca.markets")
    assert addresses("test")[0] == TEST_URL
    settings.VENUE_URLS = {"ALPACA_TRADING_URL": "http://one", "ALPACA_DATA_URL": "http://two"}
    assert addresses("live") == addresses("test") == ("http://one", "http://two")
