"""What an intent means for what is held: the contract's table, and what no plan may ever do."""

from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.planning import Cancel, EntryLeg, ExitLeg, Plan, Standing, plan_intent
from orders.terms import Terms
from tradehub.core.intent import Intent, Size
from tradehub.core.words import OrderSide, PositionSide, SizeMode, Verb

D = Decimal
BUY, SELL = OrderSide.BUY, OrderSide.SELL
LONG, SHORT, FLAT = PositionSide


def plan(
    verb: Verb,
    held: Any = 0,
    side: PositionSide | None = None,
    wanted: Any = None,
    *,
    on_opposite: Literal["close", "reverse", "ignore"] = "close",
    max_adds: int = 0,
    flip: Literal["new", "old_plus_new"] = "new",
    target: Any = None,
    multiplier: Any = 1,
    **working: Any,
) -> Plan:
    size = Size() if target is None else Size(SizeMode.TARGET_QUANTITY, D(target))
    terms = Terms(
        "str",
        "rsk",
        on_opposite=on_opposite,
        max_adds=max_adds,
        flip_quantity=flip,
        multiplier=D(multiplier),
    )
    intent = Intent("AAPL", verb, side, size=size)
    quantity = None if wanted is None else D(wanted)
    return plan_intent(intent, terms, Standing(held=D(held), **working), quantity)


def sell(quantity: Any) -> ExitLeg:
    return ExitLeg(SELL, D(quantity))


def cover(quantity: Any) -> ExitLeg:
    return ExitLeg(BUY, D(quantity))


# ---- enter ----


@pytest.mark.parametrize(("side", "leg"), [(LONG, BUY), (SHORT, SELL)])
def test_flat_enters(side: PositionSide, leg: OrderSide) -> None:
    assert plan(Verb.ENTER, 0, side, 5).entry == EntryLeg(leg)


def test_flat_enters_and_cancels_what_would_open_the_other_side_only() -> None:
    assert plan(Verb.ENTER, 0, LONG).cancel is Cancel.SELLS
    assert plan(Verb.ENTER, 0, SHORT).cancel is Cancel.BUYS


@pytest.mark.parametrize(("held", "side"), [(10, LONG), (-10, SHORT)])
def test_the_held_direction_adds_up_to_max_adds_then_there_is_nothing_to_do(
    held: int, side: PositionSide
) -> None:
    assert plan(Verb.ENTER, held, side).nothing == "ALREADY_IN_POSITION"
    added = plan(Verb.ENTER, held, side, max_adds=2, adds=1)
    assert added.entry == EntryLeg(BUY if held > 0 else SELL, add=True)
    assert plan(Verb.ENTER, held, side, max_adds=2, adds=2).nothing == "ALREADY_IN_POSITION"


@pytest.mark.parametrize("wanted", [None, 10, 25])
@pytest.mark.parametrize(("held", "side", "leg"), [(10, SHORT, sell(10)), (-10, LONG, cover(10))])
def test_against_the_held_direction_no_equal_or_larger_size_closes(
    wanted: int | None, held: int, side: PositionSide, leg: ExitLeg
) -> None:
    assert plan(Verb.ENTER, held, side, wanted) == Plan(exit=leg, cancel=Cancel.ALL)


@pytest.mark.parametrize("on_opposite", ["close", "reverse"])
def test_against_the_held_direction_a_smaller_size_reduces(
    on_opposite: Literal["close", "reverse"],
) -> None:
    assert plan(Verb.ENTER, 10, SHORT, 4, on_opposite=on_opposite) == Plan(exit=sell(4))
    assert plan(Verb.ENTER, -10, LONG, 4, on_opposite=on_opposite) == Plan(exit=cover(4))


def test_a_size_below_the_smallest_step_reduces_nothing_and_closes_nothing() -> None:
    assert plan(Verb.ENTER, 10, SHORT, 0) == Plan(denied="SIZE_ZERO")
    assert plan(Verb.EXIT, 10, LONG, 0) == Plan(denied="SIZE_ZERO")
    assert plan(Verb.REDUCE, 10, LONG, 0) == Plan(denied="SIZE_ZERO")


@pytest.mark.parametrize("wanted", [None, 4, 25])
def test_on_opposite_ignore(wanted: int | None) -> None:
    assert plan(Verb.ENTER, 10, SHORT, wanted, on_opposite="ignore") == Plan(
        nothing="OPPOSITE_IGNORED"
    )


def test_only_on_opposite_reverse_crosses_zero() -> None:
    flip = plan(Verb.ENTER, 10, SHORT, 12, on_opposite="reverse")
    assert (flip.exit, flip.entry) == (sell(10), EntryLeg(SELL))
    summed = plan(Verb.ENTER, 10, SHORT, 12, on_opposite="reverse", flip="old_plus_new")
    assert (summed.exit, summed.entry) == (sell(10), EntryLeg(SELL, D(2)))
    even = plan(Verb.ENTER, 10, SHORT, 10, on_opposite="reverse", flip="old_plus_new")
    assert (even.exit, even.entry) == (sell(10), None)


# ---- add ----


def test_add_is_denied_at_the_maximum_and_follows_what_is_held() -> None:
    assert plan(Verb.ADD, 10).denied == "ADDS_AT_MAX"
    assert plan(Verb.ADD, 10, max_adds=1).entry == EntryLeg(BUY, add=True)
    assert plan(Verb.ADD, -10, SHORT, max_adds=1).entry == EntryLeg(SELL, add=True)
    assert plan(Verb.ADD, 10, max_adds=1, adds=1).denied == "ADDS_AT_MAX"
    assert plan(Verb.ADD, 0, max_adds=1).nothing == "ALREADY_FLAT"
    assert plan(Verb.ADD, 10, SHORT, max_adds=1).nothing == "ALREADY_FLAT"


# ---- exit, reduce, close_all ----


@pytest.mark.parametrize("side", [LONG, FLAT, None])
def test_exit_without_a_size_takes_all(side: PositionSide | None) -> None:
    assert plan(Verb.EXIT, 10, side).exit == sell(10)


def test_exit_with_a_size_takes_that_and_never_more_than_is_held() -> None:
    assert plan(Verb.EXIT, 10, LONG, 4) == Plan(exit=sell(4))
    assert plan(Verb.EXIT, 10, LONG, 40).exit == sell(10)
    assert plan(Verb.EXIT, -10, SHORT, 40).exit == cover(10)


def test_exit_of_the_other_side_leaves_what_is_held_alone() -> None:
    assert plan(Verb.EXIT, 10, SHORT).nothing == "ALREADY_FLAT"
    assert plan(Verb.EXIT, 10, SHORT, working_buys=1).nothing == "ALREADY_FLAT"
    assert plan(Verb.EXIT, 10, SHORT, working_sells=1) == Plan(cancel=Cancel.SELLS)


def test_exit_when_flat_cancels_the_entry_that_would_open_what_is_to_be_left() -> None:
    assert plan(Verb.EXIT).nothing == "ALREADY_FLAT"
    assert plan(Verb.EXIT, 0, LONG, working_sells=1).nothing == "ALREADY_FLAT"
    assert Cancel.BUYS in plan(Verb.EXIT, 0, LONG, working_buys=1).cancel
    assert Cancel.SELLS not in plan(Verb.EXIT, 0, LONG, working_buys=1, working_sells=1).cancel
    assert Cancel.ENTRIES in plan(Verb.EXIT, 0, None, working_sells=1).cancel


def test_a_full_exit_replaces_exits_that_work_already() -> None:
    assert Cancel.EXITS in plan(Verb.EXIT, 10, LONG, working_exits=1, exiting=D(10)).cancel


def test_a_part_leaves_a_working_exit_unless_both_would_be_too_much() -> None:
    fits = plan(Verb.EXIT, 10, LONG, 4, working_exits=1, exiting=D(6))
    assert fits == Plan(exit=sell(4), cancel=Cancel.NOTHING)
    too_much = plan(Verb.EXIT, 10, LONG, 4, working_exits=1, exiting=D(7))
    assert too_much == Plan(exit=sell(4), cancel=Cancel.EXITS)


def test_reduce_needs_a_size() -> None:
    assert plan(Verb.REDUCE, 10).denied == "SIZE_MISSING"
    assert plan(Verb.REDUCE, 10, LONG, 3).exit == sell(3)


def test_close_all_takes_all_whatever_size_it_names() -> None:
    assert plan(Verb.CLOSE_ALL, 10, None, 3).exit == sell(10)
    assert plan(Verb.CLOSE_ALL, -10).exit == cover(10)


# ---- reverse, target, cancel ----


def test_reverse() -> None:
    assert plan(Verb.REVERSE).nothing == "ALREADY_FLAT"
    assert plan(Verb.REVERSE, 0, SHORT).entry == EntryLeg(SELL)
    assert plan(Verb.REVERSE, 10, LONG).nothing == "ALREADY_IN_POSITION"
    turned = plan(Verb.REVERSE, 10)
    assert (turned.exit, turned.entry) == (sell(10), EntryLeg(SELL))
    assert plan(Verb.REVERSE, -10, LONG, 3).entry is None
    assert plan(Verb.REVERSE, -10, LONG, 3, on_opposite="ignore").nothing == "OPPOSITE_IGNORED"
    turned = plan(Verb.REVERSE, -10, LONG, 3, on_opposite="reverse")
    assert (turned.exit, turned.entry) == (cover(10), EntryLeg(BUY))


@pytest.mark.parametrize(
    ("held", "target", "exit_leg", "entry"),
    [
        (0, 10, None, EntryLeg(BUY, D(10))),
        (0, -10, None, EntryLeg(SELL, D(10))),
        (4, 10, None, EntryLeg(BUY, D(6), add=True)),
        (10, 4, sell(6), None),
        (10, 0, sell(10), None),
        (-10, -4, cover(6), None),
        (10, -3, sell(10), EntryLeg(SELL, D(3))),
        (-10, 3, cover(10), EntryLeg(BUY, D(3))),
    ],
)
def test_target(held: int, target: int, exit_leg: ExitLeg | None, entry: EntryLeg | None) -> None:
    found = plan(Verb.TARGET, held, target=target)
    assert (found.exit, found.entry) == (exit_leg, entry)
    assert found.cancel is Cancel.ALL


def test_target_is_scaled_and_says_when_it_is_reached() -> None:
    assert plan(Verb.TARGET, 5, target=10, multiplier="0.5").nothing == "TARGET_REACHED"
    assert plan(Verb.TARGET, 5).denied == "SIZE_MISSING"
    # Half filled: the working rest would go beyond it.
    assert plan(Verb.TARGET, 10, target=10, working_buys=1) == Plan(cancel=Cancel.ALL)


@pytest.mark.parametrize("verb", [Verb.CANCEL, Verb.CANCEL_ALL])
@pytest.mark.parametrize("kind", ["working_buys", "working_sells", "working_exits"])
def test_cancel_takes_entries_and_exits(verb: Verb, kind: str) -> None:
    working: dict[str, Any] = {kind: 1}
    assert plan(verb, 10, **working) == Plan(cancel=Cancel.ALL)
    assert plan(verb, 10).nothing == "NO_OPEN_ORDERS"


@pytest.mark.parametrize("verb", [Verb.BREAKEVEN, Verb.AMEND, Verb.PAUSE])
def test_what_is_not_built_is_refused_by_name(verb: Verb) -> None:
    assert plan(verb, 10).denied == "UNSUPPORTED_BY_VENUE"


# ---- what holds for all ----

sizes = st.decimals("0", "1000", places=3)
signed = st.decimals("-1000", "1000", places=3)


@given(
    verb=st.sampled_from(list(Verb)),
    held=signed,
    side=st.none() | st.sampled_from(list(PositionSide)),
    wanted=st.none() | sizes,
    on_opposite=st.sampled_from(["close", "reverse", "ignore"]),
    max_adds=st.integers(0, 2),
    flip=st.sampled_from(["new", "old_plus_new"]),
    target=st.none() | signed,
    multiplier=st.sampled_from(["0.5", "1", "3"]),
    adds=st.integers(0, 2),
    working_buys=st.integers(0, 2),
    working_sells=st.integers(0, 2),
    exiting=sizes,
)
def test_no_plan_exits_more_than_is_held_or_crosses_zero_unasked(**given_: Any) -> None:
    held, verb = given_["held"], given_["verb"]
    given_["working_exits"] = int(bool(given_["exiting"]))
    found = plan(**given_)
    said = [found.nothing, found.denied]
    assert any(said) != bool(found.exit or found.entry or found.cancel)
    assert sum(each is not None for each in said) <= 1
    left = held
    if found.exit is not None:
        assert 0 < found.exit.quantity <= abs(held)
        assert found.exit.side.sign * held < 0
        left = held + found.exit.side.sign * found.exit.quantity
        if Cancel.EXITS not in found.cancel:
            assert found.exit.quantity + given_["exiting"] <= abs(held)
    if found.entry is not None:
        assert found.entry.quantity is None or found.entry.quantity > 0
        if held and found.entry.side.sign * held < 0:
            assert left == 0
            assert verb in (Verb.REVERSE, Verb.TARGET) or given_["on_opposite"] == "reverse"
        assert found.entry.add == (found.entry.side.sign * held > 0)
