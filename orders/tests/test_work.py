"""Working a lane: killed anywhere it ends in the same orders, and nothing holds an exit up."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import JSONField, Value

from accounts.models import User
from brokers.errors import BadCredentials, NotSent, OutcomeUnknown, RateLimited
from brokers.models import PaperFill, PaperOrder
from orders import cancelling, lanes, protecting, sending, work
from orders.failing import FAILS
from orders.lanes import LEASE, claim_lane
from orders.models import Decision, LaneItem, Order
from orders.tests.conftest import MakeHub
from risk.models import RiskProfile
from signals.models import Signal, Subscription
from tradehub.testing.builders import deliver
from tradehub.testing.hub import (
    Hub,
    Venue,
    assert_books_agree,
    make_hub,
    sweep_until_settled,
    use_venue,
    waiting_items,
)

pytestmark = pytest.mark.django_db
D = Decimal


# ---- killed anywhere ----


class Killed(BaseException):
    """kill -9: no handler of ours runs."""


class Executioner:
    """Counts the lane's commits and its requests to the venue; kills right after one of them."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.alive = True

    def step(self) -> None:
        if self.alive:
            self.left -= 1
            if self.left == 0:
                self.alive = False
                raise Killed

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            answer = function(*given, **named)
            self.step()
            return answer

        return wrapped


class KillingVenue(Venue):
    executioner: Executioner

    def connect(self, account: Any, *, now: Any) -> Any:
        desk = super().connect(account, now=now)
        executioner = self.executioner

        class Wrapped:
            def __getattr__(self, name: str) -> Any:
                method = getattr(desk, name)
                return executioner.around(method) if name in ("submit", "cancel") else method

        return Wrapped()


SCENES: dict[str, list[dict[str, Any]]] = {
    "entry": [{"action": "buy", "quantity": 10, "stop_loss": 140, "take_profit": 160}],
    "exit": [
        {"action": "buy", "quantity": 10, "stop_loss": 140, "take_profit": 160},
        {"action": "close"},
    ],
    "flip": [
        {"action": "buy", "quantity": 4, "stop_loss": 140},
        {"action": "sell", "quantity": 6},
    ],
}
ENDS = {
    "entry": (D(10), ["entry", "stop_loss", "take_profit"]),
    "exit": (D(0), ["entry", "exit"]),
    "flip": (D(-6), ["entry", "entry", "exit"]),
}


STEPS = {"entry": 13, "exit": 15, "flip": 16}
"""So many commits and requests each takes; with one more nobody is killed."""


@pytest.mark.parametrize(
    ("scene", "at"), [(scene, at) for scene, last in STEPS.items() for at in range(1, last + 2)]
)
def test_killed_anywhere_there_is_one_order_and_one_set_of_fills(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch, scene: str, at: int
) -> None:
    hub = make_hub(on_opposite="reverse", flip_quantity="new")
    *before, last = SCENES[scene]
    for alert in before:
        hub.send(**alert)
    venue = KillingVenue(hub.clock)
    venue.executioner = Executioner(at)
    with monkeypatch.context() as patch:
        for module in (work, sending, cancelling, protecting, lanes):
            commit = venue.executioner.around(module.in_write_transaction)
            patch.setattr(module, "in_write_transaction", commit)
        patch.setattr(work, "connect", venue.connect)
        patch.setattr(work, "release_lane", lambda claim: None)
        hub.deliver(**last)
        with suppress(Killed):
            hub.drain()
    assert venue.executioner.alive == (at > STEPS[scene])
    hub.clock.wait(LEASE.total_seconds() + 1)
    sweep_until_settled(hub)
    _assert_done_once(hub, *ENDS[scene])


def _assert_done_once(hub: Hub, quantity: Decimal, roles: list[str]) -> None:
    assert hub.position().quantity == quantity
    assert_books_agree(hub)
    assert not waiting_items(hub)
    mine = [each for each in hub.orders() if each.role in ("entry", "exit")]
    assert sorted([each.role for each in mine]) == [r for r in roles if r in ("entry", "exit")]
    assert {each.status for each in mine} == {"filled"}
    assert PaperFill.objects.filter(account=hub.account).count() == len(mine)
    children = [each.role for each in hub.working()]
    assert sorted(children) == [r for r in roles if r not in ("entry", "exit")]
    assert hub.position().protected is (True if children else None)
    assert set(Signal.objects.values_list("status", flat=True)) == {"processed"}
    assert Decision.objects.count() == Signal.objects.count()
    ids = list(PaperOrder.objects.values_list("client_order_id", flat=True))
    assert len(ids) == len(set(ids))


def test_a_worker_that_lost_its_lease_writes_nothing_more(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one takes the lane while the first waits for the venue; the first stops at once."""
    real = sending.attempt_order

    def slow(desk: Any, order: Order, *given: Any) -> Order:
        hub.clock.wait(LEASE.total_seconds() + 1)
        assert claim_lane(account_id=hub.account.pk, holder="thief", now=hub.clock())
        hub.clock.now -= LEASE
        return real(desk, order, *given)

    monkeypatch.setattr(work, "attempt_order", slow)
    hub.deliver(action="buy", quantity=1)
    assert hub.drain() == 0
    assert hub.orders()[0].status == "sending"
    monkeypatch.undo()
    hub.sweep(30)
    assert hub.orders()[0].status == "filled"
    assert_books_agree(hub)


def test_an_item_that_is_stored_while_the_lane_is_let_go_is_not_left_lying(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.deliver(action="buy", quantity=1)
    real = lanes.release_lane
    stored: list[Any] = []

    def release(claim: Any) -> None:
        if not stored:
            stored.append(hub.deliver(action="buy", quantity=1, symbol="MSFT"))
            assert claim_lane(account_id=hub.account.pk, holder="bell", now=hub.clock()) is None
        real(claim)

    monkeypatch.setattr(work, "release_lane", release)
    monkeypatch.setattr(lanes, "LEASE", LEASE * 60)
    assert hub.drain() == 2
    assert hub.position("MSFT").quantity == 1


def test_two_alerts_are_executed_in_their_order(hub: Hub) -> None:
    hub.deliver(action="buy", quantity=5)
    hub.deliver(action="close")
    hub.deliver(action="sell", quantity=2)
    assert hub.drain() >= 3
    sides = [(each.side, each.quantity) for each in hub.orders()]
    assert sides == [("buy", 5), ("sell", 5), ("sell", 2)]


# ---- what fails on our side ----


def test_a_poison_item_is_parked_and_the_lane_goes_on(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = hub.deliver(action="buy", quantity=1)
    LaneItem.objects.filter(signal_id=poison.id).update(terms={"not": "terms"})
    hub.deliver(action="buy", quantity=2, symbol="MSFT")
    hub.drain()
    for _ in range(6):
        hub.sweep(5)
    item = LaneItem.objects.get(signal_id=poison.id)
    assert (item.status, item.reason, item.attempts) == ("parked", "INTERNAL_ERROR", 4)
    assert Signal.objects.get(pk=poison.id).status == "failed"
    assert hub.position("MSFT").quantity == 2


@pytest.mark.parametrize("intents", [["close"], [None, 7], {"verb": "exit"}, None, 7])
def test_an_item_with_intents_that_are_none_is_parked_too(hub: Hub, intents: Any) -> None:
    poison = hub.deliver(action="close")
    LaneItem.objects.filter(signal_id=poison.id).update(intents=Value(intents, JSONField()))
    hub.deliver(action="buy", quantity=2, symbol="MSFT")
    hub.drain()
    for _ in range(6):
        hub.sweep(5)
    assert LaneItem.objects.get(signal_id=poison.id).status == "parked"
    assert hub.position("MSFT").quantity == 2


def test_orders_of_a_parked_item_hold_no_room_and_keep_no_signal_open(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(work, "_is_free", lambda *_: False)
    monkeypatch.setattr(work, "send_order", broken)
    hub.send(action="buy", quantity=1)
    for _ in range(6):
        hub.sweep(5)
    order = hub.orders()[0]
    assert (order.status, order.reason) == ("denied", "INTERNAL_ERROR")
    assert Signal.objects.get().status == "failed"


def fail_to_send_exits(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    real = sending.send_order
    patch.setattr(work, "_is_free", lambda *_: False)

    def broken(desk: Any, order_id: str) -> Any:
        if Order.objects.get(pk=order_id).role == "exit":
            raise RuntimeError("ours")
        return real(desk, order_id)

    patch.setattr(work, "send_order", broken)


def test_an_exit_that_fails_on_our_side_is_tried_for_minutes_and_holds_nothing_up(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.send(action="buy", quantity=1)
    with monkeypatch.context() as patch:
        fail_to_send_exits(hub, patch)
        hub.send(action="close")
        for _ in range(60):
            hub.sweep()
        order = hub.orders(role="exit")[0]
        assert (order.status, order.reason_text) == ("queued", FAILS)
        item = LaneItem.objects.latest("id")
        assert (item.status, item.reason) == ("queued", "INTERNAL_ERROR")
        assert item.attempts < 15, "less and less often"
        hub.send(action="buy", quantity=2, symbol="MSFT")
        assert hub.position("MSFT").quantity == 2
    for _ in range(10):
        hub.sweep()
    order.refresh_from_db()
    assert (order.status, order.reason_text, hub.position().quantity) == ("filled", "", 0)
    assert_books_agree(hub)


def test_an_exit_that_fails_for_ten_minutes_is_given_up(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.send(action="buy", quantity=1)
    fail_to_send_exits(hub, monkeypatch)
    hub.send(action="close")
    began = hub.clock.now
    for _ in range(100):
        if hub.orders(role="exit")[0].status != "queued":
            break
        hub.sweep(10)
    order = hub.orders(role="exit")[0]
    assert (order.status, order.reason) == ("denied", "INTERNAL_ERROR")
    assert hub.clock.now - began > timedelta(minutes=9)


def test_an_exit_that_can_not_be_decided_is_tried_as_long(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.send(action="buy", quantity=1)
    with monkeypatch.context() as patch:
        patch.setattr(work, "decide_item", lambda *_, **__: 1 / 0)
        close, buy = hub.deliver(action="close"), hub.deliver(action="buy", quantity=1)
        for _ in range(30):
            hub.sweep()
    assert LaneItem.objects.get(signal_id=close.stored_id).status == "queued"
    assert LaneItem.objects.get(signal_id=buy.stored_id).status == "parked"
    for _ in range(10):
        hub.sweep()
    assert hub.position().quantity == 0


def test_an_account_that_can_not_be_connected_waits_and_is_executed_late(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: Any, **__: Any) -> None:
        raise ValueError("the key can't be read")

    hub.deliver(action="buy", quantity=1)
    with monkeypatch.context() as patch:
        patch.setattr(work, "connect", unreadable)
        with pytest.raises(ValueError, match="key"):
            hub.drain()
        assert hub.sweep(1) == 0  # not asked again at once
    hub.sweep(11)
    assert hub.position().quantity == 1


def test_a_lane_that_waits_does_not_hold_up_another(
    hub: Hub, bob: User, venue: Venue, now: datetime
) -> None:
    other = make_hub(bob, now)
    other.clock = hub.clock
    venue.fail("submit", RateLimited("slow", retry_after=600))
    hub.deliver(action="buy", quantity=1)
    deliver(other.token, {"symbol": "AAPL", "price": 10, "action": "buy", "quantity": 1}, now)
    hub.sweep()
    hub.sweep()
    assert [each.status for each in hub.orders()] == ["queued"]
    assert [each.status for each in other.orders()] == ["filled"]


# ---- an exit goes out whatever is missing (I7) ----


def no_profile(hub: Hub, venue: Venue) -> None:
    Subscription.objects.all().delete()
    RiskProfile.objects.all().delete()


def no_quote(hub: Hub, venue: Venue) -> None:
    venue.fail("quotes", OutcomeUnknown("504"), times=99)


def no_instrument(hub: Hub, venue: Venue) -> None:
    venue.fail("instrument", OutcomeUnknown("504"), times=99)


def no_account(hub: Hub, venue: Venue) -> None:
    venue.fail("account", BadCredentials("read only"), times=99)


def no_reports(hub: Hub, venue: Venue) -> None:
    venue.fail("reports", RateLimited("slow", retry_after=60), times=99)


def no_price_taken(hub: Hub, venue: Venue) -> None:
    venue.fail("observe", OutcomeUnknown("504"), times=99)


def broken_adapter(hub: Hub, venue: Venue) -> None:
    for method in ("quotes", "instrument", "account", "reports", "observe"):
        venue.fail(method, KeyError("a field that the venue no longer sends"), times=99)


@pytest.mark.parametrize("size", [None, 4])
@pytest.mark.parametrize(
    "broken",
    [
        no_profile,
        no_quote,
        no_instrument,
        no_account,
        no_reports,
        no_price_taken,
        broken_adapter,
    ],
)
def test_an_exit_goes_out_even_if_every_number_is_missing(
    hub: Hub, venue: Venue, broken: Callable[[Hub, Venue], None], size: int | None
) -> None:
    hub.send(action="buy", quantity=10, stop_loss=140)
    broken(hub, venue)
    decision = hub.send(action="close", **({} if size is None else {"quantity": size}))
    assert decision.outcome == "approved"
    assert hub.position().quantity == (0 if size is None else 6)


@pytest.mark.parametrize(
    ("broken", "code"),
    [(no_reports, "ACCOUNT_NOT_RECONCILED"), (no_instrument, "SYMBOL_UNKNOWN")],
)
def test_what_is_missing_denies_an_entry(
    hub: Hub, venue: Venue, broken: Callable[[Hub, Venue], None], code: str
) -> None:
    hub.send(action="buy", quantity=1, symbol="MSFT", order_type="limit", price=100)
    broken(hub, venue)
    assert hub.codes(action="buy", quantity=1) == [code]


def test_no_profile_no_entry(hub: Hub, venue: Venue) -> None:
    hub.deliver(action="buy", quantity=1)
    no_profile(hub, venue)
    hub.drain()
    assert Decision.objects.get().outcome == "denied"


@pytest.mark.parametrize(
    "settings",
    [
        {"default_order_type": "limit"},
        {"default_order_type": "stop"},
        {"default_order_type": "trailing_stop"},
        {"default_time_in_force": "opg"},
        {"default_time_in_force": "cls", "default_order_type": "stop_limit"},
        {"default_time_in_force": "fok", "default_order_type": "stop"},
    ],
)
def test_a_default_that_can_not_work_never_costs_an_exit(
    make_hub: MakeHub, settings: dict[str, str]
) -> None:
    hub = make_hub(**settings)
    buy = {"order_type": "market", "time_in_force": "day"}
    hub.send(action="buy", quantity=10, **buy)
    hub.send(action="close")
    assert hub.position().quantity == 0


# ---- what the contract says of positions ----


def test_a_close_while_the_entry_still_fills_leaves_nothing(make_hub: MakeHub) -> None:
    """With each look a part fills, the last while the entry's rest is being cancelled."""
    hub = make_hub(options={"fill_limit": "3", "price_source": "synthetic"})
    hub.send(action="buy", quantity=30)
    hub.clock.wait(1)
    hub.send(action="close")
    for _ in range(12):
        hub.clock.wait(2)
        hub.price(150)
    assert_books_agree(hub)
    assert hub.position().quantity == 0
    assert not hub.working()


def test_a_stop_that_fills_while_the_exit_is_prepared_leaves_no_short(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.send(action="buy", quantity=10, stop_loss=140)
    real = protecting.make_room

    def the_market_falls_first(desk: Any, order: Order) -> bool:
        desk.broker.observe("AAPL", D(139), hub.clock())
        return real(desk, order)

    monkeypatch.setattr(work, "make_room", the_market_falls_first)
    hub.send(action="close")
    exit_order = Order.objects.get(role="exit")
    assert (exit_order.status, exit_order.reason) == ("canceled", "ALREADY_FLAT")
    assert hub.position().quantity == 0
    assert len(venue.asked("submit")) == 2  # the entry and its stop
    assert_books_agree(hub)


def test_a_reversal_whose_exit_a_stop_did_already_still_turns(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(on_opposite="reverse")
    hub.send(action="buy", quantity=10, stop_loss=140)
    real = protecting.make_room

    def the_market_falls_first(desk: Any, order: Order) -> bool:
        desk.broker.observe("AAPL", D(139), hub.clock())
        return real(desk, order)

    monkeypatch.setattr(work, "make_room", the_market_falls_first)
    hub.send(action="sell", quantity=10)
    assert hub.position().quantity == -10
    assert_books_agree(hub)


def test_a_size_smaller_than_a_step_closes_nothing(hub: Hub) -> None:
    hub.send(action="buy", quantity=10)
    assert hub.codes(action="close", quantity="0.4") == ["SIZE_ZERO"]
    assert hub.codes(action="sell", quantity="0.4") == ["SIZE_ZERO"]
    assert hub.position().quantity == 10


def test_a_full_close_replaces_an_exit_that_works(hub: Hub) -> None:
    hub.send(action="buy", quantity=10)
    hub.send(action="close", order_type="limit", price=170)
    assert [each.role for each in hub.working()] == ["exit"]
    hub.send(action="close", order_type="market", price=150)
    assert hub.position().quantity == 0
    assert not hub.working()


def test_cancel_all_finds_an_exit_that_works(hub: Hub) -> None:
    hub.send(action="buy", quantity=10)
    hub.send(action="close", order_type="limit", price=170)
    assert hub.send(action="cancel_all", price=150).outcome == "approved"
    assert not hub.working()
    assert hub.position().quantity == 10


def test_an_add_that_waits_counts_as_one(make_hub: MakeHub) -> None:
    hub = make_hub(max_adds=1)
    hub.send(action="buy", quantity=1)
    hub.send(action="buy", quantity=1, order_type="limit", price=140)
    assert hub.codes(action="buy", quantity=1, order_type="limit", price=141) == [
        "ALREADY_IN_POSITION"
    ]


def test_a_reversal_may_use_what_its_exit_sets_free(make_hub: MakeHub) -> None:
    hub = make_hub(on_opposite="reverse", options={"starting_cash": "2000"})
    hub.send(action="buy", quantity=10)
    assert hub.send(action="sell", quantity=10).outcome == "approved"
    assert hub.position().quantity == -10


def test_a_denied_reversal_still_closes(make_hub: MakeHub) -> None:
    hub = make_hub(on_opposite="reverse", limits={"max_trades_per_day": 1})
    hub.send(action="buy", quantity=10)
    decision = hub.send(action="sell", quantity=10)
    assert (decision.outcome, [each["code"] for each in decision.reasons]) == (
        "approved",
        ["TRADES_TODAY_AT_MAX"],
    )
    assert hub.position().quantity == 0


def test_what_never_left_does_not_count_as_a_trade(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(limits={"max_trades_per_day": 1})
    venue = use_venue(monkeypatch, hub.clock)
    venue.fail("submit", NotSent("no route"))
    hub.send(action="buy", quantity=1)
    Order.objects.update(status="canceled", submitted_at=None)
    assert hub.send(action="buy", quantity=1, symbol="MSFT").outcome == "approved"


def test_dry_run_decides_and_sends_nothing(make_hub: MakeHub) -> None:
    hub = make_hub(mode="dry_run")
    assert hub.send(action="buy", quantity=1).outcome == "approved"
    assert not Order.objects.exists()
    assert Signal.objects.get().status == "processed"


def test_a_halt_cancels_working_entries_and_leaves_exits_and_stops(hub: Hub, now: datetime) -> None:
    hub.send(action="buy", quantity=10, stop_loss=140)
    hub.send(action="close", quantity=5, order_type="limit", price=170)
    hub.send(action="buy", quantity=1, symbol="MSFT", order_type="limit", price=100)
    item = LaneItem.objects.create(
        account=hub.account, kind="halt", due_at=hub.clock(), created_at=now
    )
    hub.drain()
    item.refresh_from_db()
    assert item.status == "done"
    assert sorted(each.role for each in hub.working()) == ["exit", "stop_loss"]
