"""While an order is in doubt its symbol and all entries wait, and nothing else does."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from brokers.errors import OutcomeUnknown, RateLimited
from brokers.models import PaperOrder
from brokers.registry import connect
from brokers.types import Capabilities
from orders import syncing, work
from orders.beside import Job, sort_waiting, split
from orders.comparisons import require_reconciliation
from orders.lanes import LEASE
from orders.models import LaneItem, Order
from orders.services import cancel_order, emergency_stop, halt_trading
from orders.tests.conftest import MakeHub
from orders.tests.slow_venue import SlowDesk, SlowVenue, use_slow_venue
from tradehub.core.words import Scope
from tradehub.lib.db import in_write_transaction
from tradehub.testing.builders import deliver, make_strategy, make_token
from tradehub.testing.hub import Hub, Venue, assert_books_agree, sweep_until_settled, use_venue

pytestmark = pytest.mark.django_db


@pytest.fixture
def hub(make_hub: MakeHub) -> Hub:
    return make_hub()


@pytest.fixture
def venue(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Venue:
    return use_venue(monkeypatch, hub.clock)


def doubt(hub: Hub, venue: Venue, *, heard: bool = False, symbol: str = "AAPL") -> Order:
    """An entry whose answer was lost, and about which the venue tells nothing."""
    venue.fail("submit", OutcomeUnknown("closed"), heard=heard)
    venue.fail("order", OutcomeUnknown("504"), times=20)
    hub.send(action="buy", quantity=1, symbol=symbol)
    order = Order.objects.get(symbol=symbol, role="entry")
    assert order.status == "unconfirmed"
    return order


def quantity(hub: Hub, symbol: str) -> Any:
    return hub.position(symbol).quantity


# ---- beside what waits for a cancel ----


@pytest.fixture
def adding(make_hub: MakeHub) -> Hub:
    return make_hub(max_adds=3)


def holds_back(hub: Hub, monkeypatch: pytest.MonkeyPatch, **more: Any) -> SlowVenue:
    """Cancels are taken there and not carried out, and what rests holds the position's quantity."""
    slow = use_slow_venue(monkeypatch, hub.clock)

    def capabilities(desk: SlowDesk) -> Capabilities:
        return replace(desk._broker.capabilities(), holds_balance=True, linked_orders=False)

    monkeypatch.setattr(SlowDesk, "capabilities", capabilities, raising=False)
    for symbol in ("AAPL", "TSLA"):
        hub.send(action="buy", quantity=2, symbol=symbol, **more)
    hub.send(action="buy", quantity=3, order_type="limit", price=130)
    slow.slow = True
    return slow


def closed_after(hub: Hub, symbol: str) -> float:
    """In seconds, at most two minutes."""
    began = hub.clock.now
    for _ in range(120):
        hub.drain()
        if hub.orders(symbol=symbol, role="exit", status="filled"):
            break
        hub.clock.wait(1)
        syncing.sync_account(hub.account, clock=hub.clock)
    return (hub.clock.now - began).total_seconds()


def test_an_exit_leaves_beside_one_that_waits_for_a_cancel(
    adding: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds_back(adding, monkeypatch)
    adding.send(action="close")
    adding.clock.wait(0.2)  # it is not looked at again yet
    deliver(adding.token, {"symbol": "TSLA", "price": "150", "action": "close"}, adding.clock())
    assert closed_after(adding, "TSLA") < 1
    assert adding.orders(role="exit", symbol="AAPL", status="queued")
    assert 50 <= closed_after(adding, "AAPL") <= 61  # a minute after its decision


def test_a_stop_is_not_put_back_before_an_exit_that_waited_long(
    adding: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would be cancelled for the exit and placed again for ever."""
    slow = holds_back(adding, monkeypatch, stop_loss=120)
    (entry,) = adding.orders(role="entry", status="open")
    adding.send(action="close")
    began, asked = adding.clock.now, dict[str, datetime]()
    while adding.orders(role="exit", status="queued") and len(asked) < 9:
        adding.clock.wait(1)
        for name in {*slow.taken} - {entry.client_order_id}:  # those of stops take two seconds
            if (adding.clock.now - asked.setdefault(name, adding.clock.now)).total_seconds() > 1:
                connect(adding.account, now=adding.clock).cancel(name)
                slow.taken.remove(name)
        syncing.sync_account(adding.account, clock=adding.clock)
        adding.drain()
    assert adding.orders(role="exit", status="filled")
    assert (adding.clock.now - began).total_seconds() < 75
    assert len(asked) == 1


def test_an_emergency_stop_closes_all_beside_one_that_waits_for_a_cancel(
    adding: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds_back(adding, monkeypatch)
    adding.send(action="close")
    adding.clock.wait(1)
    emergency_stop(owner=adding.owner, reason="fire", actor=adding.owner, now=adding.clock())
    assert closed_after(adding, "TSLA") <= 1


def test_an_exit_leaves_beside_an_entry_that_waits_for_a_cancel(
    adding: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = use_slow_venue(monkeypatch, adding.clock)
    adding.send(action="buy", quantity=2, symbol="TSLA")
    adding.send(action="buy", quantity=3, order_type="limit", price=140)
    slow.slow = True
    adding.clock.wait(60)
    again = {"action": "buy", "quantity": 3, "order_type": "limit", "price": 141}
    body = orjson.dumps([{"symbol": "AAPL", "action": "cancel"}, {"symbol": "AAPL", **again}])
    deliver(adding.token, body, adding.clock())
    adding.drain()
    adding.clock.wait(1)
    deliver(adding.token, {"symbol": "TSLA", "price": "150", "action": "close"}, adding.clock())
    assert closed_after(adding, "TSLA") < 1


# ---- what goes on ----


def test_an_exit_of_another_symbol_goes_out_at_once(hub: Hub, venue: Venue) -> None:
    hub.send(action="buy", quantity=5, symbol="MSFT", stop_loss=140)
    order = doubt(hub, venue)
    assert hub.send(action="close", symbol="MSFT").outcome == "approved"
    assert quantity(hub, "MSFT") == 0
    assert not hub.working(symbol="MSFT")
    order.refresh_from_db()
    assert order.status == "unconfirmed"


def test_it_goes_out_in_the_same_pass_that_left_an_order_in_doubt(hub: Hub, venue: Venue) -> None:
    """Both wait in the lane as the first one's answer is lost."""
    hub.send(action="buy", quantity=5, symbol="MSFT")
    venue.fail("submit", OutcomeUnknown("closed"))
    hub.deliver(action="buy", quantity=1)
    hub.deliver(action="close", symbol="MSFT")
    assert hub.drain() == 1
    assert quantity(hub, "MSFT") == 0
    assert Order.objects.get(symbol="AAPL").status == "unconfirmed"


def test_a_stop_is_placed_for_what_another_symbol_holds(hub: Hub, venue: Venue) -> None:
    """It was refused at first; the poll asks for it again."""
    hub.send(action="buy", quantity=5, symbol="MSFT", stop_loss=140)
    position = hub.position("MSFT")
    (stop,) = hub.working(symbol="MSFT")
    doubt(hub, venue)
    PaperOrder.objects.filter(client_order_id=stop.client_order_id).update(status="canceled")
    hub.price(150, "MSFT")
    (again,) = hub.working(symbol="MSFT")
    assert (again.role, again.quantity) == ("stop_loss", 5)
    position.refresh_from_db()
    assert position.protected is True


def test_an_order_of_another_symbol_is_cancelled(hub: Hub, venue: Venue) -> None:
    hub.send(action="buy", quantity=5, symbol="MSFT", order_type="limit", limit_price=100)
    doubt(hub, venue)
    (order,) = hub.working(symbol="MSFT")
    cancel_order(order=order, actor=hub.owner, now=hub.clock())
    hub.drain()
    order.refresh_from_db()
    assert order.status == "canceled"


def test_an_alert_that_cancels_another_symbol_is_executed(hub: Hub, venue: Venue) -> None:
    hub.send(action="buy", quantity=5, symbol="MSFT", order_type="limit", limit_price=100)
    doubt(hub, venue)
    hub.send(action="cancel", symbol="MSFT")
    assert not hub.working(symbol="MSFT")


def test_everything_is_closed_where_nothing_of_it_is_in_doubt(hub: Hub, venue: Venue) -> None:
    other = make_strategy(hub.owner, hub.account, hub.profile, "Other")
    beside = replace(hub, strategy=other, token=make_token(other))
    beside.send(action="buy", quantity=5, symbol="MSFT")
    beside.send(action="buy", quantity=5, symbol="NVDA")
    doubt(hub, venue)
    beside.send(action="close_all")
    assert (quantity(hub, "MSFT"), quantity(hub, "NVDA")) == (0, 0)


# ---- what waits ----


@pytest.mark.parametrize(
    "alert",
    [
        {"action": "buy", "quantity": 1, "symbol": "NVDA"},
        {"action": "sell", "quantity": 1, "symbol": "MSFT"},
        {"action": "close"},
        {"action": "close_all"},
    ],
    ids=["entry", "may-open-the-other-side", "same-symbol", "all-symbols"],
)
def test_what_could_depend_on_it_waits(hub: Hub, venue: Venue, alert: dict[str, Any]) -> None:
    hub.send(action="buy", quantity=5, symbol="MSFT")
    order = doubt(hub, venue)
    hub.deliver(**alert)
    before = len(venue.asked("submit"))
    hub.drain()
    hub.sweep(2)
    item = LaneItem.objects.order_by("id").last()
    assert item is not None
    assert (item.status, item.due_at > hub.clock.now) == ("queued", True)
    assert len(venue.asked("submit")) == before
    assert Order.objects.filter(status="unconfirmed").get() == order


def test_an_exit_does_not_overtake_an_older_entry_of_its_symbol(hub: Hub, venue: Venue) -> None:
    """Or what the alert wanted closed would be opened after it."""
    hub.send(action="buy", quantity=5, symbol="MSFT")
    doubt(hub, venue, heard=True)
    hub.deliver(action="buy", quantity=3, symbol="NVDA")
    hub.deliver(action="close", symbol="NVDA")
    hub.deliver(action="close", symbol="MSFT")
    hub.drain()
    assert not Order.objects.filter(symbol="NVDA").exists()
    assert quantity(hub, "MSFT") == 0
    venue.faults.clear()
    sweep_until_settled(hub)
    sides = [(each.symbol, each.side, each.status) for each in hub.orders(symbol="NVDA")]
    assert sides == [("NVDA", "buy", "filled"), ("NVDA", "sell", "filled")]
    assert_books_agree(hub)


def test_protection_of_its_own_symbol_waits(hub: Hub, venue: Venue) -> None:
    """What became of the order decides how large a stop must be."""
    hub.send(action="buy", quantity=5, stop_loss=140)
    (stop,) = hub.working()
    venue.fail("submit", OutcomeUnknown("closed"))
    venue.fail("order", OutcomeUnknown("504"), times=20)
    hub.send(action="close", quantity=2, order_type="limit", limit_price=200)
    PaperOrder.objects.filter(client_order_id=stop.client_order_id).update(status="canceled")
    hub.price(150)
    assert not hub.working()
    assert LaneItem.objects.filter(kind="protect", status="queued").exists()


def test_a_halt_waits_for_it_so_that_it_is_cancelled_too(hub: Hub, venue: Venue) -> None:
    venue.fail("submit", OutcomeUnknown("closed"), heard=True)
    venue.fail("order", OutcomeUnknown("504"), times=3)
    hub.send(action="buy", quantity=1, order_type="limit", limit_price=100)
    halt_trading(
        owner=hub.owner, scope=Scope.ACCOUNT, scope_id=hub.account.pk, actor=hub.owner,
        now=hub.clock(), reason="enough",
    )  # fmt: skip
    hub.drain()
    assert LaneItem.objects.get(kind="halt").status == "queued"
    sweep_until_settled(hub)
    assert LaneItem.objects.get(kind="halt").status == "done"
    assert Order.objects.get().status == "canceled"


def test_what_is_not_reconciled_closes_nothing_beside_it(hub: Hub, venue: Venue) -> None:
    hub.send(action="buy", quantity=5, symbol="MSFT")
    doubt(hub, venue)
    require_reconciliation(now=hub.clock())
    venue.fail("positions", OutcomeUnknown("504"), times=20)
    hub.deliver(action="close", symbol="MSFT")
    hub.drain()
    hub.sweep(2)
    assert quantity(hub, "MSFT") == 5
    assert LaneItem.objects.order_by("id").reverse()[0].status == "held"


# ---- and each is done once ----


def test_two_in_doubt_are_each_asked_about(hub: Hub, venue: Venue) -> None:
    """The second one's doubt does not wait for the end of the first one's."""
    hub.send(action="buy", quantity=5, symbol="MSFT")
    first = doubt(hub, venue)
    venue.fail("submit", OutcomeUnknown("closed"), heard=True)
    hub.send(action="close", symbol="MSFT")
    second = Order.objects.get(symbol="MSFT", role="exit")
    assert second.status == "unconfirmed"
    venue.hidden = {first.client_order_id}
    venue.faults.clear()
    hub.sweep(2)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("unconfirmed", "filled")
    assert quantity(hub, "MSFT") == 0


def test_one_about_which_nothing_is_known_is_handed_over_beside_another(
    hub: Hub, venue: Venue
) -> None:
    hub.send(action="buy", quantity=5, symbol="MSFT")
    first = doubt(hub, venue)
    venue.fail("order", OutcomeUnknown("504"), times=200)
    for _ in range(25):
        hub.sweep(2)
    venue.fail("submit", OutcomeUnknown("closed"))
    hub.deliver(action="close", symbol="MSFT")
    for _ in range(12):
        hub.sweep(2)
    first.refresh_from_db()
    second = Order.objects.get(symbol="MSFT", role="exit")
    assert (first.reason, second.reason) == ("NEEDS_REVIEW", "OUTCOME_UNKNOWN")


def test_a_venue_that_asks_for_patience_ends_the_pass(hub: Hub, venue: Venue) -> None:
    for symbol in ("MSFT", "NVDA"):
        hub.send(action="buy", quantity=5, symbol=symbol)
    doubt(hub, venue)
    hub.deliver(action="close", symbol="MSFT")
    hub.deliver(action="close", symbol="NVDA")
    venue.fail("submit", RateLimited("slow", retry_after=5))
    before = len(venue.asked("submit"))
    assert hub.drain() == 0
    assert len(venue.asked("submit")) == before + 1
    hub.sweep(6)
    hub.sweep(2)
    assert (quantity(hub, "MSFT"), quantity(hub, "NVDA")) == (0, 0)


class Killed(BaseException):
    """kill -9: no handler of ours runs."""


@pytest.mark.parametrize("at", range(1, 12))
def test_killed_anywhere_beside_a_doubt_each_order_is_sent_once(
    hub: Hub, venue: Venue, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    hub.send(action="buy", quantity=5, symbol="MSFT", stop_loss=140)
    doubt(hub, venue, heard=True)
    hub.deliver(action="close", symbol="MSFT")
    left = [at]

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            answer = function(*given, **named)
            left[0] -= 1
            if not left[0]:
                raise Killed
            return answer

        return wrapped

    with monkeypatch.context() as patch:
        for module in ("work", "sending", "cancelling", "unconfirmed", "pausing"):
            name = f"orders.{module}.in_write_transaction"
            patch.setattr(name, around(in_write_transaction))
        patch.setattr(work, "release_lane", lambda claim: None)
        with suppress(Killed):
            hub.drain()
    hub.clock.wait(LEASE.total_seconds() + 1)
    venue.faults.clear()
    sweep_until_settled(hub)
    assert (quantity(hub, "AAPL"), quantity(hub, "MSFT")) == (1, 0)
    assert [each.status for each in Order.objects.filter(role="exit")] == ["filled"]
    ids = [each.client_order_id for each in venue.asked("submit")]
    assert len(ids) == len(set(ids))
    assert_books_agree(hub)


# ---- the rule itself ----


def job(name: str, symbols: str | None, **more: Any) -> Job:
    item = LaneItem(reason=name)
    return Job(item, None if symbols is None else frozenset(symbols.split()), **more)


def sorted_names(*jobs: Job, doubted: str = "X") -> tuple[list[str], list[str]]:
    go_on, wait = split(jobs, frozenset(doubted.split()))
    return [each.reason for each in go_on], [each.reason for each in wait]


def test_guards_pass_all_but_what_is_in_doubt() -> None:
    found = sorted_names(
        job("entry", "A", goes_on=False),
        job("exit of B", "B", goes_on=True),
        job("stop of A", "A", goes_on=True, in_order=False),
        job("stop of X", "X", goes_on=True, in_order=False),
        job("of nobody knows what", None, goes_on=True, in_order=False),
    )
    assert found == (["stop of A", "exit of B"], ["entry", "stop of X", "of nobody knows what"])


def test_what_waits_blocks_its_symbols_for_what_is_younger() -> None:
    found = sorted_names(
        job("exit of A", "A", goes_on=True),
        job("entry of A and B", "A B", goes_on=False),
        job("exit of B", "B", goes_on=True),
        job("exit of C", "C", goes_on=True),
        job("exit of B and C", "B C", goes_on=True),
        job("exit of C again", "C", goes_on=True),
    )
    waits = ["entry of A and B", "exit of B", "exit of B and C", "exit of C again"]
    assert found == (["exit of A", "exit of C"], waits)


def test_what_waits_for_its_time_is_overtaken_by_other_symbols_only() -> None:
    waits = replace(job("waits", "A", goes_on=True), due=False)
    same, other = job("same", "A", goes_on=True), job("other", "B", goes_on=True)
    guard = job("guard", "A", goes_on=True, in_order=False)
    entry = job("entry", "B", goes_on=False)
    assert sorted_names(waits, same, other, guard) == (["guard", "other"], ["waits", "same"])
    assert sorted_names(waits, entry, other) == ([], ["waits", "entry", "other"])


def test_what_nobody_can_read_blocks_all() -> None:
    found = sorted_names(job("poison", None, goes_on=False), job("exit", "A", goes_on=True))
    assert found == ([], ["poison", "exit"])


def test_what_speaks_of_all_symbols_overtakes_nothing() -> None:
    close_all = job("close all", "A", goes_on=True, overtakes_all=True)
    assert sorted_names(close_all) == (["close all"], [])
    found = sorted_names(job("entry", "B", goes_on=False), close_all, job("x", "C", goes_on=True))
    assert found == ([], ["entry", "close all", "x"])


def test_an_item_that_can_not_be_read_waits_for_its_turn(hub: Hub, venue: Venue) -> None:
    hub.send(action="buy", quantity=5, symbol="MSFT")
    doubt(hub, venue)
    poison = hub.deliver(action="buy", quantity=1)
    LaneItem.objects.filter(signal_id=poison.id).update(terms={"not": "terms"})
    hub.deliver(action="close", symbol="MSFT")
    go_on, wait = sort_waiting(
        hub.account.pk, now=hub.clock.now + timedelta(minutes=1), trades=True
    )
    assert (len(go_on), len(wait)) == (0, 3)  # the one in doubt, too


def test_until_the_account_is_reconciled_only_guards_go_on(hub: Hub, venue: Venue) -> None:
    """An exit that comes in between is held with the next look."""
    hub.send(action="buy", quantity=5, symbol="MSFT", order_type="limit", limit_price=100)
    doubt(hub, venue)
    (order,) = hub.working(symbol="MSFT")
    cancel_order(order=order, actor=hub.owner, now=hub.clock())
    hub.deliver(action="close", symbol="MSFT")
    later = hub.clock.now + timedelta(minutes=1)
    kinds = {}
    for trades in (True, False):
        go_on, wait = sort_waiting(hub.account.pk, now=later, trades=trades)
        kinds[trades] = ([each.kind for each in go_on], [each.kind for each in wait])
    assert kinds[True] == (["cancel", "decide"], ["decide"])
    assert kinds[False] == (["cancel"], ["decide", "decide"])
