"""What people ask of orders: manual orders, cancels, closes, halts, the emergency stop."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import AuditEntry, User
from brokers.models import BrokerAccount
from orders import services
from orders.models import Decision, LaneItem, Order, Position
from orders.selectors import RequestResult, request_result
from orders.work import drain_lane
from risk.models import RiskProfile, TradingState
from signals.models import Strategy
from tradehub.core.errors import BadInput, Conflict, NotFound
from tradehub.core.words import Scope
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token

pytestmark = pytest.mark.django_db

BUY = {"symbol": "AAPL", "side": "buy", "quantity": "10"}


@dataclass
class Desk:
    owner: User
    account: BrokerAccount
    profile: RiskProfile
    strategy: Strategy
    now: datetime

    def work(self) -> None:
        drain_lane(self.account.pk, clock=lambda: self.now)

    def alert(self, **alert: Any) -> None:
        """An alert through the lane; it also tells the paper account a price."""
        self.now += timedelta(minutes=1)
        said = {"symbol": "AAPL", "action": "buy", "quantity": 10, "price": 150}
        deliver(make_token(self.strategy), said | alert, self.now)
        self.work()

    def place(self, **fields: Any) -> RequestResult:
        self.now += timedelta(minutes=1)
        given = {name: value for name, value in (BUY | fields).items() if value is not None}
        item = services.place_manual_order(
            owner=self.owner, account=self.account, fields=given, now=self.now, actor=self.owner
        )
        self.work()
        return request_result(self.owner, item.pk)

    def held(self) -> Decimal:
        return sum(
            (each.quantity for each in Position.objects.filter(account=self.account)), Decimal(0)
        )


@pytest.fixture
def desk(alice: User, now: datetime) -> Desk:
    account = make_account(alice, now)
    profile = make_profile(alice, now, max_order_value="5000")
    found = Desk(alice, account, profile, make_strategy(alice, account, profile), now)
    found.alert(action="close")  # nothing to do, but now the price is known
    return found


# ---- manual orders ----


def test_a_manual_order_is_filled_and_of_no_strategy(desk: Desk) -> None:
    result = desk.place()
    assert result.order is not None
    assert (result.order.status, result.order.source) == ("filled", "manual")
    assert (result.order.strategy_id, result.order.signal_id) == (None, None)
    assert desk.held() == 10
    assert AuditEntry.objects.filter(action="order.asked").count() == 1


def test_it_meets_the_same_rules(desk: Desk) -> None:
    result = desk.place(quantity="100")
    assert result.order is None
    assert result.decision is not None
    assert [each["code"] for each in result.decision.reasons] == ["ORDER_VALUE_ABOVE_MAX"]


def test_a_person_who_buys_again_means_it(desk: Desk) -> None:
    desk.place()
    desk.place()
    assert desk.held() == 20


def test_what_is_said_counts_whatever_the_sizing_method(desk: Desk) -> None:
    RiskProfile.objects.update(sizing_method="fixed_quantity", sizing_value="1")
    desk.place(quantity="7")
    desk.place(quantity=None, notional="450")
    assert desk.held() == 10


def test_a_smaller_sell_reduces_and_a_larger_closes(desk: Desk) -> None:
    desk.place()
    assert desk.place(side="sell", quantity="4").order is not None
    assert desk.held() == 6
    desk.place(side="sell", quantity="40")
    assert desk.held() == 0


def test_with_a_strategy_it_is_that_strategys(desk: Desk) -> None:
    result = desk.place(strategy=desk.strategy.pk, stop_loss={"percent": "2"}, take_profit="160")
    assert result.order is not None
    assert result.order.strategy_id == desk.strategy.pk
    prices = Order.objects.filter(parent=result.order).order_by("role")
    assert [(each.role, each.stop_price or each.limit_price) for each in prices] == [
        ("stop_loss", Decimal(147)),
        ("take_profit", Decimal(160)),
    ]


@pytest.mark.parametrize(
    ("fields", "order_type"),
    [
        ({"limit_price": "140"}, "limit"),
        ({"stop_price": "160"}, "stop"),
        ({"limit_price": "161", "stop_price": "160"}, "stop_limit"),
    ],
)
def test_prices_make_the_type(desk: Desk, fields: dict[str, str], order_type: str) -> None:
    result = desk.place(**fields)
    assert result.order is not None
    assert (result.order.order_type, result.order.status) == (order_type, "open")


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"symbol": None}, "MISSING_FIELD", "/symbol"),
        ({"symbol": "no symbol"}, "INVALID_FIELD", "/symbol"),
        ({"side": None}, "MISSING_FIELD", "/side"),
        ({"side": "hold"}, "INVALID_FIELD", "/side"),
        ({"quantity": None}, "MISSING_FIELD", "/quantity"),
        ({"quantity": "0"}, "INVALID_FIELD", "/quantity"),
        ({"quantity": "-1"}, "INVALID_FIELD", "/quantity"),
        ({"quantity": "many"}, "INVALID_FIELD", "/quantity"),
        ({"notional": "100"}, "CONTRADICTORY_FIELDS", "/notional"),
        ({"order_type": "limit"}, "MISSING_FIELD", "/limit_price"),
        ({"order_type": "market", "stop_price": "1"}, "CONTRADICTORY_FIELDS", "/stop_price"),
        ({"order_type": "trailing_stop"}, "UNSUPPORTED_FIELD", "/order_type"),
        ({"time_in_force": "soon"}, "INVALID_FIELD", "/time_in_force"),
        ({"stop_loss": {"price": "1", "percent": "1"}}, "INVALID_FIELD", "/stop_loss"),
        ({"stop_loss": {"percent": "x"}}, "INVALID_FIELD", "/stop_loss/percent"),
        ({"strategy": "str_0"}, "INVALID_FIELD", "/strategy"),
        ({"risk_profile": "rsk_0"}, "INVALID_FIELD", "/risk_profile"),
    ],
)
def test_a_wrong_field_is_named(
    desk: Desk, fields: dict[str, Any], code: str, pointer: str
) -> None:
    with pytest.raises(BadInput) as caught:
        desk.place(**fields)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_of_several_profiles_one_must_be_named(desk: Desk, bob: User) -> None:
    strict = make_profile(desk.owner, desk.now, name="Strict", max_order_value="100")
    with pytest.raises(BadInput, match="risk profile") as caught:
        desk.place()
    assert caught.value.pointer == "/risk_profile"
    assert desk.place(risk_profile=strict.pk).order is None
    assert desk.place(risk_profile=desk.profile.pk).order is not None
    with pytest.raises(BadInput):
        desk.place(risk_profile=make_profile(bob, desk.now).pk)


def test_a_request_is_its_owners(desk: Desk, bob: User) -> None:
    item = desk.place().item
    with pytest.raises(NotFound):
        request_result(bob, item.pk)


# ---- cancels and closes ----


def test_a_cancel_is_queued_once_and_an_ended_order_refuses_it(desk: Desk) -> None:
    order = desk.place(limit_price="140").order
    assert order is not None
    first = services.cancel_order(order=order, actor=desk.owner, now=desk.now)
    assert services.cancel_order(order=order, actor=desk.owner, now=desk.now) == first
    desk.work()
    order.refresh_from_db()
    assert order.status == "canceled"
    with pytest.raises(Conflict, match="canceled already"):
        services.cancel_order(order=order, actor=desk.owner, now=desk.now)


def test_a_close_passes_every_limit_and_takes_stop_and_target_with_it(desk: Desk) -> None:
    desk.alert(stop_loss=140, take_profit=160)
    RiskProfile.objects.update(max_order_value="1", max_trades_per_day=1)
    services.halt_trading(**switch(desk))
    position = Position.objects.get(strategy=desk.strategy)
    first = services.close_position(position=position, actor=desk.owner, now=desk.now)
    assert services.close_position(position=position, actor=desk.owner, now=desk.now) == first
    desk.work()
    assert desk.held() == 0
    assert not Order.objects.filter(status__in=["open", "queued"]).exists()
    with pytest.raises(Conflict) as caught:
        services.close_position(position=position, actor=desk.owner, now=desk.now)
    assert caught.value.code == "ALREADY_FLAT"


def test_a_close_works_when_subscription_and_profile_are_gone(desk: Desk) -> None:
    desk.alert()
    desk.strategy.subscriptions.all().delete()
    RiskProfile.objects.all().delete()
    position = Position.objects.get(strategy=desk.strategy)
    services.close_position(position=position, actor=desk.owner, now=desk.now)
    desk.work()
    assert desk.held() == 0


def test_an_entry_whose_profile_is_gone_is_denied(desk: Desk) -> None:
    """Exits need no limits; an entry without them has no room."""
    item = services.place_manual_order(
        owner=desk.owner, account=desk.account, fields=BUY, now=desk.now, actor=desk.owner
    )
    desk.strategy.subscriptions.all().delete()
    RiskProfile.objects.all().delete()
    desk.work()
    assert Decision.objects.get(item=item).outcome == "denied"
    assert desk.held() == 0


# ---- halts ----


def switch(desk: Desk, **more: Any) -> Any:
    given: dict[str, Any] = {
        "scope": Scope.USER,
        "scope_id": str(desk.owner.pk),
        "reason": "",
        "owner": desk.owner,
        "actor": desk.owner,
        "now": desk.now,
    }
    return given | more


def test_a_halt_cancels_working_entries_and_leaves_exits(desk: Desk) -> None:
    desk.alert()
    desk.place(limit_price="140")
    desk.alert(action="sell", order_type="limit", limit_price=170, symbol="AAPL")
    services.halt_trading(**switch(desk))
    desk.work()
    assert TradingState.objects.get().state == "halted"
    statuses = {each.role: each.status for each in Order.objects.filter(order_type="limit")}
    assert statuses == {"entry": "canceled", "exit": "open"}


def test_a_halt_of_one_strategy_leaves_the_others_entries(desk: Desk) -> None:
    desk.alert(order_type="limit", price=140)
    mine = desk.place(limit_price="140").order
    assert mine is not None
    services.halt_trading(**switch(desk, scope=Scope.STRATEGY, scope_id=desk.strategy.pk))
    desk.work()
    mine.refresh_from_db()
    assert mine.status == "open"
    assert Order.objects.get(strategy=desk.strategy).status == "canceled"


def test_a_halt_reaches_nobody_elses_lane(desk: Desk, bob: User) -> None:
    desk.place(limit_price="140")
    services.halt_trading(**switch(desk, scope_id=str(bob.pk), owner=bob, actor=bob))
    assert not LaneItem.objects.filter(kind="halt").exists()


def test_the_emergency_stop_cancels_all_and_flattens(desk: Desk) -> None:
    desk.alert(stop_loss=140)
    desk.place(symbol="AAPL", limit_price="120")
    asked = services.emergency_stop(owner=desk.owner, reason="fire", actor=desk.owner, now=desk.now)
    assert len(asked["closing"]) == 1
    desk.work()
    assert desk.held() == 0
    assert not Order.objects.filter(status__in=["open", "queued", "partially_filled"]).exists()
    assert TradingState.objects.get().state == "halted"
