"""Cases 23 to 25 over HTTP: late fills, drift, and a start while the venue can't be reached."""

from decimal import Decimal

import pytest

from brokers.registry import connect
from orders.comparisons import is_required, require_reconciliation
from orders.drifts import drifting_symbols
from orders.holding import expire_held
from orders.models import Fill, Order
from orders.reconciling import reconcile_account
from signals.models import Signal
from tests.cases.conftest import MakeHub
from tests.venue.control import Control
from tests.venue.fixtures import KEY, ScriptedVenue
from tradehub.testing.hub import Hub

pytestmark = pytest.mark.django_db


@pytest.fixture
def control(scripted_venue: ScriptedVenue) -> Control:
    return scripted_venue.control


def compare(hub: Hub, after: float = 3) -> None:
    hub.clock.wait(after)
    reconcile_account(hub.account, connect(hub.account, now=hub.clock), clock=hub.clock)


@pytest.mark.parametrize("disorder", [False, True])
def test_case_23_a_fill_after_the_cancel_is_booked_and_replays_are_not(
    make_hub: MakeHub, control: Control, disorder: bool
) -> None:
    rules = {"fills_by_hand": True, "duplicates": disorder, "shuffled": disorder}
    hub = make_hub(rules=rules)
    hub.send(action="buy", quantity="10")
    (order,) = hub.orders()
    control.fill(KEY, order.client_order_id, "4")
    compare(hub)
    order.refresh_from_db()
    assert (order.status, order.filled_quantity) == ("partially_filled", 4)
    control.end_order(KEY, order.client_order_id)
    compare(hub)
    control.fill(KEY, order.client_order_id, "1")
    for _ in range(4):
        compare(hub, after=20)
    order.refresh_from_db()
    assert (order.status, order.filled_quantity) == ("canceled", 5)
    assert hub.position().quantity == control.books(KEY).positions["AAPL"] == 5
    assert sorted(Fill.objects.values_list("quantity", flat=True)) == [Decimal(1), Decimal(4)]
    assert drifting_symbols(hub.account) == set()


def test_case_24_a_hidden_change_holds_entries_and_a_failed_question_changes_nothing(
    make_hub: MakeHub, control: Control
) -> None:
    hub = make_hub(max_adds=5)
    hub.send(action="buy", quantity="10")
    compare(hub)
    control.change_position(KEY, "AAPL", "-4", price="100")
    compare(hub, after=30)
    compare(hub)
    assert drifting_symbols(hub.account) == {"AAPL"}
    assert hub.codes(action="buy", quantity="1") == ["SYMBOL_NOT_RECONCILED"]
    assert hub.codes(action="buy", quantity="1", symbol="MSFT") == []
    control.fault("positions", "refuse_504", times=2)
    for _ in range(2):
        compare(hub, after=30)
    assert control.faults_left() == {}
    assert drifting_symbols(hub.account) == {"AAPL"}
    assert hub.position().quantity == 10, "neither flat nor guessed"
    control.change_position(KEY, "AAPL", "4", price="100")
    compare(hub, after=30)
    compare(hub)
    assert drifting_symbols(hub.account) == set()
    assert hub.codes(action="buy", quantity="1") == []


def test_case_25_a_cold_start_opens_nothing_before_the_venue_has_answered(
    make_hub: MakeHub, control: Control
) -> None:
    hub = make_hub({"max_signal_age_seconds": 120})
    control.fault("submit", "accept_then_close")
    hub.send(action="buy", quantity="4")
    assert [each.status for each in hub.orders()] == ["unconfirmed"]
    control.fault("*", "close_before", times=1000)
    require_reconciliation(now=hub.clock())  # the worker starts
    before = len(control.posts(KEY))
    entry = hub.deliver(action="buy", quantity="1", symbol="MSFT").stored_id
    for _ in range(4):
        hub.sweep(10)
    assert Signal.objects.get(pk=entry).status in ("received", "held")
    hub.clock.wait(120)
    hub.sweep(10)
    expire_held(clock=hub.clock)
    assert len(control.posts(KEY)) == before
    control.clear_faults()
    hub.sweep(11)
    compare(hub)
    hub.sweep(11)
    assert not is_required(hub.account.pk)
    assert Signal.objects.get(pk=entry).status == "stale"
    assert [each.body["symbol"] for each in control.posts(KEY)] == ["AAPL"]
    assert Order.objects.get(symbol="AAPL").status == "filled"
    assert control.books(KEY).positions == {"AAPL": 4}


def test_case_25_an_alert_waits_while_the_venue_s_lists_fail(
    make_hub: MakeHub, control: Control
) -> None:
    """Nothing of ours is in doubt there; still nobody knows what may be open."""
    hub = make_hub()
    compare(hub)
    for name in ("open_orders", "fills", "positions"):
        control.fault(name, "refuse_504", times=1000)
    require_reconciliation(now=hub.clock())
    entry = hub.deliver(action="buy", quantity="1").stored_id
    for _ in range(3):
        hub.sweep(10)
    assert Signal.objects.get(pk=entry).status == "held"
    assert control.posts(KEY) == []
    control.clear_faults()
    compare(hub)
    hub.sweep(11)
    assert Signal.objects.get(pk=entry).status == "processed"
    assert len(control.posts(KEY)) == 1
