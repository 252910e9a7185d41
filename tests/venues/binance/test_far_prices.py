"""PERCENT_PRICE_BY_SIDE at spot: an entry whose limit is too far from the market does not leave,
and nothing is refused that the venue would take."""

from decimal import Decimal as D
from typing import Any

import pytest

from brokers.binance.market import forget_markets
from brokers.errors import OrderRejected, Unsupported
from brokers.types import ReportStatus
from tests.venues.binance.books import Market
from tests.venues.binance.fixtures import KEY, Desk, SpotVenue, make_spot_hub
from tests.venues.binance.venue import filters

FAR = {"limit_price": "15"}
"""A buy goes from 0.2 times the average, which is 100."""


@pytest.fixture
def market(desk: Desk) -> Market:
    """As the decision leaves it: its price was read."""
    desk.broker.quotes(["BTCUSDT"])
    return desk.venue.books.markets["BTCUSDT"]


def reach(minutes: int) -> dict[str, Any]:
    names = ("bidMultiplierUp", "bidMultiplierDown", "askMultiplierUp", "askMultiplierDown")
    bounds: dict[str, Any] = dict(zip(names, ("5", "0.2", "5", "0.2"), strict=True))
    return bounds | {"avgPriceMins": minutes}


def refused(desk: Desk, kind: str = "limit", side: str = "buy", **prices: str) -> Unsupported:
    asked = desk.ask(side, "1", kind, **prices)
    with pytest.raises(Unsupported) as found:
        desk.broker.submit(asked)
    assert desk.venue.posts(asked.client_order_id) == 0
    return found.value


@pytest.mark.parametrize(
    ("kind", "more"),
    [("limit", FAR), ("limit", {"limit_price": "520"}),
     ("stop_limit", {"stop_price": "450", "limit_price": "520"})],
)  # fmt: skip
def test_a_limit_too_far_from_the_market_does_not_leave(
    desk: Desk, market: Market, kind: str, more: dict[str, str]
) -> None:
    error = refused(desk, kind, **more)
    assert error.venue_code == "PERCENT_PRICE_BY_SIDE"
    assert f"at {more['limit_price']} is too far from the market at 100" in error.text
    assert "from 0.2 to 5 times the average price of 5 minutes" in error.text


def test_the_average_counts_where_it_differs_from_the_last_price(
    desk: Desk, market: Market
) -> None:
    market.average = D(60)
    assert desk.place("buy", "1", "limit", **FAR).status is ReportStatus.OPEN
    assert len(desk.venue.asked("average")) == 1
    market.average = D(90)
    assert "the market at 90" in refused(desk, **FAR).text


def test_a_reference_price_counts_before_the_average(desk: Desk, market: Market) -> None:
    market.reference = D(60)
    assert desk.place("buy", "1", "limit", **FAR).status is ReportStatus.OPEN
    market.reference, market.average = D(80), D(60)
    assert "the market at 80" in refused(desk, **FAR).text
    assert not desk.venue.asked("average")


def test_without_minutes_the_last_price_counts(desk: Desk, market: Market) -> None:
    forget_markets()
    market.filters = filters(PERCENT_PRICE_BY_SIDE=reach(0))
    desk.broker.quotes(["BTCUSDT"])
    market.average = D(60)
    assert "times the last price" in refused(desk, **FAR).text
    market.last = D(60)
    assert desk.place("buy", "1", "limit", **FAR).status is ReportStatus.OPEN


def test_an_average_of_other_minutes_judges_nothing(desk: Desk, market: Market) -> None:
    forget_markets()
    market.filters = filters(PERCENT_PRICE_BY_SIDE=reach(1))
    desk.broker.quotes(["BTCUSDT"])
    with pytest.raises(OrderRejected, match="PERCENT_PRICE_BY_SIDE"):
        desk.place("buy", "1", "limit", **FAR)


@pytest.mark.parametrize("operation", ["reference", "average"])
@pytest.mark.parametrize("kind", ["refuse_500", "close_before", "truncated_json"])
def test_what_the_venue_does_not_tell_it_judges_itself(
    desk: Desk, market: Market, operation: str, kind: str
) -> None:
    desk.venue.fault(operation, kind, key=KEY)
    with pytest.raises(OrderRejected) as found:
        desk.place("buy", "1", "limit", **FAR)
    assert found.value.venue_code == "-1013"
    assert "from 0.2 to 5 times the average price" in found.value.text


def test_a_price_that_nobody_asked_for_of_late_judges_nothing(desk: Desk) -> None:
    with pytest.raises(OrderRejected):
        desk.place("buy", "1", "limit", **FAR)
    assert not desk.venue.asked("reference")


def test_what_is_near_costs_no_question(desk: Desk, market: Market) -> None:
    desk.place("buy", "1", "limit", limit_price="90")
    desk.place("buy", "1")
    asked = desk.venue.asked
    assert not asked("reference")
    assert not asked("average")
    assert len(asked("quotes")) == 1


def test_an_exit_is_the_venues_to_judge(desk: Desk, market: Market) -> None:
    desk.place("buy", "2")
    market.average = D(400)
    asked = desk.ask("sell", "1", "limit", limit_price="600", reduce_only=True)
    assert desk.broker.submit(asked).status is ReportStatus.OPEN
    assert not desk.venue.asked("reference")


def test_an_alert_with_such_a_limit_is_told_why(alice: Any, spot_venue: SpotVenue) -> None:
    hub = make_spot_hub(alice, spot_venue, {"max_order_value": "100000"})
    hub.send(symbol="BTCUSDT", price="100", action="buy", quantity="1", order_type="limit",
             limit_price="15")  # fmt: skip
    (entry,) = hub.orders()
    assert (entry.status, entry.reason) == ("rejected", "UNSUPPORTED_BY_VENUE")
    assert "Filter failure: PERCENT_PRICE_BY_SIDE" in entry.reason_text
    assert not spot_venue.venue.asked("submit")
