"""What a venue keeps of the traded asset as its fee, and what is too little to be traded again."""

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.types import FillReport, VenuePosition
from orders.ledger import Holding, apply_fill, without_dust
from orders.protection import Protection, Target, plan_children
from orders.reconciliation import Agreed, Finding, OurBooks, PositionDrift, TheirBooks, reconcile
from tradehub.core.words import OrderSide

AT = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
LEAST = D("0.1")


def fill(side: str, quantity: str, **more: Any) -> FillReport:
    return FillReport("f1", "", "BTCUSDT", OrderSide(side), D(quantity), D(100), D(0), "BTC", AT,
                      **more)  # fmt: skip


@pytest.mark.parametrize(("side", "moved"), [("buy", "1.998"), ("sell", "2.002")])
def test_what_is_kept_is_missing_on_either_side(side: str, moved: str) -> None:
    assert fill(side, "2", kept=D("0.002")).moved == D(moved)
    assert fill(side, "2").moved == 2


def test_a_fee_is_money_once() -> None:
    assert fill("buy", "2").cost == 0
    assert fill("buy", "2", fee_value=D("0.2")).cost == D("0.2")


@pytest.mark.parametrize(
    ("held", "side", "quantity", "was_open", "flat", "opened"),
    [
        ("0", "buy", "1", False, False, True),
        ("0", "buy", "0.09", False, True, False),  # a first part that is too little
        ("0.09", "buy", "0.01", False, False, True),  # and what makes it enough
        ("0.09", "buy", "0.005", False, True, False),
        ("1", "sell", "0.9", True, False, False),
        ("1", "sell", "0.91", True, True, False),  # what is left can't be sold
        ("0.09", "sell", "0.09", False, True, False),
        ("1", "buy", "1", True, False, False),
    ],
)
def test_too_little_is_held_but_is_no_position(
    held: str, side: str, quantity: str, was_open: bool, flat: bool, opened: bool
) -> None:
    effect = apply_fill(Holding(D(held), D(100) if D(held) else D(0)), OrderSide(side), D(quantity),
                        D(100))  # fmt: skip
    seen = without_dust(effect, LEAST, was_open=was_open)
    assert (seen.flat, seen.opened) == (flat, opened)
    assert seen.holding == effect.holding


def test_where_everything_can_be_traded_nothing_changes() -> None:
    effect = apply_fill(Holding(D(1), D(100)), OrderSide.SELL, D("0.99999"), D(100))
    assert without_dust(effect, D(0), was_open=True) == effect


def findings(ours: str, theirs: str, **more: Any) -> tuple[Finding, ...]:
    held = VenuePosition("BTCUSDT", D(theirs), D(100), least=LEAST)
    books = OurBooks({}, frozenset(), {"BTCUSDT": D(ours)} if D(ours) else {}, **more)
    return reconcile(books, TheirBooks((), (), (held,)))


def test_a_difference_that_can_not_be_traded_is_none() -> None:
    assert findings("1", "1.09") == findings("1", "0.91") == findings("0", "0.09") == ()
    for ours, theirs in (("1", "1.1"), ("1", "0.9"), ("0", "0.1")):
        (found,) = findings(ours, theirs)
        assert isinstance(found, PositionDrift)
    assert findings("1", "1.05", drifting=frozenset({"BTCUSDT"})) == (Agreed("BTCUSDT"),)


def test_what_is_too_little_alone_counts_in_the_sum() -> None:
    """The venue's least is of all that the account holds there, not of each strategy's rest."""
    dust = {"BTCUSDT": D("0.12")}  # 0.07 and 0.05
    assert findings("0.12", "0.12", dust=dust) == findings("1.12", "1.12", dust=dust) == ()
    assert findings("0.12", "0", dust=dust) == findings("1.12", "1", dust=dust) == ()  # swept
    (found,) = findings("1.12", "1.5", dust=dust)
    assert found == PositionDrift("BTCUSDT", D("1.12"), D("1.5"), D(100))
    mended = findings("0.12", "0.12", dust=dust, drifting=frozenset({"BTCUSDT"}))
    assert mended == (Agreed("BTCUSDT"),)


def test_a_new_fill_explains_a_difference_less_what_was_kept() -> None:
    bought = fill("buy", "2", kept=D("0.5"))
    books = OurBooks({}, frozenset(), {})
    held = VenuePosition("BTCUSDT", D("1.5"), D(100))
    found = reconcile(books, TheirBooks((), (bought,), (held,)))
    assert not any(isinstance(each, PositionDrift) for each in found)


def test_protection_is_of_what_can_be_sold() -> None:
    asked = Protection(D(95), (Target(D(110), D(1)),))
    plan = plan_children(D("0.12332655"), asked, (), D("0.00001"))
    assert [each.quantity for each in plan.place] == [D("0.12332")] * 2
    assert not plan_children(D("0.000001"), asked, (), D("0.00001"))
