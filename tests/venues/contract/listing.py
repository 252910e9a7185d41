"""The list of cases as a page: which holds where, and what keeps a venue from taking part.

`python -m tests.venues.contract.listing > docs/venues/contract.md` writes it anew.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import django

from tests.venues.contract import doubts, exits, replaces
from tests.venues.contract.cases import CASES, NEEDS
from tests.venues.contract.conftest import MODULES, kind_of
from tests.venues.contract.desk import Can

PAGE = Path(__file__).resolve().parents[3] / "docs" / "venues" / "contract.md"
_HEAD = """\
# The contract suite

What every venue's adapter must do, run over its own wire with its own SDK at its local venue, on
SQLite and on PostgreSQL: `tests/venues/contract/`. Where a venue takes no part, the word says which
of `Can` (`desk.py`) it is not. `scripted` is the venue that chaos and the cases of
[reliability.md](../reliability.md) run at. The streams have a suite of their own
(`tests/venues/test_streams.py`), over WebSockets.

This page is written by `python -m tests.venues.contract.listing`, and a test holds it to the suite.
"""
assert doubts.UNKNOWN  # importing them has added their cases
assert exits.STOP
assert replaces.LOST


def page() -> str:
    return _HEAD + "\n" + "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    kinds = list(MODULES)
    yield f"| {len(CASES)} cases | " + " | ".join(kinds) + " |"
    yield "|---" * (len(kinds) + 1) + "|"
    for name in CASES:
        cells = [_cell(NEEDS[name] - kind_of(kind).CAN) for kind in kinds]
        yield f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |"


def _cell(missing: frozenset[Can]) -> str:
    return ", ".join(sorted(missing)) or "✓"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradehub.settings_test")
    django.setup()
    sys.stdout.write(page())
