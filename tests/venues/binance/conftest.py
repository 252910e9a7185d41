"""Every test of Binance spot may ask for an account there."""

from typing import Any

import pytest

from tests.venues.binance.fixtures import Desk, SpotVenue, make_account


@pytest.fixture
def desk(alice: Any, spot_venue: SpotVenue) -> Desk:
    spot_venue.open()
    return Desk(spot_venue, make_account(alice))
