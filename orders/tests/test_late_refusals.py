"""An entry that comes too late is stale, whatever else stands against it: all failed checks are
its reasons, and it does not make a newer alert look old."""

from datetime import timedelta
from typing import Any

import pytest

from brokers.errors import OutcomeUnknown
from brokers.paper.adapter import PaperBroker
from orders.models import Decision, LatestAlert, Order
from orders.tests.conftest import MakeHub
from risk.models import TradingState
from signals.models import Signal
from tradehub.core.intent import iso
from tradehub.testing.hub import Hub, Venue, use_venue

pytestmark = pytest.mark.django_db

STALE = "SIGNAL_STALE"
SECONDS = 60


@pytest.fixture
def hub(make_hub: MakeHub) -> Hub:
    return make_hub(limits={"max_signal_age_seconds": SECONDS}, max_adds=0)


@pytest.fixture
def venue(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Venue:
    return use_venue(monkeypatch, hub.clock)


@pytest.fixture
def unlisted(monkeypatch: pytest.MonkeyPatch) -> str:
    """A symbol that the venue does not have."""
    real = PaperBroker.instrument
    name = "NOSUCH"
    monkeypatch.setattr(
        PaperBroker,
        "instrument",
        lambda broker, symbol: None if symbol == name else real(broker, symbol),
    )
    return name


def late(hub: Hub, **alert: Any) -> tuple[list[str], str]:
    """Reason codes and the signal's status, of an alert sent two minutes before it came."""
    sent_at = iso(hub.clock.now + timedelta(seconds=60 - 2 * SECONDS))
    decision = hub.send(**{"action": "buy", "quantity": 1, "timenow": sent_at} | alert)
    return codes(decision), Signal.objects.get(pk=decision.signal_id).status


def codes(decision: Decision) -> list[str]:
    assert decision.outcome == "denied"
    return [each["code"] for each in decision.reasons]


def test_what_the_venue_can_not_do_is_stale_too(hub: Hub, unlisted: str) -> None:
    assert late(hub, order_type="market", time_in_force="opg") == (
        [STALE, "UNSUPPORTED_BY_VENUE"],
        "stale",
    )
    assert late(hub, symbol=unlisted) == (["SYMBOL_UNKNOWN", STALE], "stale")
    fresh = hub.send(action="buy", quantity=1, symbol=unlisted)
    assert codes(fresh) == ["SYMBOL_UNKNOWN"]
    assert Signal.objects.get(pk=fresh.signal_id).status == "processed"


def test_an_entry_of_a_symbol_in_doubt_is_stale_too(hub: Hub, venue: Venue) -> None:
    venue.fail("submit", OutcomeUnknown("closed"))
    hub.send(action="buy", quantity=1)
    Order.objects.update(reason="NEEDS_REVIEW")
    assert late(hub) == (["SYMBOL_NOT_RECONCILED", STALE], "stale")


def test_a_late_add_at_the_most_is_stale_too(hub: Hub) -> None:
    hub.send(action="buy", quantity=1)
    assert late(hub, action="add") == ([STALE, "ADDS_AT_MAX"], "stale")
    assert codes(hub.send(action="add", quantity=1)) == ["ADDS_AT_MAX"]


def test_all_that_stands_against_a_late_entry_is_said(hub: Hub) -> None:
    """As ever, where a rule refuses it."""
    TradingState.objects.create(scope="account", scope_id=hub.account.pk, state="halted")
    assert late(hub) == (["TRADING_HALTED", STALE], "stale")


def test_a_late_refusal_makes_no_other_alert_late(hub: Hub, unlisted: str) -> None:
    assert late(hub, symbol=unlisted)[1] == "stale"
    assert not LatestAlert.objects.exists()


def test_a_late_flip_that_is_refused_still_closes(make_hub: MakeHub) -> None:
    """I7: the exit of it is late and goes out; the entry is refused for both reasons."""
    hub = make_hub(limits={"max_signal_age_seconds": SECONDS}, on_opposite="reverse")
    hub.send(action="buy", quantity=1)
    sent_at = iso(hub.clock.now + timedelta(seconds=60 - 2 * SECONDS))
    decision = hub.send(action="sell", quantity=1, timenow=sent_at, time_in_force="opg")
    assert decision.outcome == "approved"
    assert [each["code"] for each in decision.reasons] == [STALE, "UNSUPPORTED_BY_VENUE"]
