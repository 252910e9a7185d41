"""The stub venue's own lines of the account doctor."""

from typing import Any

from brokers.types import Line


def lines(broker: Any) -> list[Line]:
    return list(broker.script.lines)
