"""Binance spot and its largest order at the market: what is entered fits into one, and what is
larger all the same is sold in parts, one after the other, while its stop holds nothing."""

from decimal import Decimal as D
from typing import Any

import pytest

from brokers.binance.seats import close_seats
from orders.models import LaneItem
from orders.services import emergency_stop
from tests.venues.binance.fixtures import KEY, SpotVenue, make_spot_hub
from tests.venues.binance.test_hub import LIMITS, held, poll, send, working
from tests.venues.binance.venue import filters
from tests.venues.dying import die_at_every_step
from tradehub.testing.hub import Hub

STOP = {"stop_loss": "95"}
PARTS = [D("3.99600"), D("3.99600")]
"""Of what is left of 8 after the fee in the coin."""


@pytest.fixture
def hub(alice: Any, spot_venue: SpotVenue) -> Hub:
    return make_spot_hub(alice, spot_venue, LIMITS, max_adds=3)


def allow(there: SpotVenue, most: str) -> None:
    """The venue changes the rule, and all forget what they knew."""
    lot = {"minQty": "0", "maxQty": most, "stepSize": "0"}
    there.venue.books.markets["BTCUSDT"].filters = filters(MARKET_LOT_SIZE=lot)
    close_seats()


def hold(hub: Hub, there: SpotVenue, **alert: Any) -> None:
    """Eight bought, when five are the most that one order at the market may have."""
    allow(there, "6000")
    send(hub, action="buy", quantity="8", **alert)
    allow(there, "5")


def sold(there: SpotVenue) -> list[tuple[D, str]]:
    """At the market, in the order in which it came: quantity and client id."""
    asked = [each.params for each in there.venue.asked("submit") if each.taken]
    return [
        (D(each["quantity"]), each["newClientOrderId"])
        for each in asked
        if (each["type"], each["side"]) == ("MARKET", "SELL")
    ]


def assert_sold(hub: Hub, there: SpotVenue) -> None:
    assert [each for each, _ in sold(there)] == PARTS
    assert len({name for _, name in sold(there)}) == 2
    assert (held(there), working(there), hub.position("BTCUSDT").is_open) == (0, [], False)
    assert not hub.orders(status__in=["queued", "sending", "unconfirmed", "open"])


def test_an_entry_of_any_type_is_no_more_than_can_be_sold(hub: Hub, spot_venue: SpotVenue) -> None:
    allow(spot_venue, "5")
    limit = {"order_type": "limit", "limit_price": "100"}
    for kind in ({}, limit, {"order_type": "stop", "stop_price": "105"}):
        assert send(hub, action="buy", quantity="8", **kind).outcome == "denied"
    assert spot_venue.venue.asked("submit") == []
    assert send(hub, action="buy", quantity="4", **limit, **STOP).outcome == "approved"
    decision = send(hub, action="buy", quantity="2", **limit, **STOP)
    (reason,) = decision.reasons
    assert reason["code"] == "ORDER_QUANTITY_ABOVE_MAX"
    assert "at most 5 BTCUSDT with one order at the market, and 3.996 are held" in reason["message"]


def test_an_exit_leaves_in_parts_one_after_the_other(hub: Hub, spot_venue: SpotVenue) -> None:
    hold(hub, spot_venue, **STOP)
    placed = len(spot_venue.venue.asked("submit"))
    send(hub, action="exit")
    assert_sold(hub, spot_venue)
    assert len(spot_venue.venue.asked("submit")) == placed + 2
    first, second = hub.orders(role="exit")
    (fill,) = first.events.filter(event="fill")
    assert second.submitted_at is not None
    assert second.submitted_at > fill.at


def test_what_two_full_parts_would_leave_too_small_to_be_sold_is_shared(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    """0.012 of 8 would be worth 1.2 USDT, and nobody could sell it."""
    hold(hub, spot_venue)
    allow(spot_venue, "3.99")
    send(hub, action="exit")
    assert [each for each, _ in sold(spot_venue)] == [D("2.664")] * 3
    assert (held(spot_venue), hub.position("BTCUSDT").is_open) == (0, False)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kind", ["accept_then_close", "truncated_json", "close_before"])
def test_nothing_follows_a_part_whose_outcome_is_unknown(
    hub: Hub, spot_venue: SpotVenue, kind: str, place: int
) -> None:
    hold(hub, spot_venue)
    for _ in range(place):
        spot_venue.venue.fault("submit", "accept", key=KEY)
    spot_venue.venue.fault("submit", kind, key=KEY)
    before = len(spot_venue.venue.asked("submit"))
    send(hub, action="exit")
    assert len(spot_venue.venue.asked("submit")) == before + place + 1
    exits = hub.orders(role="exit")
    assert [each.status for each in exits] == [
        ["unconfirmed", "queued"],
        ["filled", "unconfirmed"],
    ][place]
    for _ in range(12):
        hub.sweep(5)
    assert_sold(hub, spot_venue)
    for each in exits:
        lost = kind == "close_before" and each == exits[place]
        assert spot_venue.venue.posts(each.client_order_id) == (2 if lost else 1)


def test_a_part_that_the_venue_refuses_leaves_the_rest_guarded(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    hold(hub, spot_venue, **STOP)
    spot_venue.venue.fault("submit", "accept", key=KEY)
    spot_venue.venue.fault("submit", "reject", key=KEY, code="-2010", text="Market is closed.")
    send(hub, action="exit")
    for _ in range(3):
        poll(hub)
    assert [each.status for each in hub.orders(role="exit")] == ["filled", "rejected"]
    assert working(spot_venue) == [("SELL", "STOP_LOSS", D("3.996"), D(95))]
    assert hub.position("BTCUSDT").protected is True


def test_an_emergency_stop_sells_in_parts(hub: Hub, spot_venue: SpotVenue) -> None:
    hold(hub, spot_venue, **STOP)
    emergency_stop(owner=hub.owner, reason="fire", actor=hub.owner, now=hub.clock())
    hub.drain()
    assert_sold(hub, spot_venue)


def test_what_has_no_stop_is_sold_in_parts_where_the_profile_says_so(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    hub.profile.on_unprotected = "close"
    hub.profile.save(update_fields=["on_unprotected"])
    allow(spot_venue, "6000")
    limit = {"order_type": "limit", "limit_price": "90"}
    send(hub, action="buy", quantity="8", stop_loss="89", **limit)
    allow(spot_venue, "5")
    spot_venue.venue.set_price("BTCUSDT", "88")  # so its stop would trigger at once
    for _ in range(4):
        poll(hub)
    assert_sold(hub, spot_venue)
    assert {each.source for each in hub.orders(role="exit")} == {"system"}


def test_a_worker_that_dies_at_any_step_sells_it_all_and_nothing_twice(
    hub: Hub, spot_venue: SpotVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []

    def before() -> None:
        done.append(len(sold(spot_venue)))
        hold(hub, spot_venue, **STOP)

    def move() -> None:
        hub.deliver(symbol="BTCUSDT", price="100", action="exit")

    def mended() -> bool:
        waiting = LaneItem.objects.filter(account=hub.account, status="queued")
        if hub.position("BTCUSDT").is_open or waiting.exists():
            return False
        parts = sold(spot_venue)[done[-1] :]
        assert [each for each, _ in parts] == PARTS
        assert len({name for _, name in parts}) == 2
        assert (held(spot_venue), working(spot_venue)) == (0, [])
        return True

    steps = die_at_every_step(
        monkeypatch,
        hub,
        before=before,
        move=move,
        mended=mended,
    )
    assert steps > 8
