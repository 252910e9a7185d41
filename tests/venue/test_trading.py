"""A hub that trades at the scripted venue: from the alert to the position, and pages that hold."""

from typing import Any

import pytest
from django.test import Client

from brokers.errors import Unsupported
from brokers.models import BrokerAccount
from brokers.registry import BUILT, connect
from brokers.services import create_account
from tests.venue.fixtures import KEY, ScriptedVenue, make_scripted_account, make_scripted_hub
from tradehub.core.errors import BadInput
from tradehub.core.words import OrderStatus
from tradehub.lib.clock import utc_now

# The sizes that alerts name are taken as they are.
LIMITS = {"max_order_value": "100000"}


def test_an_alert_becomes_a_position_at_the_venue(
    alice: Any, scripted_venue: ScriptedVenue
) -> None:
    hub = make_scripted_hub(alice, scripted_venue, LIMITS)
    scripted_venue.control.set_quote("AAPL", "150", bid="149.9", ask="150.1")
    decision = hub.send(action="buy", quantity="10")
    assert decision.outcome == "approved", decision.reasons
    (order,) = hub.orders()
    assert (order.status, order.filled_quantity) == (OrderStatus.FILLED, 10)
    (post,) = scripted_venue.control.posts(KEY)
    assert post.client_order_id == order.client_order_id
    assert scripted_venue.control.books(KEY).positions == {"AAPL": 10}
    position = hub.position()
    assert (position.quantity, str(position.average_entry_price)) == (10, "150.1")
    assert hub.send(action="sell").outcome == "approved"
    assert scripted_venue.control.books(KEY).positions == {}
    assert not hub.position().is_open


def test_an_order_whose_answer_is_lost_is_found_and_sent_once(
    alice: Any, scripted_venue: ScriptedVenue
) -> None:
    hub = make_scripted_hub(alice, scripted_venue, LIMITS)
    scripted_venue.control.set_default_price("100")
    scripted_venue.control.fault("submit", "accept_then_close")
    hub.send(action="buy", quantity="4")
    for _ in range(10):
        if hub.orders(status="filled"):
            break
        hub.sweep(5)
    assert [order.status for order in hub.orders()] == ["filled"]
    assert len(scripted_venue.control.posts(KEY)) == 1
    assert hub.position().quantity == 4


def test_no_user_can_open_one_and_without_the_setting_nothing_trades_there(
    alice: Any, now: Any
) -> None:
    assert "scripted" not in {each.value for each in BUILT}
    with pytest.raises(BadInput):
        create_account(owner=alice, kind="scripted", environment="test", label="x", now=now)
    account = make_scripted_account(alice, "http://127.0.0.1:9")
    with pytest.raises(Unsupported):
        connect(account)


def test_pages_and_the_api_hold_with_such_an_account(
    alice: Any, scripted_venue: ScriptedVenue, client: Client
) -> None:
    hub = make_scripted_hub(alice, scripted_venue, LIMITS)
    scripted_venue.control.set_default_price("100")
    hub.send(action="buy", quantity="4")
    client.force_login(alice)
    own = f"/broker-accounts/{hub.account.pk}/"
    for path in ("/dashboard/", "/broker-accounts/", own, "/orders/"):
        assert client.get(path).status_code == 200, path
    assert client.get(f"/api/v1/broker-accounts/{hub.account.pk}/").json()["kind"] == "scripted"
    checked = client.post(f"{own}check/")
    assert checked.status_code == 200
    assert b"Equity" in checked.content
    assert client.get(f"{own}edit/").status_code == 404  # no form knows its options


def test_an_adapter_is_imported_when_it_is_needed(
    alice: Any, scripted_venue: ScriptedVenue
) -> None:
    account = make_scripted_account(alice, scripted_venue.url)
    assert repr(connect(account, now=utc_now)).startswith("ScriptedBroker(")
    assert BrokerAccount.objects.get(pk=account.pk).kind == "scripted"
