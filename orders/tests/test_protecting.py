"""A position that asked for protection is protected at the venue, or closed, or shouting (I9)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from brokers.errors import NotSent, OrderRejected, OutcomeUnknown, RateLimited
from brokers.paper.adapter import PaperBroker
from brokers.registry import connect
from brokers.types import Capabilities, Instrument
from orders import protecting, syncing
from orders.models import LaneItem, Order
from orders.protection import Protection, target_orders
from orders.reconciling import reconcile_account
from orders.tests.conftest import MakeHub
from orders.tests.slow_venue import SlowVenue, use_slow_venue
from orders.tests.test_recording import fill, make_order, report, say
from tradehub.testing.hub import Hub, Venue, assert_books_agree, use_venue, waiting_items

pytestmark = pytest.mark.django_db
D = Decimal
BUY: dict[str, Any] = {"action": "buy", "quantity": 10, "stop_loss": 140, "take_profit": 160}


def sizes(hub: Hub) -> list[tuple[str, Decimal]]:
    return [(each.role, each.quantity - each.filled_quantity) for each in hub.working()]


def poll(hub: Hub, seconds: float = 2) -> None:
    hub.clock.wait(seconds)
    syncing.sync_account(hub.account, clock=hub.clock)
    hub.drain()


def test_children_follow_each_part_that_fills(make_hub: MakeHub) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    hub.send(**BUY)
    entry = hub.orders(role="entry")[0]
    assert entry.status == "partially_filled"
    for held in (4, 8, 10):
        assert hub.position().quantity == held
        guards = [each for each in sizes(hub) if each[0] != "entry"]
        assert guards == [("stop_loss", held), ("take_profit", held)]
        assert hub.position().protected is True
        hub.price(150)
    assert_books_agree(hub)


@pytest.mark.parametrize(("price", "filled"), [(139, "stop_loss"), (161, "take_profit")])
def test_one_cancels_the_other(hub: Hub, price: int, filled: str) -> None:
    hub.send(**BUY)
    hub.price(price)
    ends = {each.role: each.status for each in hub.orders() if each.role != "entry"}
    assert ends.pop(filled) == "filled"
    assert set(ends.values()) == {"canceled"}
    assert hub.position().quantity == 0
    assert hub.position().protected is None
    assert_books_agree(hub)


def test_a_stop_that_fills_in_parts_keeps_guarding_the_rest(make_hub: MakeHub) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    hub.send(action="buy", quantity=4, stop_loss=140)
    hub.price(150)
    hub.send(action="buy", quantity=1)
    for price in (139, 138, 137):
        hub.price(price)
    assert hub.position().quantity == 0
    assert not hub.working()
    assert_books_agree(hub)


def test_children_are_gtc_whatever_the_entry_says(hub: Hub) -> None:
    hub.send(**BUY, time_in_force="day")
    assert {each.time_in_force for each in hub.working()} == {"gtc"}


def test_a_stop_at_nothing_is_placed_as_low_as_can_be_and_not_forgotten(
    make_hub: MakeHub,
) -> None:
    hub = make_hub(default_stop_loss_percent=D(100))
    hub.send(action="buy", quantity=10)
    assert [each.stop_price for each in hub.working(role="stop_loss")] == [D("1e-8")]
    assert hub.position().protected is True


def test_a_stop_that_the_venue_refuses_is_an_alarm_and_is_tried_again(
    hub: Hub, venue: Venue
) -> None:
    venue.pass_("submit")
    venue.fail("submit", OrderRejected("too near"))
    hub.send(action="buy", quantity=10, stop_loss=140)
    assert hub.position().protected is False
    assert not hub.working()
    poll(hub)
    hub.sweep()
    assert hub.position().protected is True
    assert sizes(hub) == [("stop_loss", 10)]


def test_what_is_refused_again_and_again_is_tried_less_and_less(hub: Hub, venue: Venue) -> None:
    venue.pass_("submit")
    venue.fail("submit", OrderRejected("never"), times=10_000)
    hub.send(action="buy", quantity=10, stop_loss=140)
    for _ in range(300):
        poll(hub)
    assert hub.position().protected is False
    assert 5 <= len(hub.orders(role="stop_loss")) <= 12


def test_on_unprotected_close(make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = make_hub(limits={"on_unprotected": "close"})
    venue = use_venue(monkeypatch, hub.clock)
    venue.pass_("submit")
    venue.fail("submit", OrderRejected("too near"))
    hub.send(action="buy", quantity=10, stop_loss=140)
    hub.sweep()
    assert hub.position().quantity == 0
    exit_order = hub.orders(role="exit")[0]
    assert (exit_order.order_type, exit_order.source) == ("market", "system")
    assert_books_agree(hub)


def test_an_alarm_is_not_closed_without_being_asked(hub: Hub, venue: Venue) -> None:
    venue.pass_("submit")
    venue.fail("submit", OrderRejected("too near"))
    hub.send(action="buy", quantity=10, stop_loss=140)
    hub.sweep()
    assert hub.position().quantity == 10


def test_a_refused_target_is_an_alarm_but_no_reason_to_close(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(limits={"on_unprotected": "close"})
    venue = use_venue(monkeypatch, hub.clock)
    venue.pass_("submit")
    venue.pass_("submit")
    venue.fail("submit", OrderRejected("too far"))
    hub.send(**BUY)
    assert (hub.position().quantity, hub.position().protected) == (10, False)
    assert sizes(hub) == [("stop_loss", 10)]


@pytest.mark.parametrize("error", [NotSent("no route"), RateLimited("slow", retry_after=5)])
def test_a_stop_that_could_not_leave_is_an_alarm_until_it_works(
    hub: Hub, venue: Venue, error: Any
) -> None:
    venue.pass_("submit")
    venue.fail("submit", error, times=7)
    hub.send(action="buy", quantity=10, stop_loss=140)
    assert hub.position().protected is False
    for _ in range(12):
        hub.sweep(16)
    assert hub.position().protected is True
    assert sizes(hub) == [("stop_loss", 10)]


def test_an_unconfirmed_stop_is_no_protection_and_is_not_placed_twice(
    hub: Hub, venue: Venue
) -> None:
    venue.pass_("submit")
    venue.fail("submit", OutcomeUnknown("504"), heard=True)
    hub.send(action="buy", quantity=10, stop_loss=140)
    assert hub.position().protected is False
    hub.sweep()
    assert hub.position().protected is True
    assert len(venue.asked("submit")) == 2
    assert sizes(hub) == [("stop_loss", 10)]


def test_a_stop_that_was_cancelled_at_the_venue_is_placed_again(hub: Hub) -> None:
    hub.send(action="buy", quantity=10, stop_loss=140)
    stop = hub.working(role="stop_loss")[0]
    connect(hub.account, now=hub.clock).cancel(stop.client_order_id)
    poll(hub)
    again = hub.working(role="stop_loss")
    assert [each.quantity for each in again] == [10]
    assert again[0].client_order_id != stop.client_order_id
    assert hub.position().protected is True


def test_a_stop_that_vanishes_while_the_lane_waits_is_an_alarm_at_once(
    hub: Hub, venue: Venue
) -> None:
    hub.send(action="buy", quantity=10, stop_loss=140)
    stop = hub.working(role="stop_loss")[0]
    venue.fail("submit", RateLimited("slow", retry_after=600))
    hub.send(action="buy", quantity=1, symbol="MSFT")
    connect(hub.account, now=hub.clock).cancel(stop.client_order_id)
    syncing.sync_account(hub.account, clock=hub.clock)
    assert hub.position().protected is False
    # The item that waits for the venue's patience holds protection up no longer than itself.
    hub.drain()
    assert hub.position().protected is True


def test_a_change_while_children_are_placed_is_not_overlooked(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll beside the lane records a part of the stop after the children were planned."""
    real = protecting._write_children
    changed: list[bool] = []

    def planned_then_changed(*given: Any) -> Any:
        planned = real(*given)
        if not changed:
            changed.append(True)
            position = hub.position()
            type(position).objects.filter(pk=position.pk).update(quantity=D(7))
        return planned

    monkeypatch.setattr(protecting, "_write_children", planned_then_changed)
    hub.send(action="buy", quantity=10, stop_loss=140)
    assert sizes(hub) == [("stop_loss", 7)]
    assert hub.position().protected is True
    assert not waiting_items(hub)


def test_children_lie_on_the_tick_of_the_venue_and_a_reached_target_stays_reached(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def instrument(broker: PaperBroker, symbol: str) -> Instrument:
        return Instrument(symbol, D(1), price_tick=D("0.25"), min_quantity=D(1))

    monkeypatch.setattr(PaperBroker, "instrument", instrument)
    hub.send(action="buy", quantity=10, stop_loss=140.1, take_profit=160.1)
    stop, target = hub.working()
    assert (stop.stop_price, target.limit_price) == (D(140), D(160))
    hub.price("160.05")
    assert hub.position().quantity == 0
    assert not hub.working()


def test_a_second_look_finds_nothing_to_do(hub: Hub) -> None:
    hub.send(**BUY)
    before = hub.orders()
    position = hub.position()
    LaneItem.objects.create(
        account=hub.account,
        kind="protect",
        subject=position.pk,
        due_at=hub.clock(),
        created_at=hub.clock(),
    )
    hub.drain()
    assert hub.orders() == before
    assert hub.position().version == position.version


def test_an_add_without_a_stop_is_guarded_by_the_position_s(make_hub: MakeHub) -> None:
    hub = make_hub(max_adds=1)
    hub.send(**BUY)
    hub.send(action="buy", quantity=5)
    assert sizes(hub) == [("stop_loss", 15), ("take_profit", 15)]


def test_a_close_of_an_unprotected_position_that_asked_for_none_is_no_alarm(hub: Hub) -> None:
    hub.send(action="buy", quantity=10)
    assert hub.position().protected is None
    assert not Order.objects.exclude(role="entry").exists()


# ---- what is left over ----


@pytest.fixture
def unlinked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What rests neither ends with another order nor holds the balance, as at futures."""
    able = PaperBroker.capabilities

    def capabilities(broker: PaperBroker) -> Capabilities:
        return replace(able(broker), linked_orders=False, holds_balance=False)

    monkeypatch.setattr(PaperBroker, "capabilities", capabilities)


def long_in_vain(hub: Hub, venue: SlowVenue, way: str, **alert: Any) -> None:
    """The stop is not cancelled for two minutes; then the venue is well again."""
    if way == "refused":
        venue.fail("cancel", OrderRejected("not cancelable now", venue_code="422"), times=10_000)
    else:
        venue.slow = True
    hub.send(**alert)
    for _ in range(24):
        poll(hub, 5)
    venue.slow = False
    venue.faults.clear()
    for _ in range(4):
        poll(hub, 5)


@pytest.mark.parametrize("way", ["refused", "never carried out"])
def test_a_stop_of_nothing_does_not_stay_where_its_cancel_came_to_nothing(
    hub: Hub, unlinked: None, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    venue = use_slow_venue(monkeypatch, hub.clock)
    hub.send(action="buy", quantity=10, stop_loss=140)
    long_in_vain(hub, venue, way, action="close")
    assert hub.position().quantity == 0
    assert not hub.working()
    assert "protect" not in waiting_items(hub)


@pytest.mark.parametrize("way", ["refused", "never carried out"])
def test_an_add_leaves_one_stop_where_the_cancel_of_the_old_one_came_to_nothing(
    make_hub: MakeHub, unlinked: None, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    hub = make_hub(max_adds=3)
    venue = use_slow_venue(monkeypatch, hub.clock)
    hub.send(action="buy", quantity=10, stop_loss=140)
    long_in_vain(hub, venue, way, action="buy", quantity=5, stop_loss=140)
    assert sizes(hub) == [("stop_loss", 15)]
    assert hub.position().protected is True


def test_a_stop_that_is_found_after_its_position_was_closed_is_cancelled(
    hub: Hub, unlinked: None, venue: Venue
) -> None:
    hub.send(action="close", symbol="MSFT")
    venue.pass_("submit")
    venue.fail("submit", OutcomeUnknown("504"), heard=True)
    hub.deliver(action="buy", quantity=10, stop_loss=140)
    hub.drain()
    Order.objects.filter(role="stop_loss").update(reason="NEEDS_REVIEW")
    venue.hidden = {each.client_order_id for each in hub.orders(role="stop_loss")}
    venue.fail("reports", OutcomeUnknown("504"), times=10)
    hub.send(action="close")
    assert hub.position().quantity == 0
    assert [each.status for each in hub.orders(role="stop_loss")] == ["unconfirmed"]
    venue.hidden.clear()
    venue.faults.clear()
    poll(hub)
    assert [each.status for each in hub.orders(role="stop_loss")] == ["canceled"]


@pytest.mark.parametrize("policy", ["alarm", "close"])
def test_a_stop_that_was_handed_over_and_never_arrived_comes_back_when_the_venue_does(
    make_hub: MakeHub, unlinked: None, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    hub = make_hub({"on_unprotected": policy})
    venue = use_venue(monkeypatch, hub.clock)
    hub.send(action="close", symbol="MSFT")
    venue.pass_("submit")
    venue.fail("submit", OutcomeUnknown("504"))
    for method in ("order", "reports", "open_orders", "closed_orders", "fills"):
        venue.fail(method, OutcomeUnknown("504"), times=1000)
    hub.deliver(action="buy", quantity=10, stop_loss=140)
    hub.drain()
    for _ in range(35):
        hub.sweep()
    (stop,) = hub.orders(role="stop_loss")
    assert (stop.status, stop.reason) == ("unconfirmed", "NEEDS_REVIEW")
    venue.faults.clear()
    for _ in range(6):
        hub.clock.wait(3)
        broker = venue.connect(hub.account, now=hub.clock)
        reconcile_account(hub.account, broker, clock=hub.clock)
        hub.sweep()
    stop.refresh_from_db()
    assert (stop.status, stop.reason) == ("denied", "NOT_SENT")
    if policy == "alarm":
        assert (sizes(hub), hub.position().protected) == ([("stop_loss", 10)], True)
        hub.price(139)
    assert hub.position().quantity == 0
    assert len([each for each in venue.asked("submit") if each == stop.client_order_id]) <= 1


# ---- who says what is asked for ----


def asks(stop: int, *profits: tuple[int, str]) -> dict[str, Any]:
    listed = [{"price": str(price), "fraction": fraction} for price, fraction in profits]
    return {"stop_loss": {"price": str(stop)}, "take_profits": listed}


def asked_for(hub: Hub) -> tuple[Any, dict[Decimal, Decimal]]:
    """The stop's price, and how much each target is to take."""
    position = hub.position()
    asked = Protection.from_json(position.protection)
    targets = target_orders(position.quantity, asked, D(1))
    return asked.stop_price, {each.price: each.quantity for each in targets}


def take(hub: Hub, price: int, *, quantity: int) -> None:
    """A target fills."""
    sale: dict[str, Any] = {"side": "sell", "role": "take_profit", "reduce_only": True}
    target = make_order(hub, quantity=quantity, limit_price=D(price), **sale)
    say(hub, target, report(target, "filled", fill(target, quantity, price)))


def test_what_a_target_has_taken_it_does_not_take_again_as_the_entry_fills_on(hub: Hub) -> None:
    entry = make_order(hub, protection=asks(140, (160, "0.5"), (170, "0.5")))
    say(hub, entry, report(entry, "partially_filled", fill(entry, 6, 150)))
    take(hub, 160, quantity=3)
    assert asked_for(hub) == (140, {170: 3})
    entry.refresh_from_db()
    say(hub, entry, report(entry, "filled", fill(entry, 4, 150)))
    assert asked_for(hub) == (140, {160: 2, 170: 5})


def test_prices_that_hang_on_the_entry_s_follow_it_and_targets_keep_what_is_left(hub: Hub) -> None:
    profits = [{"percent": "10", "fraction": "0.5"}, {"percent": "20", "fraction": "0.5"}]
    entry = make_order(hub, protection={"stop_loss": {"percent": "10"}, "take_profits": profits})
    say(hub, entry, report(entry, "partially_filled", fill(entry, 6, 100)))
    take(hub, 110, quantity=3)
    entry.refresh_from_db()
    say(hub, entry, report(entry, "filled", fill(entry, 4, 200)))
    assert asked_for(hub) == (126, {154: 2, 168: 5})


def test_a_late_fill_of_an_older_entry_leaves_what_the_newer_one_asked_for(hub: Hub) -> None:
    first = make_order(hub, protection=asks(140))
    say(hub, first, report(first, "partially_filled", fill(first, 6, 150)))
    add = make_order(hub, quantity=5, protection=asks(148, (170, "1")), leg="1")
    say(hub, add, report(add, "filled", fill(add, 5, 152)))
    first.refresh_from_db()
    say(hub, first, report(first, "partially_filled", fill(first, 1, 150)))
    assert asked_for(hub) == (148, {170: 12})
    assert (hub.position().protection or {})["entry"] == add.pk


def test_an_entry_that_took_another_s_place_goes_on_where_that_one_was(hub: Hub) -> None:
    said = asks(140, (160, "0.5"), (170, "0.5"))
    old = make_order(hub, protection=said)
    say(hub, old, report(old, "partially_filled", fill(old, 6, 150)))
    take(hub, 160, quantity=3)
    new = make_order(hub, quantity=4, protection=said, replaces=old)
    say(hub, new, report(new, "filled", fill(new, 4, 150)))
    assert asked_for(hub) == (140, {160: 2, 170: 5})


@pytest.mark.parametrize(
    ("late", "asked"), [(5, (140, {160: 5})), (12, (170, {130: 2})), (10, (None, {}))]
)
def test_an_entry_of_the_other_side_asks_only_for_what_it_has_opened(
    hub: Hub, late: int, asked: Any
) -> None:
    """It was cancelled for the one that is held, and filled all the same."""
    held = make_order(hub, protection=asks(140, (160, "1")))
    say(hub, held, report(held, "filled", fill(held, 10, 150)))
    short = make_order(hub, quantity=20, side="sell", protection=asks(170, (130, "1")), leg="1")
    say(hub, short, report(short, "partially_filled", fill(short, late, 150)))
    assert asked_for(hub) == asked
    if late < 10:
        assert (hub.position().protection or {})["entry"] == held.pk
