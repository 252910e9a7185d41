"""Binance futures and its largest order at the market: what is entered fits into one, and what is
larger all the same is closed in parts, one after the other."""

from decimal import Decimal as D
from typing import Any

import pytest

from brokers.binance.seats import close_seats
from orders.models import LaneItem, Order
from orders.services import emergency_stop
from tests.venues.binance_futures.fixtures import KEY, FuturesVenue, make_futures_hub
from tests.venues.binance_futures.test_hub import LIMITS, held, poll, send, working
from tests.venues.dying import die_at_every_step
from tradehub.testing.builders import make_strategy, make_token
from tradehub.testing.hub import Hub

STOP = {"stop_loss": "95"}
LIMIT = {"order_type": "limit", "limit_price": "100"}


@pytest.fixture
def hub(alice: Any, futures_venue: FuturesVenue) -> Hub:
    return make_futures_hub(alice, futures_venue, LIMITS, on_opposite="reverse", max_adds=3)


def allow(there: FuturesVenue, most: str) -> None:
    """The venue changes the rule, and all forget what they knew."""
    market = there.venue.books.markets["BTCUSDT"]
    market.filters["MARKET_LOT_SIZE"] = {"minQty": "0.001", "maxQty": most, "stepSize": "0.001"}
    close_seats()


def hold(hub: Hub, there: FuturesVenue, quantity: str = "5", **alert: Any) -> None:
    """More than the two that one order at the market may have from now on."""
    allow(there, "100")
    send(hub, action="buy", quantity=quantity, **alert)
    allow(there, "2")
    assert held(there) == D(quantity)


def at_market(there: FuturesVenue, side: str = "SELL") -> list[tuple[D, str]]:
    """What was sold at the market, in the order in which it came: quantity and client id."""
    asked = [each.params for each in there.venue.asked("submit") if each.taken]
    return [
        (D(each["quantity"]), each["newClientOrderId"])
        for each in asked
        if each["type"] == "MARKET" and each["side"] == side
    ]


def assert_closed(hub: Hub, there: FuturesVenue, quantity: str = "5") -> None:
    """In parts that the venue takes, each once, which are all that was held and no more."""
    assert (held(there), working(there), hub.position("BTCUSDT").is_open) == (0, [], False)
    sold = at_market(there)
    assert sum(each for each, _ in sold) == D(quantity)
    assert max(each for each, _ in sold) <= 2
    names = [name for _, name in sold]
    assert len(set(names)) == len(names)
    assert not hub.orders(status__in=["queued", "sending", "unconfirmed", "open"])


# ---- entries ----


@pytest.mark.parametrize(
    "kind",
    [{}, LIMIT, {"order_type": "stop", "stop_price": "105"}],
    ids=["market", "limit", "stop"],
)
def test_an_entry_of_any_type_is_no_more_than_can_be_closed(
    hub: Hub, futures_venue: FuturesVenue, kind: dict[str, str]
) -> None:
    allow(futures_venue, "2")
    decision = send(hub, action="buy", quantity="3", **kind, **STOP)
    (reason,) = decision.reasons
    assert (decision.outcome, reason["code"]) == ("denied", "ORDER_QUANTITY_ABOVE_MAX")
    assert futures_venue.venue.asked("submit") == []
    assert send(hub, action="buy", quantity="2", **kind, **STOP).outcome == "approved"


def test_what_the_account_holds_and_is_about_to_enter_counts(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    """Also another strategy's: the venue closes an account's position, not a strategy's."""
    allow(futures_venue, "2")
    send(hub, action="buy", quantity="1", **STOP)
    other = make_strategy(hub.owner, hub.account, hub.profile, name="other", on_opposite="ignore")
    mine, hub.token = hub.token, make_token(other)
    assert send(hub, action="buy", quantity="0.5", order_type="limit", limit_price="90").orders
    hub.token = mine
    decision = send(hub, action="buy", quantity="0.6", **LIMIT, **STOP)
    (reason,) = decision.reasons
    assert reason["code"] == "ORDER_QUANTITY_ABOVE_MAX"
    assert reason["message"] == (
        "Order quantity 0.6 is above the limit of 0.5. The venue closes at most 2 BTCUSDT with one "
        "order at the market, and 1.5 are held or about to be entered."
    )
    assert send(hub, action="buy", quantity="0.5", **STOP).outcome == "approved"
    assert hub.position("BTCUSDT").protected is True


def test_a_profile_that_reduces_enters_what_there_is_room_for(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    hub.profile.size_limits = "reduce"
    hub.profile.save(update_fields=["size_limits"])
    allow(futures_venue, "2")
    send(hub, action="buy", quantity="0.5", **STOP)
    decision = send(hub, action="buy", quantity="7", **LIMIT, **STOP)
    assert (decision.outcome, held(futures_venue)) == ("approved", 2)
    assert "room under the venue's largest order at the market of 1.5" in str(decision.sizing)
    assert hub.position("BTCUSDT").protected is True


# ---- exits ----


def test_an_exit_leaves_in_parts_one_after_the_other(hub: Hub, futures_venue: FuturesVenue) -> None:
    hold(hub, futures_venue, **STOP)
    placed = len(futures_venue.venue.asked("submit"))
    decision = send(hub, action="exit")
    assert_closed(hub, futures_venue)
    first, second, third = hub.orders(role="exit")
    assert [each.quantity for each in (first, second, third)] == [
        D("1.667"),
        D("1.667"),
        D("1.666"),
    ]
    assert [each.leg for each in (first, second, third)] == ["0", "0.part.2", "0.part.3"]
    assert {each.decision_id for each in (first, second, third)} == {decision.pk}
    for before, after in ((first, second), (second, third)):
        filled_at = max(each.at for each in before.events.filter(event="fill"))
        assert after.submitted_at is not None
        assert after.submitted_at > filled_at
    # No stop is placed between them.
    assert len(futures_venue.venue.asked("submit")) == placed + 3


def test_a_short_is_bought_back_in_parts(hub: Hub, futures_venue: FuturesVenue) -> None:
    allow(futures_venue, "100")
    send(hub, action="sell", quantity="3", stop_loss="105")
    allow(futures_venue, "2")
    send(hub, action="exit")
    assert (held(futures_venue), working(futures_venue)) == (0, [])
    assert [each for each, _ in at_market(futures_venue, "BUY")] == [D("1.5"), D("1.5")]


def test_an_exit_of_less_than_all_takes_no_more_than_that(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    hold(hub, futures_venue)
    send(hub, action="exit", quantity="3")
    assert [each for each, _ in at_market(futures_venue)] == [D("1.5"), D("1.5")]
    assert held(futures_venue) == hub.position("BTCUSDT").quantity == 2


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "kind", ["accept_then_close", "truncated_json", "accept_then_500", "close_before"]
)
def test_nothing_follows_a_part_whose_outcome_is_unknown(
    hub: Hub, futures_venue: FuturesVenue, kind: str, place: int
) -> None:
    hold(hub, futures_venue)
    for _ in range(place):
        futures_venue.venue.fault("submit", "accept", key=KEY)
    futures_venue.venue.fault("submit", kind, key=KEY)
    before = len(futures_venue.venue.asked("submit"))
    send(hub, action="exit")
    assert len(futures_venue.venue.asked("submit")) == before + place + 1
    exits = hub.orders(role="exit")
    assert exits[place].status == "unconfirmed"
    assert [each.status for each in exits[place + 1 :]] == ["queued"] * (place < 2)
    for _ in range(12):
        hub.sweep(5)
    assert_closed(hub, futures_venue)
    for each in hub.orders(role="exit"):
        lost = kind == "close_before" and each == exits[place]
        assert futures_venue.venue.posts(each.client_order_id) == (2 if lost else 1)


def test_a_part_that_the_venue_refuses_ends_the_rest_and_the_stop_returns(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    hold(hub, futures_venue)
    futures_venue.venue.fault("submit", "accept", key=KEY)
    futures_venue.venue.fault("submit", "reject", key=KEY, code="-4131", text="Too far.")
    send(hub, action="exit")
    for _ in range(3):
        hub.sweep(2)
    assert [each.status for each in hub.orders(role="exit")] == ["filled", "rejected", "canceled"]
    assert held(futures_venue) == hub.position("BTCUSDT").quantity == D("3.333")
    send(hub, action="exit")
    assert_closed(hub, futures_venue)


def test_nothing_follows_a_part_that_expires(hub: Hub, futures_venue: FuturesVenue) -> None:
    hold(hub, futures_venue)
    books = futures_venue.venue.books
    real, books.markets["BTCUSDT"].depth = books.markets["BTCUSDT"].depth, D("0.5")
    send(hub, action="exit")
    first, second = hub.orders(role="exit")
    assert (first.status, first.filled_quantity) == ("expired", D("0.5"))
    assert (second.status, second.submitted_at) == ("canceled", None)
    books.markets["BTCUSDT"].depth = real
    send(hub, action="exit")
    assert [each.quantity for each in hub.orders(role="exit")[2:]] == [D("1.5")] * 3
    assert (held(futures_venue), hub.position("BTCUSDT").is_open) == (0, False)


def test_a_reversal_enters_when_the_last_part_has_filled(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    hold(hub, futures_venue, **STOP)
    futures_venue.venue.fault("submit", "accept", key=KEY)
    futures_venue.venue.fault("submit", "accept_then_close", key=KEY)
    send(hub, action="reverse", quantity="2", stop_loss={"percent": "5"})
    (entry,) = hub.orders(role="entry", side="sell")
    assert (entry.status, entry.submitted_at) == ("queued", None)
    assert [each.status for each in hub.orders(role="exit")] == ["filled", "unconfirmed", "queued"]
    for _ in range(8):
        hub.sweep(5)
    assert held(futures_venue) == hub.position("BTCUSDT").quantity == -2
    assert [each for each, _ in at_market(futures_venue)] == [
        D("1.667"), D("1.667"), D("1.666"), D(2),
    ]  # fmt: skip
    entry.refresh_from_db()
    last = hub.orders(role="exit")[-1]
    assert (entry.status, entry.after_id) == ("filled", last.pk)
    assert hub.position("BTCUSDT").protected is True


def test_an_emergency_stop_closes_in_parts(hub: Hub, futures_venue: FuturesVenue) -> None:
    hold(hub, futures_venue, **STOP)
    emergency_stop(owner=hub.owner, reason="fire", actor=hub.owner, now=hub.clock())
    hub.drain()
    assert_closed(hub, futures_venue)


def test_an_emergency_stop_amid_the_parts_closes_what_is_left(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    hold(hub, futures_venue)
    futures_venue.venue.fault("submit", "accept_then_close", key=KEY)
    send(hub, action="exit")
    assert [each.status for each in hub.orders(role="exit")] == ["unconfirmed", "queued"]
    emergency_stop(owner=hub.owner, reason="fire", actor=hub.owner, now=hub.clock())
    for _ in range(8):
        hub.sweep(5)
    assert_closed(hub, futures_venue)


# ---- stops ----


def fill_too_much(hub: Hub, there: FuturesVenue) -> None:
    """An entry that fits when it is decided is more than the venue closes when it fills."""
    allow(there, "100")
    send(hub, action="buy", quantity="5", order_type="limit", limit_price="99", **STOP)
    allow(there, "2")
    there.venue.set_price("BTCUSDT", "99")
    poll(hub)


def test_a_stop_that_is_too_large_is_told_and_what_its_price_passes_is_closed_in_parts(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    fill_too_much(hub, futures_venue)
    (stop,) = hub.orders(role="stop_loss")
    assert (stop.status, "MARKET_LOT_SIZE" in stop.reason_text) == ("rejected", True)
    assert hub.position("BTCUSDT").protected is False
    assert held(futures_venue) == 5
    futures_venue.venue.set_price("BTCUSDT", "94")
    for _ in range(3):
        poll(hub)
        hub.sweep(5)
    assert_closed(hub, futures_venue)


def test_one_that_is_to_be_closed_without_its_stop_is_closed_in_parts(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    hub.profile.on_unprotected = "close"
    hub.profile.save(update_fields=["on_unprotected"])
    fill_too_much(hub, futures_venue)
    for _ in range(3):
        hub.sweep(2)
    assert_closed(hub, futures_venue)
    assert {each.source for each in hub.orders(role="exit")} == {"system"}


def test_a_worker_that_dies_at_any_step_closes_it_all_and_nothing_twice(
    hub: Hub, futures_venue: FuturesVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []

    def before() -> None:
        done.append(len(at_market(futures_venue)))
        hold(hub, futures_venue, **STOP)

    def move() -> None:
        hub.deliver(symbol="BTCUSDT", price="100", action="exit")

    def mended() -> bool:
        waiting = LaneItem.objects.filter(account=hub.account, status="queued")
        if hub.position("BTCUSDT").is_open or waiting.exists():
            return False
        sold = at_market(futures_venue)[done[-1] :]
        assert sum(each for each, _ in sold) == 5
        assert len({name for _, name in sold}) == len(sold) == 3
        assert (held(futures_venue), working(futures_venue)) == (0, [])
        return True

    steps = die_at_every_step(
        monkeypatch,
        hub,
        before=before,
        move=move,
        mended=mended,
    )
    assert steps > 10
    assert not Order.objects.filter(status__in=["queued", "sending", "unconfirmed"]).exists()
