"""Fills to positions and profit: worked examples, and what must hold for any fills."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.ledger import Holding, apply_fill, average_fill_price, unrealized_pnl
from tradehub.core.money import MAX_DIGITS
from tradehub.core.words import OrderSide

D = Decimal
BUY, SELL = OrderSide.BUY, OrderSide.SELL

quantities = st.decimals("0.00000001", "100000", places=8, allow_nan=False)
prices = st.decimals("0.01", "100000", places=4, allow_nan=False)
fills = st.tuples(st.sampled_from([BUY, SELL]), quantities, prices)


@pytest.mark.parametrize(
    ("held", "fill", "after", "realized", "closed", "opened"),
    [
        ((0, 0), (BUY, 10, 100), (10, 100), 0, False, True),
        ((10, 100), (BUY, 10, 110), (20, 105), 0, False, False),
        ((10, 100), (SELL, 4, 110), (6, 100), 40, False, False),
        ((10, 100), (SELL, 10, 90), (0, 0), -100, True, False),
        ((10, 100), (SELL, 15, 110), (-5, 110), 100, True, True),
        ((0, 0), (SELL, 10, 100), (-10, 100), 0, False, True),
        ((-10, 100), (SELL, 10, 90), (-20, 95), 0, False, False),
        ((-10, 100), (BUY, 4, 90), (-6, 100), 40, False, False),
        ((-10, 100), (BUY, 12, 120), (2, 120), -200, True, True),
    ],
)
def test_worked_examples(
    held: tuple[int, int],
    fill: tuple[OrderSide, int, int],
    after: tuple[int, int],
    realized: int,
    closed: bool,
    opened: bool,
) -> None:
    side, quantity, price = fill
    effect = apply_fill(Holding(D(held[0]), D(held[1])), side, D(quantity), D(price))
    assert effect.holding == Holding(D(after[0]), D(after[1]))
    assert (effect.realized_pnl, effect.closed, effect.opened) == (realized, closed, opened)


@pytest.mark.parametrize(("quantity", "price"), [(0, 1), (-1, 1), (1, -1)])
def test_a_senseless_fill_is_refused(quantity: int, price: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        apply_fill(Holding(), BUY, D(quantity), D(price))


@given(st.lists(fills, max_size=25), prices)
def test_money_is_conserved(done: list[tuple[OrderSide, Decimal, Decimal]], mark: Decimal) -> None:
    """Cash paid and received plus what is held at the mark is what was realized and is not yet."""
    held, realized, cash, net, traded = Holding(), D(0), D(0), D(0), D(0)
    for side, quantity, price in done:
        effect = apply_fill(held, side, quantity, price)
        held, realized = effect.holding, realized + effect.realized_pnl
        cash -= side.sign * quantity * price
        net += side.sign * quantity
        traded += quantity * price
    assert held.quantity == net
    worth = cash + net * mark
    # An average price has 28 digits, so a cent is not lost in any book a person can have.
    assert abs(worth - realized - unrealized_pnl(held, mark)) <= traded * D("1e-20") + D("1e-15")


@given(st.lists(fills, max_size=25))
def test_flags_tell_when_a_position_ends_and_begins(
    done: list[tuple[OrderSide, Decimal, Decimal]],
) -> None:
    held = Holding()
    for side, quantity, price in done:
        effect = apply_fill(held, side, quantity, price)
        crossed = held.quantity * effect.holding.quantity < 0
        assert effect.closed == (not held.flat and (effect.holding.flat or crossed))
        assert effect.opened == (not effect.holding.flat and (held.flat or crossed))
        assert effect.holding.flat == (effect.holding == Holding())
        if not crossed and not effect.opened and side.sign * held.quantity < 0:
            assert effect.holding.flat or effect.holding.average_price == held.average_price
        held = effect.holding


@given(st.lists(fills, max_size=25))
def test_the_same_fills_give_the_same_book(
    done: list[tuple[OrderSide, Decimal, Decimal]],
) -> None:
    def replay() -> Holding:
        held = Holding()
        for fill in done:
            held = apply_fill(held, *fill).holding
        return held

    assert replay() == replay()


@given(st.lists(st.tuples(quantities, prices), min_size=1, max_size=20))
def test_the_average_lies_between_the_prices_and_can_be_stored(
    done: list[tuple[Decimal, Decimal]],
) -> None:
    average = average_fill_price(done)
    assert average is not None
    paid = [price for _, price in done]
    assert min(paid) - D("1e-15") <= average <= max(paid) + D("1e-15")
    assert len(average.as_tuple().digits) <= MAX_DIGITS


def test_no_fills_have_no_average() -> None:
    assert average_fill_price([]) is None
