"""What the venue says becomes rows once, in any order and however often it is said."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from brokers.types import FillReport, OrderReport, ReportStatus
from orders.lifecycle import IllegalTransition, OrderEventName
from orders.models import Fill, LaneItem, Order
from orders.positions import ConcurrentChange
from orders.recording import record_event, record_report
from tradehub.core.words import OrderSide
from tradehub.testing.builders import make_account
from tradehub.testing.hub import Hub

pytestmark = pytest.mark.django_db
D = Decimal
numbers = iter(range(10**9))


def make_order(hub: Hub, status: str = "sending", quantity: Any = 10, **more: Any) -> Order:
    return Order.objects.create(
        owner=hub.owner,
        account=hub.account,
        strategy=hub.strategy,
        **{
            "client_order_id": f"coid{next(numbers)}",
            "leg": "0",
            "symbol": "AAPL",
            "side": "buy",
            "order_type": "market",
            "time_in_force": "day",
            "quantity": D(quantity),
            "role": "entry",
            "source": "webhook",
            "attempts": 1,
            "status": status,
            **more,
        },
    )


def fill(order: Order, quantity: Any, price: Any = 100, name: str | None = None) -> FillReport:
    return FillReport(
        name or f"fill{next(numbers)}",
        order.client_order_id,
        order.symbol,
        OrderSide(order.side),
        D(quantity),
        D(price),
        D(0),
        "USD",
        order.created_at,
    )


def report(order: Order, status: str, *fills: FillReport, **more: Any) -> OrderReport:
    return OrderReport(
        order.client_order_id,
        "venue1",
        order.symbol,
        OrderSide(order.side),
        ReportStatus(status),
        order.quantity,
        sum((each.quantity for each in fills), D(0)),
        order.created_at,
        fills,
        **more,
    )


def say(hub: Hub, order: Order, said: OrderReport) -> Order:
    return record_report(hub.account.pk, order.pk, said, now=hub.clock())


def events(order: Order) -> list[str]:
    return [each.event for each in order.events.all()]


def test_the_same_news_again_changes_nothing(hub: Hub) -> None:
    order = make_order(hub)
    said = report(order, "partially_filled", fill(order, 4))
    first = say(hub, order, said)
    again = say(hub, order, said)
    assert again.version == first.version
    assert (again.status, again.filled_quantity) == ("partially_filled", 4)
    assert events(order) == ["partial_fill"]
    assert hub.position().quantity == 4


def test_fills_add_up_to_a_weighted_price(hub: Hub) -> None:
    order = make_order(hub)
    one, two = fill(order, 4, 100), fill(order, 6, 110)
    say(hub, order, report(order, "partially_filled", one))
    done = say(hub, order, report(order, "filled", one, two))
    assert (done.status, done.filled_quantity) == ("filled", 10)
    assert done.average_fill_price == 106
    assert hub.position().average_entry_price == 106


@pytest.mark.parametrize("status", ["sending", "unconfirmed"])
@pytest.mark.parametrize("said", ["open", "partially_filled", "filled"])
def test_a_sign_of_life_confirms_an_order_even_before_its_fills_are_told(
    hub: Hub, status: str, said: str
) -> None:
    order = make_order(hub, status, reason="OUTCOME_UNKNOWN")
    found = say(hub, order, report(order, said))
    assert (found.status, found.reason) == ("open", "")


def test_a_fill_confirms_an_order_and_clears_its_doubt(hub: Hub) -> None:
    order = make_order(hub, "unconfirmed", reason="OUTCOME_UNKNOWN")
    found = say(hub, order, report(order, "filled", fill(order, 10)))
    assert (found.status, found.reason) == ("filled", "")


def test_an_order_that_the_venue_cut_and_filled_is_filled(hub: Hub) -> None:
    """A reduce-only or linked order is shortened at the venue; ours must not stay half open."""
    order = make_order(hub, "open")
    found = say(hub, order, report(order, "filled", fill(order, 6)))
    assert (found.status, found.filled_quantity) == ("filled", 6)
    late = say(hub, order, report(order, "filled", fill(order, 1)))
    assert (late.status, late.filled_quantity) == ("filled", 7)


def test_a_refusal_after_a_part_has_filled_ends_the_rest(hub: Hub) -> None:
    order = make_order(hub, "open")
    said = report(order, "rejected", fill(order, 4), code="NO_CASH", text="No more.")
    found = say(hub, order, said)
    assert (found.status, found.filled_quantity) == ("canceled", 4)
    assert found.reason_text == "NO_CASH No more."


@pytest.mark.parametrize("ended", ["canceled", "expired", "rejected"])
def test_a_late_fill_moves_the_position_and_not_the_end(hub: Hub, ended: str) -> None:
    order = make_order(hub, ended)
    found = say(hub, order, report(order, ended, fill(order, 3)))
    assert (found.status, found.filled_quantity) == (ended, 3)
    assert hub.position().quantity == 3


def test_a_fill_is_one_whichever_order_names_it(hub: Hub) -> None:
    order, other = make_order(hub), make_order(hub, leg="1")
    say(hub, order, report(order, "open", fill(order, 1, name="same")))
    say(hub, other, report(other, "open", fill(other, 1, name="same")))
    assert Fill.objects.count() == 1


def test_an_event_on_an_order_that_moved_meanwhile_is_refused(hub: Hub) -> None:
    order = make_order(hub, "open")
    stale = Order.objects.get(pk=order.pk)
    record_event(order, OrderEventName.CANCEL, key="cancel", now=hub.clock())
    with pytest.raises(ConcurrentChange):
        record_event(stale, OrderEventName.EXPIRE, key="expire", now=hub.clock())
    with pytest.raises(IllegalTransition):
        record_event(order, OrderEventName.EXPIRE, key="expire", now=hub.clock())


def test_another_account_s_order_is_out_of_reach(hub: Hub, bob: User) -> None:
    order = make_order(hub)
    other = make_account(bob, hub.clock())
    with pytest.raises(Order.DoesNotExist):
        record_report(other.pk, order.pk, report(order, "open"), now=hub.clock())


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("filled", "queued"),
        ("canceled", "canceled"),
        ("expired", "canceled"),
        ("rejected", "canceled"),
    ],
)
def test_what_waits_for_an_order_goes_out_only_when_it_filled(
    hub: Hub, first: str, then: str
) -> None:
    order = make_order(hub, "open", role="exit")
    waiting = make_order(hub, "queued", leg="1", after=order)
    fills = [fill(order, 10)] if first == "filled" else []
    say(hub, order, report(order, first, *fills))
    waiting.refresh_from_db()
    assert waiting.status == then
    sends = LaneItem.objects.filter(kind="send", subject=waiting.pk)
    assert sends.exists() == (first == "filled")


@pytest.mark.parametrize("end", ["canceled", "expired", "rejected"])
def test_a_stop_that_ends_unfilled_raises_the_alarm_at_once(hub: Hub, end: str) -> None:
    hub.send(action="buy", quantity=10, stop_loss=140)
    assert hub.position().protected is True
    stop = hub.working(role="stop_loss")[0]
    say(hub, stop, report(stop, end, code="X", text="gone"))
    assert hub.position().protected is False
    looks = LaneItem.objects.filter(kind="protect", status="queued")
    assert looks.exists() == (end != "rejected")


def test_profit_of_a_round_trip(hub: Hub) -> None:
    buy = make_order(hub)
    say(hub, buy, report(buy, "filled", fill(buy, 10, 100)))
    sell = make_order(hub, side="sell", role="exit", leg="1", quantity=4)
    say(hub, sell, report(sell, "filled", fill(sell, 4, 110)))
    position = hub.position()
    assert (position.quantity, position.average_entry_price) == (6, 100)
    assert position.realized_pnl == 40
    assert Fill.objects.get(order=sell).realized_pnl == 40
