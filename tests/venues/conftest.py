"""Every test of a venue may ask for one."""

from tests.venue.fixtures import scripted_venue
from tests.venues.binance.fixtures import spot_venue
from tests.venues.binance_futures.fixtures import futures_venue

__all__ = ["futures_venue", "scripted_venue", "spot_venue"]
