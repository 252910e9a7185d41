"""The end of a drill: whatever happens, nothing is left at the venue, or it is said what may be."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from brokers.drill import Drill
from brokers.errors import OutcomeUnknown
from brokers.types import Capabilities, ClientIds, Line, OrderReport, OrderRequest, ReportStatus
from tests.venues.binance.fixtures import SpotVenue
from tests.venues.drilling import Changed, broker, drilled, failed, of_stops, raising, unreadable

__all__ = ["broker"]  # a fixture


def interrupting(report: object) -> OrderReport:
    raise KeyboardInterrupt


@pytest.mark.parametrize("change", [interrupting, of_stops(interrupting)])
def test_whoever_interrupts_it_leaves_nothing(broker: Any, change: Callable[[Any], Any]) -> None:
    told: list[Line] = []
    drill = Drill(Changed(broker, "submit", change), "BTCUSDT", "drill", pause=lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        drill.run(told.append)
    assert [line.name for line in told[-2:]] == ["clean up", "nothing left"]
    assert failed(told) == []
    assert broker.open_orders() == []


def test_whoever_interrupts_the_end_too_is_told_what_may_be_left(broker: Any) -> None:
    class Twice(Changed):
        def cancel(self, name: str) -> OrderReport:
            raise KeyboardInterrupt

    told: list[Line] = []
    with pytest.raises(KeyboardInterrupt):
        Drill(Twice(broker, "submit", interrupting), "BTCUSDT", "drill").run(told.append)
    assert not told[-1].ok
    assert "LEFT AT THE VENUE" in told[-1].text
    assert "drill…" in told[-1].text


def test_a_reader_who_is_gone_leaves_nothing(broker: Any) -> None:
    def tell(line: Line) -> None:
        if line.name in ("stop: place", "clean up"):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Drill(broker, "BTCUSDT", "drill", pause=lambda _: None).run(tell)
    assert broker.open_orders() == []


def test_a_cancel_that_can_not_be_read_is_looked_up(broker: Any) -> None:
    lines = drilled(Changed(broker, "cancel", of_stops(unreadable)), "BTCUSDT")
    assert failed(lines) == ["stop: cancel"]
    assert [line.name for line in lines[-2:]] == ["clean up", "nothing left"]


def test_an_order_that_can_not_be_cancelled_is_named(broker: Any) -> None:
    class Stubborn(Changed):
        def cancel(self, name: str) -> OrderReport:
            raise OutcomeUnknown("No answer.")

    lines = drilled(Stubborn(broker, "", lambda answer: answer), "BTCUSDT")
    assert failed(lines) == ["cancel", "clean up", "nothing left"]
    assert "LEFT AT THE VENUE" in lines[-1].text
    assert "drill1" in lines[-1].text
    assert "cancel what is named" in lines[-1].what_to_do


def test_a_venue_that_falls_silent_is_said_to_have_something_left(broker: Any) -> None:
    class Gone(Changed):
        def __getattr__(self, name: str) -> Any:
            if name in ("cancel", "order", "open_orders") and self.sent:
                raise OutcomeUnknown("No answer.")
            return super().__getattr__(name)

        sent = False

        def submit(self, request: OrderRequest) -> OrderReport:
            self.sent = True
            return broker.submit(request)

    *_, last = drilled(Gone(broker, "", lambda answer: answer), "BTCUSDT")
    assert (last.name, last.ok) == ("nothing left", False)
    assert "not known what is LEFT AT THE VENUE of orders named drill… (No answer.)" in last.text


def test_a_stop_that_was_met_is_said_to_have_bought(spot_venue: SpotVenue, broker: Any) -> None:
    class Met(Changed):
        def submit(self, request: OrderRequest) -> OrderReport:
            report = broker.submit(request)
            if request.stop_price is not None:
                spot_venue.venue.set_price("BTCUSDT", "200")
            return report

    lines = drilled(Met(broker, "", lambda answer: answer), "BTCUSDT")
    assert failed(lines) == ["stop: look up", "nothing left"]
    assert "BTCUSDT was BOUGHT and is held: 0.055 by drill2" in lines[-1].text
    assert "close what it has bought" in lines[-1].what_to_do


def test_an_order_that_comes_late_is_waited_for(broker: Any) -> None:
    away: list[OrderRequest] = []

    class Slow(Changed):
        def submit(self, request: OrderRequest) -> OrderReport:
            away.append(request)
            raise OutcomeUnknown("No answer.")

    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            broker.submit(away.pop())

    drill = Drill(Slow(broker, "", lambda answer: answer), "BTCUSDT", "drill", pause=pause)
    *_, cleaned, last = drill.lines()
    assert (cleaned.name, cleaned.text, last.ok) == ("clean up", "drill1 ended as canceled.", True)
    assert broker.order("drill1").status is ReportStatus.CANCELED


def test_an_order_that_never_came_is_looked_for_until_that_is_sure(broker: Any) -> None:
    class Losing(Changed):
        def submit(self, request: OrderRequest) -> OrderReport:
            raise OutcomeUnknown("No answer.")

    pauses: list[float] = []
    lost = Losing(broker, "", lambda answer: answer)
    lines = Drill(lost, "BTCUSDT", "drill", pause=pauses.append).lines()
    assert failed(lines) == ["place"]
    assert "it never came" in lines[-2].text
    assert sum(pauses) >= broker.capabilities().settle_seconds


def test_a_lost_order_of_a_venue_without_our_ids_is_said_to_be_unknown(broker: Any) -> None:
    class Nameless(Changed):
        def capabilities(self) -> Capabilities:
            return replace(broker.capabilities(), client_ids=ClientIds.NONE)

    lines = drilled(Nameless(broker, "submit", raising), "BTCUSDT")
    assert failed(lines) == ["place", "clean up", "nothing left"]
    assert "A limit to buy 0.06875 BTCUSDT at 80 is not known" in lines[-2].text
