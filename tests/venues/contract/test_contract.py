"""The contract suite: every case of `cases` and `doubts`, at each venue that can take part."""

import pytest

from tests.venues.contract import doubts, exits, replaces
from tests.venues.contract.cases import CASES, NEEDS
from tests.venues.contract.conftest import MODULES, kind_of
from tests.venues.contract.desk import VenueDesk

assert doubts.UNKNOWN  # importing them has added their cases
assert exits.STOP
assert replaces.LOST
_RUNS = [
    pytest.param(kind, name, id=f"{kind}-{name}")
    for kind in MODULES
    for name in CASES
    if NEEDS[name] <= kind_of(kind).CAN
]


@pytest.mark.parametrize(("desk", "name"), _RUNS, indirect=["desk"])
def test_holds(desk: VenueDesk, name: str) -> None:
    CASES[name](desk)
