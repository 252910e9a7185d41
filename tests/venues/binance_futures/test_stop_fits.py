"""At futures: no entry whose stop the venue would refuse; what reduces may be worth little."""

from typing import Any

import pytest

from tests.venues.binance_futures.books import Market
from tests.venues.binance_futures.fixtures import FuturesVenue, make_futures_hub
from tests.venues.binance_futures.test_hub import LIMITS, send
from tests.venues.binance_futures.venue import filters
from tradehub.testing.hub import Hub


@pytest.fixture
def hub(alice: Any, futures_venue: FuturesVenue) -> Hub:
    return make_futures_hub(alice, futures_venue, LIMITS)


@pytest.fixture
def market(futures_venue: FuturesVenue) -> Market:
    """BTCUSDT at 100, entries of at least 5 USDT."""
    return futures_venue.venue.books.markets["BTCUSDT"]


def test_a_stop_may_be_worth_less_than_an_entry_must_be(hub: Hub) -> None:
    decision = send(hub, action="buy", quantity="0.051", stop_loss="95")
    assert decision.outcome == "approved", decision.reasons
    assert hub.position("BTCUSDT").protected is True


def test_a_contract_without_stops_takes_no_entry_with_one(hub: Hub, market: Market) -> None:
    market.types = tuple(each for each in market.types if each != "STOP_MARKET")
    decision = send(hub, action="sell", quantity="1", stop_loss="105")
    assert decision.outcome == "denied"
    (found,) = decision.reasons
    assert found["code"] == "UNSUPPORTED_BY_VENUE"
    assert "takes no stop orders of BTCUSDT" in found["message"]
    assert send(hub, action="sell", quantity="1").outcome == "approved"


def test_a_stop_above_the_highest_price_denies_the_short(hub: Hub, market: Market) -> None:
    market.filters = filters(
        PRICE_FILTER={"minPrice": "0.10", "maxPrice": "104.00", "tickSize": "0.10"}
    )
    decision = send(hub, action="sell", quantity="1", stop_loss="105")
    assert decision.outcome == "denied"
    (found,) = decision.reasons
    assert found["code"] == "UNSUPPORTED_BY_VENUE"
    assert "from 0.1 to 104" in found["message"]
    assert send(hub, action="sell", quantity="1", stop_loss="104").outcome == "approved"
    assert hub.position("BTCUSDT").protected is True
