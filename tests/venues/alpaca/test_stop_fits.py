"""At Alpaca: an entry in coins that its fee makes too small for a stop."""

from typing import Any

import pytest

from tests.venues.alpaca.fixtures import KEY, Alpaca, make_alpaca_hub
from tests.venues.alpaca.test_hub import LIMITS, look
from tradehub.testing.hub import Hub

COIN = {"symbol": "BTCUSD", "price": "120000", "action": "buy", "stop_loss": "114000"}
"""Orders are of at least 0.0001."""


@pytest.fixture
def hub(alice: Any, alpaca: Alpaca, settings: Any) -> Hub:
    alpaca.venue.set_price("BTCUSD", "120000")
    return make_alpaca_hub(alice, alpaca, settings, LIMITS)


def test_the_least_order_of_coins_can_have_no_stop(hub: Hub, alpaca: Alpaca) -> None:
    """The fee is kept of the coins, and what is left of 0.0001 is less than the least."""
    decision = hub.send(**COIN, quantity="0.0001")
    assert decision.outcome == "denied"
    (found,) = decision.reasons
    assert found["code"] == "SIZE_ZERO"
    assert "may keep 0.00000025 of 0.0001 BTCUSD" in found["message"]
    assert alpaca.venue.positions(KEY) == {}


def test_one_step_more_has_its_stop(hub: Hub, alpaca: Alpaca) -> None:
    decision = hub.send(**COIN, quantity="0.0002")
    assert decision.outcome == "approved", decision.reasons
    look(hub)
    assert hub.position("BTCUSD").protected is True
