"""PERCENT_PRICE at futures: an entry whose limit is too far from the mark price does not leave, and
nothing is refused that the venue would take."""

from decimal import Decimal as D
from typing import Any

import pytest

from brokers.errors import OrderRejected, Unsupported
from brokers.types import ReportStatus
from tests.venues.binance_futures.books import Market
from tests.venues.binance_futures.fixtures import KEY, Desk, FuturesVenue, make_futures_hub
from tests.venues.binance_futures.venue import filters

REACH = {"multiplierUp": "1.1", "multiplierDown": "0.9", "multiplierDecimal": "4"}


@pytest.fixture
def market(futures_venue: FuturesVenue) -> Market:
    market = futures_venue.venue.books.markets["BTCUSDT"]
    market.filters = filters(PERCENT_PRICE=REACH)
    return market


@pytest.fixture
def priced(desk: Desk, market: Market) -> Desk:
    """As the decision leaves it: its price was read."""
    desk.broker.quotes(["BTCUSDT"])
    return desk


@pytest.mark.parametrize(("side", "limit"), [("buy", "115"), ("sell", "85")])
def test_a_limit_too_far_from_the_market_does_not_leave(
    priced: Desk, side: str, limit: str
) -> None:
    asked = priced.ask(side, "1", "limit", limit_price=limit)
    with pytest.raises(Unsupported) as found:
        priced.broker.submit(asked)
    assert priced.venue.posts(asked.client_order_id) == 0
    assert found.value.venue_code == "PERCENT_PRICE"
    bound = "to 1.1" if side == "buy" else "from 0.9"
    assert f"a price goes {bound} times the mark price" in found.value.text


@pytest.mark.parametrize(("side", "limit"), [("buy", "50"), ("sell", "200")])
def test_a_buy_has_no_lower_bound_and_a_sell_no_upper_one(
    priced: Desk, side: str, limit: str
) -> None:
    assert priced.place(side, "1", "limit", limit_price=limit).status is ReportStatus.OPEN
    assert not priced.venue.asked("mark")


def test_the_mark_price_counts_where_it_differs_from_the_last_price(
    priced: Desk, market: Market
) -> None:
    market.mark = D(106)
    assert priced.place("buy", "1", "limit", limit_price="115").filled_quantity == 1
    market.mark = D(103)
    with pytest.raises(Unsupported, match="the market at 103"):
        priced.place("buy", "1", "limit", limit_price="115")


def test_what_is_near_to_a_bound_is_the_venues_to_judge(priced: Desk, market: Market) -> None:
    with pytest.raises(OrderRejected, match="can't be higher"):
        priced.place("buy", "1", "limit", limit_price="110.5")


@pytest.mark.parametrize("kind", ["refuse_500", "close_before", "truncated_json"])
def test_what_the_venue_does_not_tell_it_judges_itself(priced: Desk, kind: str) -> None:
    priced.venue.fault("mark", kind, key=KEY)
    with pytest.raises(OrderRejected) as found:
        priced.place("buy", "1", "limit", limit_price="115")
    assert found.value.venue_code == "-4016"


def test_an_exit_is_the_venues_to_judge(priced: Desk, market: Market) -> None:
    priced.place("buy", "2")
    market.mark = D(80)
    report = priced.place("sell", "1", "limit", limit_price="85", reduce_only=True)
    assert report.filled_quantity == 1
    assert not priced.venue.asked("mark")


def test_an_alert_with_such_a_limit_is_told_why(
    alice: Any, futures_venue: FuturesVenue, market: Market
) -> None:
    hub = make_futures_hub(alice, futures_venue, {"max_order_value": "100000"})
    hub.send(symbol="BTCUSDT", price="100", action="buy", quantity="1", order_type="limit",
             limit_price="115")  # fmt: skip
    (entry,) = hub.orders()
    assert (entry.status, entry.reason) == ("rejected", "UNSUPPORTED_BY_VENUE")
    assert "Filter failure: PERCENT_PRICE." in entry.reason_text
    assert not futures_venue.venue.asked("submit")
