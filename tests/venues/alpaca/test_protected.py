"""Stop and target of one position at Alpaca where its owner wants targets to be watched, or they
can't rest: the stop rests, the target is taken."""

from decimal import Decimal as D
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client

from orders.models import Drift
from orders.reconciling import reconcile_now
from orders.selectors import with_marks
from tests.venues.alpaca.fixtures import KEY, Alpaca, make_alpaca_hub
from tests.venues.dying import die_at_every_step, poll
from tradehub.testing.hub import Hub

LIMITS = {"max_order_value": "100000"}
BUY = {"price": "100", "action": "buy", "quantity": "10", "stop_loss": "95"}


@pytest.fixture
def hub(alice: Any, alpaca: Alpaca, settings: Any) -> Hub:
    made = make_alpaca_hub(alice, alpaca, settings, LIMITS)
    made.account.options = {"targets": "watch"}
    made.account.save(update_fields=["options"])
    return made


def working(alpaca: Alpaca) -> list[tuple[str, D]]:
    orders = alpaca.venue.accounts[KEY].orders.values()
    return [(each.type, each.remaining) for each in orders if each.working]


def assert_flat(hub: Hub, alpaca: Alpaca, symbol: str = "AAPL") -> None:
    assert not hub.position(symbol).is_open
    assert working(alpaca) == []
    assert not hub.orders(status__in=["queued", "sending", "unconfirmed", "open"])
    hub.clock.wait(30)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert not Drift.objects.exists()


def test_the_price_goes_to_the_target(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**BUY, take_profit="120")
    assert working(alpaca) == [("stop", 10)]
    assert hub.position().protected is True
    alpaca.venue.set_price("AAPL", "119.99")
    poll(hub)
    assert working(alpaca) == [("stop", 10)]
    alpaca.venue.set_price("AAPL", "121")
    poll(hub)
    (target,) = hub.orders(role="take_profit")
    assert (target.status, target.average_fill_price) == ("filled", 121)
    body = alpaca.venue.posts(target.client_order_id)[0].body
    assert (body["type"], body["time_in_force"]) == ("limit", "ioc")
    assert body["position_intent"] == "sell_to_close"
    assert alpaca.venue.positions(KEY) == {}
    assert_flat(hub, alpaca)


def test_its_owner_sees_what_is_watched(hub: Hub, alpaca: Alpaca, client: Client) -> None:
    hub.send(**BUY, take_profit="120")
    client.force_login(hub.owner)
    (told,) = client.get("/api/v1/positions/").json()["results"]
    assert told["watched_targets"] == [{"price": "120", "quantity": "10"}]
    (view,) = with_marks([hub.position()])
    page = render_to_string("dashboard/parts/positions.html", {"positions": [view]})
    assert "10 at 120.00, watched" in page
    alpaca.venue.set_price("AAPL", "121")
    poll(hub)
    assert_flat(hub, alpaca)
    assert with_marks([hub.position()])[0].watched_targets == []


def test_targets_of_a_coin_are_taken_one_by_one(hub: Hub, alpaca: Alpaca) -> None:
    """Alpaca has no order classes for crypto."""
    targets = [{"price": "110", "fraction": "0.5"}, {"price": "120", "fraction": "0.5"}]
    hub.send(**BUY, symbol="BTCUSD", take_profit=targets)
    assert working(alpaca) == [("stop_limit", D("9.975"))]
    alpaca.venue.set_price("BTCUSD", "112")
    poll(hub)
    assert working(alpaca) == [("stop_limit", D("4.9875"))]
    assert hub.position("BTCUSD").protected is True
    alpaca.venue.set_price("BTCUSD", "121")
    poll(hub)
    assert alpaca.venue.positions(KEY) == {}
    assert_flat(hub, alpaca, "BTCUSD")


def test_a_short_is_covered_at_its_target(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(price="100", action="sell", quantity="10", stop_loss="105", take_profit="90")
    assert working(alpaca) == [("stop", 10)]
    alpaca.venue.set_price("AAPL", "89")
    poll(hub)
    assert alpaca.venue.positions(KEY) == {}
    assert_flat(hub, alpaca)


def test_the_price_jumps_over_the_stop(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**BUY, take_profit="120")
    alpaca.venue.set_price("AAPL", "80")
    poll(hub)
    assert not hub.orders(role="take_profit")
    assert alpaca.venue.positions(KEY) == {}
    assert_flat(hub, alpaca)


def test_the_rest_of_an_entry_makes_way_for_the_stop_of_what_has_filled(
    hub: Hub, alpaca: Alpaca
) -> None:
    """While the rest of the entry works, Alpaca takes no order of the other side."""
    hub.send(**BUY, order_type="limit", limit_price="99", take_profit="120")
    (entry,) = hub.orders(role="entry")
    alpaca.venue.fill(KEY, entry.client_order_id, "4")
    poll(hub)
    assert "wash trade" in hub.orders(role="stop_loss")[0].reason_text
    poll(hub)
    (entry,) = hub.orders(role="entry")
    assert (entry.status, entry.filled_quantity) == ("canceled", 4)
    assert (entry.reason, entry.reason_text[:8]) == ("UNPROTECTED_POSITION", "Its rest")
    assert working(alpaca) == [("stop", 4)]
    assert hub.position().protected is True


def test_what_can_have_no_stop_is_closed_when_its_price_passes_that(
    hub: Hub, alpaca: Alpaca
) -> None:
    """The rest of the entry can't be cancelled either."""
    hub.send(**BUY, order_type="limit", limit_price="99", take_profit="120")
    (entry,) = hub.orders(role="entry")
    alpaca.venue.change(KEY, cancel_seconds=20)
    alpaca.venue.fill(KEY, entry.client_order_id, "4")
    poll(hub)
    assert hub.position().protected is False
    alpaca.venue.change(KEY, fills_by_hand=True)
    alpaca.venue.set_price("AAPL", "94")
    alpaca.venue.change(KEY, fills_by_hand=False)
    for _ in range(20):
        poll(hub, 3)
    assert alpaca.venue.positions(KEY) == {}
    assert_flat(hub, alpaca)


def test_parts_of_a_share_are_sold_by_an_order_for_the_day(hub: Hub, alpaca: Alpaca) -> None:
    """Alpaca takes them for the day only, so the target does not end by itself."""
    hub.account.options = {"fractional": True}
    hub.account.save(update_fields=["options"])
    hub.send(**{**BUY, "quantity": "2.5"}, take_profit="120")
    alpaca.venue.set_price("AAPL", "121")
    poll(hub)
    (target,) = hub.orders(role="take_profit")
    assert alpaca.venue.posts(target.client_order_id)[0].body["time_in_force"] == "day"
    assert_flat(hub, alpaca)


def test_a_cancel_that_takes_its_time_is_waited_for(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that is still being cancelled holds its shares."""
    monkeypatch.setattr("brokers.alpaca.adapter.LOOKS_AT_A_CANCEL", (0.0,))
    hub.send(**BUY, take_profit="120")
    alpaca.venue.change(KEY, cancel_seconds=6)
    alpaca.venue.set_price("AAPL", "121")
    for _ in range(8):
        poll(hub)
    assert all(each.status < 300 for each in alpaca.venue.posts())
    assert_flat(hub, alpaca)


def test_a_target_met_while_the_market_is_closed_gives_the_stop_back(
    hub: Hub, alpaca: Alpaca
) -> None:
    hub.send(**BUY, take_profit="120")
    alpaca.venue.open_market(is_open=False)
    alpaca.venue.set_price("AAPL", "121")
    poll(hub)
    poll(hub)
    assert working(alpaca) == [("stop", 10)]
    assert hub.position().protected is True
    assert alpaca.venue.positions(KEY) == {"AAPL": 10}


def test_a_worker_that_dies_at_any_step_is_mended(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enter() -> None:
        alpaca.venue.set_price("AAPL", "100")
        hub.send(**BUY, take_profit="120")
        assert hub.position().protected is True

    def mended() -> bool:
        if hub.position().is_open:
            assert working(alpaca), "it has no stop"
            return False
        return not working(alpaca)

    def meet() -> None:
        alpaca.venue.set_price("AAPL", "121")

    assert die_at_every_step(monkeypatch, hub, before=enter, move=meet, mended=mended) > 10
    assert_flat(hub, alpaca)
