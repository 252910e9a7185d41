"""docs/order-lifecycle.md says what the code does: its tables, in both directions."""

import re
from pathlib import Path

from django.conf import settings

from orders.lifecycle import ENDED, TRANSITIONS, WORKING, OrderEventName
from tradehub.core.words import OrderStatus

_CELL = re.compile(r"`([a-z_]+)`")
PAGE = Path(settings.BASE_DIR) / "docs" / "order-lifecycle.md"


def rows_under(heading: str) -> list[list[str]]:
    """The table rows of a section, without its head."""
    _, _, rest = PAGE.read_text().partition(f"\n## {heading}\n")
    section, _, _ = rest.partition("\n## ")
    lines = [line for line in section.splitlines() if line.startswith("|")]
    assert len(lines) > 2, f"no table under {heading}"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def word(cell: str) -> str:
    found = _CELL.fullmatch(cell)
    assert found, f"{cell!r} is no `word`"
    return found[1]


def test_the_table_is_the_code_s() -> None:
    told = [tuple(word(cell) for cell in row) for row in rows_under("The table")]
    known = [
        (status.value, event.value, after.value) for (status, event), after in TRANSITIONS.items()
    ]
    assert sorted(told) == sorted(known)


def test_every_status_is_explained_and_said_to_be_final_or_not() -> None:
    told = {word(row[0]): (row[1], row[2]) for row in rows_under("Statuses")}
    assert told == {
        status.value: ("yes" if status in ENDED else "no", "yes" if status in WORKING else "no")
        for status in OrderStatus
    }


def test_every_event_is_explained() -> None:
    told = [word(row[0]) for row in rows_under("Events")]
    assert sorted(told) == sorted(event.value for event in OrderEventName)
