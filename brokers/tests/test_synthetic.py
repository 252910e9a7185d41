"""The synthetic walk: deterministic, never faster than 0.01 % a second, never zero."""

from datetime import datetime, timedelta
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.paper import synthetic
from brokers.paper.synthetic import price_at
from brokers.tests.builders import NOW

PRECISE = Context(prec=50)
SECOND = 1_000_000
TEN_YEARS = 10 * 366 * 86400 * SECOND
instants = st.integers(0, TEN_YEARS)
gaps = st.one_of(st.integers(1, 1000), st.integers(1, 100 * SECOND), instants)
starts = st.decimals("0.00000123", "999999999", places=8).filter(lambda price: price > 0)


def after(microseconds: int) -> datetime:
    return NOW + timedelta(microseconds=microseconds)


@given(st.text(max_size=8), starts, instants, gaps)
def test_no_two_instants_break_the_speed_limit(
    seed: str, start: Decimal, first: int, gap: int
) -> None:
    one = price_at(seed, start, NOW, after(first))
    two = price_at(seed, start, NOW, after(first + gap))
    assert one > 0
    assert two > 0
    moved = abs(PRECISE.ln(PRECISE.divide(two, one)))
    assert moved <= Decimal(gap) / SECOND * Decimal("0.0001")


@given(st.text(max_size=8), starts, gaps)
def test_eight_digits_keep_the_limit_from_ten_milliseconds_on(
    seed: str, start: Decimal, gap: int
) -> None:
    gap += 10_000
    one, two = (price_at(seed, start, NOW, after(at), digits=8) for at in (gap, 2 * gap))
    moved = abs(PRECISE.ln(PRECISE.divide(two, one)))
    assert moved <= Decimal(gap) / SECOND * Decimal("0.0001")


@given(st.text(max_size=8), starts)
def test_it_starts_exactly_where_it_was_told(seed: str, start: Decimal) -> None:
    assert price_at(seed, start, NOW, NOW) == start
    assert price_at(seed, start, NOW, NOW - timedelta(days=1)) == start


def test_it_moves_and_two_seeds_differ() -> None:
    start = Decimal(100)
    walk = [price_at("a", start, NOW, NOW + timedelta(minutes=each)) for each in range(60)]
    assert len(set(walk)) == 60
    assert min(walk) < max(walk)
    assert walk[30] != price_at("b", start, NOW, NOW + timedelta(minutes=30))
    assert walk[30] == price_at("a", start, NOW, NOW + timedelta(minutes=30))


def test_the_worst_knots_of_all_keep_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every octave climbs as steeply as it can, all of them at once."""
    highest = 2**63
    monkeypatch.setattr(synthetic, "_knot", lambda *at: highest if at[2] % 2 else -highest)
    for microseconds in (1, 10, SECOND, 7 * SECOND):
        one = price_at("a", Decimal(1), NOW, after(SECOND))
        two = price_at("a", Decimal(1), NOW, after(SECOND + microseconds))
        moved = PRECISE.ln(PRECISE.divide(two, one))
        gone = Decimal(microseconds) / SECOND
        assert gone * Decimal("0.00007") < moved <= gone * Decimal("0.0001")
