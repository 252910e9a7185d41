"""For tests: a drill at a venue of which one answer is another, and who ends it."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from brokers.drill import Drill
from brokers.errors import OutcomeUnknown
from brokers.types import Line, OrderReport
from tests.venues.binance.fixtures import SpotVenue, make_account, make_broker


def drilled(broker: Any, symbol: str, **more: Any) -> list[Line]:
    return Drill(broker, symbol, "drill", pause=lambda seconds: None, **more).lines()


def failed(lines: list[Line]) -> list[str]:
    return [line.name for line in lines if not line.ok]


class Changed:
    """The venue, but for one of its answers."""

    def __init__(self, broker: Any, name: str, change: Callable[[Any], Any]) -> None:
        self._broker, self._name, self._change = broker, name, change

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._broker, name)
        if name != self._name:
            return method
        return lambda *args: self._change(method(*args))


def raising(report: object) -> OrderReport:
    raise OutcomeUnknown("No answer.")


def unreadable(report: object) -> OrderReport:
    raise KeyError("triggerPrice")


def of_stops(change: Callable[[OrderReport], Any]) -> Callable[[Any], Any]:
    return lambda report: change(report) if report and report.stop_price else report


@pytest.fixture
def broker(spot_venue: SpotVenue, alice: User) -> Any:
    spot_venue.open()
    return make_broker(make_account(alice))
