"""Every test of a venue may ask for one."""

from tests.venues.binance.fixtures import spot_venue

__all__ = ["spot_venue"]
