"""Two strategies in one symbol of one account: the venue knows one position of both."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.errors import OrderRejected
from brokers.types import VenuePosition
from orders.drifts import adopt_drifts, note_drift
from orders.models import Drift, Fill, LaneItem, Order, Position, Reconciliation
from orders.reconciliation import Finding, PositionDrift, TheirBooks, reconcile
from orders.tests.conftest import MakeHub
from orders.tests.test_recording import fill, make_order, report, say
from orders.venue_books import read_ours
from tradehub.testing.builders import make_strategy, make_token
from tradehub.testing.hub import Hub, Venue

pytestmark = pytest.mark.django_db
D = Decimal


def second(hub: Hub, name: str = "Other", **settings: Any) -> Hub:
    """The same account, seen by another strategy."""
    other = make_strategy(hub.owner, hub.account, hub.profile, name, **settings)
    return replace(hub, strategy=other, token=make_token(other))


def filled(hub: Hub, quantity: Any, price: Any = 100, **order: Any) -> Order:
    row = make_order(hub, quantity=quantity, **order)
    return say(hub, row, report(row, "filled", fill(row, quantity, price)))


def held(hub: Hub, symbol: str = "AAPL") -> Decimal:
    rows = Position.objects.filter(account=hub.account, symbol=symbol, strategy=hub.strategy)
    return sum(rows.values_list("quantity", flat=True), D(0))


def net(hub: Hub) -> Decimal:
    rows = Position.objects.filter(account=hub.account, symbol="AAPL")
    return sum(rows.values_list("quantity", flat=True), D(0))


STOP: dict[str, Any] = {"side": "sell", "role": "stop_loss", "reduce_only": True}
TARGET = {**STOP, "role": "take_profit"}
EXIT = {**STOP, "role": "exit"}
SIZE = {"quantity": 1}


@pytest.mark.parametrize("second_order", [TARGET, EXIT])
def test_what_a_second_exit_took_beyond_its_own_was_another_strategys(
    hub: Hub, second_order: dict[str, Any]
) -> None:
    other = second(hub)
    filled(hub, 10)
    filled(other, 15, 110)
    filled(hub, 10, 95, **STOP)
    both = filled(hub, 10, 105, **second_order)
    assert (held(hub), held(other), net(hub)) == (0, 5, 5)
    assert not Position.objects.get(strategy=hub.strategy).is_open
    theirs = Position.objects.get(strategy=other.strategy)
    assert (theirs.average_entry_price, theirs.realized_pnl) == (110, -50)
    assert Fill.objects.get(order=both).realized_pnl == -50


def test_an_exit_of_a_short_closes_another_short(hub: Hub) -> None:
    other = second(hub)
    filled(hub, 4, side="sell")
    filled(other, 6, side="sell")
    filled(hub, 4, **{**STOP, "side": "buy"})
    filled(hub, 4, **{**EXIT, "side": "buy"})
    assert (held(hub), held(other)) == (0, -2)


def test_one_fill_closes_its_own_first_and_then_others_oldest_first(hub: Hub) -> None:
    older, younger = second(hub), second(hub, "Third")
    filled(younger, 3)
    filled(older, 3)
    Position.objects.filter(strategy=older.strategy).update(opened_at=hub.clock())
    Position.objects.filter(strategy=younger.strategy).update(opened_at=hub.clock())
    filled(hub, 4)
    row = make_order(hub, quantity=8, **STOP)
    told = replace(fill(row, 8, 90), fee=D(2))
    say(hub, row, report(row, "filled", told))
    assert (held(hub), held(older), held(younger)) == (0, 0, 2)
    assert Fill.objects.get(order=row).realized_pnl == -80
    fees = Position.objects.values_list("strategy", "fees")
    assert {strategy: fee for strategy, fee in fees if fee} == {hub.strategy.pk: 2}


def test_what_nobody_holds_stays_with_the_exit_s_own(hub: Hub) -> None:
    """An entry that is told after the stop that closed it: the sum is right, and so is whose."""
    entry = make_order(hub, quantity=10, status="open")
    first, late = fill(entry, 6), fill(entry, 4)
    say(hub, entry, report(entry, "partially_filled", first))
    filled(hub, 10, 95, **STOP)
    assert held(hub) == -4
    say(hub, entry, report(entry, "filled", first, late))
    assert held(hub) == 0
    assert Position.objects.count() == 1


def test_it_does_not_count_against_those_on_its_own_side(hub: Hub) -> None:
    other = second(hub)
    filled(other, 5, side="sell")
    filled(hub, 3, **STOP)
    assert (held(hub), held(other)) == (-3, -5)


def test_the_other_s_protection_is_looked_at_and_keeps_its_targets(hub: Hub) -> None:
    """The target that filled was not the other's, though its price is the same."""
    guarded = {
        "stop_loss": {"price": "90"},
        "take_profits": [{"price": "120", "fraction": "0.5"}, {"price": "130", "fraction": "1"}],
    }
    other = second(hub)
    filled(hub, 10)
    filled(other, 10, protection=guarded)
    filled(hub, 10, 95, **STOP)
    LaneItem.objects.all().delete()
    filled(hub, 4, 120, limit_price=D(120), **TARGET)
    theirs = Position.objects.get(strategy=other.strategy)
    assert theirs.quantity == 6
    assert theirs.protection is not None
    assert [each["price"] for each in theirs.protection["targets"]] == ["120", "130"]
    items = LaneItem.objects.filter(kind="protect").values_list("subject", flat=True)
    assert list(items) == [theirs.pk]


@pytest.mark.parametrize("shared", [False, True])
def test_a_stop_that_is_told_late_to_close_all_is_looked_at_where_another_holds_a_part(
    hub: Hub, shared: bool
) -> None:
    """Once: what is told again of it is no news."""
    filled(hub, 10)
    filled(second(hub), 5 if shared else 0.5, symbol="AAPL" if shared else "MSFT")
    mine = Position.objects.get(strategy=hub.strategy)
    stop = make_order(hub, status="sending", link=mine.pk, stop_price=D(90), **STOP)
    looks = LaneItem.objects.filter(kind="protect")
    told = replace(report(stop, "open"), closes_all=True)
    looks.delete()
    say(hub, stop, told)
    assert list(looks.values_list("subject", flat=True)) == ([mine.pk] if shared else [])
    looks.delete()
    say(hub, stop, told)
    assert not looks.exists()


# ---- who may enter at all ----


@pytest.mark.parametrize(("mine", "theirs"), [("buy", "sell"), ("sell", "buy")])
def test_a_second_strategy_against_the_account_is_denied(
    make_hub: MakeHub, mine: str, theirs: str
) -> None:
    hub = make_hub()
    other = second(hub)
    hub.send(action=mine, quantity=10)
    assert other.codes(action=theirs, quantity=2) == ["OPPOSITE_HELD"]
    assert other.codes(action=mine, quantity=2) == []
    assert other.codes(action=theirs, quantity=2, symbol="MSFT") == []


def test_what_works_counts_as_what_is_held(make_hub: MakeHub) -> None:
    hub = make_hub()
    other = second(hub)
    hub.send(action="buy", quantity=10, order_type="limit", limit_price=100)
    assert len(hub.working()) == 1
    assert other.codes(action="sell", quantity=2) == ["OPPOSITE_HELD"]


def test_neither_may_it_turn_its_own_position_against_the_account(make_hub: MakeHub) -> None:
    hub = make_hub()
    other = second(hub, on_opposite="reverse")
    hub.send(action="buy", quantity=10)
    other.send(action="buy", quantity=4)
    decision = other.send(action="sell", quantity=4)
    assert [each["code"] for each in decision.reasons] == ["OPPOSITE_HELD"]
    assert (held(hub), held(other)) == (10, 0)


@pytest.mark.parametrize(("alert", "compared"), [("close", True), ("buy", False)])
def test_a_refused_exit_makes_the_books_be_compared_at_once(
    hub: Hub, venue: Venue, alert: str, compared: bool
) -> None:
    """The venue may hold less than we think; a refused entry says nothing of that."""
    hub.send(action="buy", quantity=10)
    Reconciliation.objects.update(due_at=hub.clock.now + timedelta(hours=1))
    venue.fail("submit", OrderRejected("no", venue_code="1"))
    hub.send(action=alert, symbol="AAPL" if compared else "MSFT", **({} if compared else SIZE))
    assert hub.orders(status="rejected")
    assert (Reconciliation.objects.get().due_at <= hub.clock.now) is compared


def leave(hub: Hub, rest: str) -> None:
    """So much of 10, where less than 1 can't be sold."""
    for order, quantity in (({}, D(10)), (EXIT, D(10) - D(rest))):
        row = make_order(hub, quantity=quantity, **order)
        say(hub, row, report(row, "filled", replace(fill(row, quantity), least=D(1))))
    assert not Position.objects.get(strategy=hub.strategy).is_open


def differs(hub: Hub, *, theirs: str) -> list[Finding]:
    there = VenuePosition("AAPL", D(theirs), D(100), least=D(1))
    told = TheirBooks((), (), (there,) if there.quantity else ())
    found = reconcile(read_ours(hub.account.pk, told, baseline=None), told)
    return [each for each in found if isinstance(each, PositionDrift)]


def test_what_two_strategies_have_left_is_no_drift_together(hub: Hub) -> None:
    leave(hub, "0.6")
    leave(second(hub), "0.7")
    assert differs(hub, theirs="1.3") == []
    assert differs(hub, theirs="0") == []
    assert differs(hub, theirs="2.4") == [PositionDrift("AAPL", D("1.3"), D("2.4"), D(100))]


def test_what_two_strategies_have_left_can_be_sold_by_hand(hub: Hub) -> None:
    leave(hub, "0.6")
    leave(second(hub), "0.7")
    row = make_order(hub, quantity="1.3", **EXIT)
    Order.objects.filter(pk=row.pk).update(strategy=None, source="external")
    row.refresh_from_db()
    say(hub, row, report(row, "filled", replace(fill(row, "1.3"), least=D(1))))
    assert net(hub) == 0
    assert not Position.objects.exclude(quantity=0).exists()


@pytest.mark.parametrize(
    ("theirs", "rows"), [("2.4", ["0.6", "0.7", "1.1"]), ("-2", ["-2", "0", "0"])]
)
def test_the_venue_s_number_counts_what_they_have_left(
    hub: Hub, theirs: str, rows: list[str]
) -> None:
    leave(hub, "0.6")
    leave(second(hub), "0.7")
    (found,) = differs(hub, theirs=theirs)
    assert isinstance(found, PositionDrift)
    row = note_drift(hub.account, found, looked_at=hub.clock(), now=hub.clock())
    Drift.objects.filter(pk=row.pk).update(confirmed_at=hub.clock())
    adopt_drifts(account=hub.account, symbols=["AAPL"], actor=hub.owner, now=hub.clock())
    assert differs(hub, theirs=theirs) == []
    assert sorted(Position.objects.values_list("quantity", flat=True)) == [D(each) for each in rows]
