"""Case 30: the kill switch, pressed while thirty alerts wait and five orders rest."""

import threading

import pytest
from django.db import connection

from accounts.models import AuditEntry
from orders.comparisons import require_reconciliation
from orders.services import halt_trading
from risk.services import Switch, resume
from tests.cases.conftest import MakeHub
from tests.venue.control import Control
from tests.venue.fixtures import KEY, ScriptedVenue
from tests.venues.streams import until
from tradehub.core.errors import BadInput
from tradehub.core.words import Scope
from tradehub.testing.hub import Hub

RESTING = ["RA", "RB", "RC", "RD", "RE"]
WAITING = [f"W{chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(30)]


@pytest.fixture
def control(scripted_venue: ScriptedVenue) -> Control:
    return scripted_venue.control


def switch(hub: Hub, reason: str) -> Switch:
    return Switch(
        scope=Scope.USER,
        scope_id=str(hub.owner.pk),
        reason=reason,
        owner=hub.owner,
        actor=hub.owner,
        now=hub.clock(),
    )


def entries(control: Control) -> list[str]:
    return [each.body["symbol"] for each in control.posts(KEY)]


def wait_for_posts(control: Control, many: int) -> None:
    until(lambda: len(control.posts(KEY)) >= many, f"{many} requests")


@pytest.mark.django_db(transaction=True)
def test_case_30_the_switch_stops_a_lane_that_is_sending(
    make_hub: MakeHub, control: Control
) -> None:
    hub = make_hub()
    hub.send(action="buy", symbol="TSLA", quantity="3")
    for symbol in RESTING:
        hub.send(action="buy", symbol=symbol, quantity="1", order_type="limit", limit_price="90")
    before = len(control.posts(KEY))
    assert len(hub.working()) == len(RESTING)
    for symbol in WAITING:
        hub.deliver(action="buy", symbol=symbol, quantity="1")
    control.fault("submit", "accept_then_delay", times=len(WAITING), seconds=0.25)

    def work() -> None:
        try:
            hub.drain()
        finally:
            connection.close()

    lane = threading.Thread(target=work)
    lane.start()
    try:
        wait_for_posts(control, before + 3)
        halt_trading(**switch(hub, "pressed"))
        at_the_press = len(control.posts(KEY))
    finally:
        lane.join(60)
    hub.drain()
    assert len(control.posts(KEY)) <= at_the_press + 1, "what had passed the gate, and no more"
    assert at_the_press < before + len(WAITING), "the switch came in the middle"
    statuses = {each.symbol: each.status for each in hub.orders()}
    assert {statuses[each] for each in RESTING} == {"canceled"}
    assert {each["status"] for each in control.books(KEY).orders} == {"filled", "canceled"}
    assert {statuses.get(each, "denied") for each in WAITING} == {"filled", "denied"}


@pytest.mark.django_db
def test_case_30_exits_pass_a_restart_changes_nothing_and_only_a_reason_rearms(
    make_hub: MakeHub, control: Control
) -> None:
    hub = make_hub()
    hub.send(action="buy", symbol="TSLA", quantity="3")
    halt_trading(**switch(hub, "pressed"))
    assert hub.codes(action="buy", quantity="1") == ["TRADING_HALTED"]
    require_reconciliation(now=hub.clock())  # every worker starts anew
    assert hub.codes(action="buy", quantity="1") == ["TRADING_HALTED"]
    assert hub.codes(action="close", symbol="TSLA") == []
    assert entries(control) == ["TSLA", "TSLA"]
    assert control.books(KEY).positions == {}
    with pytest.raises(BadInput):
        resume(**switch(hub, ""))
    assert hub.codes(action="buy", quantity="1") == ["TRADING_HALTED"]
    resume(**switch(hub, "looked at it"))
    assert hub.codes(action="buy", quantity="1") == []
    said = AuditEntry.objects.filter(action="trading_state.changed").order_by("id")
    assert [(each.actor, each.data["reason"]) for each in said] == [
        (hub.owner, "pressed"),
        (hub.owner, "looked at it"),
    ]
