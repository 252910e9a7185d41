"""Replacing a working order: never doubled, never more than what is left, never lost silently."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from accounts.services import create_api_key
from brokers.errors import NotReplaced, NotSent, OrderRejected, OutcomeUnknown
from brokers.models import PaperOrder
from brokers.paper.adapter import PaperBroker
from brokers.registry import connect
from brokers.types import OrderReport, OrderRequest, Replacement, ReportStatus
from orders import api, doorbell, replacing, syncing
from orders.lifecycle import WORKING
from orders.models import Decision, LaneItem, Order
from orders.recording import record_report
from orders.selectors import RequestResult, request_result
from orders.services import cancel_order, emergency_stop, halt_trading, replace_order
from orders.terms import OVERRIDABLE
from orders.tests.conftest import MakeHub
from orders.tests.holding_venue import HoldingDesk, HoldingVenue
from orders.tests.model_world import World
from orders.tests.near_venue import Killed, stand_between
from orders.tests.slow_venue import use_slow_venue
from tests.venue.books import Order as VenueOrder
from tradehub.core.errors import BadInput, Conflict
from tradehub.core.words import OrderSide, Scope
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction
from tradehub.testing.builders import deliver
from tradehub.testing.hub import Hub, Venue, assert_books_agree, use_venue, waiting_items

pytestmark = pytest.mark.django_db
D = Decimal
LIMIT: dict[str, Any] = {"action": "buy", "quantity": 10, "order_type": "limit", "price": 140}


@pytest.fixture
def at_once() -> None:
    """The venue replaces with one request, as paper does."""


@pytest.fixture(autouse=True)
def _apart(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not, where a test does not ask for it."""
    if "at_once" not in request.fixturenames:
        able = PaperBroker.capabilities
        monkeypatch.setattr(
            PaperBroker, "capabilities", lambda paper: replace(able(paper), replaces=False)
        )


def resting(hub: Hub, **alert: Any) -> Order:
    hub.send(**LIMIT | alert)
    (order,) = hub.working()
    return order


def ask(hub: Hub, order: Order, **fields: Any) -> LaneItem:
    given = {name: str(value) for name, value in fields.items()}
    return replace_order(order=order, fields=given, actor=hub.owner, now=hub.clock())


def result(hub: Hub, item: LaneItem) -> RequestResult:
    return request_result(hub.owner, item.pk)


def replaced(hub: Hub, order: Order, **fields: Any) -> Order:
    """The order that took its place, or was to."""
    item = ask(hub, order, **fields)
    hub.drain()
    found = result(hub, item).order
    assert found is not None
    return found


def codes(item: LaneItem) -> list[str]:
    return [each["code"] for each in Decision.objects.get(item=item).reasons]


def there(order: Order) -> str:
    """Its status at the venue; empty when the venue never heard of it."""
    found = PaperOrder.objects.filter(client_order_id=order.client_order_id).first()
    return "" if found is None else found.status


def fresh(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


# ---- what becomes of both ----


def test_another_price_is_another_order(hub: Hub) -> None:
    old = resting(hub, stop_loss=120)
    new = replaced(hub, old, limit_price="139")
    old = fresh(old)
    assert (old.status, old.reason, there(old)) == ("canceled", "REPLACED", "canceled")
    assert (new.status, new.replaces_id, there(new)) == ("open", old.pk, "open")
    assert (new.limit_price, new.quantity, new.order_type) == (139, 10, "limit")
    assert (new.strategy_id, new.role, new.source) == (old.strategy_id, "entry", "manual")
    assert new.client_order_id != old.client_order_id
    assert new.protection == old.protection is not None
    assert waiting_items(hub) == []
    assert AuditEntry.objects.filter(action="order.replace_asked", target_id=old.pk).exists()
    hub.price(139)
    assert hub.position().quantity == 10
    assert hub.position().protected is True
    assert_books_agree(hub)


def test_the_quantity_is_that_of_all(make_hub: MakeHub) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    old = resting(hub)
    hub.price(140)
    assert fresh(old).filled_quantity == 4
    new = replaced(hub, old, quantity=6, limit_price="130")
    assert (new.quantity, new.status) == (2, "open")
    assert (fresh(old).status, fresh(old).filled_quantity) == ("canceled", 4)
    hub.price(130)
    assert (hub.position().quantity, hub.position().adds) == (6, 0)
    assert_books_agree(hub)


@pytest.mark.parametrize("total", [4, 3])
def test_what_has_filled_as_much_is_only_cancelled(make_hub: MakeHub, total: int) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    old = resting(hub)
    hub.price(140)
    found = replaced(hub, old, quantity=total)
    assert (found.pk, found.status, found.reason) == (old.pk, "canceled", "")
    assert len(hub.orders()) == 1
    assert_books_agree(hub)


def test_a_replacement_can_be_replaced(make_hub: MakeHub) -> None:
    hub = make_hub(options={"fill_limit": "4"}, limits={"max_trades_per_day": 1})
    first = resting(hub)
    hub.price(140)
    second = replaced(hub, first, limit_price="139")
    third = replaced(hub, second, limit_price="138")
    assert (second.quantity, third.quantity, third.replaces_id) == (6, 6, second.pk)
    for _ in range(3):
        hub.price(138)
    assert (hub.position().quantity, hub.position().adds) == (10, 0)
    assert_books_agree(hub)


def test_an_exit_is_replaced_without_the_limits(hub: Hub) -> None:
    hub.send(action="buy", quantity=10)
    hub.send(action="close", order_type="limit", limit_price=160)
    (old,) = hub.working(role="exit")
    hub.profile.max_order_value = D(1)
    hub.profile.save(update_fields=["max_order_value"])
    new = replaced(hub, old, limit_price="155")
    assert (new.role, new.status, new.reduce_only) == ("exit", "open", True)
    hub.price(155)
    assert hub.position().quantity == 0
    assert_books_agree(hub)


@pytest.mark.parametrize("ends", ["filled", "canceled"])
def test_what_waits_for_an_exit_waits_for_the_one_that_takes_its_place(
    make_hub: MakeHub, ends: str
) -> None:
    """The entry of a flip: it is not cancelled with the old exit, but with the new one."""
    hub = make_hub(on_opposite="reverse", flip_quantity="new")
    hub.send(action="buy", quantity=10)
    hub.send(action="sell", quantity=10, order_type="limit", price=160)
    (old,) = hub.working(role="exit")
    new = replaced(hub, old, limit_price="155")
    (entry,) = hub.orders(role="entry", side="sell")
    assert (fresh(old).status, new.status, entry.status) == ("canceled", "open", "queued")
    if ends == "filled":
        hub.price(165)
        hub.sweep()
        assert hub.position().quantity == -10
    else:
        cancel_order(order=new, actor=hub.owner, now=hub.clock())
        hub.drain()
        assert fresh(entry).status == "canceled"
        assert hub.position().quantity == 10


@pytest.mark.parametrize("at", [149, 155])
def test_and_goes_out_when_that_one_fills_at_once(
    make_hub: MakeHub, at_once: None, at: int
) -> None:
    hub = make_hub(on_opposite="reverse", flip_quantity="new")
    hub.send(action="buy", quantity=10)
    hub.send(action="sell", quantity=10, order_type="limit", price=160)
    (old,) = hub.working(role="exit")
    replaced(hub, old, limit_price=str(at))
    hub.price(165)
    hub.sweep()
    assert hub.position().quantity == -10


def test_a_stop_entry_gets_another_trigger(hub: Hub) -> None:
    hub.send(action="buy", quantity=1, order_type="stop", stop_price=160)
    (old,) = hub.working()
    new = replaced(hub, old, stop_price=165)
    assert (new.order_type, new.stop_price, new.status) == ("stop", 165, "open")
    with pytest.raises(BadInput) as caught:
        ask(hub, new, limit_price="165")
    assert (caught.value.code, caught.value.pointer) == ("CONTRADICTORY_FIELDS", "/limit_price")


# ---- the limits ----


@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ({"quantity": 11}, False),
        ({"limit_price": "141"}, False),
        ({"quantity": 9, "limit_price": "141"}, False),
        ({"quantity": 9}, True),
        ({"limit_price": "139"}, True),
    ],
)
def test_more_or_dearer_meets_the_limits_and_less_does_not(
    hub: Hub, venue: Venue, fields: dict[str, Any], passes: bool
) -> None:
    old = resting(hub)
    hub.profile.max_order_value = D(100)
    hub.profile.save(update_fields=["max_order_value"])
    item = ask(hub, old, **fields)
    hub.drain()
    assert (codes(item) == []) is passes
    if not passes:
        assert codes(item) == ["ORDER_VALUE_ABOVE_MAX"]
        assert (fresh(old).status, len(hub.orders()), venue.asked("cancel")) == ("open", 1, [])


def test_the_old_order_s_room_is_the_new_one_s(make_hub: MakeHub) -> None:
    """Nearly all of the money, and each limit used up by the old order alone."""
    limits = {
        "max_order_value": "99000", "max_total_exposure": "99000", "max_position_value": "99000",
        "max_trades_per_day": 1, "max_open_positions": 1,
    }  # fmt: skip
    hub = make_hub(limits=limits)
    old = resting(hub, quantity=600)
    item = ask(hub, old, quantity=700)
    hub.drain()
    assert codes(item) == []
    new = result(hub, item).order
    assert new is not None
    assert (new.quantity, new.status) == (700, "open")
    item = ask(hub, new, quantity=800)
    hub.drain()
    assert "BUYING_POWER_TOO_LOW" in codes(item)
    assert fresh(new).status == "open"


def test_it_is_denied_and_never_cut(make_hub: MakeHub) -> None:
    hub = make_hub(limits={"size_limits": "reduce", "max_order_quantity": "12"})
    old = resting(hub)
    item = ask(hub, old, quantity=20)
    hub.drain()
    assert codes(item) == ["ORDER_QUANTITY_ABOVE_MAX"]
    assert fresh(old).status == "open"


def leveraged(hub: Hub, leverage: int, **alert: Any) -> Order:
    return resting(hub, leverage=leverage, **alert)


def test_it_is_judged_at_the_leverage_of_the_order(make_hub: MakeHub) -> None:
    hub = make_hub(limits={"max_leverage": "20"}, signal_overrides=list(OVERRIDABLE))
    old = leveraged(hub, 20)
    assert old.leverage == 20
    hub.profile.max_leverage = D(5)
    hub.profile.save(update_fields=["max_leverage"])
    item = ask(hub, old, quantity=20)
    hub.drain()
    assert codes(item) == ["LEVERAGE_ABOVE_MAX"]
    assert (fresh(old).status, len(hub.orders())) == ("open", 1)
    less = replaced(hub, old, quantity=9)
    assert (less.status, less.quantity, less.leverage) == ("open", 9, 20)


@pytest.mark.parametrize(("leverage", "room"), [(2, 2000), (10, 10000), (20, 20000)])
def test_the_room_is_that_of_the_order_s_leverage(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch, leverage: int, room: int
) -> None:
    """A wallet of 100,000 and an account at 10, as the venue counts its buying power."""
    hub = make_hub(limits={"max_order_value": None}, signal_overrides=list(OVERRIDABLE))
    real = PaperBroker.account

    def account(paper: PaperBroker) -> Any:
        held = sum((each.quantity * 100 for each in hub.working()), D(0)) / leverage
        free = (D(100000) - held) * 10
        return replace(real(paper), equity=D(100000), buying_power=free, leverage=D(10))

    monkeypatch.setattr(PaperBroker, "account", account)
    old = leveraged(hub, leverage, quantity=1000, price=100)
    item = ask(hub, old, quantity=room + 1)
    hub.drain()
    assert codes(item) == ["BUYING_POWER_TOO_LOW"]
    item = ask(hub, old, quantity=room)
    hub.drain()
    assert codes(item) == []


def test_a_halt_stops_an_entry_s_replacement_before_its_cancel(hub: Hub, venue: Venue) -> None:
    old = resting(hub)
    item = ask(hub, old, quantity=9)
    venue.fail("cancel", NotSent("down"))  # the halt's own cancel, so the old order works yet
    halt(hub)
    hub.drain()
    assert fresh(old).status == "open"
    hub.sweep()
    assert (fresh(old).status, fresh(old).reason) == ("canceled", "")
    assert not Order.objects.filter(replaces=old).exists()
    assert codes(item) == ["TRADING_HALTED"]


def halt(hub: Hub) -> None:
    halt_trading(
        scope=Scope.ACCOUNT, scope_id=hub.account.pk, reason="lunch", owner=hub.owner,
        actor=hub.owner, now=hub.clock(),
    )  # fmt: skip


# ---- refusals ----


def refused(hub: Hub, order: Order) -> str:
    with pytest.raises(Conflict) as caught:
        ask(hub, order, quantity=3)
    assert caught.value.code == "NOT_REPLACEABLE"
    return caught.value.message


def test_what_can_not_be_replaced_says_why(hub: Hub) -> None:
    hub.send(action="buy", quantity=5, stop_loss=140, take_profit=160)
    (entry,) = hub.orders(role="entry")
    assert "filled already" in refused(hub, entry)
    for child in hub.working():
        assert "protects a position" in refused(hub, child)
    Order.objects.filter(pk=entry.pk).update(status="open", source="external")
    assert "outside of TradeHub" in refused(hub, entry)
    Order.objects.filter(pk=entry.pk).update(status="unconfirmed", source="webhook")
    assert "has not said yet" in refused(hub, entry)


@pytest.mark.parametrize("fields", [{}, {"quantity": 10}, {"limit_price": "140", "quantity": 10}])
def test_something_must_change(hub: Hub, fields: dict[str, Any]) -> None:
    old = resting(hub)
    with pytest.raises(BadInput):
        ask(hub, old, **fields)
    assert waiting_items(hub) == []


def test_it_is_replaced_once_at_a_time(hub: Hub, venue: Venue) -> None:
    old = resting(hub)
    first, second = ask(hub, old, quantity=9), ask(hub, old, quantity=8)
    hub.drain()
    assert (codes(first), codes(second)) == ([], ["NOT_REPLACEABLE"])
    assert [each.quantity for each in hub.working()] == [9]
    (new,) = hub.working()
    venue.fail("cancel", NotSent("down"))
    ask(hub, new, quantity=7)
    hub.drain()
    assert "being replaced" in refused(hub, new)


# ---- what happens meanwhile ----


def decided(hub: Hub, venue: Venue, old: Order, **fields: Any) -> Order:
    """Its replacement, which waits, as the venue could not be reached for the cancel."""
    venue.fail("cancel", NotSent("down"))
    new = replaced(hub, old, **fields)
    assert (new.status, there(new)) == ("queued", "")
    return new


def test_an_order_that_filled_before_it_was_decided_stays(hub: Hub) -> None:
    old = resting(hub)
    item = ask(hub, old, quantity=20)
    hub.price(140)
    assert (fresh(old).status, codes(item)) == ("filled", ["NOT_REPLACEABLE"])
    assert_books_agree(hub)


def test_an_order_that_fills_before_its_cancel_is_not_replaced(hub: Hub, venue: Venue) -> None:
    old = resting(hub)
    new = decided(hub, venue, old, quantity=20)
    hub.price(140)
    hub.sweep()
    assert (fresh(old).status, fresh(new).status, there(new)) == ("filled", "canceled", "")
    assert fresh(new).reason == "NOT_REPLACEABLE"
    assert "is filled, with 10 filled" in fresh(new).reason_text
    assert_books_agree(hub)


def test_what_fills_before_the_cancel_is_taken_off(make_hub: MakeHub, venue_of: Any) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    venue = venue_of(hub)
    old = resting(hub)
    new = decided(hub, venue, old, limit_price="130")
    hub.price(140)
    hub.sweep()
    assert (fresh(old).filled_quantity, fresh(new).quantity, fresh(new).status) == (4, 6, "open")
    assert_books_agree(hub)


@pytest.fixture
def venue_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda hub: use_venue(monkeypatch, hub.clock)


@pytest.mark.parametrize("heard", [True, False])
def test_a_cancel_without_an_answer_doubles_nothing(hub: Hub, venue: Venue, heard: bool) -> None:
    old = resting(hub)
    venue.fail("cancel", OutcomeUnknown("504"), heard=heard)
    new = replaced(hub, old, limit_price="139")
    assert (fresh(new).status, there(new)) == ("queued", "")
    hub.sweep()
    hub.sweep()
    assert (there(old), there(new), fresh(new).status) == ("canceled", "open", "open")
    assert_books_agree(hub)


@pytest.mark.parametrize("heard", [True, False])
def test_a_new_order_without_an_answer_is_there_once(hub: Hub, venue: Venue, heard: bool) -> None:
    old = resting(hub)
    venue.fail("submit", OutcomeUnknown("504"), heard=heard)
    new = replaced(hub, old, limit_price="139")
    assert (fresh(old).reason, fresh(new).status) == ("REPLACED", "unconfirmed")
    for _ in range(6):
        hub.sweep(3)
    assert (there(new), fresh(new).status) == ("open", "open")
    assert PaperOrder.objects.filter(status="open").count() == 1
    assert_books_agree(hub)


def test_the_new_one_waits_until_the_venue_tells_how_the_old_one_ended(
    hub: Hub, venue: Venue
) -> None:
    old = resting(hub)
    venue.fail("cancel", OrderRejected("unknown order", venue_code="-2011"), times=3)
    venue.hidden.add(old.client_order_id)
    new = replaced(hub, old, limit_price="139")
    for _ in range(2):
        hub.sweep(5)
        assert (there(old), fresh(new).status) == ("open", "queued")
    hub.send(action="buy", symbol="MSFT", price=100, quantity=1)
    assert hub.position("MSFT").quantity == 1  # nothing else waits for it
    venue.hidden.clear()
    hub.sweep(11)
    hub.sweep()
    assert (there(old), fresh(new).status) == ("canceled", "open")
    assert_books_agree(hub)


def test_a_cancel_that_is_only_taken_is_waited_for(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Alpaca's `pending_cancel`."""
    old = resting(hub)
    with monkeypatch.context() as patch:
        patch.setattr(PaperBroker, "cancel", PaperBroker.order)
        new = replaced(hub, old, limit_price="139")
        hub.sweep()
        assert (fresh(old).status, fresh(new).status, there(new)) == ("open", "queued", "")
    hub.sweep()
    assert (there(old), fresh(new).status) == ("canceled", "open")


def test_an_order_that_the_venue_does_not_cancel_works_on(hub: Hub, venue: Venue) -> None:
    old = resting(hub)
    venue.fail("cancel", OrderRejected("not now", venue_code="-1"), times=99)
    new = replaced(hub, old, limit_price="139")
    for _ in range(8):
        hub.sweep(10)
    assert (fresh(old).status, fresh(new).status, there(new)) == ("open", "canceled", "")
    assert (fresh(old).reason, fresh(new).reason) == ("", "NOT_REPLACEABLE")
    venue.faults.clear()
    assert replaced(hub, fresh(old), limit_price="138").status == "open"


def test_a_new_order_that_the_venue_refuses_says_so(hub: Hub, venue: Venue) -> None:
    old = resting(hub)
    venue.fail("submit", OrderRejected("no", venue_code="-2010"))
    new = replaced(hub, old, limit_price="139")
    assert (fresh(old).status, new.status, new.reason) == ("canceled", "rejected", "VENUE_REJECTED")
    assert waiting_items(hub) == []


def test_the_venue_s_word_counts_before_its_fills_are_told(hub: Hub, venue: Venue) -> None:
    old = resting(hub)
    new = decided(hub, venue, old, quantity=12)
    report = OrderReport(old.client_order_id, old.venue_order_id, "AAPL", OrderSide.BUY,
                         ReportStatus.CANCELED, D(10), D(7), hub.clock())  # fmt: skip
    in_write_transaction(lambda: record_report(hub.account.pk, old.pk, report, now=hub.clock()))
    hub.sweep()
    assert (fresh(new).quantity, fresh(new).status) == (5, "open")


@pytest.mark.parametrize("how", ["cancel", "halt", "stop"])
def test_who_cancels_the_old_one_meanwhile_gets_neither(hub: Hub, venue: Venue, how: str) -> None:
    old = resting(hub)
    new = decided(hub, venue, old, limit_price="139")
    if how == "cancel":
        cancel_order(order=old, actor=hub.owner, now=hub.clock())
    elif how == "halt":
        halt(hub)
    else:
        emergency_stop(owner=hub.owner, reason="stop", actor=hub.owner, now=hub.clock())
    for _ in range(3):
        hub.sweep()
    assert (fresh(old).status, fresh(new).status, there(new)) == ("canceled", "canceled", "")
    assert waiting_items(hub) == []


def test_one_who_cancels_before_it_is_decided_gets_no_other(hub: Hub) -> None:
    old = resting(hub)
    item = ask(hub, old, limit_price="139")
    cancel_order(order=old, actor=hub.owner, now=hub.clock())
    hub.drain()
    assert (fresh(old).status, codes(item)) == ("canceled", ["NOT_REPLACEABLE"])
    assert len(hub.orders()) == 1


@pytest.mark.parametrize("once", [False, True])
def test_nor_does_one_whose_cancel_takes_its_time(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, once: bool
) -> None:
    able = PaperBroker.capabilities
    monkeypatch.setattr(
        PaperBroker, "capabilities", lambda paper: replace(able(paper), replaces=once)
    )
    slow = use_slow_venue(monkeypatch, hub.clock)
    old = resting(hub)
    item = ask(hub, old, limit_price="145")
    cancel_order(order=old, actor=hub.owner, now=hub.clock())
    slow.slow = True
    hub.drain()
    assert (fresh(old).status, codes(item)) == ("open", ["NOT_REPLACEABLE"])
    slow.carry_out(hub)
    hub.sweep()
    assert (fresh(old).status, len(hub.orders()), hub.working()) == ("canceled", 1, [])


How = Callable[[Hub, Order], None]
"""Somebody who wants nothing of an order to work any more."""


def by_cancel(hub: Hub, order: Order) -> None:
    cancel_order(order=order, actor=hub.owner, now=hub.clock())


def by_halt(hub: Hub, order: Order) -> None:
    halt(hub)


def by_stop(hub: Hub, order: Order) -> None:
    emergency_stop(owner=hub.owner, reason="stop", actor=hub.owner, now=hub.clock())


def by_alert(hub: Hub, order: Order) -> None:
    deliver(hub.token, {"symbol": "AAPL", "action": "cancel_all"}, hub.clock())


ANYBODY = pytest.mark.parametrize("how", [by_cancel, by_halt, by_stop, by_alert])


def before(monkeypatch: pytest.MonkeyPatch, number: int, step: Callable[[], None]) -> list[int]:
    """Do `step` between two transactions of a replacement: before the first, while the venue is
    read, and so on. How many there were."""
    done: list[int] = []
    real = in_write_transaction

    def transaction(work: Callable[[], Any]) -> Any:
        done.append(len(done))
        if len(done) == number:
            step()
        return real(work)

    monkeypatch.setattr(replacing, "in_write_transaction", transaction)
    return done


def assert_nothing_works(hub: Hub) -> None:
    for _ in range(4):
        hub.sweep()
    assert [each.status for each in hub.orders(status__in=[each.value for each in WORKING])] == []
    assert not PaperOrder.objects.filter(status="open").exists()
    assert waiting_items(hub) == []
    assert_books_agree(hub)


@ANYBODY
@pytest.mark.parametrize("number", [1, 2])
def test_who_cancels_while_it_is_decided_gets_neither(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, how: How, number: int
) -> None:
    old = resting(hub)
    ask(hub, old, limit_price="139")
    done = before(monkeypatch, number, lambda: how(hub, old))
    hub.drain()
    assert_nothing_works(hub)
    assert len(done) >= number


@ANYBODY
@pytest.mark.parametrize("number", [1, 2])
def test_who_cancels_before_it_leaves_gets_neither(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch, at_once: None, how: How, number: int
) -> None:
    old = resting(hub)
    ask(hub, old, limit_price="139")
    before(monkeypatch, number, lambda: how(hub, old))
    hub.drain()
    assert_nothing_works(hub)
    assert venue.asked("replace") == [] or how is by_alert  # which has its turn in the lane


@ANYBODY
@pytest.mark.parametrize("heard", [True, False])
def test_who_cancels_while_it_is_away_gets_neither(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, at_once: None, how: How, heard: bool
) -> None:
    """The new order is `sending`, and then open or unconfirmed."""
    old = resting(hub)
    ask(hub, old, limit_price="139")
    real = PaperBroker.replace

    def replace_(paper: PaperBroker, name: str, request: OrderRequest) -> Replacement:
        answer = real(paper, name, request)
        how(hub, old)
        if heard:
            return answer
        raise OutcomeUnknown("504")

    monkeypatch.setattr(PaperBroker, "replace", replace_)
    hub.drain()
    assert_nothing_works(hub)


@pytest.mark.parametrize("number", [1, 2])
def test_an_emergency_stop_leaves_no_replaced_exit(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    hub.send(action="buy", quantity=10)
    hub.send(action="close", order_type="limit", limit_price=160)
    (old,) = hub.working(role="exit")
    ask(hub, old, limit_price="155")
    before(monkeypatch, number, lambda: by_stop(hub, old))
    hub.drain()
    assert_nothing_works(hub)
    assert hub.position().quantity == 0


def test_one_that_is_being_cancelled_is_not_replaced(hub: Hub, venue: Venue) -> None:
    old = resting(hub)
    item = ask(hub, old, limit_price="139")
    by_cancel(hub, old)
    venue.fail("cancel", NotSent("down"))
    hub.drain()
    assert fresh(old).status == "open"
    assert "being cancelled" in refused(hub, old)
    hub.sweep()
    assert (fresh(old).status, codes(item)) == ("canceled", ["NOT_REPLACEABLE"])
    assert len(hub.orders()) == 1


@pytest.mark.parametrize("how", [by_cancel, by_stop])
def test_who_looks_for_replacements_has_the_account_s_lock(hub: Hub, how: How) -> None:
    """Else one could be written, on PostgreSQL, by a decision that doesn't see the cancel yet."""
    old = resting(hub)
    with CaptureQueriesContext(connection) as told:
        how(hub, old)
    writes = [each["sql"] for each in told if each["sql"].startswith(("UPDATE", "INSERT"))]
    assert writes[0].startswith('UPDATE "orders_lane" SET')


# ---- at once ----


def test_a_venue_that_can_is_asked_once(hub: Hub, venue: Venue, at_once: None) -> None:
    old = resting(hub)
    new = replaced(hub, old, limit_price="139", quantity=12)
    assert (fresh(old).status, fresh(old).reason) == ("canceled", "REPLACED")
    assert (new.status, new.quantity, there(new), there(old)) == ("open", 12, "open", "canceled")
    assert (len(venue.asked("replace")), venue.asked("cancel")) == (1, [])
    assert waiting_items(hub) == []
    hub.price(139)
    assert_books_agree(hub)


def test_what_has_filled_in_part_is_not_replaced_at_once(
    make_hub: MakeHub, venue_of: Any, at_once: None
) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    venue = venue_of(hub)
    old = resting(hub)
    hub.price(140)
    new = replaced(hub, old, limit_price="130")
    assert (venue.asked("replace"), new.quantity, new.status) == ([], 6, "open")
    other = ask(hub, new, limit_price="129")
    connect(hub.account, now=hub.clock).observe("AAPL", D(130), hub.clock())
    venue.pass_("reports")  # nothing fills of it before the request
    hub.drain()
    last = result(hub, other).order
    assert last is not None
    assert (fresh(new).filled_quantity, last.quantity, there(last)) == (4, 2, "open")
    assert_books_agree(hub)


def test_a_refused_replacement_leaves_the_order_as_it_was(
    hub: Hub, venue: Venue, at_once: None
) -> None:
    old = resting(hub)
    venue.fail("replace", OrderRejected("no", venue_code="-1013"))
    new = replaced(hub, old, limit_price="139")
    assert (new.status, new.reason) == ("rejected", "VENUE_REJECTED")
    assert (fresh(old).status, fresh(old).reason, there(old)) == ("open", "", "open")
    assert (waiting_items(hub), venue.asked("cancel")) == ([], [])
    assert replaced(hub, fresh(old), limit_price="138").status == "open"
    assert_books_agree(hub)


def test_what_is_not_as_it_was_is_cancelled_first(hub: Hub, venue: Venue, at_once: None) -> None:
    old = resting(hub)
    venue.fail("replace", NotReplaced("it has filled in part"))
    new = replaced(hub, old, limit_price="139")
    assert new.status == "queued"
    hub.sweep()
    assert (fresh(old).reason, fresh(new).status, there(new)) == ("REPLACED", "open", "open")
    assert_books_agree(hub)


@pytest.mark.parametrize("heard", [True, False])
def test_a_replace_without_an_answer_doubles_nothing(
    hub: Hub, venue: Venue, at_once: None, heard: bool
) -> None:
    old = resting(hub)
    venue.fail("replace", OutcomeUnknown("504"), heard=heard)
    new = replaced(hub, old, limit_price="139")
    assert new.status == "unconfirmed"
    for _ in range(8):
        hub.sweep(3)
        assert PaperOrder.objects.filter(status="open").count() == 1
    if heard:
        assert (there(old), there(new)) == ("canceled", "open")
        assert (fresh(old).reason, fresh(new).status) == ("REPLACED", "open")
    else:
        assert (there(old), there(new)) == ("open", "")
        assert (fresh(new).status, fresh(new).reason) == ("denied", "NOT_SENT")
    assert len(venue.asked("replace")) == 1
    assert venue.asked("submit") == [venue.asked("submit")[0]]
    assert waiting_items(hub) == []
    assert_books_agree(hub)


def test_a_half_done_replace_says_what_is_left(hub: Hub, venue: Venue, at_once: None) -> None:
    """The old one is gone, and the new one was refused."""
    old = resting(hub)
    refusal = OrderRejected("no money", venue_code="-2010")

    def half(self: Any, client_order_id: str, request: Any) -> Replacement:
        return Replacement(self.cancel(client_order_id), refusal)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PaperBroker, "replace", half)
        new = replaced(hub, old, limit_price="139")
    assert (new.status, new.reason) == ("rejected", "VENUE_REJECTED")
    assert (fresh(old).status, fresh(old).reason) == ("canceled", "")
    assert waiting_items(hub) == []


# ---- killed ----


@pytest.fixture
def world(alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(alice, now, {}, fills_by_hand=True)
    monkeypatch.setattr(doorbell.doorbell, "publish", lambda account_id: None)
    stand_between(monkeypatch, made.steps, made.connect)
    made.reconcile()
    return made


def test_a_worker_killed_at_any_step_doubles_and_loses_nothing(world: World) -> None:
    rounds = 0
    for at in range(1, 30):
        if _round(world, at):
            break
        rounds += 1
    assert 6 <= rounds < 29


def working_there(world: World) -> list[VenueOrder]:
    return [each for each in world.resting() if each.working]


def _round(world: World, at: int) -> bool:
    """An entry, half filled and replaced by a worker that is killed after the step; whether it had
    fewer steps."""
    hub = world.hub
    hub.clock.wait(60)
    world.alert("AAPL", action="buy", quantity=10, order_type="limit", limit_price=140)
    world.drain()
    (old,) = hub.working()
    (entry,) = working_there(world)
    world.fill(entry, "0.5")
    world.poll()
    item = ask(hub, old, quantity=12, limit_price="139")
    with world.steps.interrupted(at, world.steps.kill):
        world.drain()
        alive = not world.steps.dead
    for _ in range(8):
        hub.clock.wait(6)
        world.drain()
        world.check()
    new = result(hub, item).order
    assert new is not None
    assert (new.quantity, new.status, fresh(old).reason) == (7, "open", "REPLACED"), at
    assert [(each.client_order_id, each.remaining) for each in working_there(world)] == [
        (new.client_order_id, 7)
    ]
    assert not waiting_items(hub)
    world.alert("AAPL", action="close")
    world.drain()
    (exit_order,) = working_there(world)
    world.fill(exit_order, "1")
    world.poll()
    world.drain()
    return alive


class AtOnceDesk(HoldingDesk):
    def replace(self, name: str, request: OrderRequest) -> Replacement:
        broker = cast(PaperBroker, self._broker)
        return self._asked("replace", lambda asked: broker.replace(name, asked), request)


class AtOnceVenue(HoldingVenue):
    def connect(self, account: Any, *, now: Any) -> AtOnceDesk:
        return AtOnceDesk(self, connect(account, now=now))


def test_a_worker_killed_while_it_replaces_at_once_doubles_and_loses_nothing(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    venue = AtOnceVenue(hub.clock)
    stand_between(monkeypatch, venue.steps, venue.connect)  # type: ignore[arg-type]  # all it needs
    outcomes = []
    for at in range(1, 20):
        old = resting(hub)
        item = ask(hub, old, limit_price="139")
        with venue.steps.interrupted(at, venue.steps.kill):
            with suppress(Killed):
                hub.drain()
            killed = venue.steps.dead
        hub.clock.wait(11)  # its lease
        for _ in range(8):
            hub.sweep(3)
        poll(hub)
        new = result(hub, item).order
        assert new is not None
        (works,) = hub.working()
        assert PaperOrder.objects.get(status="open").client_order_id == works.client_order_id
        outcomes.append((fresh(old).status, fresh(old).reason, new.status, new.reason))
        assert works.pk == (new.pk if new.status == "open" else old.pk), at
        assert waiting_items(hub) == []
        cancel_order(order=works, actor=hub.owner, now=hub.clock())
        hub.drain()
        if not killed:
            break
    assert set(outcomes) == {
        ("canceled", "REPLACED", "open", ""),
        ("open", "", "denied", "NOT_SENT"),
    }


def poll(hub: Hub) -> None:
    syncing.sync_account(hub.account, clock=hub.clock)
    hub.drain()


# ---- the door ----


@pytest.fixture
def client(alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch) -> APIClient:
    monkeypatch.setattr(api, "utc_now", lambda: now)  # no later than the hub's clock
    monkeypatch.setattr(api, "WAIT_SECONDS", 0.0)  # tests drain the lane themselves
    return client_with(alice, {"read", "trade"})


def client_with(user: User, scopes: set[str]) -> APIClient:
    _, key = create_api_key(owner=user, name="key", scopes=scopes, now=utc_now(), actor=user)
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return made


def post(client: APIClient, order: Order, **body: Any) -> Any:
    return client.post(url(order), body, format="json")


def url(order: Order) -> str:
    return f"/api/v1/orders/{order.pk}/replace/"


def test_the_api_answers_with_the_new_order(client: APIClient, hub: Hub) -> None:
    old = resting(hub)
    headers = {"idempotency-key": "k1"}
    body = {"limit_price": "139"}
    queued = client.post(url(old), body, format="json", headers=headers)
    assert (queued.status_code, queued.json()["status"]) == (202, "queued")
    hub.drain()
    again = client.post(url(old), body, format="json", headers=headers)
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    made = again.json()
    assert (made["replaces"], made["limit_price"], made["status"]) == (old.pk, "139", "open")
    assert (made["source"], made["signal"]) == ("api", None)
    assert client.get(queued.json()["url"]).json()["id"] == made["id"]
    assert Order.objects.filter(replaces=old).count() == 1
    gone = client.get(f"/api/v1/orders/{old.pk}/").json()
    assert (gone["status"], gone["reason"], gone["replaces"]) == ("canceled", "REPLACED", None)


def test_the_api_says_what_was_not_replaced(
    client: APIClient, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = resting(hub)
    for body in ({}, {"quantity": "0"}, {"stop_price": "1"}, {"colour": "red"}):
        assert post(client, old, **body).status_code == 422
    hub.profile.max_order_quantity = D(12)
    hub.profile.save(update_fields=["max_order_quantity"])
    url = post(client, old, quantity="20").json()["url"]
    hub.drain()
    denied = client.get(url)
    assert (denied.status_code, denied.json()["code"]) == (422, "ORDER_QUANTITY_ABOVE_MAX")
    url = post(client, old, quantity="5").json()["url"]
    hub.price(140)
    late = client.get(url)
    assert (late.status_code, late.json()["code"]) == (409, "NOT_REPLACEABLE")
    ended = post(client, old, quantity="5")
    assert (ended.status_code, ended.json()["code"]) == (409, "NOT_REPLACEABLE")


def test_the_api_waits_with_a_replacement_that_waits(
    client: APIClient, hub: Hub, venue: Venue
) -> None:
    old = resting(hub)
    url = post(client, old, quantity="20").json()["url"]
    venue.fail("cancel", NotSent("down"))
    hub.drain()
    assert client.get(url).status_code == 202
    hub.price(140)
    hub.sweep()
    late = client.get(url)
    assert (late.status_code, late.json()["code"]) == (409, "NOT_REPLACEABLE")


def test_what_was_only_cancelled_is_the_answer(client: APIClient, make_hub: MakeHub) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    old = resting(hub)
    hub.price(140)
    queued = post(client, old, quantity="4").json()
    hub.drain()
    found = client.get(queued["url"]).json()
    assert (found["id"], found["status"]) == (old.pk, "canceled")


def test_only_its_owner_may_and_only_with_the_scope(alice: User, bob: User, hub: Hub) -> None:
    old = resting(hub)
    assert post(client_with(bob, {"trade"}), old, quantity="5").status_code == 404
    assert post(client_with(alice, {"read"}), old, quantity="5").status_code == 403
    assert waiting_items(hub) == []
