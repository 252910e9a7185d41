"""One order meets one quote: the prices to the digit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from brokers.paper.matching import Execution, Rules, VenueOrder, expired, match, trail_stop
from brokers.tests.builders import NOW, quote, resting
from brokers.types import Quote, ReportStatus
from tradehub.core.intent import Trail

FREE = Rules()
COSTLY = Rules(fee_percent=D("0.1"), slippage_percent=D("0.05"))


def meet(
    order: VenueOrder, seen: Quote, rules: Rules = FREE, most: D | None = None
) -> tuple[VenueOrder, Execution | None]:
    return match(order, seen, rules, most=most, now=NOW)


@pytest.mark.parametrize(
    ("side", "price", "fee"), [("buy", "100.15005", "1.0015005"), ("sell", "99.85005", "0.9985005")]
)
def test_a_market_order_pays_the_spread_slippage_and_fee(side: str, price: str, fee: str) -> None:
    order, fill = meet(resting(side, "10"), quote("100", bid="99.9", ask="100.1"), COSTLY)
    assert fill is not None
    assert (fill.price, fill.fee) == (D(price), D(fee))
    assert order.status is ReportStatus.FILLED


def test_slippage_is_rounded_against_the_trader() -> None:
    rules = Rules(slippage_percent=D("0.333333"))
    _, bought = meet(resting("buy"), quote("0.123456789"), rules)
    _, sold = meet(resting("sell"), quote("0.123456789"), rules)
    assert bought is not None
    assert sold is not None
    assert bought.price == D("0.123868311219")
    assert sold.price == D("0.123045266781")


@pytest.mark.parametrize(
    ("side", "limit", "last", "price"),
    [
        ("buy", "100", "100.01", None),
        ("buy", "100", "100", "100"),
        ("buy", "100", "95", "95"),
        ("sell", "100", "99.99", None),
        ("sell", "100", "100", "100"),
        ("sell", "100", "105", "105"),
    ],
)
def test_a_limit_fills_at_its_price_or_better(
    side: str, limit: str, last: str, price: str | None
) -> None:
    order = resting(side, "10", "limit", limit_price=limit)
    _, fill = meet(order, quote(last), COSTLY)
    assert (fill and fill.price) == (price and D(price))


@pytest.mark.parametrize(
    ("side", "last", "price"),
    [
        ("sell", "95.01", None),
        ("sell", "95", "95"),
        ("sell", "80", "80"),
        ("buy", "94.99", None),
        ("buy", "95", "95"),
        ("buy", "120", "120"),
    ],
)
def test_a_stop_fills_at_the_market_and_not_at_the_stop(
    side: str, last: str, price: str | None
) -> None:
    order, fill = meet(resting(side, "10", "stop", stop_price="95"), quote(last))
    assert (fill and fill.price) == (price and D(price))
    assert order.triggered == (price is not None)


def test_a_stop_limit_waits_at_its_limit_after_the_trigger() -> None:
    order = resting("sell", "10", "stop_limit", stop_price="95", limit_price="94")
    order, fill = meet(order, quote("90"))
    assert order.triggered
    assert fill is None
    order, fill = meet(order, quote("96"))
    assert fill is not None
    assert fill.price == 96


@pytest.mark.parametrize(("trail", "stop"), [(Trail(offset=D(5)), "115"), (Trail(D(10)), "108")])
def test_a_trailing_stop_keeps_the_best_price(trail: Trail, stop: str) -> None:
    order = resting("sell", "10", "trailing_stop", trail=trail)
    for last in ("118", "120", "117"):
        order, fill = meet(order, quote(last))
        assert fill is None
    assert trail_stop(order) == D(stop)
    order, fill = meet(order, quote("100"))
    assert fill is not None
    assert fill.price == 100


def test_a_trailing_buy_follows_downwards() -> None:
    order = resting("buy", "1", "trailing_stop", trail=Trail(offset=D(5)))
    order, _ = meet(order, quote("100"))
    order, _ = meet(order, quote("90"))
    assert trail_stop(order) == 95
    assert meet(order, quote("94"))[1] is None
    assert meet(order, quote("95"))[1] is not None


def test_a_fill_limit_gives_one_part_on_one_quote() -> None:
    rules = Rules(fill_limit=D(4))
    order, fill = meet(resting("buy", "10"), quote("100"), rules)
    assert fill is not None
    assert (fill.quantity, order.status) == (4, ReportStatus.PARTIALLY_FILLED)
    order, fill = meet(order, quote("100"), rules)
    assert fill is None
    later = [NOW + timedelta(seconds=each) for each in (1, 2)]
    order, fill = meet(order, quote("101", at=later[0]), rules)
    order, fill = meet(order, quote("102", at=later[1]), rules)
    assert fill is not None
    assert (fill.quantity, fill.price, order.status) == (2, 102, ReportStatus.FILLED)


def test_fill_or_kill_takes_all_or_nothing() -> None:
    order = resting("buy", "10", tif="fok")
    assert meet(order, quote("100"), Rules(fill_limit=D(9)))[1] is None
    assert meet(order, quote("100"), Rules(fill_limit=D(10)))[1] is not None


def test_an_order_that_only_reduces_is_cut_and_ends_with_nothing_held() -> None:
    order, fill = meet(resting("sell", "10"), quote("100"), most=D(3))
    assert fill is not None
    assert (fill.quantity, order.remaining) == (3, 7)
    order, fill = meet(order, quote("100"), most=D(0))
    assert fill is None
    assert (order.status, order.code) == (ReportStatus.CANCELED, "NOTHING_TO_REDUCE")


def test_a_day_order_ends_with_its_utc_day() -> None:
    evening = datetime(2026, 3, 18, 23, 59, 59, tzinfo=UTC)
    midnight = datetime(2026, 3, 19, tzinfo=UTC)
    day = resting(tif="day", created_at=evening)
    assert not expired(day, evening)
    assert expired(day, midnight)
    assert not expired(resting(created_at=evening), midnight)


def test_a_fee_keeps_every_digit() -> None:
    _, fill = meet(resting("buy", "0.00123456"), quote("45123.45"), Rules(fee_percent=D("0.075")))
    assert fill is not None
    assert fill.fee == D("0.041780704824")
