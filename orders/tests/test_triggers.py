"""When a price meets a target or has passed a stop."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from brokers.types import Quote
from orders.triggers import pause_after, stop_jumped, stop_passed, target_met, tells
from tradehub.core.words import OrderSide

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
D = Decimal


def quote(bid: str, ask: str, last: str) -> Quote:
    return Quote("AAPL", D(bid), D(ask), D(last), NOW, "test")


@pytest.mark.parametrize(
    ("side", "bid", "ask", "met"),
    [
        ("sell", "109.99", "112", False),
        ("sell", "110", "112", True),
        ("sell", "150", "151", True),
        ("buy", "108", "110.01", False),
        ("buy", "108", "110", True),
        ("buy", "70", "71", True),
    ],
)
def test_a_target_is_met_by_the_price_that_could_be_had(
    side: str, bid: str, ask: str, met: bool
) -> None:
    assert target_met(OrderSide(side), D(110), quote(bid, ask, "110")) is met


@pytest.mark.parametrize(
    ("side", "last", "passed"),
    [
        ("sell", "95.01", False),
        ("sell", "95", True),
        ("sell", "20", True),
        ("buy", "94.99", False),
        ("buy", "95", True),
        ("buy", "300", True),
    ],
)
def test_a_stop_is_passed_by_the_last_trade(side: str, last: str, passed: bool) -> None:
    assert stop_passed(OrderSide(side), D(95), quote("1", "999", last)) is passed


@pytest.mark.parametrize(
    ("side", "there", "last", "jumped"),
    [
        ("sell", "85.5", "85.5", False),  # to be had: it fills
        ("sell", "85.49", "85.49", True),
        ("sell", "80", "95.01", False),  # nobody has traded there, so it has not triggered
        ("sell", "96", "80", False),
        ("buy", "104.5", "104.5", False),
        ("buy", "104.51", "104.51", True),
        ("buy", "120", "94.99", False),
    ],
)
def test_a_stop_is_jumped_where_it_has_triggered_and_its_limit_can_not_be_had(
    side: str, there: str, last: str, jumped: bool
) -> None:
    limit = D("85.5") if side == "sell" else D("104.5")
    price = quote(there, "999", last) if side == "sell" else quote("1", there, last)
    assert stop_jumped(OrderSide(side), D(95), limit, price) is jumped


def test_an_old_price_says_nothing() -> None:
    price = quote("1", "2", "1")
    assert tells(price, NOW + timedelta(seconds=299))
    assert not tells(price, NOW + timedelta(seconds=300))


def test_pauses_grow_to_five_minutes() -> None:
    seconds = [pause_after(times).total_seconds() for times in (0, 1, 2, 5, 8, 9, 10_000)]
    assert seconds == [0, 2, 4, 32, 256, 300, 300]
