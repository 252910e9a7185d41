"""Cases 23 to 25 of the reliability catalogue: late fills, drift, and a start without the venue."""

from decimal import Decimal

import pytest

from accounts.models import User
from brokers.errors import OutcomeUnknown
from brokers.models import PaperOrder
from brokers.registry import connect
from brokers.types import FillReport, OrderReport, ReportStatus
from orders import work
from orders.comparisons import is_required, require_reconciliation
from orders.drifts import drifting_symbols
from orders.holding import expire_held
from orders.models import Decision, Fill, LaneItem, Order, OrderEvent
from orders.reconciling import reconcile_account
from orders.tests.by_hand import ByHand, executed
from orders.tests.conftest import MakeHub
from signals.models import Signal
from tradehub.core.words import OrderSide
from tradehub.testing.hub import Hub, assert_books_agree
from tradehub.testing.hub import make_hub as make_other

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def hand(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> ByHand:
    """The venue of the lane and of the comparisons."""
    broker = ByHand(connect(hub.account, now=hub.clock))
    monkeypatch.setattr(work, "connect", lambda account, now: broker)
    return broker


def compare(hub: Hub, hand: ByHand, after: float = 3) -> None:
    hub.clock.wait(after)
    reconcile_account(hub.account, hand, clock=hub.clock)


# ---- case 23: partial, then cancel, then a late fill ----


def test_case_23_a_late_fill_after_a_cancel_moves_the_position_and_nothing_else(
    hub: Hub, hand: ByHand
) -> None:
    compare(hub, hand)
    order = Order.objects.create(
        owner=hub.owner, account=hub.account, strategy=hub.strategy, client_order_id="ours",
        leg="0", symbol="MSFT", side="buy", order_type="limit", time_in_force="gtc",
        quantity=D(10), role="entry", source="webhook", attempts=1, status="open",
    )  # fmt: skip
    forty, ten = (executed(f"f{each}", "ours", each, at=hub.clock()) for each in (4, 1))

    def tell(status: str, *fills: FillReport) -> None:
        hand.executions = list(fills)
        filled = sum((each.quantity for each in fills), D(0))
        hand.orders = [OrderReport("ours", "v", "MSFT", OrderSide.BUY, ReportStatus(status),
                                   D(10), filled, hub.clock(), fills)]  # fmt: skip

    tell("partially_filled", forty)
    compare(hub, hand)
    tell("canceled", forty)
    compare(hub, hand)
    for told in ((forty, ten), (ten, forty), (ten,), (ten, forty, ten)):
        tell("canceled", *told)
        hand.executions = [forty, ten]
        compare(hub, hand)
        order.refresh_from_db()
        assert (order.status, order.filled_quantity) == ("canceled", 5)
        assert hub.position("MSFT").quantity == 5
    assert Fill.objects.filter(order=order).count() == 2
    assert drifting_symbols(hub.account) == set()


def test_case_23_fills_in_any_order_make_the_same_books(hub: Hub, hand: ByHand) -> None:
    compare(hub, hand)
    told = [
        executed(f"f{each}", "web", each, price=100 + each, at=hub.clock()) for each in (1, 2, 3)
    ]
    for fills in ([told[2]], [told[0], told[2]], [told[1], told[0], told[2]], told[::-1]):
        hand.executions = list(fills)
        compare(hub, hand)
    (order,) = hub.orders(source="external")
    assert (order.filled_quantity, order.quantity, order.status) == (6, 6, "filled")
    assert hub.position("MSFT").average_entry_price == order.average_fill_price


# ---- case 24: a position changed by hand ----


def test_case_24_a_position_changed_by_hand_is_shown_and_holds_its_symbol_alone(
    hub: Hub, hand: ByHand
) -> None:
    hub.send(action="buy", quantity=10)
    compare(hub, hand)
    hand.moved = {"AAPL": D(-4)}
    compare(hub, hand, after=30)
    compare(hub, hand)
    assert drifting_symbols(hub.account) == {"AAPL"}
    assert hub.send(action="buy", quantity=1, symbol="MSFT").outcome == "approved"
    assert hub.send(action="exit", symbol="AAPL").outcome == "approved"  # I7


def test_case_24_an_entry_of_the_drifting_symbol_is_denied(hub: Hub, hand: ByHand) -> None:
    compare(hub, hand)
    hub.send(action="buy", quantity=1, symbol="MSFT")
    hand.moved = {"AAPL": D(4)}
    compare(hub, hand)
    compare(hub, hand)
    assert hub.codes(action="buy", quantity=1) == ["SYMBOL_NOT_RECONCILED"]
    hand.moved = {}
    compare(hub, hand)
    assert hub.send(action="buy", quantity=1).outcome == "approved"


@pytest.mark.parametrize("part", ["open_orders", "fills", "positions"])
def test_case_24_a_failed_question_is_not_read_as_flat(hub: Hub, hand: ByHand, part: str) -> None:
    hub.send(action="buy", quantity=10, stop_loss=140)
    compare(hub, hand)
    hand.errors[part] = OutcomeUnknown("504")
    for _ in range(3):
        compare(hub, hand, after=30)
    assert hub.position().quantity == 10
    assert [each.role for each in hub.working()] == ["stop_loss"]
    assert drifting_symbols(hub.account) == set()


def test_case_24_an_empty_answer_is_an_answer(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=10)
    hand.moved = {"AAPL": D(-10)}
    compare(hub, hand)
    compare(hub, hand)
    assert drifting_symbols(hub.account) == {"AAPL"}
    assert hub.position().quantity == 10  # shown, not guessed


# ---- case 25: a start without the venue ----


def test_case_25_nothing_opens_before_the_account_is_reconciled(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub({"max_signal_age_seconds": 300})
    hand = ByHand(connect(hub.account, now=hub.clock))
    monkeypatch.setattr(work, "connect", lambda account, now: hand)
    hub.send(action="buy", symbol="TSLA", quantity=3)
    hub.send(action="buy", quantity=1, order_type="limit", price=140)
    OrderEvent.objects.filter(order__symbol="AAPL", event="accept").delete()
    Order.objects.filter(symbol="AAPL").update(status="unconfirmed", reason="OUTCOME_UNKNOWN")
    before = PaperOrder.objects.count()
    for name in ("open_orders", "fills", "positions", "order", "reports"):
        hand.errors[name] = OutcomeUnknown("no route to host")
    require_reconciliation(now=hub.clock())  # the worker starts
    entry = hub.deliver(action="buy", symbol="MSFT", quantity=1).stored_id
    leave = hub.deliver(action="exit", symbol="TSLA").stored_id
    for _ in range(3):
        hub.drain()
        hub.sweep(10)
    held = dict(Signal.objects.filter(pk__in=[entry, leave]).values_list("pk", "status"))
    assert held == {entry: "held", leave: "held"}
    assert PaperOrder.objects.count() == before
    hub.clock.wait(300)
    expire_held(clock=hub.clock)
    assert Signal.objects.get(pk=entry).status == "stale"
    assert Decision.objects.get(signal_id=entry).reasons[0]["code"] == "SIGNAL_STALE"
    assert Signal.objects.get(pk=leave).status == "held"
    hand.errors.clear()
    hub.sweep(10)
    reconcile_account(hub.account, hand, clock=hub.clock)
    assert not is_required(hub.account.pk)
    for _ in range(3):
        hub.sweep(10)
    assert Signal.objects.get(pk=leave).status == "processed"
    assert not hub.position("TSLA").is_open
    assert Order.objects.get(symbol="AAPL").status == "open"
    assert not LaneItem.objects.exclude(status="done").exists()
    assert_books_agree(hub)


def test_case_25_one_account_s_dead_venue_holds_no_other(
    hub: Hub, hand: ByHand, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand.errors["open_orders"] = OutcomeUnknown("dead")
    other = make_other(bob, hub.clock.now)
    signal = hub.deliver(action="buy", quantity=1).stored_id
    hub.drain()
    own = connect(other.account, now=other.clock)
    both = {other.account.pk: own, hub.account.pk: hand}
    monkeypatch.setattr(work, "connect", lambda account, now: both[account.pk])
    assert other.send(action="buy", quantity=1).outcome == "approved"
    assert Signal.objects.get(pk=signal).status == "held"
