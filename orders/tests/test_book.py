"""The book: what counts against the limits, and what a decision's own orders leave of it."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orders.book import Book, Held, Working
from orders.planning import Cancel
from tradehub.core.words import OrderRole, OrderSide, OrderStatus

D = Decimal
BUY, SELL = OrderSide.BUY, OrderSide.SELL
numbers = iter(range(10**9))


def working(
    quantity: Any = 1, price: Any = 100, *, symbol: str = "AAPL", strategy: str = "s", **more: Any
) -> Working:
    return Working(
        **{
            "id": f"ord{next(numbers)}",
            "symbol": symbol,
            "strategy": strategy,
            "side": BUY,
            "role": OrderRole.ENTRY,
            "remaining": D(quantity),
            "price": None if price is None else D(price),
            **more,
        }
    )


def book(*orders: Working, held: dict[Any, Any] | None = None, **marks: Any) -> Book:
    positions = {key: Held(D(quantity)) for key, quantity in (held or {}).items()}
    return Book({name: D(price) for name, price in marks.items()}, positions, list(orders))


def test_exposure_is_gross_of_positions_at_the_mark_and_entries_at_their_price() -> None:
    found = book(
        working(2, 90),
        working(7, 90, role=OrderRole.EXIT, side=SELL),
        held={("AAPL", "s"): 10, ("AAPL", "other"): -3, ("MSFT", "s"): 1},
        AAPL=100,
        MSFT=300,
    )
    assert found.symbol_value("AAPL") == 10 * 100 + 3 * 100 + 2 * 90
    assert found.gross_exposure() == 1480 + 300
    assert found.open_symbols() == {"AAPL", "MSFT"}


def test_a_value_without_a_price_is_unknown_and_not_less() -> None:
    assert book(held={("AAPL", "s"): 1}).gross_exposure() is None
    assert book(working(1, None)).gross_exposure() is None
    assert book(working(1, None), MSFT=1).symbol_value("MSFT") == 0
    assert book(working(1, None, status=OrderStatus.QUEUED)).reserved_value() is None


def test_buying_power_is_reserved_until_the_venue_knows_of_an_entry() -> None:
    for status in OrderStatus:
        reserved = book(working(2, 50, status=status)).reserved_value()
        unknown = status in (OrderStatus.QUEUED, OrderStatus.SENDING, OrderStatus.UNCONFIRMED)
        assert reserved == (100 if unknown else 0)


def test_standing_is_of_one_symbol_of_one_strategy() -> None:
    found = book(
        working(),
        working(side=SELL),
        working(4, role=OrderRole.EXIT, side=SELL),
        working(strategy="other"),
        working(symbol="MSFT"),
        held={("AAPL", "s"): 10, ("AAPL", "other"): 5},
    ).standing("AAPL", "s")
    assert (found.held, found.working_buys, found.working_sells) == (10, 1, 1)
    assert (found.working_exits, found.exiting) == (1, 4)


def test_an_add_counts_from_when_it_is_placed_and_once() -> None:
    long = {("AAPL", "s"): 10}
    assert book(working(), held=long).standing("AAPL", "s").adds == 1
    # What has begun to fill is counted by its position, or opened it.
    assert book(working(started=True), held=long).standing("AAPL", "s").adds == 0
    assert book(working(side=SELL), held=long).standing("AAPL", "s").adds == 0
    assert book(working()).standing("AAPL", "s").adds == 0


def test_symbols_with_only_an_exit_working_are_found_too() -> None:
    found = book(
        working(symbol="MSFT", role=OrderRole.EXIT),
        working(symbol="TSLA", strategy="other"),
        held={("AAPL", "s"): 1, ("NVDA", "s"): 0},
    )
    assert found.symbols_held("s") == ["AAPL", "MSFT"]


def test_kinds() -> None:
    assert working().kind is Cancel.BUYS
    assert working(side=SELL).kind is Cancel.SELLS
    assert working(role=OrderRole.EXIT, side=BUY).kind is Cancel.EXITS


quantities = st.decimals("0.001", "1000", places=3)


@given(st.decimals("-1000", "1000", places=3).filter(bool), st.decimals("0.001", "1", places=3))
def test_an_exit_moves_what_is_held_towards_zero(held: Decimal, share: Decimal) -> None:
    found = book(held={("AAPL", "s"): held})
    found.exit("AAPL", "s", abs(held) * share)
    left = found.standing("AAPL", "s").held
    assert abs(left) == abs(held) * (1 - share)
    assert left * held >= 0


@given(st.lists(st.tuples(quantities, st.sampled_from([BUY, SELL])), max_size=6))
def test_cancelling_everything_leaves_no_exposure(
    orders: list[tuple[Decimal, OrderSide]],
) -> None:
    found = book(*(working(quantity, 7, side=side) for quantity, side in orders))
    assert found.gross_exposure() == sum(quantity * 7 for quantity, _ in orders)
    found.cancel({each.id for each in found.working})
    assert found.gross_exposure() == 0
    assert not found.open_symbols()
