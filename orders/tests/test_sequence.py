"""Order of things: alerts that come too late or in the wrong order, and exits that still pass."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.errors import OrderRejected, OutcomeUnknown, RateLimited
from orders import work
from orders.book import Book
from orders.deciding import decide_item
from orders.lifecycle import OrderEventName
from orders.models import Decision, LaneItem, LatestAlert, Order
from orders.recording import record_event
from orders.sequence import Sequence, key_of, read_sequence, write_sequence
from orders.services import close_position
from orders.terms import Terms
from orders.tests.conftest import MakeHub
from risk.models import RiskProfile, TradingState
from signals.models import Signal
from signals.routes import bump_route_version
from tradehub.core.intent import Intent, iso
from tradehub.core.words import Scope, TradingStateName, Verb
from tradehub.lib.db import write_transaction
from tradehub.testing.builders import (
    deliver,
    make_account,
    make_profile,
    make_strategy,
    make_token,
)
from tradehub.testing.hub import Hub, Venue

pytestmark = pytest.mark.django_db
STALE, OUT_OF_ORDER = "SIGNAL_STALE", "SIGNAL_OUT_OF_ORDER"


def codes(decision: Decision) -> list[str]:
    return [each["code"] for each in decision.reasons]


def note(decision: Decision, code: str) -> dict[str, Any]:
    (found,) = [each for each in decision.checks if each["code"] == code]
    return dict(found)


def status_of(decision: Decision) -> str:
    assert decision.signal_id is not None
    return str(Signal.objects.get(pk=decision.signal_id).status)


@pytest.fixture
def at(hub: Hub) -> Callable[[float], str]:
    """A time of sending, some seconds after the beginning and long before the first receipt."""
    began = hub.clock.now.replace(microsecond=0)
    return lambda seconds: iso(began + timedelta(seconds=seconds))


def hold_long(hub: Hub) -> None:
    """A position of ten, of an alert that says no time."""
    hub.send(action="buy", quantity=10)
    assert hub.position().quantity == 10


def halt(hub: Hub) -> None:
    TradingState.objects.update_or_create(
        scope=Scope.ACCOUNT.value,
        scope_id=hub.account.pk,
        defaults={"state": TradingStateName.HALTED.value, "changed_at": hub.clock()},
    )


def resume(hub: Hub) -> None:
    TradingState.objects.all().delete()


# ---- too old ----


@pytest.mark.parametrize("field", ["timenow", "sent_at", "timestamp"])
def test_case_09_an_entry_sent_ten_minutes_ago_is_stale(make_hub: MakeHub, field: str) -> None:
    hub = make_hub(limits={"max_signal_age_seconds": 60})
    sent_at = iso(hub.clock.now - timedelta(minutes=9))
    decision = hub.send(action="buy", quantity=1, **{field: sent_at})
    assert (decision.outcome, codes(decision)) == ("denied", [STALE])
    assert decision.reasons[0]["limit"] == "60"
    assert 600 <= Decimal(decision.reasons[0]["measured"]) < 601
    assert hub.orders() == []
    assert status_of(decision) == "stale"


def test_case_09_an_alert_has_a_limit_of_its_own(hub: Hub, at: Callable[[float], str]) -> None:
    assert hub.codes(action="buy", quantity=1, timenow=at(0), max_age_seconds=30) == [STALE]
    assert hub.codes(action="buy", quantity=1, timenow=at(60), max_age_seconds=90) == []


@pytest.mark.parametrize(
    ("interval", "expected"), [("1", [STALE]), ("15", []), ("1h", []), (None, [])]
)
def test_the_age_of_a_bar_counts_from_its_close(
    make_hub: MakeHub, interval: str | None, expected: list[str]
) -> None:
    hub = make_hub(limits={"max_signal_age_seconds": 120})
    opened = iso(hub.clock.now - timedelta(minutes=14))
    said = {} if interval is None else {"interval": interval}
    assert hub.codes(action="buy", quantity=1, time=opened, **said) == expected


def test_an_exit_is_executed_late_and_says_so(make_hub: MakeHub) -> None:
    hub = make_hub(limits={"max_signal_age_seconds": 60})
    hold_long(hub)
    sent_at = iso(hub.clock.now - timedelta(minutes=9))
    decision = hub.send(action="close", timenow=sent_at)
    assert (decision.outcome, hub.position().quantity) == ("approved", 0)
    said = note(decision, STALE)
    assert (said["passed"], said["limit"]) == (True, "60")
    assert "The alert is 10 min old" in said["message"]
    assert "executed late" in said["message"]


def test_an_exit_in_time_says_nothing_of_its_age(make_hub: MakeHub) -> None:
    hub = make_hub(limits={"max_signal_age_seconds": 60})
    hold_long(hub)
    decision = hub.send(action="close")
    assert decision.outcome == "approved"
    assert STALE not in [each["code"] for each in decision.checks]


# ---- out of order ----


def from_flat(hub: Hub) -> None:
    """The sell opens a short."""


def only_long(hub: Hub) -> None:
    """The sell is denied."""
    hub.strategy.direction = "long_only"
    hub.strategy.save(update_fields=["direction"])
    bump_route_version()


@pytest.mark.parametrize("begin", [from_flat, only_long, hold_long])
def test_case_09_an_older_buy_after_a_newer_sell_does_nothing(
    hub: Hub, at: Callable[[float], str], begin: Callable[[Hub], None]
) -> None:
    begin(hub)
    hub.send(action="sell", quantity=10, timenow=at(20))
    before = len(hub.orders())
    held = [each.quantity for each in hub.account.positions.all()]
    decision = hub.send(action="buy", quantity=10, timenow=at(10))
    assert (decision.outcome, codes(decision)) == ("denied", [OUT_OF_ORDER])
    assert (decision.reasons[0]["measured"], decision.reasons[0]["limit"]) == ("10", "0")
    assert "10 s before a newer alert for AAPL" in decision.reasons[0]["message"]
    assert len(hub.orders()) == before
    assert [each.quantity for each in hub.account.positions.all()] == held
    assert status_of(decision) == "stale"


@pytest.mark.parametrize(
    ("newer", "older", "expected"),
    [
        (20, 20, []),  # exit and entry of one bar share TradingView's second
        (20.7, 20, []),  # a whole second may be any moment of it
        (20, 20.7, []),
        (20.7, 20.2, [OUT_OF_ORDER]),
        (20, 19.9, [OUT_OF_ORDER]),
    ],
)
def test_a_whole_second_is_compared_as_one(
    hub: Hub, at: Callable[[float], str], newer: float, older: float, expected: list[str]
) -> None:
    hub.send(action="close", sent_at=at(newer))
    assert hub.codes(action="buy", quantity=1, sent_at=at(older)) == expected


@pytest.mark.parametrize("said", [{}, {"time": 0, "interval": "1"}, {"time": 0}])
def test_only_times_of_sending_are_compared(
    hub: Hub, at: Callable[[float], str], said: dict[str, Any]
) -> None:
    bar = {key: at(0) if key == "time" else value for key, value in said.items()}
    hub.send(action="close", timenow=at(20))
    assert hub.codes(action="buy", quantity=1, **bar) == []


def test_a_receipt_makes_no_alert_late(hub: Hub, at: Callable[[float], str]) -> None:
    hub.send(action="close")
    assert hub.codes(action="buy", quantity=1, timenow=at(0)) == []


def test_each_symbol_strategy_and_account_has_its_own_order(
    hub: Hub, at: Callable[[float], str]
) -> None:
    hub.send(action="close", timenow=at(20))
    assert hub.codes(symbol="MSFT", action="buy", quantity=1, timenow=at(10)) == []
    strategy = make_strategy(hub.owner, hub.account, hub.profile, name="Other")
    other = Hub(hub.owner, hub.account, hub.profile, strategy, make_token(strategy), hub.clock)
    assert other.codes(action="buy", quantity=1, timenow=at(10)) == []
    account = make_account(hub.owner, hub.clock(), label="Second")
    profile = make_profile(hub.owner, hub.clock(), name="Second")
    strategy = make_strategy(hub.owner, account, profile, name="Second")
    second = Hub(hub.owner, account, profile, strategy, make_token(strategy), hub.clock)
    assert second.codes(action="buy", quantity=1, timenow=at(10)) == []


def test_mapped_symbols_are_one(make_hub: MakeHub) -> None:
    hub = make_hub(symbol_map={"NQ1!": "QQQ"})
    sent_at = hub.clock.now
    hub.send(symbol="NQ1!", action="close", timenow=iso(sent_at))
    older = iso(sent_at - timedelta(seconds=5))
    assert hub.codes(symbol="QQQ", action="buy", quantity=1, timenow=older) == [OUT_OF_ORDER]


def test_what_came_too_late_makes_nothing_late(make_hub: MakeHub) -> None:
    hub = make_hub(limits={"max_signal_age_seconds": 300})
    began = hub.clock.now
    stale = iso(began - timedelta(seconds=290))
    older = iso(began - timedelta(seconds=295))
    assert hub.codes(action="buy", quantity=1, timenow=stale) == [STALE]
    RiskProfile.objects.filter(pk=hub.profile.pk).update(max_signal_age_seconds=None)
    assert hub.codes(action="buy", quantity=1, timenow=older) == []


def test_the_newest_never_goes_back(hub: Hub, at: Callable[[float], str]) -> None:
    hold_long(hub)
    halt(hub)
    hub.send(action="buy", quantity=1, timenow=at(20), symbol="AAPL")
    hub.send(action="close", quantity=1, timenow=at(10))
    assert hub.position().quantity == 9
    resume(hub)
    hub.send(action="close")
    assert hub.codes(action="buy", quantity=1, timenow=at(15)) == [OUT_OF_ORDER]
    assert hub.codes(action="buy", quantity=1, timenow=at(21)) == []


def test_a_late_entry_cancels_nothing(hub: Hub, at: Callable[[float], str]) -> None:
    hub.send(action="sell", quantity=1, order_type="limit", price=200, timenow=at(0))
    (resting,) = hub.working()
    halt(hub)
    hub.send(action="sell", quantity=1, timenow=at(20))
    resume(hub)
    Order.objects.filter(pk=resting.pk).update(decision=None)  # of an alert without a time
    decision = hub.send(action="buy", quantity=1, timenow=at(10))
    assert (decision.outcome, decision.cancels) == ("denied", [])
    assert [each.pk for each in hub.working()] == [resting.pk]


def test_a_clock_far_ahead_does_not_silence_a_strategy(hub: Hub) -> None:
    tomorrow = iso(hub.clock.now + timedelta(days=1))
    hub.send(action="close", timenow=tomorrow)
    decision = hub.send(action="buy", quantity=1, timenow=iso(hub.clock.now))
    assert codes(decision) == []


def test_a_clock_a_little_ahead_is_believed(hub: Hub) -> None:
    ahead = hub.clock.now + timedelta(seconds=200)
    hub.send(action="close", timenow=iso(ahead))
    older = iso(ahead - timedelta(seconds=5))
    assert hub.codes(action="buy", quantity=1, timenow=older) == [OUT_OF_ORDER]


# ---- exits (I7) ----


def test_a_late_exit_does_not_close_what_a_newer_alert_opened(
    hub: Hub, at: Callable[[float], str]
) -> None:
    hub.send(action="buy", quantity=10, timenow=at(20), stop_loss=140)
    decision = hub.send(action="close", timenow=at(10))
    assert (decision.outcome, codes(decision)) == ("denied", [OUT_OF_ORDER])
    assert "executed already" in decision.reasons[0]["message"]
    assert (hub.position().quantity, len(hub.working(role="stop_loss"))) == (10, 1)
    assert status_of(decision) == "stale"
    assert hub.send(action="close", timenow=at(21)).outcome == "approved"
    assert hub.position().quantity == 0


def test_a_late_exit_passes_a_newer_alert_that_led_to_no_order(
    hub: Hub, at: Callable[[float], str]
) -> None:
    hold_long(hub)
    assert hub.codes(action="buy", quantity=1, timenow=at(20)) == ["ALREADY_IN_POSITION"]
    decision = hub.send(action="close", timenow=at(10))
    assert (decision.outcome, hub.position().quantity) == ("approved", 0)
    said = note(decision, OUT_OF_ORDER)
    assert (said["passed"], said["measured"]) == (True, "10")
    assert "executed late" in said["message"]


def fail_to_decide(patch: pytest.MonkeyPatch, signal_id: str) -> None:
    """That alert alone, on our side."""
    real = decide_item

    def broken(item: LaneItem, *given: Any, **named: Any) -> Any:
        if item.signal_id == signal_id:
            raise ValueError("ours")
        return real(item, *given, **named)

    patch.setattr(work, "decide_item", broken)


def heal_after(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], Any], **alert: Any
) -> Decision:
    """What comes of an alert that fails on our side until `meanwhile` was done."""
    with monkeypatch.context() as patch:
        stuck = hub.deliver(**alert)
        assert stuck.stored_id is not None
        fail_to_decide(patch, stuck.stored_id)
        for _ in range(6):
            hub.sweep()
        meanwhile()
        assert not Decision.objects.filter(signal_id=stuck.stored_id).exists()
    hub.sweep(16)
    return Decision.objects.get(signal_id=stuck.stored_id)


@pytest.mark.parametrize("action", ["close", "close_all"])
@pytest.mark.parametrize("rests", [False, True])
def test_an_exit_that_failed_here_does_not_close_what_came_meanwhile(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, action: str, rests: bool
) -> None:
    """No time of sending is said."""
    hold_long(hub)
    more = {"order_type": "limit", "price": 140} if rests else {"stop_loss": 100}

    def exit_by_hand_and_enter() -> None:
        close_position(position=hub.position(), actor=hub.owner, now=hub.clock(), ip="")
        hub.drain()
        hub.send(action="buy", quantity=3, **more)

    decision = heal_after(hub, monkeypatch, exit_by_hand_and_enter, action=action)
    assert (decision.outcome, codes(decision)) == ("denied", [OUT_OF_ORDER])
    assert "failed on our side" in decision.reasons[0]["message"]
    assert status_of(decision) == "stale"
    assert (hub.position().quantity, len(hub.working())) == (0 if rests else 3, 1)
    hub.send(action="close")
    assert (hub.position().quantity, hub.working()) == (0, [])


def test_an_exit_that_failed_here_passes_where_nothing_came_meanwhile(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another symbol is no reason, nor an entry that was refused; nor one that came before it and
    was decided after it had come."""
    hub.deliver(action="buy", quantity=10)

    def enter_elsewhere() -> None:
        assert hub.position().quantity == 10
        hub.send(action="buy", quantity=1, symbol="MSFT")
        venue.fail("submit", OrderRejected("no"))
        hub.send(action="sell", quantity=1, symbol="IBM")
        assert hub.codes(action="buy", quantity=1) == ["ALREADY_IN_POSITION"]

    decision = heal_after(hub, monkeypatch, enter_elsewhere, action="close")
    assert (decision.outcome, hub.position().quantity) == ("approved", 0)
    assert hub.position("MSFT").quantity == 1


def test_an_exit_by_hand_that_failed_here_closes_whatever_is_held(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.strategy.max_adds = 2
    hub.strategy.save(update_fields=["max_adds"])
    bump_route_version()
    hold_long(hub)
    close_position(position=hub.position(), actor=hub.owner, now=hub.clock(), ip="")
    LaneItem.objects.filter(status="queued").update(
        attempts=6, due_at=hub.clock() + timedelta(seconds=90)
    )
    hub.send(action="add", quantity=3)
    assert hub.position().quantity == 13
    hub.sweep(60)
    assert hub.position().quantity == 0


def test_a_late_cancel_leaves_a_newer_order_alone(hub: Hub, at: Callable[[float], str]) -> None:
    hub.send(action="buy", quantity=1, order_type="limit", price=100, timenow=at(20))
    assert hub.codes(action="cancel", timenow=at(10)) == [OUT_OF_ORDER]
    assert len(hub.working()) == 1


def refuse(venue: Venue, hub: Hub) -> None:
    venue.fail("submit", OrderRejected("no"))


def hold_back(venue: Venue, hub: Hub) -> None:
    """The request can't leave, and then trading is halted: the last gate ends the order."""
    venue.fail("submit", RateLimited("slow down", retry_after=1))


@pytest.mark.parametrize("fate", [refuse, hold_back])
def test_a_late_exit_passes_a_newer_entry_that_never_worked(
    hub: Hub, venue: Venue, at: Callable[[float], str], fate: Callable[[Venue, Hub], None]
) -> None:
    hold_long(hub)
    hub.strategy.max_adds = 5
    hub.strategy.save(update_fields=["max_adds"])
    bump_route_version()
    fate(venue, hub)
    hub.send(action="buy", quantity=1, timenow=at(20))
    halt(hub)
    hub.sweep(5)
    assert len(hub.orders(status__in=["denied", "rejected"])) == 1
    resume(hub)
    decision = hub.send(action="close", timenow=at(10))
    assert (decision.outcome, hub.position().quantity) == ("approved", 0)


def test_a_late_exit_passes_a_newer_entry_that_was_cancelled_before_it_left(
    hub: Hub, venue: Venue, at: Callable[[float], str]
) -> None:
    hold_long(hub)
    hub.strategy.max_adds = 5
    hub.strategy.save(update_fields=["max_adds"])
    bump_route_version()
    hold_back(venue, hub)
    hub.send(action="buy", quantity=1, timenow=at(20))
    (newer,) = hub.orders(status="queued")
    with write_transaction():
        record_event(newer, OrderEventName.CANCEL, key="cancel", now=hub.clock())
    decision = hub.send(action="close", timenow=at(10))
    assert (decision.outcome, hub.position().quantity) == ("approved", 0)


def test_a_newer_entry_of_unknown_outcome_may_have_been_executed(
    hub: Hub, venue: Venue, at: Callable[[float], str]
) -> None:
    hold_long(hub)
    hub.strategy.max_adds = 5
    hub.strategy.save(update_fields=["max_adds"])
    bump_route_version()
    venue.fail("submit", OutcomeUnknown("closed"), heard=True)
    hub.send(action="buy", quantity=1, timenow=at(20))
    decision = hub.send(action="close", timenow=at(10))
    assert (decision.outcome, codes(decision)) == ("denied", [OUT_OF_ORDER])
    assert hub.position().quantity == 11


def test_a_late_flip_closes_and_does_not_open(make_hub: MakeHub) -> None:
    hub = make_hub(on_opposite="reverse")
    began = hub.clock.now
    hold_long(hub)
    hub.send(action="buy", quantity=1, timenow=iso(began + timedelta(seconds=20)))
    decision = hub.send(action="sell", quantity=30, timenow=iso(began + timedelta(seconds=10)))
    assert (decision.outcome, codes(decision)) == ("approved", [OUT_OF_ORDER])
    assert note(decision, OUT_OF_ORDER)["passed"] is False
    assert hub.position().quantity == 0


def test_a_stale_flip_that_closed_makes_older_entries_late(make_hub: MakeHub) -> None:
    hub = make_hub(limits={"max_signal_age_seconds": 60}, on_opposite="reverse")
    sent_at = hub.clock.now
    hold_long(hub)
    flip = hub.send(action="sell", quantity=30, timenow=iso(sent_at))
    assert (flip.outcome, codes(flip)) == ("approved", [STALE])
    assert hub.position().quantity == 0
    older = iso(sent_at - timedelta(seconds=5))
    assert hub.codes(action="buy", quantity=1, timenow=older) == [OUT_OF_ORDER]


def test_an_executed_alert_of_the_same_second_is_no_newer_one(
    hub: Hub, at: Callable[[float], str]
) -> None:
    hub.send(action="buy", quantity=1, sent_at=at(20.7))
    assert hub.codes(action="buy", quantity=1, sent_at=at(30)) == ["ALREADY_IN_POSITION"]
    assert hub.send(action="close", timenow=at(20)).outcome == "approved"
    assert hub.position().quantity == 0


# ---- alerts about all symbols, and several commands ----


def test_a_late_close_all_leaves_what_newer_alerts_opened(
    hub: Hub, at: Callable[[float], str]
) -> None:
    hub.send(action="buy", quantity=1, timenow=at(0))
    hub.send(symbol="MSFT", action="buy", quantity=1, timenow=at(20))
    decision = hub.send(action="close_all", timenow=at(10))
    assert (decision.outcome, codes(decision)) == ("approved", [OUT_OF_ORDER])
    assert (hub.position().quantity, hub.position("MSFT").quantity) == (0, 1)


def test_a_close_all_that_found_nothing_makes_older_entries_late(
    hub: Hub, at: Callable[[float], str]
) -> None:
    assert hub.codes(action="close_all", timenow=at(20)) == ["ALREADY_FLAT"]
    assert hub.codes(symbol="MSFT", action="buy", quantity=1, timenow=at(10)) == [OUT_OF_ORDER]
    assert hub.codes(symbol="MSFT", action="buy", quantity=1, timenow=at(21)) == []


@pytest.mark.parametrize(("everything", "one"), [(10, 20), (20, 10)])
def test_the_newer_of_one_symbol_and_of_all_counts(
    hub: Hub, at: Callable[[float], str], everything: float, one: float
) -> None:
    for seconds, action in sorted([(everything, "close_all"), (one, "close")]):
        hub.send(action=action, timenow=at(seconds))
    assert hub.codes(action="buy", quantity=1, timenow=at(15)) == [OUT_OF_ORDER]


def test_commands_of_one_alert_are_as_old_as_each_other(
    hub: Hub, at: Callable[[float], str]
) -> None:
    def several(*commands: dict[str, Any]) -> Decision:
        hub.clock.wait(60)
        body = orjson.dumps([{"symbol": "AAPL", "price": "150", **each} for each in commands])
        arrival = deliver(hub.token, body, hub.clock())
        hub.drain()
        return Decision.objects.get(signal_id=arrival.stored_id)

    buy = {"action": "buy", "quantity": 1}
    first = several({"action": "close", "timenow": at(20)}, buy | {"timenow": at(9)})
    assert (first.outcome, codes(first)) == ("approved", ["ALREADY_FLAT"])
    late = several(
        {"action": "buy", "quantity": 1, "symbol": "MSFT", "timenow": at(10)},
        {"action": "close", "timenow": at(10)},
    )
    assert (late.outcome, codes(late)) == ("approved", [OUT_OF_ORDER])
    assert (hub.position("MSFT").quantity, hub.position().quantity) == (1, 1)


# ---- what it costs ----


def statements(hub: Hub, **alert: Any) -> tuple[int, int]:
    """All statements of a decision's lane, and those about the order of alerts."""
    hub.deliver(**alert)
    with CaptureQueriesContext(connection) as queries:
        hub.drain()
    about = [each for each in queries if LatestAlert._meta.db_table in each["sql"]]
    return len(queries), len(about)


def test_an_alert_without_a_time_costs_no_statement_and_one_with_it_two(
    hub: Hub, at: Callable[[float], str]
) -> None:
    hub.send(symbol="MSFT", action="buy", quantity=1)
    alert = {"action": "buy", "quantity": 1}
    without, none = statements(hub, **alert)
    timed, two = statements(hub, symbol="IBM", timenow=at(10), **alert)
    again, still_two = statements(hub, symbol="QQQ", timenow=at(10), **alert)
    assert (none, two, still_two) == (0, 2, 2)
    assert (timed - without, again - without) == (2, 2)


# ---- what is read and written ----


def read(hub: Hub, *intents: Intent) -> Sequence:
    terms = Terms(hub.strategy.pk, None)
    return read_sequence(hub.account, terms, intents, Book({}), now=hub.clock.now)


def known(hub: Hub) -> dict[str, datetime]:
    rows = LatestAlert.objects.filter(account=hub.account, strategy=hub.strategy)
    return dict(rows.values_list("symbol", "sent_at"))


def test_only_what_one_strategy_decided_on_one_account_is_read(hub: Hub) -> None:
    began = hub.clock.now
    second = make_account(hub.owner, began, label="Second")
    another = make_strategy(hub.owner, second, hub.profile, name="Other")
    rows = [
        (hub.account, hub.strategy, "AAPL", 0),
        (hub.account, hub.strategy, "MSFT", 10),
        (hub.account, another, "AAPL", 20),
        (second, hub.strategy, "AAPL", 30),
    ]
    for account, strategy, symbol, after in rows:
        LatestAlert.objects.create(
            account=account,
            strategy=strategy,
            symbol=symbol,
            sent_at=began + timedelta(seconds=after),
        )
    buy = Intent("AAPL", Verb.ENTER, sent_at=began)
    assert read(hub, buy) == Sequence(began, {"AAPL": began}, frozenset())
    assert read(hub, Intent("AAPL", Verb.ENTER)) == Sequence(None, {}, frozenset())


@pytest.mark.parametrize("moved", ["account", "strategy"])
def test_what_another_account_or_strategy_executed_is_not_ours(hub: Hub, moved: str) -> None:
    sent_at = hub.clock.now.replace(microsecond=0)
    for symbol in ("AAPL", "MSFT"):
        newer = iso(sent_at + timedelta(seconds=20))
        hub.send(action="buy", quantity=1, symbol=symbol, timenow=newer)
    late = Intent("AAPL", Verb.EXIT, sent_at=sent_at)
    assert read(hub, late).executed == {"AAPL"}
    second = make_account(hub.owner, hub.clock.now, label="Second")
    other = make_strategy(hub.owner, second, hub.profile, name="Other")
    moves = {"account": second, "strategy": other}
    Order.objects.update(**{moved: moves[moved]})
    assert read(hub, late).executed == frozenset()


def test_a_sender_s_clock_is_believed_for_five_minutes(hub: Hub) -> None:
    now = hub.clock.now
    ahead = now + timedelta(minutes=5)
    assert read(hub, Intent("AAPL", Verb.ENTER, sent_at=ahead)).sent_at == ahead
    too_far = ahead + timedelta(microseconds=1)
    assert read(hub, Intent("AAPL", Verb.ENTER, sent_at=too_far)).sent_at == now


def test_the_newest_is_kept_for_each_that_was_decided_and_never_moves_back(hub: Hub) -> None:
    now, terms = hub.clock.now, Terms(hub.strategy.pk, None)
    later = now + timedelta(seconds=1)

    def write(sent_at: datetime | None, *symbols: str, newest: Mapping[str, datetime]) -> None:
        write_sequence(Sequence(sent_at, newest), hub.account, terms, symbols)

    write(now, "AAPL", "", newest={})
    assert known(hub) == {"AAPL": now, "": now}
    write(later, "AAPL", "MSFT", newest={"AAPL": now})
    assert known(hub) == {"AAPL": later, "": now, "MSFT": later}
    write(now, "AAPL", newest={"AAPL": later})
    write(None, "IBM", newest={})
    write_sequence(Sequence(now, {}), hub.account, Terms(None, None), ["IBM"])
    assert known(hub) == {"AAPL": later, "": now, "MSFT": later}


def test_what_is_as_new_as_the_newest_is_not_written_again(hub: Hub) -> None:
    now, terms = hub.clock.now, Terms(hub.strategy.pk, None)
    with CaptureQueriesContext(connection) as queries:
        write_sequence(Sequence(now, {"AAPL": now}), hub.account, terms, ["AAPL"])
    assert len(queries) == 0


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        ({}, None),
        ({"MSFT": 9}, None),
        ({"AAPL": 9}, 9),
        ({"": 8}, 8),
        ({"AAPL": 8, "": 9}, 9),
        ({"AAPL": 9, "": 8}, 9),
        ({"AAPL": -9, "": -8}, None),
    ],
)
def test_the_newer_alert_of_a_symbol_is_its_own_or_one_about_all(
    now: datetime, newest: dict[str, int], expected: int | None
) -> None:
    times = {symbol: now + timedelta(seconds=after) for symbol, after in newest.items()}
    found = Sequence(now, times).newer_at("AAPL")
    assert found == (None if expected is None else now + timedelta(seconds=expected))
    assert Sequence(None, times).newer_at("AAPL") is None


@pytest.mark.parametrize(
    ("verb", "key"), [(Verb.CLOSE_ALL, ""), (Verb.CANCEL_ALL, ""), (Verb.EXIT, "AAPL")]
)
def test_what_an_intent_is_about(verb: Verb, key: str) -> None:
    assert key_of(Intent("AAPL", verb)) == key
