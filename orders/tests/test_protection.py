"""Stop and target: their prices, and that the children never are more than the position."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.protection import (
    Child,
    ChildPlan,
    NewChild,
    Protection,
    StopLimit,
    Target,
    after_entry,
    after_target,
    plan_children,
    plan_guard,
    read_stop_limit,
    read_watched,
    resolve_protection,
    target_orders,
    with_stop_limit,
    with_watched,
)
from tradehub.core.intent import StopLoss, TakeProfit
from tradehub.core.words import OrderRole, OrderSide

D = Decimal
BUY, SELL = OrderSide.BUY, OrderSide.SELL
STOP, TARGET = OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT
ONE = D(1)


def targets(*pairs: tuple[Any, Any]) -> tuple[Target, ...]:
    return tuple(Target(D(price), D(fraction)) for price, fraction in pairs)


@pytest.mark.parametrize(
    ("side", "stop", "target", "prices"),
    [
        (BUY, StopLoss(percent=D(2)), TakeProfit(percent=D(4)), (98, 104)),
        (SELL, StopLoss(percent=D(2)), TakeProfit(percent=D(4)), (102, 96)),
        (BUY, StopLoss(offset=D(3)), TakeProfit(offset=D(5)), (97, 105)),
        (SELL, StopLoss(offset=D(3)), TakeProfit(offset=D(5)), (103, 95)),
        (BUY, StopLoss(price=D(90)), TakeProfit(price=D(120)), (90, 120)),
    ],
)
def test_prices_from_the_fill(
    side: OrderSide, stop: StopLoss, target: TakeProfit, prices: tuple[int, int]
) -> None:
    found = resolve_protection(side, D(100), stop, [target])
    assert (found.stop_price, found.targets) == (prices[0], targets((prices[1], 1)))


@pytest.mark.parametrize("stop", [StopLoss(percent=D(100)), StopLoss(offset=D(200))])
def test_a_stop_below_zero_is_put_as_low_as_can_be_and_not_forgotten(stop: StopLoss) -> None:
    assert resolve_protection(BUY, D(100), stop, []).stop_price == D("1e-8")
    assert resolve_protection(BUY, D(100), stop, [], D("0.01")).stop_price == D("0.01")


def test_prices_lie_on_the_tick_where_one_is_known() -> None:
    found = resolve_protection(BUY, D("100.03"), StopLoss(percent=D(1)), [], D("0.05"))
    assert found.stop_price == D("99.05")
    asked = Protection(D("99.026"), targets(("101.01", 1), ("0.001", 1)))
    assert asked.on_tick(D("0.05")) == Protection(D("99.05"), targets((101, 1), ("0.05", 1)))
    assert asked.on_tick(None) is asked


def test_json_loses_nothing() -> None:
    asked = Protection(D("99.026"), targets(("101.01", "0.5"), (102, "0.5")))
    assert Protection.from_json(asked.to_json()) == asked
    assert not Protection.from_json(None)


def test_a_long_is_guarded_by_sells_of_all_it_holds() -> None:
    asked = Protection(D(90), targets((120, 1)))
    assert plan_children(D(10), asked, [], ONE) == ChildPlan(
        place=(NewChild(STOP, SELL, D(90), D(10)), NewChild(TARGET, SELL, D(120), D(10)))
    )


def test_shares_are_rounded_down_and_a_share_of_one_takes_the_rest() -> None:
    asked = Protection(None, targets((120, "0.5"), (130, 1)))
    placed = plan_children(D(5), asked, [], ONE).place
    assert [child.quantity for child in placed] == [2, 3]


def test_a_child_that_fits_stays_and_one_that_does_not_is_replaced() -> None:
    asked = Protection(D(90), targets((120, 1)))
    working = [Child("s", STOP, D(90), D(10)), Child("t", TARGET, D(120), D(10))]
    assert not plan_children(D(10), asked, working, ONE)
    smaller = plan_children(D(6), asked, working, ONE)
    assert smaller.cancel == ("s", "t")
    assert {child.quantity for child in smaller.place} == {D(6)}


def test_nothing_held_wants_nothing() -> None:
    working = [Child("s", STOP, D(90), D(10))]
    assert plan_children(D(0), Protection(D(90)), working, ONE) == ChildPlan(cancel=("s",))


steps = st.sampled_from([D(1), D("0.001"), D("0.00000001")])
prices = st.decimals("0.01", "1000", places=2)
protections = st.builds(
    Protection,
    st.none() | prices,
    st.lists(st.builds(Target, prices, st.decimals("0.01", "1", places=2)), max_size=4).map(tuple),
)
children = st.lists(
    st.builds(
        Child,
        id=st.uuids().map(str),
        role=st.sampled_from([STOP, TARGET]),
        price=prices,
        quantity=st.integers(1, 50).map(D),
    ),
    max_size=4,
)


@given(st.integers(-60, 60), protections, children, steps)
def test_children_never_exceed_the_position_and_a_second_look_finds_nothing_to_do(
    units: int, asked: Protection, working: list[Child], step: Decimal
) -> None:
    quantity = units * step
    plan = plan_children(quantity, asked, working, step)
    after = [child for child in working if child.id not in plan.cancel]
    after += [
        Child(f"new{number}", child.role, child.price, child.quantity)
        for number, child in enumerate(plan.place)
    ]
    for role in (STOP, TARGET):
        assert sum(child.quantity for child in after if child.role is role) <= abs(quantity)
    assert all(child.side.sign * quantity < 0 for child in plan.place)
    assert all(not child.quantity % step for child in plan.place)
    if asked.stop_price is not None and quantity:
        assert [child.quantity for child in after if child.role is STOP] == [abs(quantity)]
    assert not plan_children(quantity, asked, after, step)


@given(st.integers(1, 60), protections)
def test_a_child_of_another_size_is_never_kept(units: int, asked: Protection) -> None:
    first = plan_children(D(units), asked, [], ONE)
    working = [
        Child(str(number), child.role, child.price, child.quantity)
        for number, child in enumerate(first.place)
    ]
    for child in working:
        others = [each for each in working if each is not child]
        grown = replace(child, quantity=child.quantity + 1)
        assert child.id in plan_children(D(units), asked, [*others, grown], ONE).cancel


@pytest.mark.parametrize(
    ("fractions", "taken"),
    [
        (("0.6", "0.4"), [(110, 6), (120, 4)]),
        (("0.3", "0.7"), [(120, 10)]),  # 3 can't be sold: it falls to the next, and then the rest
        (("0.7", "0.3"), [(110, 10)]),  # a rest of 3 could not be guarded
        (("0.5",), [(110, 5)]),
        (("0.2", "0.2"), []),
    ],
)
def test_no_share_and_no_rest_is_smaller_than_what_can_be_sold(
    fractions: tuple[str, ...], taken: list[tuple[int, int]]
) -> None:
    asked = Protection(D(90), targets(*zip((110, 120), fractions, strict=False)))
    orders = target_orders(D(10), asked, ONE, least=D(4))
    assert [(each.price, each.quantity) for each in orders] == taken


def test_where_the_balance_is_held_one_stop_rests_and_the_one_target_beside_it() -> None:
    both = Protection(D(90), targets((110, 1)))
    stop, target = NewChild(STOP, SELL, D(90), D(10)), NewChild(TARGET, SELL, D(110), D(10))
    assert plan_guard(D(10), both, [], ONE).place == (stop,)
    assert plan_guard(D(10), both, [], ONE, ONE).place == (stop, target)
    assert plan_guard(D(10), both, [], ONE, ONE, lambda _: True).place == (stop,)
    assert plan_guard(D("2.5"), both, [], D("0.5"), ONE).place == (
        replace(stop, quantity=D("2.5")),
    )
    two = Protection(D(90), targets((110, "0.5"), (120, 1)))
    assert plan_guard(D(10), two, [], ONE, ONE).place == (stop,)
    part = Protection(D(90), targets((110, "0.5")))
    assert plan_guard(D(10), part, [], ONE, ONE).place == (stop,)
    alone = Protection(None, targets((110, 1)))
    assert plan_guard(D(10), alone, [], ONE, ONE).place == (target,)
    assert plan_guard(D(0), both, [], ONE, ONE) == ChildPlan()


PAIR = [Child("s", STOP, D(90), D(10), "t"), Child("t", TARGET, D(110), D(10), "s")]


def test_a_pair_that_fits_stays_and_a_stop_that_fits_is_never_cancelled_for_a_target() -> None:
    both = Protection(D(90), targets((110, 1)))
    assert not plan_guard(D(10), both, PAIR, ONE, ONE)
    assert not plan_guard(D(10), both, PAIR, ONE, ONE, lambda _: True)
    alone = [Child("s", STOP, D(90), D(10))]
    assert not plan_guard(D(10), both, alone, ONE, ONE)
    assert not plan_guard(D(10), Protection(D(90)), alone, ONE, ONE)


@pytest.mark.parametrize(
    ("quantity", "asked", "working", "cancelled", "placed"),
    [
        (6, Protection(D(90), targets((110, 1))), PAIR, ("s", "t"), 2),
        (10, Protection(D(90), targets((115, 1))), PAIR, ("s", "t"), 2),
        (10, Protection(D(90)), PAIR, ("s", "t"), 1),
        (10, Protection(D(95), targets((110, 1))), PAIR, ("s", "t"), 2),
        # The stop has ended with the first part of its target, which still holds the rest.
        (6, Protection(D(90), targets((110, 1))), [replace(PAIR[1], quantity=D(6))], ("t",), 2),
        (10, Protection(D(90)), [PAIR[0], Child("x", STOP, D(90), D(10))], ("x",), 0),
        (0, Protection(D(90)), PAIR, ("s", "t"), 0),
    ],
)
def test_a_pair_of_which_one_does_not_fit_goes_as_a_whole(
    quantity: int, asked: Protection, working: list[Child], cancelled: Any, placed: int
) -> None:
    plan = plan_guard(D(quantity), asked, working, ONE, ONE)
    assert (plan.cancel, len(plan.place)) == (cancelled, placed)


@given(st.integers(-60, 60), protections, children, steps, st.booleans())
def test_what_rests_of_stops_is_the_position_whatever_worked_before(
    units: int, asked: Protection, working: list[Child], step: Decimal, pairs: bool
) -> None:
    if asked.stop_price is None:
        return
    quantity = units * step
    plan = plan_guard(quantity, asked, working, step, step if pairs else None)
    after = [each for each in working if each.id not in plan.cancel]
    resting = sum(each.quantity for each in after if each.role is STOP)
    placed = sum(each.quantity for each in plan.place if each.role is STOP)
    assert resting + placed == abs(quantity)
    assert not any(each.role is TARGET for each in after)  # none of them has a partner
    assert len([each for each in plan.place if each.role is TARGET]) <= 1


@pytest.mark.parametrize(
    ("fractions", "parts", "left"),
    [
        (("0.5", "0.5"), [3, 2], [(120, 5)]),
        (("0.5", "0.5"), [1], [(110, 4), (120, 5)]),
        (("0.3", "0.3", "0.4"), [1, 1, 1], [(120, 3), (130, 4)]),
        (("0.3", "1"), [2], [(110, 1), (120, 7)]),
        (("0.5",), [2], [(110, 3)]),
        (("0.5",), [2, 3], []),
        (("1",), [4], [(110, 6)]),
    ],
)
def test_each_target_keeps_its_own_quantity_while_one_fills_in_parts(
    fractions: tuple[str, ...], parts: list[int], left: list[tuple[int, int]]
) -> None:
    prices = (110, 120, 130)
    asked = Protection(D(90), targets(*zip(prices, fractions, strict=False)))
    held, wanted = D(10), target_orders(D(10), asked, ONE)[0].quantity
    for part in parts:
        wanted -= part
        asked = after_target(asked, D(110), D(part), held, done=not wanted)
        held -= part
    found = [(each.price, each.quantity) for each in target_orders(held, asked, ONE)]
    assert found == left


@pytest.mark.parametrize(
    ("fractions", "taken", "wanted"),
    [
        (("0.5", "0.5"), [], [(110, 5), (120, 5)]),
        (("0.5", "1"), [], [(110, 5), (120, 5)]),
        (("0.5", "0.5"), [3], [(110, 2), (120, 5)]),
        (("0.5", "0.5"), [1], [(110, 4), (120, 5)]),
        (("0.5", "1"), [3], [(110, 2), (120, 5)]),
        (("0.5", "0.2", "0.3"), [2, 1], [(110, 2), (115, 2), (120, 3)]),
        (("0.5",), [3], [(110, 2)]),
        (("1",), [2], [(110, 8)]),
    ],
)
def test_each_target_takes_its_share_of_the_whole_entry_though_some_fills_after_it(
    fractions: tuple[str, ...], taken: list[int], wanted: list[tuple[int, int]]
) -> None:
    """6 of 10 have filled, then parts of the first target, then the other 4, two by two."""
    prices = [TakeProfit(D(each)) for each in ((110, 120), (110, 115, 120))[len(fractions) > 2]]
    profits = [replace(x, fraction=D(y)) for x, y in zip(prices, fractions, strict=False)]
    asked = held = resolve_protection(BUY, D(100), StopLoss(D(90)), profits)
    size, share = D(6), target_orders(D(6), asked, D("0.1"))[0].quantity
    for part in taken:
        share -= part
        held = after_target(held, D(110), D(part), size, done=not share)
        size -= part
    for _ in range(2):
        held = Protection.from_json(held.to_json())
        held = after_entry(held, asked, size, size + 2)
        size += 2
    found = [(each.price, each.quantity) for each in target_orders(size, held, ONE)]
    assert (held.stop_price, found) == (90, wanted)


@pytest.mark.parametrize("at", [None, datetime(2026, 3, 2, 15, 0, 1, tzinfo=UTC)])
def test_how_far_its_stop_reaches_is_kept_beside_what_was_asked_for(at: datetime | None) -> None:
    asked = Protection(D(95), targets((110, 1))).to_json() | {"entry": "ord_1"}
    kept = with_stop_limit(asked, StopLimit(D("85.50"), at))
    assert read_stop_limit(kept) == StopLimit(D("85.5"), at)
    assert with_stop_limit(kept, None) == asked
    assert Protection.from_json(kept) == Protection.from_json(asked)
    assert read_stop_limit(asked) is read_stop_limit(None) is None


def test_what_is_watched_is_kept_beside_what_was_asked_for() -> None:
    asked = Protection(D(110), targets((90, 1))).to_json() | {"entry": "ord_1"}
    orders = [NewChild(TARGET, BUY, D(90), D("2.50"))]
    kept = with_watched(asked, orders)
    assert read_watched(D(-3), kept) == orders
    assert with_watched(kept, ()) == asked
    assert Protection.from_json(kept) == Protection.from_json(asked)
    assert read_watched(D(3), None) == []
