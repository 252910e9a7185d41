"""The decision page's read model: stages, timeline and latency from recorded rows."""

from datetime import datetime, timedelta

import pytest

from accounts.models import User
from dashboard.decisions import SignalPage, signal_page_for
from dashboard.tests.builders import (
    World,
    make_decision,
    make_invalid_signal,
    make_order,
    make_signal,
)
from tradehub.core.errors import NotFound
from tradehub.core.words import OrderStatus, Outcome, SignalStatus


def stages_of(page: SignalPage) -> dict[str, str]:
    return {stage.name: stage.state for stage in page.stages}


def test_a_filled_entry_is_done_in_every_stage(world: World) -> None:
    page = signal_page_for(world.owner, world.signal.pk)
    assert set(stages_of(page).values()) == {"done"}
    assert list(stages_of(page)) == ["Received", "Understood", "Decided", "Sent", "Filled"]
    assert page.title == "Enter long AAPL"


def test_the_timeline_is_in_order_with_milliseconds(world: World) -> None:
    page = signal_page_for(world.owner, world.signal.pk)
    assert [round(each.after_ms, 3) for each in page.timeline] == [0, 1.5, 7, 10, 15]
    assert page.timeline[0].text == "Alert received"
    assert "192.0.2.7" in page.timeline[0].detail
    assert page.timeline[-1].text == "Filled"


def test_latency_is_from_the_request_to_each_step(world: World) -> None:
    page = signal_page_for(world.owner, world.signal.pk)
    assert dict(page.latency) == {
        "Acknowledged": 1.5,
        "Decided": 7.0,
        "Order sent": 10.0,
        "First fill": 15.0,
    }


def test_a_denied_one_stops_at_the_decision_with_its_code(world: World, now: datetime) -> None:
    signal = make_signal(world.strategy, None, now)
    make_decision(signal, world.account, now, outcome=Outcome.DENIED, code="PRICE_STALE")
    page = signal_page_for(world.owner, signal.pk)
    assert stages_of(page) == {
        "Received": "done",
        "Understood": "done",
        "Decided": "stopped",
        "Sent": "todo",
        "Filled": "todo",
    }
    assert page.stages[2].detail == "PRICE_STALE"
    assert page.verdicts[0].orders == []


def test_an_invalid_one_stops_before_the_decision(world: World, now: datetime) -> None:
    page = signal_page_for(world.owner, make_invalid_signal(world.strategy, now).pk)
    assert stages_of(page)["Understood"] == "stopped"
    assert stages_of(page)["Decided"] == "todo"


def test_one_that_waits_is_waiting(world: World, now: datetime) -> None:
    signal = make_signal(world.strategy, None, now, status=SignalStatus.RECEIVED)
    assert stages_of(signal_page_for(world.owner, signal.pk))["Decided"] == "waiting"


@pytest.mark.parametrize(
    ("status", "sent", "filled"),
    [
        (OrderStatus.QUEUED, "waiting", "waiting"),
        (OrderStatus.UNCONFIRMED, "waiting", "waiting"),
        (OrderStatus.OPEN, "done", "waiting"),
        (OrderStatus.PARTIALLY_FILLED, "done", "waiting"),
        (OrderStatus.REJECTED, "stopped", "stopped"),
        (OrderStatus.CANCELED, "done", "stopped"),
        (OrderStatus.FILLED, "done", "done"),
    ],
)
def test_an_order_moves_the_last_two_stages(
    world: World, now: datetime, status: OrderStatus, sent: str, filled: str
) -> None:
    signal = make_signal(world.strategy, None, now)
    make_order(make_decision(signal, world.account, now), now, status=status)
    stages = stages_of(signal_page_for(world.owner, signal.pk))
    assert (stages["Sent"], stages["Filled"]) == (sent, filled)


def test_a_stop_that_works_does_not_blur_a_filled_entry(world: World, now: datetime) -> None:
    decision = world.signal.decisions.get()
    child = make_order(decision, now, leg="0.stop_loss.1", status=OrderStatus.OPEN)
    child.parent = world.order
    child.save(update_fields=["parent"])
    assert stages_of(signal_page_for(world.owner, world.signal.pk))["Filled"] == "done"


def test_two_events_at_one_instant_keep_their_order(world: World, now: datetime) -> None:
    at = now + timedelta(milliseconds=7)
    signal = make_signal(world.strategy, None, now)
    make_order(make_decision(signal, world.account, now), now, status=OrderStatus.OPEN, at=at)
    texts = [each.text for each in signal_page_for(world.owner, signal.pk).timeline]
    assert texts[-2:] == [f"Approved on {world.account.label}", "Sending to the venue"]


def test_somebody_elses_signal_is_not_found(world: World, bob: User) -> None:
    with pytest.raises(NotFound):
        signal_page_for(bob, world.signal.pk)
