"""Every test of the venue may ask for one."""

from tests.venues.alpaca.fixtures import alpaca

__all__ = ["alpaca"]
