"""From an alert to a protected position on paper, through the lane."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from brokers.models import BrokerAccount
from orders.models import Decision, Fill, LaneItem, Order, Position
from orders.work import drain_lane
from signals.models import Signal
from tradehub.lib.tokens import Token
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class Hub:
    owner: User
    account: BrokerAccount
    token: Token
    clock: Clock

    def send(self, **alert: Any) -> Decision:
        """Deliver an alert and work the lane; the decision that came of it."""
        self.clock.now += timedelta(minutes=1)
        arrival = deliver(self.token, {"symbol": "AAPL", "price": "150", **alert}, self.clock())
        drain_lane(self.account.pk, clock=self.clock)
        return Decision.objects.get(signal_id=arrival.stored_id)

    def position(self, symbol: str = "AAPL") -> Position:
        return Position.objects.get(account=self.account, symbol=symbol)

    def working(self, **where: Any) -> list[Order]:
        return list(
            Order.objects.filter(status__in=["open", "partially_filled"], **where).order_by("id")
        )


MakeHub = Callable[..., Hub]


@pytest.fixture
def make_hub(alice: User, now: datetime) -> MakeHub:
    def make(limits: dict[str, Any] | None = None, **settings: Any) -> Hub:
        account = make_account(alice, now)
        profile = make_profile(alice, now, **(limits or {}))
        strategy = make_strategy(alice, account, profile, **settings)
        return Hub(alice, account, make_token(strategy), Clock(now))

    return make


def test_an_alert_becomes_a_filled_order_and_a_position(make_hub: MakeHub) -> None:
    hub = make_hub()
    decision = hub.send(action="buy", quantity=10)
    assert decision.outcome == "approved"
    order = Order.objects.get()
    assert (order.status, order.role, order.side) == ("filled", "entry", "buy")
    assert order.filled_quantity == 10
    assert order.average_fill_price == 150
    assert [event.event for event in order.events.all()] == ["send", "fill"]
    assert hub.position().quantity == 10
    assert hub.position().protected is None
    assert Signal.objects.get().status == "processed"
    assert set(LaneItem.objects.values_list("status", flat=True)) == {"done"}


def test_stop_and_target_work_at_the_venue_after_the_fill(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity=10, stop_loss=145, take_profit=160)
    stop, target = hub.working()
    assert (stop.role, stop.order_type, stop.stop_price, stop.side) == (
        "stop_loss",
        "stop",
        Decimal(145),
        "sell",
    )
    assert (target.role, target.order_type, target.limit_price) == (
        "take_profit",
        "limit",
        Decimal(160),
    )
    assert {stop.time_in_force, target.time_in_force} == {"gtc"}
    assert {stop.quantity, target.quantity} == {Decimal(10)}
    assert stop.parent == target.parent == Order.objects.get(role="entry")
    assert hub.position().protected is True


def test_a_stop_that_fills_cancels_the_target_and_leaves_nothing(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity=10, stop_loss=145, take_profit=160)
    hub.send(action="cancel", price=144)  # the price of any alert moves a paper account
    assert not hub.working()
    assert hub.position().quantity == 0
    assert hub.position().protected is None
    statuses = {order.role: order.status for order in Order.objects.all()}
    assert statuses == {"entry": "filled", "stop_loss": "filled", "take_profit": "canceled"}


def test_a_close_cancels_both_and_a_second_one_has_nothing_to_do(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity=10, stop_loss=145, take_profit=160)
    assert hub.send(action="close").outcome == "approved"
    assert hub.position().quantity == 0
    assert not hub.working()
    again = hub.send(action="close")
    assert again.outcome == "nothing_to_do"
    assert [reason["code"] for reason in again.reasons] == ["ALREADY_FLAT"]


def test_a_sized_exit_leaves_the_rest_protected_by_its_size(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity=10, stop_loss=145, take_profit=160)
    hub.send(action="close", quantity=4)
    assert hub.position().quantity == 6
    assert {order.quantity for order in hub.working()} == {Decimal(6)}
    assert hub.position().protected is True


def test_an_opposite_alert_closes_and_does_not_cross_zero(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity=10)
    hub.send(action="sell", quantity=25)
    assert hub.position().quantity == 0


def test_on_opposite_reverse_flips_in_two_orders(make_hub: MakeHub) -> None:
    hub = make_hub(on_opposite="reverse")
    hub.send(action="buy", quantity=10)
    decision = hub.send(action="sell", quantity=12)
    exit_order, entry = Order.objects.filter(decision=decision).order_by("id")
    assert (exit_order.role, exit_order.quantity) == ("exit", Decimal(10))
    assert (entry.role, entry.quantity, entry.after) == ("entry", Decimal(12), exit_order)
    assert hub.position().quantity == -12


def test_a_denied_entry_makes_no_order_and_says_why_with_numbers(make_hub: MakeHub) -> None:
    hub = make_hub(limits={"max_order_value": "1000"})
    decision = hub.send(action="buy", quantity=10)
    assert decision.outcome == "denied"
    assert [reason["code"] for reason in decision.reasons] == ["ORDER_VALUE_ABOVE_MAX"]
    assert decision.reasons[0]["measured"] == "1500"
    assert decision.reasons[0]["limit"] == "1000"
    assert not Order.objects.exists()
    assert Signal.objects.get().status == "processed"


def test_a_limit_never_blocks_an_exit(make_hub: MakeHub) -> None:
    hub = make_hub(limits={"max_order_value": "2000", "max_trades_per_day": 1})
    hub.send(action="buy", quantity=10)
    assert hub.send(action="buy", quantity=1, symbol="MSFT").outcome == "denied"
    assert hub.send(action="close", price=900).outcome == "approved"
    assert hub.position().quantity == 0


def test_close_all_closes_every_symbol_of_the_strategy(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity=10)
    hub.send(action="buy", quantity=5, symbol="MSFT", price=300)
    assert hub.send(action="close_all").outcome == "approved"
    assert not Position.objects.filter(is_open=True).exists()


def test_copies_in_one_batch_and_later_make_one_order(make_hub: MakeHub) -> None:
    hub = make_hub()
    alert = {"symbol": "AAPL", "action": "buy", "quantity": 1, "price": 150}
    first = deliver(hub.token, alert, hub.clock())
    copies = [deliver(hub.token, alert, hub.clock()) for _ in range(5)]
    assert {copy.outcome for copy in copies} == {"duplicate"}
    assert {copy.stored_id for copy in copies} == {first.id}
    drain_lane(hub.account.pk, clock=hub.clock)
    assert Order.objects.count() == Fill.objects.count() == 1
    assert Signal.objects.get().deliveries == 6
