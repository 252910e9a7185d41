"""A made-up price for demos and tests: a seeded walk with a speed limit.

Pure, deterministic, O(1) in elapsed time, integers and Decimals only. For any two instants
|ln(p2 / p1)| <= 0.0001 a second. The walk is a sum of octaves of value noise: hashed knots joined
by straight lines. An octave of period P and amplitude A climbs at most 2A/P; A grows with the
root of P, as a random walk does, so short moves are small and a month may take ten percent.
"""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from hashlib import blake2b

DIGITS = 12
"""Significant digits of a price. A tick of twelve is small enough that rounding breaks the speed
limit not even between two neighbouring microseconds; fewer digits need instants further apart."""

_MICROSECOND = timedelta(microseconds=1)
_FIRST_PERIOD = 8_000_000
"""Microseconds between two knots of the fastest octave; each next one is eight times slower."""
_OCTAVES = 8
_FIRST_AMPLITUDE = Decimal("0.00022")
_ROOT_OF_EIGHT = Decimal("2.82")
"""A little below the root, so that the slopes (0.55, 0.19, 0.07 ... 1e-4/s) sum below 0.85e-4."""
_KNOT = 2**63
_EXACT = Context(prec=45, rounding=ROUND_HALF_EVEN)


def price_at(
    seed: str, start_price: Decimal, started_at: datetime, now: datetime, *, digits: int = DIGITS
) -> Decimal:
    """The price at `now`; exactly `start_price` at `started_at` and before."""
    elapsed = (now - started_at) // _MICROSECOND
    if elapsed <= 0:
        return start_price
    drift = _EXACT.subtract(_height(seed, elapsed), _height(seed, 0))
    price = _EXACT.multiply(start_price, _EXACT.exp(drift))
    kept = max(digits, len(start_price.as_tuple().digits))
    return Context(prec=kept, rounding=ROUND_HALF_EVEN).plus(price)


def _height(seed: str, elapsed: int) -> Decimal:
    total = Decimal(0)
    period, amplitude = _FIRST_PERIOD, _FIRST_AMPLITUDE
    for octave in range(_OCTAVES):
        knot, into = divmod(elapsed, period)
        weighted = _knot(seed, octave, knot) * (period - into)
        weighted += _knot(seed, octave, knot + 1) * into
        share = _EXACT.divide(Decimal(weighted), Decimal(period * _KNOT))
        total = _EXACT.add(total, _EXACT.multiply(amplitude, share))
        period *= 8
        amplitude = _EXACT.multiply(amplitude, _ROOT_OF_EIGHT)
    return total


@lru_cache(maxsize=4096)
def _knot(seed: str, octave: int, knot: int) -> int:
    """A whole number in [-2**63, 2**63)."""
    digest = blake2b(f"{seed}|{octave}|{knot}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") - _KNOT
