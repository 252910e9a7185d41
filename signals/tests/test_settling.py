"""A signal's status, from what became of its work."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from brokers.models import BrokerAccount
from orders.models import Decision, LaneItem, Order, Position
from orders.settling import settle
from orders.work import drain_lane
from signals.models import Signal, Strategy
from tradehub.lib import live
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token

pytestmark = pytest.mark.django_db


@dataclass
class Scene:
    signal: Signal
    account: BrokerAccount
    now: datetime

    def status(self) -> str:
        self.signal.refresh_from_db()
        return self.signal.status

    def item(self, status: str) -> LaneItem:
        LaneItem.objects.filter(signal=self.signal).update(status=status)
        return LaneItem.objects.get(signal=self.signal)

    def decide(self, outcome: str, *codes: str) -> Decision:
        return Decision.objects.create(
            owner=self.signal.owner,
            account=self.account,
            item=self.item("done"),
            signal=self.signal,
            outcome=outcome,
            reasons=[{"code": code, "message": ""} for code in codes],
            decided_at=self.now,
        )

    def order(self, status: str, **more: Any) -> Order:
        return Order.objects.create(
            owner=self.signal.owner,
            account=self.account,
            strategy=self.signal.strategy,
            signal=self.signal,
            symbol="AAPL",
            side="buy",
            order_type="market",
            time_in_force="day",
            quantity="1",
            status=status,
            source="webhook",
            **{"role": "entry", "leg": "0", "client_order_id": "coid0", **more},
        )


@pytest.fixture
def strategy(alice: User, now: datetime) -> Strategy:
    return make_strategy(alice, make_account(alice, now), make_profile(alice, now))


@pytest.fixture
def scene(strategy: Strategy, now: datetime) -> Scene:
    alert = {"symbol": "AAPL", "action": "buy", "quantity": 1, "price": 150, "stop_loss": 140}
    deliver(make_token(strategy), alert, now)
    return Scene(Signal.objects.get(), strategy.subscriptions.get().account, now)


def test_received_until_the_lane_has_done_it(scene: Scene) -> None:
    settle(scene.signal.pk)
    assert scene.status() == "received"


@pytest.mark.parametrize("status", ["queued", "sending", "unconfirmed"])
def test_received_while_an_order_is_not_settled(scene: Scene, status: str) -> None:
    scene.decide("approved")
    scene.order(status)
    settle(scene.signal.pk)
    assert scene.status() == "received"


@pytest.mark.parametrize("status", ["open", "filled", "rejected", "denied", "canceled"])
def test_processed_when_every_order_is_somewhere(scene: Scene, status: str) -> None:
    scene.decide("approved")
    scene.order(status)
    settle(scene.signal.pk)
    assert scene.status() == "processed"


def test_a_denial_is_processed(scene: Scene) -> None:
    scene.decide("denied", "ORDER_VALUE_ABOVE_MAX")
    settle(scene.signal.pk)
    assert scene.status() == "processed"


@pytest.mark.parametrize("code", ["SIGNAL_STALE", "SIGNAL_OUT_OF_ORDER"])
def test_stale_when_every_account_says_too_late(scene: Scene, code: str) -> None:
    scene.decide("denied", code, "PRICE_STALE")
    settle(scene.signal.pk)
    assert scene.status() == "stale"


def test_not_stale_when_one_account_took_it(scene: Scene, alice: User) -> None:
    scene.decide("denied", "SIGNAL_STALE")
    other = make_account(alice, scene.now, label="Second")
    item = LaneItem.objects.create(
        account=other,
        kind="decide",
        status="done",
        signal=scene.signal,
        due_at=scene.now,
        created_at=scene.now,
    )
    Decision.objects.create(
        owner=alice,
        account=other,
        item=item,
        signal=scene.signal,
        outcome="approved",
        decided_at=scene.now,
    )
    settle(scene.signal.pk)
    assert scene.status() == "processed"


def test_a_parked_item_makes_it_failed(scene: Scene) -> None:
    scene.item("parked")
    settle(scene.signal.pk)
    assert scene.status() == "failed"


def test_held_is_not_final(scene: Scene) -> None:
    scene.item("held")
    settle(scene.signal.pk)
    assert scene.status() == "held"
    scene.decide("approved")
    settle(scene.signal.pk)
    assert scene.status() == "processed"


def test_a_final_status_is_never_left(scene: Scene) -> None:
    scene.decide("approved")
    settle(scene.signal.pk)
    scene.order("sending")
    settle(scene.signal.pk)
    scene.item("held")
    settle(scene.signal.pk)
    assert scene.status() == "processed"


def test_an_invalid_one_stays_invalid(strategy: Strategy, now: datetime) -> None:
    deliver(make_token(strategy), b"{", now)
    signal = Signal.objects.get()
    settle(signal.pk)
    signal.refresh_from_db()
    assert signal.status == "invalid"


def test_it_is_processed_only_when_stop_and_target_are_placed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for the signal finds its protection at the venue."""
    seen: list[set[tuple[str, str]]] = []

    def notify(owner: int, kind: str, id: str, version: int = 0, **data: Any) -> None:
        if kind == "signal" and data["status"] == "processed":
            seen.append({(each.role, each.status) for each in Order.objects.all()})

    monkeypatch.setattr(live, "notify", notify)
    drain_lane(scene.account.pk, clock=lambda: scene.now + timedelta(seconds=1))
    assert scene.status() == "processed"
    assert seen == [{("entry", "filled"), ("stop_loss", "open")}]


def test_protection_that_finds_nothing_to_protect_lets_it_go(scene: Scene) -> None:
    """The position was closed before its stop was placed: the signal must not wait for ever."""
    order = scene.order("filled", protection={"stop_loss": {"price": "1"}}, filled_quantity="1")
    scene.decide("approved")
    position = Position.objects.create(
        owner=scene.signal.owner,
        account=scene.account,
        strategy=order.strategy,
        symbol="AAPL",
        updated_at=scene.now,
    )
    LaneItem.objects.create(
        account=scene.account,
        kind="protect",
        subject=position.pk,
        due_at=scene.now,
        created_at=scene.now,
    )
    settle(scene.signal.pk)
    assert scene.status() == "received"
    drain_lane(scene.account.pk, clock=lambda: scene.now + timedelta(seconds=1))
    assert scene.status() == "processed"
