"""What an owner may answer about an order whose outcome nobody could prove, and what follows."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from accounts.services import create_api_key
from brokers.errors import OutcomeUnknown, RateLimited
from brokers.models import PaperOrder
from brokers.paper.adapter import PaperBroker
from brokers.registry import connect
from brokers.types import ClientIds, FillReport, OrderReport
from orders import reviewing
from orders.models import Fill, Order, OrderEvent, Position
from orders.reconciling import reconcile_account
from orders.reviewing import reviews_for, say_not_placed, say_placed
from orders.tests.conftest import MakeHub
from signals.models import Signal
from tradehub.core.errors import BadInput, Conflict
from tradehub.testing.hub import Hub, Venue, assert_books_agree, use_venue

pytestmark = pytest.mark.django_db
D = Decimal


class Nameless:
    """A venue that neither takes nor tells our ids: the paper one with them struck out."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def capabilities(self) -> Any:
        return replace(self._broker.capabilities(), client_ids=ClientIds.NONE)

    def order(self, name: str) -> OrderReport | None:
        raise AssertionError("this venue can't be asked by our ids")

    def open_orders(self, symbols: Collection[str] | None = None) -> list[OrderReport]:
        return [_nameless(each) for each in self._broker.open_orders(symbols)]

    def closed_orders(
        self, since: datetime, symbols: Collection[str] | None = None
    ) -> list[OrderReport]:
        return [_nameless(each) for each in self._broker.closed_orders(since, symbols)]

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        return [replace(each, client_order_id="") for each in self._broker.fills(since, symbols)]


def _nameless(report: OrderReport) -> OrderReport:
    fills = tuple(replace(each, client_order_id="") for each in report.fills)
    return replace(report, client_order_id="", fills=fills)


@pytest.fixture
def hub(make_hub: MakeHub) -> Hub:
    return make_hub(options={"fee_percent": "0.1"})


@pytest.fixture
def venue(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Venue:
    venue = use_venue(monkeypatch, hub.clock)
    monkeypatch.setattr(reviewing, "connect", venue.connect)
    return venue


@pytest.fixture
def nameless(hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch) -> Nameless:
    """The venue has no client order ids, and its books were compared before."""
    broker = Nameless(connect(hub.account, now=hub.clock))
    real = PaperBroker.capabilities
    monkeypatch.setattr(
        PaperBroker, "capabilities", lambda each: replace(real(each), client_ids=ClientIds.NONE)
    )
    monkeypatch.setattr(reviewing, "connect", lambda *_, **__: broker)
    reconcile_account(hub.account, broker, clock=hub.clock)
    return broker


def doubted(hub: Hub, venue: Venue, *, heard: bool, **alert: Any) -> Order:
    """An order in the hands of its owner: its answer was lost, and no look at the venue got one."""
    before = {each.pk for each in hub.orders()}
    venue.fail("submit", OutcomeUnknown("closed"), heard=heard)
    venue.fail("order", RateLimited("slow down"), times=99)
    hub.send(**{"action": "buy", "quantity": 2} | alert)
    for _ in range(8):
        hub.sweep(9.5)
    venue.faults.clear()
    (order,) = [each for each in hub.orders() if each.pk not in before]
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")
    hub.clock.wait(30)
    return order


def number_of(order: Order) -> str:
    """The venue's own, as its owner reads it there."""
    return PaperOrder.objects.get(client_order_id=order.client_order_id).pk


def not_there(hub: Hub, order: Order) -> Order:
    return say_not_placed(order=order, actor=hub.owner, now=hub.clock(), ip="192.0.2.1")


def there(hub: Hub, order: Order, number: str) -> Order:
    return say_placed(order=order, venue_order_id=number, actor=hub.owner, now=hub.clock())


def held(hub: Hub) -> dict[str | None, Decimal]:
    rows = Position.objects.filter(account=hub.account, is_open=True)
    return dict(rows.values_list("strategy_id", "quantity"))


# ---- it is not there ----


def test_what_its_owner_did_not_find_ends_as_denied(hub: Hub, venue: Venue) -> None:
    order = doubted(hub, venue, heard=False)
    assert list(reviews_for(hub.owner)) == [order]
    assert hub.codes(action="buy", quantity=1) == ["SYMBOL_NOT_RECONCILED"]
    venue.calls.clear()
    not_there(hub, order)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("denied", "NEEDS_REVIEW")
    assert "alice looked at the venue at 2026-03-18" in order.reason_text
    deny = order.events.get(event="deny")
    assert (deny.status, deny.data) == ("denied", {"said_by": "alice"})
    entry = AuditEntry.objects.get(action="order.reviewed")
    assert (entry.target_id, entry.actor, entry.ip) == (order.pk, hub.owner, "192.0.2.1")
    assert entry.data["placed"] is False
    assert Signal.objects.get(pk=order.signal_id).status == "processed"
    asked = [name for name, _ in venue.calls]
    assert {"order", "open_orders", "closed_orders", "fills"} <= set(asked)
    assert "submit" not in asked
    assert not reviews_for(hub.owner).exists()
    assert hub.codes(action="buy", quantity=1) == []
    assert_books_agree(hub)


@pytest.mark.parametrize("hidden", [False, True])
def test_what_the_venue_knows_counts_more_than_its_owners_word(
    hub: Hub, venue: Venue, hidden: bool
) -> None:
    order = doubted(hub, venue, heard=True)
    if hidden:  # look-ups may lag behind lists
        venue.hidden.add(order.client_order_id)
    with pytest.raises(Conflict, match=f"under its number {number_of(order)}"):
        not_there(hub, order)
    order.refresh_from_db()
    assert (order.status, order.reason, order.filled_quantity) == ("filled", "", 2)
    assert_books_agree(hub)


@pytest.mark.parametrize("failing", ["order", "open_orders", "closed_orders", "fills"])
def test_a_venue_that_can_not_be_asked_settles_nothing(
    hub: Hub, venue: Venue, failing: str
) -> None:
    order = doubted(hub, venue, heard=True)
    venue.hidden.add(order.client_order_id)
    PaperOrder.objects.filter(client_order_id=order.client_order_id).update(
        client_order_id="lost-from-every-list"
    )
    venue.fail(failing, OutcomeUnknown("504"))
    with pytest.raises(Conflict, match=r"could not be asked now \(OUTCOME_UNKNOWN\)"):
        not_there(hub, order)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")


def test_an_answer_waits_until_the_venue_would_list_it(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = doubted(hub, venue, heard=False)
    real = PaperBroker.capabilities
    slow: Callable[[PaperBroker], Any] = lambda each: replace(real(each), settle_seconds=60)  # noqa: E731  # short
    monkeypatch.setattr(PaperBroker, "capabilities", slow)
    with pytest.raises(Conflict, match="Look again"):
        not_there(hub, order)
    hub.clock.wait(60)
    assert not_there(hub, order).status == "denied"


@pytest.mark.parametrize("say", ["not_there", "there"])
def test_only_an_order_in_its_owners_hands_takes_an_answer(
    hub: Hub, venue: Venue, say: str
) -> None:
    def answer(order: Order) -> Order:
        return not_there(hub, order) if say == "not_there" else there(hub, order, "1")

    venue.fail("submit", OutcomeUnknown("closed"))
    hub.send(action="buy", quantity=1, symbol="MSFT")
    (asked,) = hub.orders()
    with pytest.raises(Conflict, match="still asking"):
        answer(asked)
    for _ in range(8):
        hub.sweep()
    asked.refresh_from_db()
    with pytest.raises(Conflict, match="is filled: its outcome is known"):
        answer(asked)
    assert not OrderEvent.objects.filter(event="deny").exists()


def test_a_poll_that_found_it_meanwhile_wins(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = doubted(hub, venue, heard=True)
    monkeypatch.setattr(reviewing, "_look", lambda *_: hub.price(150))
    with pytest.raises(Conflict, match="is filled"):
        not_there(hub, order)
    assert_books_agree(hub)


# ---- it is there ----


def test_what_its_owner_found_is_adopted_with_its_stop(
    hub: Hub, venue: Venue, nameless: Nameless
) -> None:
    order = doubted(hub, venue, heard=True, stop_loss="140")
    number = number_of(order)
    there(hub, order, f" {number} ")
    hub.drain()
    order.refresh_from_db()
    assert (order.status, order.reason, order.reason_text) == ("filled", "", "")
    assert (order.venue_order_id, order.filled_quantity) == (number, 2)
    assert held(hub) == {hub.strategy.pk: 2}
    (stop,) = hub.working(role="stop_loss")
    assert stop.quantity == 2
    said = AuditEntry.objects.get(action="order.reviewed").data
    assert (said["placed"], said["venue_order_id"], said["external"]) == (True, number, [])
    assert_books_agree(hub)


def test_a_number_that_the_venue_does_not_list_is_refused(
    hub: Hub, venue: Venue, nameless: Nameless
) -> None:
    order = doubted(hub, venue, heard=False)
    with pytest.raises(BadInput, match="lists no order 4711") as refused:
        there(hub, order, "4711")
    assert refused.value.pointer == "/venue_order_id"
    with pytest.raises(BadInput, match="under which number") as refused:
        there(hub, order, "  ")
    assert refused.value.code == "MISSING_FIELD"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"symbol": "MSFT"}, "its symbol is MSFT, and this order's is AAPL"),
        ({"side": "sell"}, "its side is sell, and this order's is buy"),
        ({"quantity": D(3)}, "its quantity is 3, and this order's is 2"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_values(
    hub: Hub, venue: Venue, nameless: Nameless, changes: dict[str, Any], words: str
) -> None:
    order = doubted(hub, venue, heard=True)
    number = number_of(order)
    PaperOrder.objects.filter(client_order_id=order.client_order_id).update(**changes)
    with pytest.raises(BadInput, match=words):
        there(hub, order, number)
    order.refresh_from_db()
    assert order.status == "unconfirmed"


def test_an_order_under_another_id_is_another_order(hub: Hub, venue: Venue) -> None:
    order = doubted(hub, venue, heard=True)
    number = number_of(order)
    rows = PaperOrder.objects.filter(client_order_id=order.client_order_id)
    rows.update(client_order_id="by-hand")
    with pytest.raises(BadInput, match="placed under the id by-hand"):
        there(hub, order, number)


def test_the_number_of_another_order_of_ours_is_refused(
    hub: Hub, venue: Venue, nameless: Nameless
) -> None:
    hub.send(action="buy", quantity=2)
    (first,) = hub.orders()
    order = doubted(hub, venue, heard=False, action="sell")
    PaperOrder.objects.update(side="sell")
    with pytest.raises(Conflict, match=f"another order of yours, {first.pk}"):
        there(hub, order, first.venue_order_id)
    assert held(hub) == {hub.strategy.pk: 2}


# ---- what was adopted as somebody else's meanwhile ----


def test_fills_booked_as_somebody_elses_become_the_orders_and_count_once(
    hub: Hub, venue: Venue, nameless: Nameless
) -> None:
    order = doubted(hub, venue, heard=True, stop_loss="140")
    reconcile_account(hub.account, nameless, clock=hub.clock)
    assert held(hub) == {None: 2}
    (stranger,) = hub.orders(source="external")
    there(hub, order, number_of(order))
    hub.drain()
    assert held(hub) == {hub.strategy.pk: 2}
    assert not hub.orders(source="external")
    (fill,) = Fill.objects.all()
    assert fill.order_id == order.pk
    nobodys = Position.objects.get(account=hub.account, strategy=None)
    assert (nobodys.quantity, nobodys.realized_pnl, nobodys.fees) == (0, 0, 0)
    assert Position.objects.get(strategy=hub.strategy).fees == fill.fee > 0
    assert AuditEntry.objects.get(action="order.reviewed").data["external"] == [stranger.pk]
    assert_books_agree(hub)
    reconcile_account(hub.account, nameless, clock=hub.clock)
    assert Fill.objects.count() == 1


def test_one_booked_as_somebody_elses_that_rests_gives_way(
    hub: Hub, venue: Venue, nameless: Nameless
) -> None:
    order = doubted(hub, venue, heard=True, order_type="limit", limit_price="100")
    reconcile_account(hub.account, nameless, clock=hub.clock)
    assert len(hub.orders(source="external")) == 1
    adopted = there(hub, order, number_of(order))
    assert adopted.status == "open"
    assert not hub.orders(source="external")


def test_only_its_part_of_what_nobody_owns_is_given_over(
    hub: Hub, venue: Venue, nameless: Nameless
) -> None:
    order = doubted(hub, venue, heard=True)
    reconcile_account(hub.account, nameless, clock=hub.clock)
    Position.objects.filter(strategy=None).update(quantity=D(5), average_entry_price=D(150))
    there(hub, order, number_of(order))
    assert held(hub) == {None: 3, hub.strategy.pk: 2}


def test_fills_that_closed_something_stay_where_they_are(
    hub: Hub, venue: Venue, nameless: Nameless
) -> None:
    hub.send(action="buy", quantity=2)
    order = doubted(hub, venue, heard=True, action="sell")
    reconcile_account(hub.account, nameless, clock=hub.clock)
    assert held(hub) == {}
    with pytest.raises(Conflict, match="without counting them twice"):
        there(hub, order, number_of(order))
    assert held(hub) == {}
    order.refresh_from_db()
    assert order.status == "unconfirmed"
    assert not_there(hub, order).status == "denied"
    assert held(hub) == {}


def test_what_was_closed_since_can_not_be_given_over(
    hub: Hub, venue: Venue, nameless: Nameless
) -> None:
    order = doubted(hub, venue, heard=True)
    reconcile_account(hub.account, nameless, clock=hub.clock)
    Position.objects.filter(strategy=None).update(quantity=D(1))
    with pytest.raises(Conflict, match="closed since"):
        there(hub, order, number_of(order))
    assert held(hub) == {None: 1}
    assert Fill.objects.get().order.source == "external"


# ---- REST ----


@pytest.fixture
def at_the_door(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    monkeypatch.setattr("orders.api.utc_now", hub.clock)


def door(user: User, order: Order) -> Callable[[Any], Any]:
    client = APIClient()
    client.force_authenticate(user)
    return lambda body: client.post(f"/api/v1/orders/{order.pk}/review/", body, format="json")


@pytest.mark.usefixtures("at_the_door")
def test_the_api_takes_a_no(hub: Hub, venue: Venue) -> None:
    order = doubted(hub, venue, heard=False)
    say = door(hub.owner, order)
    answer = say({"placed": False})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["reason"]) == ("denied", "NEEDS_REVIEW")
    again = say({"placed": False})
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")


@pytest.mark.usefixtures("at_the_door")
def test_the_api_takes_a_yes(hub: Hub, venue: Venue, nameless: Nameless) -> None:
    order = doubted(hub, venue, heard=True)
    number = number_of(order)
    answer = door(hub.owner, order)({"placed": True, "venue_order_id": number})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["broker_order_id"]) == ("filled", number)


@pytest.mark.usefixtures("at_the_door")
@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "MISSING_FIELD", "/placed"),
        ({"placed": True}, "MISSING_FIELD", "/venue_order_id"),
        ({"placed": False, "venue_order_id": "1"}, "CONTRADICTORY_FIELDS", "/venue_order_id"),
        ({"placed": True, "venue_order_id": "nope"}, "INVALID_FIELD", "/venue_order_id"),
        ({"placed": False, "sure": True}, "UNSUPPORTED_FIELD", "/sure"),
    ],
)
def test_the_api_says_what_is_wrong(
    hub: Hub, venue: Venue, body: dict[str, Any], code: str, pointer: str
) -> None:
    order = doubted(hub, venue, heard=False)
    answer = door(hub.owner, order)(body)
    assert 400 <= answer.status_code < 500
    (error,) = answer.json()["errors"]
    assert (error["code"], error["pointer"]) == (code, pointer)
    order.refresh_from_db()
    assert order.status == "unconfirmed"


@pytest.mark.usefixtures("at_the_door")
def test_the_api_answers_only_its_owner_and_a_key_that_trades(
    hub: Hub, venue: Venue, bob: User
) -> None:
    order = doubted(hub, venue, heard=False)
    assert door(bob, order)({"placed": False}).status_code == 404
    _, secret = create_api_key(owner=hub.owner, name="reads", scopes=["read"], now=hub.clock())
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    answer = client.post(f"/api/v1/orders/{order.pk}/review/", {"placed": False}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "SCOPE_MISSING")
    order.refresh_from_db()
    assert order.status == "unconfirmed"
