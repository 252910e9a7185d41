"""A venue that ignores our client order ids: it is asked by its own, and never sent anything twice.

Over real HTTP, at the scripted venue, whose adapter refuses to ask by an id that the venue ignores.
"""

from typing import Any

import pytest

from accounts.models import User
from orders import reconciling, venue_books
from orders.comparisons import is_required, require_reconciliation
from orders.models import Fill, Order, OrderEvent
from orders.reconciling import Reconciled, reconcile_now
from orders.reviewing import say_not_placed, say_placed
from tests.venue.control import Control
from tests.venue.fixtures import KEY, ScriptedVenue, make_scripted_hub, scripted_venue
from tradehub.core.errors import Conflict
from tradehub.testing.hub import Hub

__all__ = ["scripted_venue"]

pytestmark = pytest.mark.django_db

LIMIT: dict[str, Any] = {"action": "buy", "quantity": 4, "order_type": "limit", "price": 90}


@pytest.fixture
def hub(alice: User, scripted_venue: ScriptedVenue) -> Hub:
    """Its account was compared before."""
    scripted_venue.control.set_default_price("100")
    hub = make_scripted_hub(
        alice,
        scripted_venue,
        {"max_order_value": "100000"},
        rules={"id_policy": "none"},
        options={"client_ids": "none"},
    )
    assert compare(hub).complete
    return hub


@pytest.fixture
def control(scripted_venue: ScriptedVenue) -> Control:
    return scripted_venue.control


def compare(hub: Hub, after: float = 3) -> Reconciled:
    hub.clock.wait(after)
    return reconcile_now(hub.account, clock=hub.clock)


def resting(hub: Hub) -> Order:
    hub.send(**LIMIT)
    (order,) = hub.working()
    assert order.venue_order_id
    return order


def in_doubt(hub: Hub, control: Control, kind: str) -> Order:
    control.fault("submit", kind)
    hub.send(action="buy", quantity=4)
    (order,) = hub.orders(source="webhook")
    assert order.status == "unconfirmed"
    return order


def asked_by(control: Control) -> list[str]:
    return [each.path.rpartition("/")[2] for each in control.asked("order", KEY)]


# ---- comparing ----


@pytest.mark.parametrize("ending", ["canceled", "expired"])
def test_an_order_that_is_listed_no_more_is_asked_for_by_its_number(
    hub: Hub, control: Control, ending: str
) -> None:
    order = resting(hub)
    assert compare(hub).findings == ()
    control.end_order(KEY, order.venue_order_id, ending)
    require_reconciliation(now=hub.clock())
    found = compare(hub)
    assert found.error == ""
    assert asked_by(control) == [order.venue_order_id]
    assert not is_required(hub.account.pk), "and the account trades on"
    order.refresh_from_db()
    assert order.status == ending


def test_a_fill_that_only_the_order_itself_tells_is_found(hub: Hub, control: Control) -> None:
    order = resting(hub)
    control.fill(KEY, order.venue_order_id, "4")
    control.fault("fills", "empty_list")
    assert compare(hub).complete
    order.refresh_from_db()
    assert (order.status, order.filled_quantity) == ("filled", 4)
    compare(hub)
    assert Fill.objects.count() == 1
    assert hub.position().quantity == 4


def test_one_that_the_venue_forgot_is_found_among_those_that_ended(
    hub: Hub, control: Control
) -> None:
    order = resting(hub)
    control.end_order(KEY, order.venue_order_id, "expired")
    control.fault("order", "reject", code="UNKNOWN_ORDER")
    assert compare(hub).complete
    order.refresh_from_db()
    assert order.status == "expired"


def test_without_the_list_of_those_that_ended_nothing_is_concluded(
    hub: Hub, control: Control
) -> None:
    order = resting(hub)
    control.end_order(KEY, order.venue_order_id, "expired")
    control.fault("order", "reject", code="UNKNOWN_ORDER", times=9)
    control.fault("closed_orders", "refuse_504", times=3)
    for _ in range(3):
        assert not compare(hub, after=6).complete
        order.refresh_from_db()
        assert order.status == "open"
    assert compare(hub, after=6).complete
    order.refresh_from_db()
    assert order.status == "expired"


def test_another_s_order_and_its_fills_are_one(hub: Hub, control: Control) -> None:
    """Nobody's client id is on either, but the venue tells which order a fill is of."""
    number = control.place_by_hand(
        KEY, symbol="MSFT", side="buy", quantity="3", type="limit", limit_price="90"
    )
    control.fill(KEY, number, "1")
    compare(hub)
    control.fill(KEY, number, "2")
    compare(hub)
    compare(hub)
    (order,) = hub.orders(source="external")
    assert (order.venue_order_id, order.status, order.filled_quantity) == (number, "filled", 3)
    assert hub.position("MSFT").quantity == 3


def test_what_works_there_though_it_ended_here_is_cancelled_by_its_number(
    hub: Hub, control: Control
) -> None:
    order = resting(hub)
    Order.objects.update(status="canceled")
    for _ in range(3):
        compare(hub, after=6)
    (listed,) = control.books(KEY).orders
    assert (listed["id"], listed["status"]) == (order.venue_order_id, "canceled")


def test_what_somebody_else_placed_is_not_cancelled_though_it_was_missing(
    hub: Hub, control: Control
) -> None:
    number = control.place_by_hand(
        KEY, symbol="MSFT", side="buy", quantity="3", type="limit", limit_price="90"
    )
    compare(hub)
    Order.objects.filter(source="external").update(status="canceled")
    for _ in range(3):
        compare(hub, after=6)
    (listed,) = control.books(KEY).orders
    assert (listed["id"], listed["status"]) == (number, "open")


def test_an_order_of_which_only_a_fill_was_told_keeps_its_number(
    hub: Hub, control: Control
) -> None:
    """Or nobody could ask about it any more, nor cancel it."""
    order = resting(hub)
    control.fill(KEY, order.venue_order_id, "1")
    control.fault("open_orders", "empty_list")
    control.fault("order", "refuse_504")
    compare(hub)
    number = order.venue_order_id
    order.refresh_from_db()
    assert (order.status, order.venue_order_id) == ("partially_filled", number)
    hub.send(action="cancel")
    order.refresh_from_db()
    assert order.status == "canceled"


@pytest.mark.parametrize("recorded", ["after it", "before it is written"])
def test_what_fills_while_its_answer_is_away_is_nobody_else_s(
    hub: Hub, control: Control, monkeypatch: pytest.MonkeyPatch, recorded: str
) -> None:
    """Its number comes with the answer, so a comparison meanwhile can't tell whose fill it is."""
    order = resting(hub)
    number = order.venue_order_id
    Order.objects.update(status="sending", venue_order_id="")
    control.fill(KEY, number, "4")

    def answered() -> None:
        leaving = Order.objects.filter(pk=order.pk, status="sending")
        leaving.update(status="open", venue_order_id=number)

    def ask_further(*given: Any, **named: Any) -> Any:
        if recorded == "before it is written":
            answered()
        return venue_books.ask_further(*given, **named)

    monkeypatch.setattr(reconciling, "ask_further", ask_further)
    compare(hub)
    assert not hub.orders(source="external")
    answered()
    compare(hub)
    order.refresh_from_db()
    assert (order.status, order.filled_quantity) == ("filled", 4)
    assert not hub.orders(source="external")
    assert hub.position().strategy == hub.strategy


# ---- in doubt ----


@pytest.mark.parametrize("kind", ["accept_then_close", "close_before"])
def test_without_a_number_its_owner_is_asked_at_once_and_nothing_else(
    hub: Hub, control: Control, kind: str
) -> None:
    order = in_doubt(hub, control, kind)
    for _ in range(5):
        hub.sweep()
        compare(hub)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")
    assert order.client_order_id not in asked_by(control)
    assert len(control.posts()) == 1
    assert not is_required(hub.account.pk), "the account is compared all the same"


def test_with_a_number_it_is_asked_for_by_that(hub: Hub, control: Control) -> None:
    order = in_doubt(hub, control, "accept_then_close")
    (there,) = control.books(KEY).orders
    Order.objects.update(venue_order_id=there["id"])
    hub.sweep()
    order.refresh_from_db()
    assert (order.status, order.filled_quantity, order.reason) == ("filled", 4, "")
    assert asked_by(control) == [there["id"]]


@pytest.mark.parametrize("listed", ["closed_orders", "fills"])
def test_and_looked_for_by_it_in_the_lists(hub: Hub, control: Control, listed: str) -> None:
    order = in_doubt(hub, control, "accept_then_close")
    (there,) = control.books(KEY).orders
    Order.objects.update(venue_order_id=there["id"])
    control.fault("order", "reject", code="UNKNOWN_ORDER", times=99)
    for name in {"closed_orders", "fills"} - {listed}:
        control.fault(name, "empty_list", times=99)
    for _ in range(8):
        hub.sweep()
    order.refresh_from_db()
    assert order.filled_quantity == 4
    assert len(control.posts()) == 1


def test_proven_unknown_by_its_number_it_is_handed_over_and_not_sent_again(
    hub: Hub, control: Control
) -> None:
    order = in_doubt(hub, control, "close_before")
    Order.objects.update(venue_order_id="V999")
    for _ in range(10):
        hub.sweep()
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")
    assert set(asked_by(control)) == {"V999"}
    assert len(asked_by(control)) >= 3
    assert len(control.posts()) == 1


def test_the_owner_s_word_ends_it_and_what_he_finds_is_one_order(
    hub: Hub, control: Control
) -> None:
    """Its fills were adopted as somebody's meanwhile, and are given over, not counted twice."""
    order = in_doubt(hub, control, "accept_then_close")
    for _ in range(3):
        hub.sweep()
        compare(hub)
    order.refresh_from_db()
    assert len(hub.orders(source="external")) == 1
    (there,) = control.books(KEY).orders
    say_placed(order=order, venue_order_id=there["id"], actor=hub.owner, now=hub.clock())
    for _ in range(3):
        assert compare(hub).complete
    (only,) = hub.orders()
    assert (only.pk, only.status, only.filled_quantity) == (order.pk, "filled", 4)
    assert [each.quantity for each in hub.account.positions.filter(is_open=True)] == [4]
    assert Fill.objects.count() == 1


def test_a_number_is_asked_before_the_owner_s_word_counts(hub: Hub, control: Control) -> None:
    order = in_doubt(hub, control, "accept_then_close")
    (there,) = control.books(KEY).orders
    Order.objects.update(venue_order_id=there["id"], reason="NEEDS_REVIEW")
    OrderEvent.objects.filter(event="review").delete()
    order.refresh_from_db()
    hub.clock.wait(30)
    with pytest.raises(Conflict, match="does know the order"):
        say_not_placed(order=order, actor=hub.owner, now=hub.clock())
    order.refresh_from_db()
    assert order.status == "filled"
