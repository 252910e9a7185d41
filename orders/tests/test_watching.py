"""Targets where what rests holds the balance: the stop rests, targets are watched and taken."""

from decimal import Decimal
from typing import Any

import pytest

from brokers.errors import BrokerError, NotSent, OrderRejected, OutcomeUnknown, RateLimited
from brokers.paper.adapter import PaperBroker
from brokers.registry import connect
from brokers.types import OrderReport, Quote
from orders import monitoring, protecting, syncing
from orders.models import LaneItem, Order
from orders.positions import queue_protection
from orders.reconciling import reconcile_now
from orders.tests.conftest import MakeHub
from orders.tests.holding_venue import HoldingDesk, HoldingVenue, use_holding_venue
from orders.tests.near_venue import Killed, stand_between
from tradehub.testing.hub import Hub, assert_books_agree, waiting_items

pytestmark = pytest.mark.django_db
D = Decimal
BUY: dict[str, Any] = {"action": "buy", "quantity": 10, "stop_loss": 140, "take_profit": 160}
TWO = [{"price": 160, "fraction": "0.5"}, {"price": 170, "fraction": "0.5"}]


@pytest.fixture
def holding(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> HoldingVenue:
    return use_holding_venue(monkeypatch, hub.clock)


def resting(hub: Hub) -> list[tuple[str, Decimal]]:
    return [(each.role, each.quantity - each.filled_quantity) for each in hub.working()]


def watched(hub: Hub) -> list[tuple[Decimal, Decimal]]:
    listed = (hub.position().protection or {}).get("watched", [])
    return [(D(each["price"]), D(each["quantity"])) for each in listed]


def poll(hub: Hub, seconds: float = 2) -> None:
    hub.clock.wait(seconds)
    syncing.sync_account(hub.account, clock=hub.clock)
    hub.drain()


def assert_flat(hub: Hub) -> None:
    assert hub.position().quantity == 0
    assert hub.position().protected is None
    assert not hub.orders(status__in=["queued", "sending", "unconfirmed"])
    assert not hub.working()
    assert connect(hub.account, now=hub.clock).open_orders() == []
    assert_books_agree(hub)


def test_the_stop_rests_and_the_target_is_watched(hub: Hub, holding: HoldingVenue) -> None:
    hub.send(**BUY)
    assert resting(hub) == [("stop_loss", 10)]
    assert watched(hub) == [(160, 10)]
    assert hub.position().protected is True
    assert not hub.orders(role="take_profit")
    version = hub.position().version
    for _ in range(3):
        poll(hub)
    assert hub.position().version == version
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert resting(hub) == [("stop_loss", 10)]


@pytest.mark.parametrize("price", [160, 190])
def test_a_target_that_is_met_is_taken_and_nothing_stays_behind(
    hub: Hub, holding: HoldingVenue, price: int
) -> None:
    hub.send(**BUY)
    hub.price(price)
    (taken,) = hub.orders(role="take_profit")
    assert (taken.status, taken.time_in_force, taken.limit_price) == ("filled", "ioc", 160)
    assert [each.status for each in hub.orders(role="stop_loss")] == ["canceled"]
    assert_flat(hub)


@pytest.mark.parametrize("price", [140, 100])
def test_a_stop_that_is_met_ends_the_watch(hub: Hub, holding: HoldingVenue, price: int) -> None:
    hub.send(**BUY)
    hub.price(price)
    assert [each.status for each in hub.orders(role="stop_loss")] == ["filled"]
    assert_flat(hub)
    hub.price(170)
    assert not hub.orders(role="take_profit")


def test_a_short_is_taken_below(hub: Hub, holding: HoldingVenue) -> None:
    hub.send(action="sell", quantity=10, stop_loss=160, take_profit=140)
    assert (resting(hub), watched(hub)) == ([("stop_loss", 10)], [(140, 10)])
    hub.price(141)
    assert not hub.orders(role="take_profit")
    hub.price(139)
    assert_flat(hub)


def test_targets_are_taken_one_by_one_and_the_stop_follows(hub: Hub, holding: HoldingVenue) -> None:
    hub.send(action="buy", quantity=10, stop_loss=140, take_profit=TWO)
    assert watched(hub) == [(160, 5), (170, 5)]
    hub.price(161)
    assert (resting(hub), watched(hub)) == ([("stop_loss", 5)], [(170, 5)])
    assert hub.position().protected is True
    hub.price(171)
    assert [each.quantity for each in hub.orders(role="take_profit")] == [5, 5]
    assert_flat(hub)


def test_a_jump_over_both_targets_takes_both_with_one_cancel(
    hub: Hub, holding: HoldingVenue
) -> None:
    hub.send(action="buy", quantity=10, stop_loss=140, take_profit=TWO)
    hub.price(200)
    assert [each.limit_price for each in hub.orders(role="take_profit")] == [160, 170]
    assert len(holding.asked("cancel")) == 1
    assert_flat(hub)


def test_targets_without_a_stop_rest_at_the_venue(hub: Hub, holding: HoldingVenue) -> None:
    hub.send(action="buy", quantity=10, take_profit=TWO)
    assert resting(hub) == [("take_profit", 5), ("take_profit", 5)]
    assert (watched(hub), hub.position().protected) == ([], True)


def test_each_part_of_an_entry_moves_stop_and_watch(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    use_holding_venue(monkeypatch, hub.clock)
    hub.send(**BUY)
    for held in (4, 8, 10):
        assert [each for each in resting(hub) if each[0] != "entry"] == [("stop_loss", held)]
        assert watched(hub) == [(160, held)]
        hub.price(150)


def test_what_a_thin_market_leaves_is_guarded_again_and_then_taken(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    use_holding_venue(monkeypatch, hub.clock)
    hub.send(**BUY)
    hub.price(150)
    hub.price(150)
    for left in (6, 2):
        hub.price(161)
        assert (hub.position().quantity, resting(hub)) == (left, [("stop_loss", left)])
        assert (watched(hub), hub.position().protected) == ([(160, left)], True)
    hub.price(161)
    assert_flat(hub)


def test_a_price_that_has_gone_costs_no_stop(hub: Hub, holding: HoldingVenue) -> None:
    """The lane was busy while the price was there."""
    hub.send(**BUY)
    stop = hub.working()[0]
    at = hub.clock()
    spike = Quote("AAPL", D(161), D(161), D(161), at, "test")
    assert monitoring.watch_prices(hub.account.pk, {"AAPL": spike}, at) == 1
    assert monitoring.watch_prices(hub.account.pk, {"AAPL": spike}, at) == 0
    assert len(hub.orders(role="take_profit")) == 1
    hub.sweep(10)
    assert [each.status for each in hub.orders(role="take_profit")] == ["canceled"]
    assert [each.pk for each in hub.working()] == [stop.pk]
    assert not holding.asked("cancel")
    assert (watched(hub), hub.position().protected) == ([(160, 10)], True)


def test_a_price_that_goes_while_the_stop_is_cancelled_sells_nothing_below_the_target(
    hub: Hub, holding: HoldingVenue
) -> None:
    hub.send(**BUY)
    at = hub.clock()
    spike = Quote("AAPL", D(161), D(161), D(161), at, "test")
    monitoring.watch_prices(hub.account.pk, {"AAPL": spike}, at)
    hub.drain()
    (taker,) = hub.orders(role="take_profit")
    assert (taker.status, taker.filled_quantity) in [("canceled", 0), ("expired", 0)]
    assert resting(hub) == [("stop_loss", 10)]
    assert (watched(hub), hub.position().protected) == ([(160, 10)], True)


def test_attempts_in_vain_come_less_and_less_often(hub: Hub, holding: HoldingVenue) -> None:
    hub.send(**BUY)
    for _ in range(60):
        hub.clock.wait(10)
        at = hub.clock()
        spike = Quote("AAPL", D(161), D(161), D(161), at, "test")
        monitoring.watch_prices(hub.account.pk, {"AAPL": spike}, at)
        hub.drain()
    assert 5 <= len(hub.orders(role="take_profit")) <= 10
    assert resting(hub) == [("stop_loss", 10)]


@pytest.mark.parametrize(
    "error",
    [NotSent("no route"), RateLimited("slow", retry_after=1), OrderRejected("no such order type")],
)
def test_a_target_that_can_not_be_sent_gives_the_stop_back(
    hub: Hub, holding: HoldingVenue, error: BrokerError
) -> None:
    hub.send(**BUY)
    holding.fail("submit", error)
    hub.price(161)
    assert resting(hub) == [("stop_loss", 10)]
    assert hub.position().protected is True
    hub.price(161)
    poll(hub)
    first, second = hub.orders(role="take_profit")
    assert first.status in ("canceled", "rejected")
    # What must fill at once may be what the venue does not take.
    assert second.time_in_force == ("day" if first.status == "rejected" else "ioc")
    assert second.status == "filled"
    assert_flat(hub)


def test_a_stop_that_can_not_be_cancelled_stays_and_the_target_waits(
    hub: Hub, holding: HoldingVenue
) -> None:
    hub.send(**BUY)
    holding.fail("cancel", OrderRejected("it works on", venue_code="-2011"), times=100)
    hub.price(161)
    for _ in range(40):
        hub.sweep(1)
    (taker,) = hub.orders(role="take_profit")
    assert (taker.status, taker.attempts) == ("canceled", 0)
    assert (resting(hub), hub.position().protected) == ([("stop_loss", 10)], True)


def taken_slowly(monkeypatch: pytest.MonkeyPatch, asks: int) -> None:
    """The venue carries a cancel out when it is asked so often."""
    real = HoldingDesk.cancel
    asked: list[str] = []

    def cancel(desk: HoldingDesk, name: str) -> OrderReport:
        asked.append(name)
        stands = desk._broker.order(name)
        assert stands is not None
        return real(desk, name) if len(asked) >= asks else stands

    monkeypatch.setattr(HoldingDesk, "cancel", cancel)


def meet(hub: Hub, price: int) -> None:
    """The price is there now, and after the lane was busy for half a minute."""
    for _ in range(2):
        at = hub.clock()
        connect(hub.account, now=hub.clock).observe("AAPL", D(price), at)
        quote = Quote("AAPL", D(price), D(price), D(price), at, "test")
        monitoring.watch_prices(hub.account.pk, {"AAPL": quote}, at)
        hub.clock.wait(31)
    connect(hub.account, now=hub.clock).observe("AAPL", D(price), hub.clock())


def test_a_slow_cancel_is_waited_for_from_when_it_was_asked_for(
    hub: Hub, holding: HoldingVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not from when the target was met, or the stop would go for nothing: the lane was busy."""
    hub.send(**BUY)
    meet(hub, 161)
    taken_slowly(monkeypatch, 3)
    for _ in range(4):
        hub.clock.wait(1)
        hub.drain()
    (taken,) = hub.orders(role="take_profit")
    assert (taken.status, len(hub.orders(role="stop_loss"))) == ("filled", 1)
    assert_flat(hub)


def test_a_rest_of_a_target_is_waited_for_from_when_it_left(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(options={"fill_limit": "8"})
    holding = use_holding_venue(monkeypatch, hub.clock)
    hub.send(**BUY)
    hub.price(150)
    holding.fail("submit", OrderRejected("no such order type"))
    hub.price(161)
    hub.price(150)
    hub.clock.wait(10)
    meet(hub, 161)
    stops = len(hub.orders(role="stop_loss"))
    taken_slowly(monkeypatch, 3)  # the stop's is the first
    for _ in range(6):
        hub.clock.wait(1)
        hub.drain()
    taken = hub.orders(role="take_profit")[-1]
    assert (taken.status, taken.filled_quantity) == ("canceled", 8)
    after = [(each.status, each.quantity) for each in hub.orders(role="stop_loss")[stops:]]
    assert after == [("open", 2)]


@pytest.mark.parametrize("heard", [True, False])
def test_a_target_in_doubt_leaves_no_position_without_its_stop(
    hub: Hub, holding: HoldingVenue, heard: bool
) -> None:
    """Both can't fill: the venue has the balance for one of them."""
    hub.send(**BUY)
    holding.fail("submit", OutcomeUnknown("504"), heard=heard)
    hub.price(161)
    if not heard:
        assert resting(hub) == [("stop_loss", 10)]
    for _ in range(15):
        hub.sweep()
    taker = hub.orders(role="take_profit")[0]
    assert taker.status == ("filled" if heard else "denied")
    assert taker.attempts == 1
    if not heard:
        assert (resting(hub), hub.position().protected) == ([("stop_loss", 10)], True)
        hub.price(161)
        poll(hub, 4)
    assert_flat(hub)


def test_a_stop_that_could_not_leave_beside_a_target_in_doubt_leaves_with_the_next_look(
    hub: Hub, holding: HoldingVenue
) -> None:
    hub.send(**BUY)
    holding.fail("submit", OutcomeUnknown("504"))
    holding.fail("submit", NotSent("no route"))
    hub.price(161)
    assert resting(hub) == []
    hub.sweep()
    assert [each.status for each in hub.orders(role="take_profit")] == ["unconfirmed"]
    assert resting(hub) == [("stop_loss", 10)]


def test_a_stop_that_fills_while_it_is_cancelled_leaves_nothing_to_take(
    hub: Hub, holding: HoldingVenue
) -> None:
    hub.send(**BUY)
    at = hub.clock()
    spike = Quote("AAPL", D(161), D(161), D(161), at, "test")
    monitoring.watch_prices(hub.account.pk, {"AAPL": spike}, at)
    connect(hub.account, now=hub.clock).observe("AAPL", D(130), hub.clock())
    hub.drain()
    (taker,) = hub.orders(role="take_profit")
    assert (taker.status, taker.attempts) == ("canceled", 0)
    assert_flat(hub)


def test_an_exit_takes_everything_with_it(hub: Hub, holding: HoldingVenue) -> None:
    hub.send(**BUY)
    hub.send(action="exit")
    assert_flat(hub)
    hub.price(170)
    assert not hub.orders(role="take_profit")


@pytest.mark.parametrize("policy", ["alarm", "close"])
def test_a_price_that_jumps_over_a_missing_stop_closes_the_position(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """The stop was cancelled for the target, the target did not fill, and the price fell."""
    hub = make_hub(limits={"on_unprotected": policy})
    holding = use_holding_venue(monkeypatch, hub.clock)
    hub.send(**BUY)
    at = hub.clock()
    spike = Quote("AAPL", D(161), D(161), D(161), at, "test")
    monitoring.watch_prices(hub.account.pk, {"AAPL": spike}, at)

    def fall(self: Any, name: str) -> Any:
        answer = PaperBroker.cancel(self._broker, name)
        self._broker.observe("AAPL", D(120), hub.clock())
        return answer

    monkeypatch.setattr(type(holding.connect(hub.account, now=hub.clock)), "cancel", fall)
    hub.drain()
    (out,) = hub.orders(role="exit")
    assert (out.source, out.status, out.order_type) == ("system", "filled", "market")
    assert hub.orders(role="stop_loss")[-1].status == "rejected"
    assert_flat(hub)


@pytest.mark.parametrize(("policy", "held"), [("alarm", 10), ("close", 0)])
def test_a_stop_that_is_refused_is_an_alarm_or_a_close(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch, policy: str, held: int
) -> None:
    hub = make_hub(limits={"on_unprotected": policy})
    holding = use_holding_venue(monkeypatch, hub.clock)
    holding.pass_("submit")
    holding.fail("submit", OrderRejected("too near"))
    hub.send(**BUY)
    assert hub.position().quantity == held
    assert hub.position().protected is (False if held else None)
    if held:
        assert watched(hub) == [(160, 10)]  # a target is taken all the same
        poll(hub)
        hub.sweep()
        assert hub.position().protected is True


def test_a_stop_in_doubt_is_not_closed_over(hub: Hub, holding: HoldingVenue) -> None:
    """It may be at the venue and do its work."""
    holding.pass_("submit")
    holding.fail("submit", OutcomeUnknown("504"))
    hub.send(**BUY)
    assert hub.position().protected is False
    connect(hub.account, now=hub.clock).observe("AAPL", D(120), hub.clock())
    syncing.sync_account(hub.account, clock=hub.clock)
    assert "decide" not in waiting_items(hub)


def test_a_stop_of_which_nothing_is_heard_any_more_keeps_no_passed_price_from_closing(
    hub: Hub, holding: HoldingVenue
) -> None:
    holding.pass_("submit")
    holding.fail("submit", OutcomeUnknown("504"))
    hub.send(**BUY)
    Order.objects.filter(role="stop_loss").update(reason="NEEDS_REVIEW")
    connect(hub.account, now=hub.clock).observe("AAPL", D(120), hub.clock())
    syncing.sync_account(hub.account, clock=hub.clock)
    assert "decide" in waiting_items(hub)


def test_a_price_that_meets_a_target_while_the_lane_looks_is_not_overlooked(
    hub: Hub, holding: HoldingVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.send(**BUY)
    real = protecting._write_children
    met: list[int] = []

    def planned_then_met(*given: Any) -> Any:
        planned = real(*given)
        if not met:
            price = D(161)
            connect(hub.account, now=hub.clock).observe("AAPL", price, hub.clock())
            spike = Quote("AAPL", price, price, price, hub.clock(), "test")
            met.append(monitoring.watch_prices(hub.account.pk, {"AAPL": spike}, hub.clock()))
        return planned

    monkeypatch.setattr(protecting, "_write_children", planned_then_met)
    queue_protection(hub.position(), now=hub.clock())
    hub.drain()
    assert met == [1]
    assert [each.status for each in hub.orders(role="take_profit")] == ["filled"]
    assert_flat(hub)


def test_refused_targets_do_not_hold_the_next_stop_up(hub: Hub, holding: HoldingVenue) -> None:
    hub.send(**BUY)
    for _ in range(7):
        holding.fail("submit", OrderRejected("no"))
        holding.pass_("submit")
        at = hub.clock()
        spike = Quote("AAPL", D(161), D(161), D(161), at, "test")
        monitoring.watch_prices(hub.account.pk, {"AAPL": spike}, at)
        hub.drain()
        hub.clock.wait(301)
    assert len(hub.orders(role="take_profit", status="rejected")) == 7
    (stop,) = hub.working()
    connect(hub.account, now=hub.clock).cancel(stop.client_order_id)
    holding.fail("submit", OrderRejected("too near"))
    for _ in range(4):
        poll(hub, 1)
    assert resting(hub) == [("stop_loss", 10)]


def test_a_close_that_the_venue_refuses_is_tried_less_and_less_often(
    hub: Hub, holding: HoldingVenue
) -> None:
    holding.pass_("submit")
    holding.fail("submit", OrderRejected("never"), times=10_000)
    hub.send(**BUY)
    for _ in range(40):
        hub.price(120)
        hub.clock.wait(10)
    assert 3 <= len(hub.orders(role="exit")) <= 12


def test_a_worker_that_dies_at_any_step_leaves_no_orphan_and_no_bare_position(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub()
    holding = use_holding_venue(monkeypatch, hub.clock)
    with monkeypatch.context() as patch:
        stand_between(patch, holding.steps, holding.connect)  # type: ignore[arg-type]  # as a hub's
        for at in range(1, 60):
            if _round(hub, holding, at):
                break
        else:
            pytest.fail("there is no end of steps")
    assert at > 10


def _round(hub: Hub, holding: HoldingVenue, at: int) -> bool:
    """In, and out by the target, with a worker killed after the step; whether none was left."""
    hub.price(150)
    hub.send(**BUY)
    assert hub.position().protected is True
    connect(hub.account, now=hub.clock).observe("AAPL", D(165), hub.clock())
    killed = False
    with holding.steps.interrupted(at, holding.steps.kill):
        try:
            poll(hub)
        except Killed:
            killed = True
    hub.clock.wait(11)  # its lease
    for _ in range(12):
        poll(hub, 3)
        position = hub.position()
        assert not position.is_open or hub.working(role="stop_loss"), f"bare after step {at}"
    assert_flat(hub)
    assert not waiting_items(hub)
    assert not LaneItem.objects.filter(status="parked").exists()
    return not killed


def test_a_first_target_that_fills_in_parts_is_not_counted_anew(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(options={"fill_limit": "4"})
    use_holding_venue(monkeypatch, hub.clock)
    hub.send(action="buy", quantity=8, stop_loss=140, take_profit=TWO)
    hub.price(150)
    assert watched(hub) == [(160, 4), (170, 4)]
    hub.account.options = {**hub.account.options, "fill_limit": "3"}
    hub.account.save(update_fields=["options"])
    hub.price(161)
    assert (resting(hub), watched(hub)) == ([("stop_loss", 5)], [(160, 1), (170, 4)])
    hub.price(161)
    assert (resting(hub), watched(hub)) == ([("stop_loss", 4)], [(170, 4)])
    assert hub.position().protected is True


def test_an_exit_that_would_rest_beside_the_stop_is_denied_and_says_why(
    hub: Hub, holding: HoldingVenue
) -> None:
    hub.send(**BUY)
    hub.send(action="exit", order_type="limit", limit_price=155)
    (out,) = hub.orders(role="exit")
    assert (out.status, out.reason) == ("denied", "UNSUPPORTED_BY_VENUE")
    assert "take_profit" in out.reason_text
    assert (resting(hub), hub.position().protected) == ([("stop_loss", 10)], True)
    assert not holding.asked("cancel")


@pytest.mark.parametrize(("price", "left"), [(149, 4), (155, 10)])
def test_an_exit_that_fills_at_once_or_not_at_all_has_its_stop_back_afterwards(
    hub: Hub, holding: HoldingVenue, price: int, left: int
) -> None:
    hub.send(**BUY)
    more = {"order_type": "limit", "limit_price": price, "time_in_force": "ioc"}
    hub.send(action="exit", quantity=6, **more)
    assert hub.position().quantity == left
    assert (resting(hub), hub.position().protected) == ([("stop_loss", left)], True)
