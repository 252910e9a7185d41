"""Sending: three outcomes, one order at the venue whatever it says, and the last gate."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User
from brokers.errors import (
    BadCredentials,
    BrokerError,
    NotSent,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from brokers.models import BrokerAccount, PaperOrder
from brokers.paper.adapter import PaperBroker
from orders import sending, work
from orders.models import Order, Position
from orders.tests.conftest import MakeHub
from risk.models import TradingState
from signals.models import Signal
from tradehub.testing import hub as testing
from tradehub.testing.hub import (
    Hub,
    Venue,
    assert_books_agree,
    sweep_until_settled,
    use_venue,
    waiting_items,
)

pytestmark = pytest.mark.django_db


def the_order(**where: Any) -> Order:
    return Order.objects.get(**where)


def signal_status() -> str:
    return Signal.objects.order_by("-id")[0].status


@pytest.mark.parametrize(
    "error",
    [
        OrderRejected("no cash", venue_code="-2010"),
        BadCredentials("bad key", venue_code="-2015"),
        Unsupported("can't do that"),
    ],
)
def test_a_certain_refusal_is_final_and_says_the_venue_s_own_words(
    hub: Hub, venue: Venue, error: BrokerError
) -> None:
    venue.fail("submit", error)
    hub.send(action="buy", quantity=1)
    order = the_order()
    assert (order.status, order.reason) == ("rejected", error.code)
    assert error.text in order.reason_text
    hub.sweep()
    assert len(venue.asked("submit")) == 1
    assert signal_status() == "processed"


@pytest.mark.parametrize("error", [NotSent("no route"), RateLimited("slow down", retry_after=3)])
def test_what_was_not_taken_for_certain_is_sent_again_under_the_same_id(
    hub: Hub, venue: Venue, error: BrokerError
) -> None:
    venue.fail("submit", error, times=2)
    hub.send(action="buy", quantity=1)
    assert (the_order().status, the_order().reason) == ("queued", error.code)
    assert signal_status() == "received"
    hub.sweep(4)
    hub.sweep(4)
    order = the_order()
    assert (order.status, order.reason, order.attempts) == ("filled", "", 3)
    assert {each.client_order_id for each in venue.asked("submit")} == {order.client_order_id}
    assert_books_agree(hub)


def test_a_venue_that_asks_for_patience_is_not_asked_before(hub: Hub, venue: Venue) -> None:
    venue.fail("submit", RateLimited("slow down", retry_after=30))
    hub.send(action="buy", quantity=1)
    hub.sweep(20)
    assert len(venue.asked("submit")) == 1
    hub.sweep(11)
    assert the_order().status == "filled"


def test_a_venue_that_names_no_time_to_wait_is_not_asked_in_circles(hub: Hub, venue: Venue) -> None:
    venue.fail("submit", RateLimited("slow down", retry_after=0), times=50)
    hub.send(action="buy", quantity=1)
    assert len(venue.asked("submit")) == 1


def test_an_entry_is_given_up_after_some_attempts(hub: Hub, venue: Venue) -> None:
    venue.fail("submit", NotSent("no route"), times=50)
    hub.send(action="buy", quantity=1)
    for _ in range(10):
        hub.sweep()
    order = the_order()
    assert (order.status, order.reason, order.attempts) == ("rejected", "NOT_SENT", 5)
    assert not waiting_items(hub)
    assert signal_status() == "processed"


def test_an_exit_is_not_given_up_because_the_venue_was_away(hub: Hub, venue: Venue) -> None:
    hub.send(action="buy", quantity=1)
    venue.fail("submit", NotSent("no route"), times=12)
    hub.send(action="close")
    for _ in range(20):
        hub.sweep(16)
    assert the_order(role="exit").status == "filled"
    assert hub.position().quantity == 0


def test_an_exit_waits_for_the_end_of_a_ban_and_an_entry_does_not(hub: Hub, venue: Venue) -> None:
    """The venue names two hours, and nothing waits longer than ten minutes at once."""
    hub.send(action="buy", quantity=1)
    venue.fail("submit", RateLimited("banned", retry_after=7200), times=12)
    hub.send(action="close")
    for _ in range(12):
        order = the_order(role="exit")
        assert (order.status, order.reason) == ("queued", "VENUE_RATE_LIMITED")
        hub.sweep(601)
    assert (the_order(role="exit").status, hub.position().quantity) == ("filled", 0)
    venue.fail("submit", RateLimited("banned", retry_after=7200), times=5)
    hub.send(action="buy", quantity=1, symbol="MSFT")
    for _ in range(5):
        hub.sweep(601)
    entry = the_order(symbol="MSFT")
    assert (entry.status, entry.reason) == ("rejected", "VENUE_RATE_LIMITED")


@pytest.mark.parametrize("error", [NotSent("no route"), OutcomeUnknown("504")])
def test_a_ban_takes_no_attempts_from_what_comes_after_it(
    hub: Hub, venue: Venue, error: Exception
) -> None:
    hub.send(action="buy", quantity=1)
    venue.fail("submit", RateLimited("banned", retry_after=7200), times=12)
    venue.fail("submit", error, times=2)
    hub.send(action="close")
    for _ in range(12):
        hub.sweep(601)
    for _ in range(40):
        hub.sweep()
    assert (the_order(role="exit").status, hub.position().quantity) == ("filled", 0)


def test_an_exit_that_is_lost_again_and_again_is_given_up_as_before(hub: Hub, venue: Venue) -> None:
    hub.send(action="buy", quantity=1)
    venue.fail("submit", RateLimited("slow down", retry_after=1))
    venue.fail("submit", OutcomeUnknown("504"), times=5)
    hub.send(action="close")
    for _ in range(80):
        hub.sweep()
    order = the_order(role="exit")
    assert (order.status, order.reason, order.attempts) == ("denied", "NOT_SENT", 6)


def test_an_exit_that_can_not_leave_is_given_up_some_minutes_after_a_ban(
    hub: Hub, venue: Venue
) -> None:
    hub.send(action="buy", quantity=1)
    venue.fail("submit", RateLimited("banned", retry_after=7200), times=12)
    venue.fail("submit", NotSent("no route"), times=500)
    hub.send(action="close")
    for _ in range(12):
        hub.sweep(601)
    for _ in range(90):
        hub.sweep(16)
    assert (the_order(role="exit").status, the_order(role="exit").reason) == (
        "rejected",
        "NOT_SENT",
    )


@pytest.mark.parametrize("error", [OutcomeUnknown("504"), RuntimeError("bug"), TimeoutError()])
@pytest.mark.parametrize("heard", [True, False])
def test_an_unknown_outcome_is_looked_up_and_ends_in_one_order(
    hub: Hub, venue: Venue, error: Exception, heard: bool
) -> None:
    venue.fail("submit", error, heard=heard)
    hub.send(action="buy", quantity=1)
    assert (the_order().status, the_order().reason) == ("unconfirmed", "OUTCOME_UNKNOWN")
    sweep_until_settled(hub)
    order = the_order()
    assert (order.status, order.reason) == ("filled", "")
    assert len(venue.asked("submit")) == (1 if heard else 2)
    assert {each.client_order_id for each in venue.asked("submit")} == {order.client_order_id}
    assert PaperOrder.objects.count() == 1
    assert_books_agree(hub)


def test_no_early_resend_while_the_venue_may_still_deny_what_it_has(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accepted, and invisible for 8 of the 10 seconds that this venue takes to settle."""
    _settles_after(monkeypatch, 10)
    venue.fail("submit", OutcomeUnknown("closed"), heard=True)
    hub.send(action="buy", quantity=1)
    coid = the_order().client_order_id
    venue.hidden.add(coid)
    for _ in range(4):
        hub.sweep(2)
    assert len(venue.asked("order")) >= 3
    venue.hidden.clear()
    hub.sweep()
    assert the_order().status == "filled"
    assert len(venue.asked("submit")) == 1


def test_a_resend_follows_only_denials_past_the_settle_time(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _settles_after(monkeypatch, 10)
    venue.fail("submit", OutcomeUnknown("closed"))
    hub.send(action="buy", quantity=1)
    for seconds in (2, 2, 2, 3.5):
        hub.sweep(seconds)
    assert len(venue.asked("order")) >= 3
    assert len(venue.asked("submit")) == 1
    hub.sweep(10)
    assert len(venue.asked("submit")) == 2
    assert the_order().status == "filled"


def _settles_after(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    real = PaperBroker.capabilities

    def slow(broker: PaperBroker) -> Any:
        return replace(real(broker), settle_seconds=seconds)

    monkeypatch.setattr(PaperBroker, "capabilities", slow)


@pytest.mark.parametrize("error", [OutcomeUnknown("504"), KeyError("bug in an adapter")])
def test_while_nothing_is_known_the_lane_waits_and_then_hands_over(
    hub: Hub, venue: Venue, error: Exception
) -> None:
    """A minute without evidence: the owner is asked to look, exits pass, entries of it don't."""
    hub.send(action="buy", quantity=1)
    venue.fail("submit", OutcomeUnknown("504"))
    venue.fail("order", error, times=100)
    hub.send(action="close", quantity=1, order_type="limit", limit_price=200)
    hub.deliver(action="close")
    Order.objects.filter(status="unconfirmed").update(updated_at=hub.clock())
    hub.sweep(5)
    assert hub.position().quantity == 1
    hub.sweep(60)
    hub.sweep(2)
    order = the_order(order_type="limit")
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")
    assert hub.position().quantity == 0
    assert hub.codes(action="buy", quantity=1) == ["SYMBOL_NOT_RECONCILED"]
    assert hub.send(action="buy", quantity=1, symbol="MSFT").outcome == "approved"


def test_a_poll_that_finds_an_order_in_review_adopts_it(hub: Hub, venue: Venue) -> None:
    venue.fail("submit", OutcomeUnknown("504"), heard=True)
    hub.send(action="buy", quantity=1)
    Order.objects.update(reason="NEEDS_REVIEW")
    hub.price(150)
    assert (the_order().status, the_order().reason) == ("filled", "")
    assert_books_agree(hub)


def test_a_worker_that_slept_before_it_sent_does_not_send(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the commit of `sending` and the request: another one is at it by now."""
    real = sending.mark_sending
    slept: list[bool] = []

    def commit_and_sleep(*given: Any, **named: Any) -> Any:
        done = real(*given, **named)
        if not slept:
            slept.append(True)
            hub.clock.wait(30)
        return done

    monkeypatch.setattr(work, "mark_sending", commit_and_sleep)
    hub.send(action="buy", quantity=1)
    assert not venue.asked("submit")
    sweep_until_settled(hub)
    assert the_order().status == "filled"
    assert len(venue.asked("submit")) == 1


# ---- the last gate ----


def halt(hub: Hub) -> None:
    TradingState.objects.create(scope="user", scope_id=str(hub.owner.pk), state="halted")


def reduce(hub: Hub) -> None:
    TradingState.objects.create(scope="account", scope_id=hub.account.pk, state="reducing")


def pause(hub: Hub) -> None:
    TradingState.objects.create(scope="strategy", scope_id=hub.strategy.pk, paused=True)


def disable(hub: Hub) -> None:
    BrokerAccount.objects.filter(pk=hub.account.pk).update(enabled=False)


GATES = [
    (halt, "TRADING_HALTED"),
    (reduce, "REDUCE_ONLY_STATE"),
    (pause, "STRATEGY_PAUSED"),
    (disable, "ACCOUNT_DISABLED"),
]


@pytest.mark.parametrize(("switch", "code"), GATES)
def test_the_last_gate_denies_an_entry_that_was_approved_before(
    hub: Hub, venue: Venue, switch: Callable[[Hub], None], code: str
) -> None:
    venue.fail("submit", NotSent("no route"))
    assert hub.send(action="buy", quantity=1).outcome == "approved"
    switch(hub)
    hub.sweep()
    order = the_order()
    assert (order.status, order.reason) == ("denied", code)
    assert len(venue.asked("submit")) == 1
    assert signal_status() == "processed"


@pytest.mark.parametrize(("switch", "code"), GATES)
def test_the_last_gate_passes_an_exit_and_protection(
    hub: Hub, venue: Venue, switch: Callable[[Hub], None], code: str
) -> None:
    hub.send(action="buy", quantity=2, stop_loss=140)
    switch(hub)
    assert hub.send(action="close", quantity=1).outcome == "approved"
    assert hub.position().quantity == 1
    assert [each.quantity for each in hub.working(role="stop_loss")] == [1]
    hub.send(action="close")
    assert hub.position().quantity == 0


def test_an_unconfirmed_entry_that_never_arrived_is_denied_after_a_halt(
    hub: Hub, venue: Venue
) -> None:
    venue.fail("submit", OutcomeUnknown("closed"))
    hub.send(action="buy", quantity=1)
    halt(hub)
    sweep_until_settled(hub)
    assert (the_order().status, the_order().reason) == ("denied", "TRADING_HALTED")
    assert len(venue.asked("submit")) == 1


def test_an_entry_that_waited_too_long_is_denied_as_stale(
    make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(limits={"max_signal_age_seconds": 20})
    venue = use_venue(monkeypatch, hub.clock)
    venue.fail("submit", RateLimited("slow down", retry_after=30))
    hub.send(action="buy", quantity=1)
    hub.sweep(31)
    assert (the_order().status, the_order().reason) == ("denied", "SIGNAL_STALE")
    assert len(venue.asked("submit")) == 1


# ---- cancelling ----


@pytest.mark.parametrize("error", [OrderRejected("unknown order"), BadCredentials("key")])
def test_a_cancel_that_the_venue_refuses_holds_no_exit_up(
    hub: Hub, venue: Venue, error: BrokerError
) -> None:
    hub.send(action="buy", quantity=1, stop_loss=140)
    venue.fail("cancel", error, times=50)
    hub.send(action="close")
    assert hub.position().quantity == 0
    # It is asked again, and the position is looked at until the stop has gone.
    assert waiting_items(hub) == ["cancel", "protect"]


def test_a_cancel_of_an_order_that_filled_meanwhile_learns_of_the_fill(
    hub: Hub, venue: Venue
) -> None:
    hub.send(action="buy", quantity=1, order_type="limit", price=140)
    venue.fail("reports", OutcomeUnknown("504"), times=3)
    venue.fail("cancel", OrderRejected("filled already"))
    hub.send(action="cancel", price=139)
    assert the_order().status == "filled"
    assert hub.position().quantity == 1


def test_a_venue_that_is_away_makes_a_cancel_wait(hub: Hub, venue: Venue) -> None:
    hub.send(action="buy", quantity=1, order_type="limit", price=140)
    venue.fail("cancel", OutcomeUnknown("504"), times=2)
    hub.send(action="cancel")
    assert the_order().status == "open"
    assert waiting_items(hub) == ["decide"]
    hub.sweep()
    hub.sweep()
    assert the_order().status == "canceled"


def test_nothing_of_another_user_is_touched(hub: Hub, venue: Venue, bob: User) -> None:
    other = testing.make_hub(bob, hub.clock.now + timedelta(hours=1))
    other.clock = hub.clock
    other.send(action="buy", quantity=3)
    hub.send(action="buy", quantity=1)
    hub.send(action="close_all")
    assert Position.objects.get(owner=bob).quantity == 3
    assert not Order.objects.filter(owner=bob).exclude(account=other.account).exists()
