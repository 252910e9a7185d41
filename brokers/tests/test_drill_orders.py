"""What the drill asks for: the least that the venue takes, and far from the market."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from brokers.drill_orders import Odd, far_limit, far_stop
from brokers.types import Capabilities, Instrument, Quote, StopReach
from tradehub.core.words import OrderSide, OrderType, TimeInForce

ABLE = Capabilities(
    order_types=frozenset(OrderType),
    times_in_force=frozenset(TimeInForce),
    shorts=False,
    linked_orders=False,
)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
INSTRUMENT = Instrument("BTCUSDT", Decimal("0.001"), Decimal("0.1"), min_notional=Decimal(10))


def quote(bid: str, ask: str, last: str) -> Quote:
    prices = Decimal(bid), Decimal(ask), Decimal(last)
    return Quote("BTCUSDT", *prices, at=NOW, source="synthetic")


def test_the_order_is_the_smallest_that_the_venue_takes() -> None:
    request = far_limit("x", INSTRUMENT, quote("100.06", "100.1", "100.2"))
    assert request.limit_price == Decimal("80.0")
    assert request.quantity == Decimal("0.138")
    fussy = replace(INSTRUMENT, min_quantity=Decimal("0.5"), min_notional=Decimal(0))
    assert far_limit("x", fussy, quote("100", "100", "100")).quantity == Decimal("0.5")


def test_the_stop_is_the_smallest_that_the_venue_takes_and_far_above() -> None:
    request = far_stop("x", INSTRUMENT, ABLE, quote("100.06", "100.1", "100.07"))
    assert (request.order_type, request.limit_price) == (OrderType.STOP, None)
    assert request.stop_price == Decimal("125.2")
    assert request.quantity == Decimal("0.110")
    coarse = replace(INSTRUMENT, market_step=Decimal("0.1"))
    assert far_stop("x", coarse, ABLE, quote("100", "100", "100")).quantity == Decimal("0.2")


def test_a_book_that_is_far_from_the_last_price_brings_neither_nearer() -> None:
    wild = quote("100", "101", "50"), quote("100", "101", "200")
    assert far_limit("x", INSTRUMENT, wild[0]).limit_price == 40
    stop = far_stop("x", INSTRUMENT, ABLE, wild[1])
    assert stop.stop_price == 250


def test_where_stops_become_limits_it_has_one_and_without_stops_it_is_odd() -> None:
    """As a stop that guards a position leaves there."""
    there = quote("100", "100", "100")
    no_stops = replace(INSTRUMENT, order_types=frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT}))
    with pytest.raises(Odd, match="no stop of BTCUSDT"):
        far_stop("x", no_stops, ABLE, there)
    limits = replace(no_stops, stop_reach=(StopReach(OrderSide.BUY, Decimal("0.1")),))
    request = far_stop("x", limits, ABLE, there)
    assert (request.order_type, request.stop_price) == (OrderType.STOP_LIMIT, 125)
    assert request.limit_price == Decimal("137.5")
    with pytest.raises(Odd, match="no stop of BTCUSDT"):
        far_stop("x", replace(limits, order_types=frozenset({OrderType.LIMIT})), ABLE, there)
