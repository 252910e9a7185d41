"""Comparing with the venue: what is not ours is adopted, what differs holds its symbol, and what
the venue can't tell changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import AuditEntry, User
from brokers.budget import urgency
from brokers.budgeting import Priority
from brokers.errors import BadCredentials, NotSent, OutcomeUnknown, RateLimited
from brokers.registry import connect
from brokers.types import VenuePosition
from orders import reconciling
from orders.comparisons import (
    claim_comparison,
    due_accounts,
    is_required,
    reconcile_soon,
    require_reconciliation,
    require_reconciliation_of,
)
from orders.drifts import adopt_drifts, drifting_symbols
from orders.models import Drift, Fill, LaneItem, Order, OrderEvent, Position, Reconciliation
from orders.reconciliation import Denied, ExternalFills, ExternalOrder, Missing, PositionDrift
from orders.reconciling import Reconciled, reconcile_account, reconcile_now, reconcile_or_note
from orders.tests.by_hand import UNUSABLE, ByHand, executed, listed
from orders.tests.conftest import MakeHub
from tradehub.core.errors import Conflict
from tradehub.testing.builders import make_account
from tradehub.testing.hub import Hub, assert_books_agree

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def hand(hub: Hub) -> ByHand:
    return ByHand(connect(hub.account, now=hub.clock))


def compare(hub: Hub, hand: ByHand, after: float = 3) -> Reconciled:
    hub.clock.wait(after)
    return reconcile_account(hub.account, hand, clock=hub.clock)


def meanwhile(hand: ByHand, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Once, while the venue is read: after its lists, before what single orders are."""
    ask = hand.positions

    def positions() -> list[VenuePosition]:
        monkeypatch.setattr(hand, "positions", ask)
        happens()
        return ask()

    monkeypatch.setattr(hand, "positions", positions)


def row(hub: Hub) -> Reconciliation:
    return Reconciliation.objects.get(pk=hub.account.pk)


def pause(hub: Hub) -> timedelta:
    at = row(hub).reconciled_at
    assert at is not None
    return row(hub).due_at - at


def net(hub: Hub, symbol: str) -> Decimal:
    held = Position.objects.filter(account=hub.account, symbol=symbol)
    return sum(held.values_list("quantity", flat=True), D(0))


# ---- nothing to find ----


def test_books_that_agree_stay_as_they_are(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=2, stop_loss=140)
    before = [(each.pk, each.version) for each in hub.orders()]
    for _ in range(2):
        assert compare(hub, hand) == Reconciled(hub.account.pk, ())
    assert [(each.pk, each.version) for each in hub.orders()] == before
    assert not Drift.objects.exists()
    assert_books_agree(hub)


def test_a_new_account_is_compared_before_it_trades_and_then_on_time(
    hub: Hub, hand: ByHand
) -> None:
    assert is_required(hub.account.pk)
    compare(hub, hand)
    assert not is_required(hub.account.pk)
    assert pause(hub) >= timedelta(seconds=60)
    hub.send(action="buy", quantity=2)
    compare(hub, hand)
    assert pause(hub) < timedelta(seconds=31)


# ---- first meeting ----


def test_what_the_account_held_before_is_taken_over_once(hub: Hub, hand: ByHand) -> None:
    hand.moved = {"MSFT": D(7), "TSLA": D(-3)}
    compare(hub, hand)
    held = {each.symbol: each for each in Position.objects.filter(account=hub.account)}
    assert {each: row.quantity for each, row in held.items()} == {"MSFT": 7, "TSLA": -3}
    assert held["MSFT"].strategy_id is None
    assert held["MSFT"].average_entry_price == 100
    assert compare(hub, hand).findings == ()
    hand.moved["GOOG"] = D(1)
    assert [type(each) for each in compare(hub, hand).findings] == [PositionDrift]


def test_fills_from_before_the_first_meeting_are_not_counted_again(hub: Hub, hand: ByHand) -> None:
    hand.executions = [executed("f1", "x", 5, at=hub.clock())]
    compare(hub, hand, after=30)
    assert net(hub, "MSFT") == 5
    hand.executions.append(executed("f2", "x", 2, at=hub.clock()))
    compare(hub, hand, after=30)
    assert net(hub, "MSFT") == 7
    assert Fill.objects.filter(venue_fill_id="f1").count() == 0


# ---- what is not ours ----


def test_an_external_order_is_adopted_and_followed_to_its_end(hub: Hub, hand: ByHand) -> None:
    compare(hub, hand)
    hand.orders = [listed("web-1", at=hub.clock(), quantity=5, limit_price=D(90))]
    compare(hub, hand)
    compare(hub, hand)
    (order,) = hub.orders(source="external")
    assert (order.status, order.quantity, order.limit_price) == ("open", 5, 90)
    assert (order.strategy_id, order.role, order.client_order_id) == (None, "entry", "web-1")
    part = executed("f1", "web-1", 2, at=hub.clock())
    hand.executions.append(part)
    hand.orders = [listed("web-1", "partially_filled", part, at=hub.clock())]
    compare(hub, hand)
    order.refresh_from_db()
    assert (order.status, order.filled_quantity, net(hub, "MSFT")) == ("partially_filled", 2, 2)
    hand.orders = [listed("web-1", "canceled", part, at=hub.clock())]
    compare(hub, hand)
    order.refresh_from_db()
    assert (order.status, order.filled_quantity) == ("canceled", 2)
    assert not Drift.objects.exists()


def test_an_external_order_without_a_price_counts_at_the_present_one(
    hub: Hub, hand: ByHand
) -> None:
    hub.price(150, "MSFT")
    hand.orders = [listed("web-1", at=hub.clock())]
    compare(hub, hand)
    assert hub.orders(source="external")[0].reference_price == 150


@pytest.mark.parametrize("known", [True, False], ids=["asked_for", "known_by_its_fills_only"])
def test_external_fills_move_a_position_of_nobody(hub: Hub, hand: ByHand, known: bool) -> None:
    compare(hub, hand)
    one, two = (executed(f"f{each}", "web-1", each, at=hub.clock()) for each in (1, 2))
    hand.executions = [one]
    if known:
        hand.orders = [listed("web-1", "filled", one, quantity=1, at=hub.clock())]
    compare(hub, hand)
    hand.executions = [two, one]
    compare(hub, hand)
    compare(hub, hand)
    (order,) = hub.orders(source="external")
    assert (order.status, order.quantity, order.filled_quantity) == ("filled", 3, 3)
    position = hub.position("MSFT")
    assert (position.quantity, position.strategy_id) == (3, None)
    assert Fill.objects.filter(account=hub.account).count() == 2


def test_orders_and_fills_without_a_client_id_are_adopted_once(hub: Hub, hand: ByHand) -> None:
    compare(hub, hand)
    hand.orders = [listed("", at=hub.clock())]
    hand.executions = [executed("f9", "", 2, symbol="TSLA", at=hub.clock())]
    for _ in range(3):
        compare(hub, hand)
    names = {each.client_order_id for each in hub.orders(source="external")}
    assert names == {"venue:v-", "fill:f9"}
    assert net(hub, "TSLA") == 2
    hand.orders = []
    for _ in range(4):
        compare(hub, hand, after=6)
    assert hub.orders(client_order_id="venue:v-")[0].status == "canceled"


def test_closing_by_hand_closes_what_the_strategy_holds(hub: Hub, hand: ByHand) -> None:
    """Or its exit would open a short, and its stop too."""
    hub.send(action="buy", quantity=10, stop_loss=140)
    compare(hub, hand)
    sold = executed("f1", "web-1", 6, side="sell", price=160, symbol="AAPL", at=hub.clock())
    hand.executions = [sold]
    compare(hub, hand)
    position = hub.position()
    assert (position.quantity, position.strategy_id) == (4, hub.strategy.pk)
    assert Fill.objects.get(venue_fill_id="f1").realized_pnl == 60
    assert LaneItem.objects.filter(kind="protect", status="queued", subject=position.pk).exists()
    hand.executions.append(
        executed("f2", "web-2", 9, side="sell", price=160, symbol="AAPL", at=hub.clock())
    )
    compare(hub, hand)
    held = Position.objects.filter(account=hub.account, is_open=True)
    assert [(each.quantity, each.strategy_id) for each in held] == [(-5, None)]
    assert not Drift.objects.exists()


# ---- what is ours ----


def test_a_fill_that_nobody_saw_is_recorded(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    connect(hub.account, now=hub.clock).observe("AAPL", D(140), hub.clock())
    compare(hub, hand)
    assert hub.orders()[0].status == "filled"
    assert_books_agree(hub)


def test_a_stop_that_the_venue_lost_ends_after_a_second_look_and_is_placed_anew(
    hub: Hub, hand: ByHand
) -> None:
    hub.send(action="buy", quantity=2, stop_loss=140)
    compare(hub, hand)
    (stop,) = hub.working(role="stop_loss")
    hand.unlisted = hand.unknown = {stop.client_order_id}
    found = compare(hub, hand)
    assert found.findings == (Denied(stop.pk, stop.client_order_id),)
    assert hub.working(role="stop_loss") == [stop]
    compare(hub, hand, after=2)
    assert hub.working(role="stop_loss") == [stop]
    compare(hub, hand)
    stop.refresh_from_db()
    assert stop.status == "canceled"
    assert "does not know it" in stop.reason_text
    assert hub.position().protected is False
    hub.drain()
    assert [each.pk for each in hub.working(role="stop_loss")] != [stop.pk]
    assert hub.position().protected is True


def test_a_doubt_that_is_cleared_counts_from_anew(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    name = hub.orders()[0].client_order_id
    for unlisted in ({name}, set(), {name}):
        hand.unlisted = hand.unknown = unlisted
        compare(hub, hand, after=4)
    assert hub.orders()[0].status == "open"


def test_two_looks_that_were_begun_at_once_are_one(
    hub: Hub, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower one's answers are written long after the other's, and are no newer."""
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    compare(hub, hand)
    hand.unlisted = hand.unknown = {hub.orders()[0].client_order_id}

    def another() -> None:
        compare(hub, hand, after=0)
        hub.clock.wait(60)

    meanwhile(hand, monkeypatch, another)
    compare(hub, hand)
    assert hub.orders()[0].status == "open"
    compare(hub, hand)
    assert hub.orders()[0].status == "canceled"


def test_a_doubt_of_a_clock_that_was_set_back_counts_from_now(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    hand.unlisted = hand.unknown = {hub.orders()[0].client_order_id}
    compare(hub, hand)
    compare(hub, hand, after=-3600)
    assert hub.orders()[0].status == "open"
    compare(hub, hand, after=6)
    assert hub.orders()[0].status == "canceled"


def test_an_unlisted_order_that_the_venue_knows_lives_on(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    hand.unlisted = {hub.orders()[0].client_order_id}
    for _ in range(3):
        compare(hub, hand, after=10)
    assert hub.orders()[0].status == "open"


def test_an_unconfirmed_order_is_found_but_never_ended_here(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    OrderEvent.objects.filter(event="accept").delete()
    Order.objects.update(status="unconfirmed", reason="NEEDS_REVIEW")
    name = hub.orders()[0].client_order_id
    hand.unlisted = hand.unknown = {name}
    for _ in range(3):
        compare(hub, hand, after=10)
    assert hub.orders()[0].status == "unconfirmed"
    hand.unlisted = hand.unknown = set()
    compare(hub, hand)
    assert (hub.orders()[0].status, hub.orders()[0].reason) == ("open", "")


def test_an_order_that_works_though_it_ended_is_cancelled_at_the_venue(
    hub: Hub, hand: ByHand
) -> None:
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    Order.objects.update(status="canceled")
    name = hub.orders()[0].client_order_id
    compare(hub, hand)
    assert hand.cancelled == []
    hand.errors["cancel"] = NotSent("busy")
    compare(hub, hand, after=6)
    hand.errors.clear()
    compare(hub, hand)
    assert hand.cancelled == [name]
    assert compare(hub, hand).findings == ()


# ---- what the venue can't tell ----


@pytest.mark.parametrize("part", ["open_orders", "fills", "positions"])
@pytest.mark.parametrize("error", [OutcomeUnknown("504"), KeyError("bug")])
def test_a_failed_answer_is_not_read_as_flat_or_gone(
    hub: Hub, hand: ByHand, part: str, error: Exception
) -> None:
    hub.send(action="buy", quantity=2, stop_loss=140)
    compare(hub, hand)
    since = row(hub).reconciled_at
    hand.errors[part] = error
    for _ in range(3):
        found = compare(hub, hand, after=10)
        assert (found.findings, found.complete) == ((), False)
    assert hub.position().quantity == 2
    assert len(hub.working(role="stop_loss")) == 1
    assert row(hub).reconciled_at == since
    assert row(hub).error == ("KeyError" if isinstance(error, KeyError) else "OUTCOME_UNKNOWN")
    assert row(hub).due_at <= hub.clock() + timedelta(seconds=5)


def test_a_question_about_one_order_that_fails_leaves_it_alone(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=2, order_type="limit", price=140)
    hand.unlisted = {hub.orders()[0].client_order_id}
    hand.errors["order"] = OutcomeUnknown("504")
    for _ in range(3):
        found = compare(hub, hand, after=10)
        assert [type(each) for each in found.findings] == [Missing]
        assert not found.complete
    assert hub.orders()[0].status == "open"


def test_a_venue_in_trouble_is_not_asked_more_and_more(hub: Hub, hand: ByHand) -> None:
    hand.errors["open_orders"] = OutcomeUnknown("504")
    compare(hub, hand)
    assert hand.asked == ["open_orders"]


@pytest.mark.parametrize(
    ("code", "retry_after", "seconds"), [("429", 1, 15), ("HELD", 41, 41), ("HELD", 9999, 60)]
)
def test_what_the_rate_held_back_does_not_ask_soon_again(
    hub: Hub, hand: ByHand, code: str, retry_after: int, seconds: int
) -> None:
    """Where our own budget did, all of them are due together when it has room: the one that was
    compared longest ago goes first then."""
    hand.errors["open_orders"] = RateLimited("No.", retry_after=retry_after, venue_code=code)
    compare(hub, hand)
    wait = row(hub).due_at - hub.clock()
    assert timedelta(seconds=seconds - 1) < wait <= timedelta(seconds=seconds)


@pytest.mark.parametrize("waits", [True, False])
def test_one_that_may_not_trade_before_its_comparison_goes_ahead_of_the_rounds(
    hub: Hub, hand: ByHand, monkeypatch: pytest.MonkeyPatch, *, waits: bool
) -> None:
    compare(hub, hand)
    if waits:
        require_reconciliation_of(hub.account.pk, hub.clock())
    priorities: list[Priority] = []
    ask = hand.positions

    def positions() -> list[object]:
        priorities.append(urgency(Priority.LAST))
        return list(ask())

    monkeypatch.setattr(hand, "positions", positions)
    compare(hub, hand)
    assert priorities == [Priority.REQUIRED if waits else Priority.LAST]


# ---- what is asked for where the account may not trade before ----


def require(hub: Hub) -> None:
    require_reconciliation_of(hub.account.pk, hub.clock())


def test_after_a_restart_only_symbols_in_use_are_asked_for(hub: Hub, hand: ByHand) -> None:
    """At venues that weigh each symbol, all accounts of an address trade again sooner. Whatever
    else was placed there is found by the round that follows."""
    compare(hub, hand)
    hub.send(action="buy", quantity=2, symbol="MSFT")
    hub.send(action="buy", quantity=2, symbol="TSLA", order_type="limit", price=1)
    compare(hub, hand)
    hub.clock.wait(3600)
    hand.orders.append(replace(listed("strange", at=hub.clock()), symbol="NVDA"))
    require(hub)
    assert compare(hub, hand).findings == ()
    assert not is_required(hub.account.pk)
    (found,) = compare(hub, hand, after=31).findings
    assert isinstance(found, ExternalOrder)
    assert hand.named == [None, None, ["MSFT", "TSLA"], None]


def test_symbols_that_changed_since_all_were_asked_for_are_in_use(hub: Hub, hand: ByHand) -> None:
    """A late fill may follow an order's end."""
    compare(hub, hand)
    hub.send(action="buy", quantity=2, symbol="TSLA", order_type="limit", price=1)
    hub.send(action="cancel_all")
    for _ in range(2):  # the second is not the first one's heir: it goes as far back
        hub.clock.wait(3600)
        require(hub)
        compare(hub, hand)
    assert hand.named == [None, ["TSLA"], ["TSLA"]]


@pytest.mark.parametrize("status", ["canceled", "filled"])
def test_a_symbol_whose_order_is_doubted_is_in_use(hub: Hub, hand: ByHand, status: str) -> None:
    hub.send(action="buy", quantity=2, symbol="TSLA", order_type="limit", price=1)
    compare(hub, hand)
    order = hub.orders()[0]
    Order.objects.update(status=status, updated_at=hub.clock() - timedelta(days=1))
    require(hub)
    compare(hub, hand)
    assert hand.named[-1] == []
    Reconciliation.objects.update(doubts={order.pk: hub.clock().isoformat()})
    require(hub)
    compare(hub, hand)
    assert hand.named[-1] == ["TSLA"]


def test_a_position_that_differs_has_its_symbol_asked_for_at_once(hub: Hub, hand: ByHand) -> None:
    compare(hub, hand)
    hub.clock.wait(3600)
    hand.executions.append(executed("f-1", "x-1", 3, symbol="NVDA", at=hub.clock()))
    require(hub)
    (found,) = compare(hub, hand).findings
    assert isinstance(found, ExternalFills)
    assert (net(hub, "NVDA"), Drift.objects.count()) == (3, 0)
    assert hand.named == [None, [], ["NVDA"]]


def test_what_was_traded_long_before_a_comparison_of_some_is_found(hub: Hub, hand: ByHand) -> None:
    """It was not looked for then, so the next one that asks for all goes back to the last."""
    compare(hub, hand)
    hub.clock.wait(3600)
    pair = (executed("f-1", "x-1", 3, at=hub.clock()),
            executed("f-2", "x-2", 3, side="sell", at=hub.clock()))  # fmt: skip
    hand.executions.extend(pair)  # nothing of it is held
    hub.clock.wait(3600)
    require(hub)
    assert compare(hub, hand).findings == ()
    assert [type(each) for each in compare(hub, hand, after=61).findings] == [ExternalFills] * 2


def test_who_asks_for_a_comparison_gets_a_whole_one(
    hub: Hub, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(hub, hand)
    require(hub)
    monkeypatch.setattr(reconciling, "connect", lambda account, now: hand)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert hand.named == [None, None]


def test_an_account_that_cannot_be_reached_is_noted(hub: Hub) -> None:
    def refused() -> ByHand:
        raise BadCredentials("no")

    found = reconcile_or_note(hub.account, refused, clock=hub.clock)
    assert (found.error, row(hub).error) == ("BAD_CREDENTIALS", "BAD_CREDENTIALS")
    assert is_required(hub.account.pk)


def test_what_can_not_be_recorded_keeps_nothing_else_from_it(hub: Hub, hand: ByHand) -> None:
    """But the books are not compared until it can."""
    compare(hub, hand)
    for symbol in ("TSLA", "NVDA"):
        fill = executed(f"f-{symbol}", f"x-{symbol}", 3, symbol=symbol, at=hub.clock())
        hand.executions.append(fill)
    (spoilt, _) = hand.executions
    hand.executions[0] = replace(spoilt, price=UNUSABLE)
    require_reconciliation(now=hub.clock())
    assert compare(hub, hand).error == "INTERNAL_ERROR"
    assert (net(hub, "TSLA"), net(hub, "NVDA")) == (0, 3)
    assert is_required(hub.account.pk)
    hand.executions[0] = spoilt
    assert compare(hub, hand).complete
    assert (net(hub, "TSLA"), net(hub, "NVDA")) == (3, 3)
    assert not is_required(hub.account.pk)


# ---- drift ----


def drift(hub: Hub, hand: ByHand, quantity: int = 3) -> Drift:
    """A confirmed one in AAPL, of which the strategy holds 10."""
    hub.send(action="buy", quantity=10)
    compare(hub, hand)
    hand.moved = {"AAPL": D(quantity)}
    compare(hub, hand)
    compare(hub, hand)
    return Drift.objects.get(account=hub.account)


def test_a_drift_is_confirmed_by_a_second_look(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=10)
    compare(hub, hand)
    hand.moved = {"AAPL": D(3)}
    compare(hub, hand)
    compare(hub, hand, after=1)
    assert drifting_symbols(hub.account) == set()
    compare(hub, hand, after=2)
    assert drifting_symbols(hub.account) == {"AAPL"}
    seen = Drift.objects.get()
    assert (seen.ours, seen.theirs) == (10, 13)
    assert hub.position().quantity == 10


def test_a_drift_is_not_confirmed_by_a_look_that_was_begun_before_it_was_seen(
    hub: Hub, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.send(action="buy", quantity=10)
    compare(hub, hand)
    hand.moved = {"AAPL": D(3)}

    def another() -> None:
        compare(hub, hand, after=0)
        hub.clock.wait(60)

    meanwhile(hand, monkeypatch, another)
    compare(hub, hand)
    assert drifting_symbols(hub.account) == set()
    compare(hub, hand)
    assert drifting_symbols(hub.account) == {"AAPL"}


def test_a_difference_that_changes_is_not_confirmed(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=10)
    for number in range(4):
        hand.moved = {"AAPL": D(number)}
        compare(hub, hand)
    assert drifting_symbols(hub.account) == set()


def test_a_position_that_moved_between_the_looks_starts_them_anew(hub: Hub, hand: ByHand) -> None:
    hub.send(action="buy", quantity=10)
    hand.moved = {"AAPL": D(3)}
    compare(hub, hand)
    Position.objects.update(updated_at=hub.clock() + timedelta(seconds=1))
    compare(hub, hand)
    assert drifting_symbols(hub.account) == set()
    compare(hub, hand)
    assert drifting_symbols(hub.account) == {"AAPL"}


def test_nothing_is_judged_while_an_order_of_the_symbol_is_in_flight(
    hub: Hub, hand: ByHand
) -> None:
    hub.send(action="buy", quantity=1, order_type="limit", price=140)
    Order.objects.update(status="sending")
    hand.moved = {"AAPL": D(3)}
    for _ in range(3):
        compare(hub, hand)
    assert not Drift.objects.exists()


def test_a_drift_heals_when_the_fills_that_explain_it_come(hub: Hub, hand: ByHand) -> None:
    drift(hub, hand)
    hand.moved = {}
    hand.executions = [executed("f1", "web", 3, symbol="AAPL", at=hub.clock())]
    compare(hub, hand)
    assert drifting_symbols(hub.account) == set()
    assert net(hub, "AAPL") == 13
    assert Drift.objects.get().healed_at is not None
    hand.moved = {"AAPL": D(1)}
    compare(hub, hand)
    assert Drift.objects.filter(healed_at__isnull=True).count() == 1


def test_a_failed_question_does_not_heal_a_drift(hub: Hub, hand: ByHand) -> None:
    drift(hub, hand)
    for part in ("fills", "positions"):
        hand.errors = {part: OutcomeUnknown("504")}
        compare(hub, hand)
    assert drifting_symbols(hub.account) == {"AAPL"}


def test_the_owner_takes_the_venue_s_number_over(hub: Hub, hand: ByHand) -> None:
    drift(hub, hand)
    adopt_drifts(account=hub.account, symbols=["AAPL"], actor=hub.owner, now=hub.clock())
    assert drifting_symbols(hub.account) == set()
    held = Position.objects.filter(account=hub.account, is_open=True).order_by("-id")
    assert [(each.quantity, each.strategy_id) for each in held] == [
        (3, None),
        (10, hub.strategy.pk),
    ]
    assert compare(hub, hand).findings == ()
    said = AuditEntry.objects.get(action="position.adopted")
    assert (said.actor, said.data) == (
        hub.owner,
        {"symbol": "AAPL", "ours": "10", "theirs": "13"},
    )


def test_a_flat_venue_taken_over_leaves_no_phantom(hub: Hub, hand: ByHand) -> None:
    drift(hub, hand, quantity=-10)
    adopt_drifts(account=hub.account, symbols=["AAPL"], actor=hub.owner, now=hub.clock())
    assert not Position.objects.filter(account=hub.account, is_open=True).exists()
    assert hub.codes(action="sell") == ["ALREADY_FLAT"] or net(hub, "AAPL") <= 0


def test_only_a_difference_that_stands_can_be_taken_over(hub: Hub, hand: ByHand) -> None:
    drift(hub, hand)
    for symbols in (["MSFT"], ["AAPL", "MSFT"]):
        with pytest.raises(Conflict):
            adopt_drifts(account=hub.account, symbols=symbols, actor=hub.owner, now=hub.clock())
    assert drifting_symbols(hub.account) == {"AAPL"}
    Position.objects.filter(symbol="AAPL").update(quantity=D(11))
    with pytest.raises(Conflict, match="moved"):
        adopt_drifts(account=hub.account, symbols=["AAPL"], actor=hub.owner, now=hub.clock())


# ---- whose turn it is ----


def test_one_comparison_at_a_time(hub: Hub, hand: ByHand) -> None:
    now = hub.clock()
    assert claim_comparison(hub.account.pk, now=now)
    assert not claim_comparison(hub.account.pk, now=now)
    compare(hub, hand)
    assert not claim_comparison(hub.account.pk, now=hub.clock())
    reconcile_soon(hub.account.pk, hub.clock())
    assert not is_required(hub.account.pk)
    assert claim_comparison(hub.account.pk, now=hub.clock())


def test_a_comparison_whose_worker_died_is_made_by_another(hub: Hub) -> None:
    assert claim_comparison(hub.account.pk, now=hub.clock())
    hub.clock.wait(61)
    assert due_accounts(now=hub.clock()) == [hub.account]
    assert claim_comparison(hub.account.pk, now=hub.clock())


def test_a_start_requires_every_account_and_a_fault_its_own(
    hub: Hub, hand: ByHand, bob: User, now: datetime
) -> None:
    other = make_account(bob, now)
    reconcile_account(other, connect(other, now=hub.clock), clock=hub.clock)
    compare(hub, hand)
    require_reconciliation_of(other.pk, hub.clock())
    assert (is_required(hub.account.pk), is_required(other.pk)) == (False, True)
    require_reconciliation(now=hub.clock())
    assert is_required(hub.account.pk)
    assert {each.pk for each in due_accounts(now=hub.clock())} == {hub.account.pk, other.pk}


@pytest.mark.parametrize("ask", [require_reconciliation_of, reconcile_soon])
def test_what_is_asked_for_while_we_read_is_another_comparison(
    hub: Hub, hand: ByHand, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str, datetime], None]
) -> None:
    compare(hub, hand)
    hub.clock.wait(60)
    assert claim_comparison(hub.account.pk, now=hub.clock())
    meanwhile(hand, monkeypatch, lambda: ask(hub.account.pk, hub.clock()))
    compare(hub, hand)
    assert is_required(hub.account.pk) == (ask is require_reconciliation_of)
    assert due_accounts(now=hub.clock()) == [hub.account]
    compare(hub, hand)
    assert not is_required(hub.account.pk)
    assert due_accounts(now=hub.clock()) == []


def test_a_clock_that_is_set_back_makes_nobody_wait_for_its_time(hub: Hub, hand: ByHand) -> None:
    compare(hub, hand)
    assert not claim_comparison(hub.account.pk, now=hub.clock())
    hub.clock.wait(-3600)
    assert due_accounts(now=hub.clock()) == [hub.account]
    assert claim_comparison(hub.account.pk, now=hub.clock())
    assert not claim_comparison(hub.account.pk, now=hub.clock())


def test_who_was_compared_longest_ago_is_compared_first(
    hub: Hub, hand: ByHand, bob: User, now: datetime
) -> None:
    """Or where a venue's limit does not suffice for all, some would never get their turn."""
    other = make_account(bob, now)
    reconcile_account(other, connect(other, now=hub.clock), clock=hub.clock)
    compare(hub, hand)
    reconcile_soon(hub.account.pk, hub.clock())
    hub.clock.wait(120)
    assert due_accounts(now=hub.clock()) == [other, hub.account]
    third = make_account(bob, now, label="Third")
    assert due_accounts(now=hub.clock()) == [third, other, hub.account]


def test_a_disabled_account_is_compared_only_while_something_is_open(
    make_hub: MakeHub,
) -> None:
    hub = make_hub()
    hub.account.enabled = False
    hub.account.save(update_fields=["enabled"])
    assert due_accounts(now=hub.clock()) == []
    Position.objects.create(
        owner=hub.owner, account=hub.account, symbol="X", is_open=True, updated_at=hub.clock()
    )
    assert due_accounts(now=hub.clock()) == [hub.account]
