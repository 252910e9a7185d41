"""The stop of an entry, judged before the entry leaves. No database."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from brokers.types import Capabilities, Instrument
from orders.stop_fits import StopFit, stop_fit, why_no_stop
from tradehub.core.words import OrderSide, OrderType

BUY, SELL = OrderSide.BUY, OrderSide.SELL
ABLE = Capabilities(frozenset(OrderType), frozenset(), shorts=True, linked_orders=False)
COIN = Instrument(
    "BTCUSDT", D("0.00001"), price_tick=D("0.01"), min_quantity=D("0.00001"),
    min_price=D("0.01"), max_price=D(1000), buy_keeps=D("0.001"),
)  # fmt: skip


def fit(
    stop: str = "95", side: OrderSide = BUY, held: str = "0", instrument: Instrument = COIN
) -> StopFit:
    found = stop_fit(instrument, side, D(stop), D(held))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("side", "held", "entered", "quantity"),
    [
        (BUY, "0", "0.12345", "0.12332"),  # less the fee, on the step
        (BUY, "1", "0.12345", "1.12332"),  # what is held is guarded too
        (BUY, "-1", "0.12345", "0.12332"),  # and is gone where the entry turns round
        (SELL, "0", "0.12345", "0.12345"),  # the fee of a sale is money
        (SELL, "-1", "0.12345", "1.12345"),
    ],
)
def test_a_stop_is_of_what_will_be_held(
    side: OrderSide, held: str, entered: str, quantity: str
) -> None:
    found = fit(side=side, held=held)
    assert found.quantity(D(entered)) == D(quantity)
    assert found.value(D(entered)) == D(quantity) * 95


def test_it_is_judged_at_the_price_that_the_venue_takes() -> None:
    assert fit("94.996").price == D("95.00")
    assert fit("0.00000001").price == D("0.01")


def test_without_a_stop_a_size_or_an_instrument_there_is_nothing_to_judge() -> None:
    assert stop_fit(COIN, BUY, None, D(0)) is None
    assert stop_fit(None, BUY, D(95), D(0)) is None
    for nothing in (None, D(0)):
        assert fit().value(nothing) is None
        assert fit().problem(nothing) is None


def test_what_the_fee_makes_too_small_for_a_stop_is_named_with_its_numbers() -> None:
    assert fit().problem(D("0.00002")) is None
    problem = fit().problem(D("0.00001"))
    assert problem is not None
    assert problem.code == "SIZE_ZERO"
    assert "may keep 0.00000001 of 0.00001 BTCUSDT" in problem.message
    assert "the stop would be of 0, below the venue's least of 0.00001" in problem.message
    assert fit(held="1").problem(D("0.00001")) is None


@pytest.mark.parametrize(
    ("kinds", "guard", "refused"),
    [
        (None, OrderType.STOP, False),
        ({OrderType.MARKET, OrderType.STOP}, OrderType.STOP, False),
        ({OrderType.MARKET, OrderType.STOP_LIMIT}, OrderType.STOP, True),
        ({OrderType.MARKET, OrderType.STOP_LIMIT}, OrderType.STOP_LIMIT, False),
    ],
)
def test_the_venue_must_take_the_type_that_a_stop_rests_as(
    kinds: set[OrderType] | None, guard: OrderType, refused: bool
) -> None:
    types = None if kinds is None else frozenset(kinds)
    why = why_no_stop(replace(COIN, order_types=types, guard_type=guard), ABLE, fit())
    assert (why is not None) is refused
    if why is not None:
        assert "takes no stop orders of BTCUSDT" in why


def test_an_account_without_stops_has_none_in_any_symbol() -> None:
    able = replace(ABLE, order_types=frozenset({OrderType.MARKET}))
    assert why_no_stop(COIN, able, None) is not None
    assert why_no_stop(COIN, ABLE, None) is None


def test_its_price_must_be_one_that_the_venue_takes() -> None:
    assert why_no_stop(COIN, ABLE, fit("1000")) is None
    above = why_no_stop(COIN, ABLE, fit("1000.01"))
    assert above is not None
    assert "stop at 1000.01 could not exist" in above
    assert "from 0.01 to 1000" in above
    cheap = replace(COIN, min_price=D(90), max_price=None)
    below = why_no_stop(cheap, ABLE, fit("89.99"))
    assert below is not None
    assert below.endswith("takes prices of BTCUSDT from 90.")
    assert why_no_stop(cheap, ABLE, fit("90")) is None
