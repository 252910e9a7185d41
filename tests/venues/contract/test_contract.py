"""The contract suite: every case of `listing`, at each venue that can take part."""

import pytest

from tests.venues.contract.cases import CASES, NEEDS
from tests.venues.contract.conftest import MODULES, kind_of
from tests.venues.contract.desk import VenueDesk
from tests.venues.contract.listing import PAGE, page

_RUNS = [
    pytest.param(kind, name, id=f"{kind}-{name}")
    for kind in MODULES
    for name in CASES
    if NEEDS[name] <= kind_of(kind).CAN
]


@pytest.mark.parametrize(("desk", "name"), _RUNS, indirect=["desk"])
def test_holds(desk: VenueDesk, name: str) -> None:
    CASES[name](desk)


def test_the_page_lists_every_case() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
