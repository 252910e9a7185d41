"""Every test of the venue may ask for one."""

from tests.venue.fixtures import scripted_venue

__all__ = ["scripted_venue"]
