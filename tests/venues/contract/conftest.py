"""The desk of a case: opened by the module of the kind that the case runs for."""

from collections.abc import Iterator
from importlib import import_module
from typing import cast

import pytest

from tests.venues.contract.desk import Kind, VenueDesk

MODULES = {
    "paper": "tests.venues.contract.paper",
    "scripted": "tests.venue.desk",
    "binance_spot": "tests.venues.binance.desk",
    "binance_futures": "tests.venues.binance_futures.desk",
    "alpaca": "tests.venues.alpaca.desk",
}
"""A venue joins here."""


def kind_of(name: str) -> Kind:
    return cast(Kind, import_module(MODULES[name]))


@pytest.fixture
def desk(request: pytest.FixtureRequest, db: None) -> Iterator[VenueDesk]:
    with kind_of(request.param).open_desk(request) as opened:
        yield opened
