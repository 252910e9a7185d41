"""At spot: no entry whose stop the venue would refuse."""

from decimal import Decimal as D
from typing import Any

import pytest

from tests.venues.binance.books import Market
from tests.venues.binance.fixtures import SpotVenue, make_spot_hub
from tests.venues.binance.test_hub import held, poll, send, working
from tests.venues.binance.venue import filters
from tradehub.testing.hub import Hub

# The sizes that alerts name are taken as they are.
LIMITS = {"max_order_value": "100000"}


@pytest.fixture
def hub(alice: Any, spot_venue: SpotVenue) -> Hub:
    return make_spot_hub(alice, spot_venue, LIMITS, max_adds=1)


@pytest.fixture
def market(spot_venue: SpotVenue) -> Market:
    """BTCUSDT at 100, orders of at least 5 USDT."""
    return spot_venue.venue.books.markets["BTCUSDT"]


def reason(decision: Any) -> tuple[str, str]:
    (found,) = decision.reasons
    return found["code"], found["message"]


def test_an_entry_whose_stop_would_be_worth_too_little_is_denied(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    decision = send(hub, action="buy", quantity="0.051", stop_loss="95")
    assert decision.outcome == "denied"
    code, text = reason(decision)
    assert code == "ORDER_VALUE_BELOW_MIN"
    assert text.startswith("Its stop would be worth 4.8393, and the venue's least is 5.00")
    (found,) = decision.reasons
    assert (found["measured"], found["limit"]) == ("4.8393", "5")
    assert not spot_venue.venue.asked("submit")
    assert send(hub, action="buy", quantity="0.051").outcome == "approved"


def test_the_least_entry_that_passes_has_its_stop(hub: Hub, spot_venue: SpotVenue) -> None:
    """At 95 a stop needs 0.05264. That is left of 0.0527 when the fee is gone, not of 0.05269."""
    assert send(hub, action="buy", quantity="0.05269", stop_loss="95").outcome == "denied"
    decision = send(hub, action="buy", quantity="0.0527", stop_loss="95")
    assert decision.outcome == "approved", decision.reasons
    assert hub.position("BTCUSDT").protected is True
    assert working(spot_venue) == [("SELL", "STOP_LOSS", D("0.05264"), D(95))]
    spot_venue.venue.set_price("BTCUSDT", "94")
    poll(hub)
    assert not hub.position("BTCUSDT").is_open


def test_what_is_held_counts_for_the_stop_of_an_add(hub: Hub, spot_venue: SpotVenue) -> None:
    send(hub, action="buy", quantity="1", stop_loss="95")
    added = send(hub, action="add", quantity="0.051", stop_loss="95")
    assert added.outcome == "approved", added.reasons
    assert hub.position("BTCUSDT").protected is True
    ((_, kind, quantity, price),) = working(spot_venue)
    assert (kind, quantity, price) == ("STOP_LOSS", D("1.04994"), 95)
    assert held(spot_venue) == D("1.049949")


def test_a_stop_by_percent_is_judged_by_the_price_that_it_would_have(hub: Hub) -> None:
    assert send(hub, action="buy", quantity="0.051", stop_loss="5%").outcome == "denied"
    assert send(hub, action="buy", quantity="0.051", stop_loss="1%").outcome == "approved"


def test_a_symbol_without_stops_takes_no_entry_with_one(hub: Hub, market: Market) -> None:
    market.types = tuple(each for each in market.types if each != "STOP_LOSS")
    decision = send(hub, action="buy", quantity="1", stop_loss="95")
    assert decision.outcome == "denied"
    assert reason(decision) == (
        "UNSUPPORTED_BY_VENUE",
        "The venue takes no stop orders of BTCUSDT, so the entry could have no stop.",
    )
    assert send(hub, action="buy", quantity="1").outcome == "approved"
    assert send(hub, action="exit").outcome == "approved"


def test_a_stop_at_a_price_that_the_venue_does_not_take_denies_the_entry(
    hub: Hub, market: Market
) -> None:
    market.filters = filters(
        PRICE_FILTER={"minPrice": "90.00", "maxPrice": "1000000.00", "tickSize": "0.01"}
    )
    decision = send(hub, action="buy", quantity="1", stop_loss="89")
    assert decision.outcome == "denied"
    code, text = reason(decision)
    assert code == "UNSUPPORTED_BY_VENUE"
    assert "stop at 89 could not exist: the venue takes prices of BTCUSDT from 90" in text
    assert send(hub, action="buy", quantity="1", stop_loss="90").outcome == "approved"
    assert hub.position("BTCUSDT").protected is True
