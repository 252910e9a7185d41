"""The session of US stocks at the fake: what is not sent outside of it, what is, and how often the
market's clock is read for that."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brokers.registry import connect
from orders.models import Decision
from tests.venue.faults import FaultKind as F
from tests.venues.alpaca.fixtures import KEY, Alpaca, make_alpaca_hub
from tests.venues.dying import poll
from tradehub.testing.hub import Hub

LIMITS = {"max_order_value": "100000"}
BUY = {"price": "100", "action": "buy", "quantity": "10"}
BEFORE_OPEN = datetime(2026, 11, 27, 2, tzinfo=UTC)
"""The night after Thanksgiving, to a Friday that closes early."""
OPENS, CLOSES = BEFORE_OPEN.replace(hour=14, minute=30), BEFORE_OPEN.replace(hour=18)
MONDAY = OPENS + timedelta(days=3)


@pytest.fixture
def hub(alice: Any, alpaca: Alpaca, settings: Any) -> Hub:
    """At night."""
    made = make_alpaca_hub(alice, alpaca, settings, LIMITS, max_adds=9)
    made.clock.now = BEFORE_OPEN
    venue = alpaca.venue
    venue.is_open, venue.opens_at, venue.closes_at = False, OPENS, CLOSES
    return made


def go_to(hub: Hub, moment: datetime) -> None:
    """A second after it is the next alert delivered."""
    hub.clock.wait((moment - hub.clock.now).total_seconds() - 59)


def codes(decision: Decision) -> list[str]:
    return [each["code"] for each in decision.reasons]


def test_an_entry_at_the_market_is_denied_while_it_is_closed(hub: Hub, alpaca: Alpaca) -> None:
    decision = hub.send(**BUY, stop_loss="95")
    assert (decision.outcome, codes(decision)) == ("denied", ["MARKET_CLOSED"])
    words = decision.reasons[0]["message"]
    assert "closed until 2026-11-27 14:30 UTC" in words
    assert "A market order would wait" in words
    go_to(hub, OPENS)
    alpaca.venue.set_price("AAPL", "130")
    poll(hub)
    assert alpaca.venue.posts() == []
    assert alpaca.venue.positions(KEY) == {}


@pytest.mark.parametrize(
    "kind",
    [
        {"order_type": "stop", "stop_price": "110"},
        {"order_type": "trailing_stop", "trail_percent": "2"},
        {"time_in_force": "gtc"},
        {"time_in_force": "ioc"},
    ],
)
def test_nor_does_another_that_would_fill_at_any_price(
    hub: Hub, alpaca: Alpaca, kind: dict[str, str]
) -> None:
    assert codes(hub.send(**BUY, **kind)) == ["MARKET_CLOSED"]
    assert alpaca.venue.posts() == []


@pytest.mark.parametrize(
    "kind",
    [
        {"order_type": "limit", "limit_price": "90"},
        {"order_type": "stop_limit", "stop_price": "110", "limit_price": "111"},
        {"time_in_force": "opg"},
        {"time_in_force": "cls"},
        {"order_type": "limit", "limit_price": "90", "extended_hours": True},
    ],
)
def test_what_has_a_limit_or_is_for_an_auction_is_sent(
    hub: Hub, alpaca: Alpaca, kind: dict[str, Any]
) -> None:
    assert hub.send(**BUY, **kind).outcome == "approved"
    (post,) = alpaca.venue.posts()
    assert post.status == 200
    assert [each.status for each in hub.orders()] == ["open"]


def test_a_coin_has_no_hours(hub: Hub, alpaca: Alpaca) -> None:
    assert hub.send(**BUY, symbol="BTCUSD").outcome == "approved"
    assert [each.status for each in hub.orders()] == ["filled"]
    assert alpaca.asked("time") == 0


def test_a_copy_from_before_the_open_allows_after_it_and_not_after_the_close(
    hub: Hub, alpaca: Alpaca
) -> None:
    """Each session change is asked for once, and an early close is a close."""
    sent: list[tuple[str, int]] = []
    for moment in (
        BEFORE_OPEN + timedelta(hours=1),
        OPENS - timedelta(seconds=10),
        OPENS,
        OPENS + timedelta(hours=1),
        CLOSES - timedelta(seconds=10),
        CLOSES,
        CLOSES + timedelta(hours=2),
    ):
        go_to(hub, moment)
        if moment == CLOSES:
            alpaca.venue.opens_at = MONDAY
        alert = BUY | {"quantity": str(len(sent) + 1)}
        sent.append((hub.send(**alert).outcome, alpaca.asked("time")))
    assert sent == [
        ("denied", 1),
        ("denied", 1),
        ("approved", 2),
        ("approved", 2),
        ("approved", 2),
        ("denied", 3),
        ("denied", 3),
    ]
    assert alpaca.venue.positions(KEY) == {"AAPL": 3 + 4 + 5}
    told = hub.send(**BUY).reasons[0]["message"]
    assert f"closed until {MONDAY:%Y-%m-%d} 14:30 UTC" in told


def test_what_was_told_before_counts_while_it_can_not_be_asked_again(
    hub: Hub, alpaca: Alpaca
) -> None:
    """It names the open and the close of one session, and no more."""
    hub.send(**BUY)
    alpaca.venue.fault("time", F.REFUSE_500, times=99)
    found: list[Decision] = []
    for moment in (OPENS, CLOSES - timedelta(seconds=10), CLOSES, MONDAY + timedelta(hours=1)):
        go_to(hub, moment)
        found.append(hub.send(**BUY | {"quantity": str(len(found) + 1)}))
    assert [each.outcome for each in found] == ["approved", "approved", "denied", "denied"]
    assert "did not tell" in found[3].reasons[0]["message"]


def test_entries_are_denied_while_the_clock_can_not_be_read(hub: Hub, alpaca: Alpaca) -> None:
    go_to(hub, OPENS)
    alpaca.venue.fault("time", F.REFUSE_500)
    decision = hub.send(**BUY)
    assert codes(decision) == ["MARKET_CLOSED"]
    assert "did not tell" in decision.reasons[0]["message"]
    broker = connect(hub.account, now=hub.clock)
    for seconds, asked in ((5, 1), (6, 2), (0, 2)):
        hub.clock.wait(seconds)
        broker.instrument("AAPL")
        assert alpaca.asked("time") == asked
    assert hub.send(**BUY).outcome == "approved"


@pytest.mark.parametrize("told", [{}, {"is_open": "false"}, {"next_open": "soon"}])
def test_a_clock_that_can_not_be_understood_denies(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch, told: dict[str, str]
) -> None:
    clock = {
        "timestamp": OPENS.isoformat(),
        "is_open": True,
        "next_open": MONDAY.isoformat(),
        "next_close": CLOSES.isoformat(),
    }
    answer = clock | told if told else {}
    monkeypatch.setattr("tests.venues.alpaca.shapes.clock", lambda *given, **more: answer)
    go_to(hub, OPENS)
    assert codes(hub.send(**BUY)) == ["MARKET_CLOSED"]


@pytest.mark.parametrize("readable", [True, False])
def test_an_exit_leaves_whatever_the_hours(hub: Hub, alpaca: Alpaca, readable: bool) -> None:
    go_to(hub, OPENS)
    assert hub.send(**BUY).outcome == "approved"
    go_to(hub, CLOSES + timedelta(hours=1))
    if not readable:
        alpaca.venue.fault("time", F.REFUSE_500, times=9)
    alpaca.venue.opens_at = MONDAY
    assert hub.send(price="100", action="exit").outcome == "approved"
    (exit_,) = hub.orders(role="exit")
    assert exit_.status == "open"
    go_to(hub, MONDAY + timedelta(minutes=2))
    poll(hub)
    assert alpaca.venue.positions(KEY) == {}


def test_the_close_of_what_is_held_passes_and_the_other_side_does_not(
    alice: Any, alpaca: Alpaca, settings: Any
) -> None:
    hub = make_alpaca_hub(alice, alpaca, settings, LIMITS, on_opposite="reverse")
    assert hub.send(**BUY).outcome == "approved"
    alpaca.venue.closes_at = hub.clock.now + timedelta(hours=7)
    hub.clock.wait(8 * 3600)
    decision = hub.send(**BUY | {"action": "sell"})
    assert (decision.outcome, codes(decision)) == ("approved", ["MARKET_CLOSED"])
    bodies = [each.body for each in alpaca.venue.posts()]
    assert [each.get("position_intent") for each in bodies] == [None, "sell_to_close"]


def test_a_process_reads_the_clock_once_for_all_its_accounts(hub: Hub, alpaca: Alpaca) -> None:
    for _ in range(3):
        alpaca.broker(hub.clock).instrument("AAPL")
        alpaca.broker(hub.clock).instrument("MSFT")
    assert alpaca.asked("time") == 1


def test_a_failure_of_one_account_denies_no_other(hub: Hub, alpaca: Alpaca) -> None:
    go_to(hub, OPENS)
    alpaca.venue.fault("time", F.REFUSE_401)
    alpaca.broker(hub.clock).instrument("AAPL")
    assert hub.send(**BUY).outcome == "approved"


def test_the_venue_s_time_decides(hub: Hub, alpaca: Alpaca) -> None:
    """This server is half a minute slow, at the close of each daily bar too."""
    alpaca.venue.skew = timedelta(seconds=30)
    go_to(hub, OPENS)
    assert hub.send(**BUY).outcome == "approved"
    go_to(hub, CLOSES - timedelta(seconds=29))
    assert codes(hub.send(**BUY)) == ["MARKET_CLOSED"]
