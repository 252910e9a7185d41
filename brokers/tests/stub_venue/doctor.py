"""The stub venue's own lines of the account doctor."""

from collections.abc import Mapping
from typing import Any

from brokers.types import Instrument, Line


def lines(broker: Any, instruments: Mapping[str, Instrument]) -> list[Line]:
    return list(broker.script.lines)
