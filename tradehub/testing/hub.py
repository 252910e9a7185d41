"""A small hub for tests of the order path: one user, one paper account, one strategy, one token.

`Venue` stands between the lane and the paper venue: it tells what it was asked and fails as told.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any

import pytest

from accounts.models import User
from brokers.base import Broker
from brokers.models import BrokerAccount, PaperLedger, PaperOrder
from brokers.registry import connect
from orders import syncing, work
from orders.lanes import lanes_with_work
from orders.models import Decision, Fill, LaneItem, Order, Position
from risk.models import RiskProfile
from signals.arrivals import Arrival
from signals.models import Strategy
from tradehub.lib.tokens import Token
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token


class Clock:
    """A millisecond passes with every look. Several threads may look: it never goes back."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._lock = Lock()

    def __call__(self) -> datetime:
        with self._lock:
            self.now += timedelta(milliseconds=1)
            return self.now

    def wait(self, seconds: float) -> None:
        with self._lock:
            self.now += timedelta(seconds=seconds)


@dataclass
class Fault:
    """What happens instead of an answer: `error`, before the venue heard of it or after."""

    error: BaseException
    heard: bool = False


@dataclass
class Venue:
    """The broker of every account, with faults queued for its methods by name."""

    clock: Clock
    faults: dict[str, list[Fault | None]] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    """Client order ids that look-ups deny knowing."""

    def connect(self, account: BrokerAccount, *, now: Callable[[], datetime]) -> "Desk":
        return Desk(self, connect(account, now=now))

    def fail(
        self, method: str, error: BaseException, *, heard: bool = False, times: int = 1
    ) -> None:
        self.faults.setdefault(method, []).extend([Fault(error, heard)] * times)

    def pass_(self, method: str) -> None:
        self.faults.setdefault(method, []).append(None)

    def asked(self, method: str) -> list[Any]:
        return [argument for name, argument in self.calls if name == method]


class Desk:
    """One connection to the venue."""

    def __init__(self, venue: Venue, broker: Broker) -> None:
        self._venue = venue
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._broker, name)

        def call(*given: Any) -> Any:
            self._venue.calls.append((name, given[0] if given else None))
            queue = self._venue.faults.get(name, [])
            fault = queue.pop(0) if queue else None
            if fault is None:
                return self._seen(name, given, method(*given))
            if fault.heard:
                method(*given)
            raise fault.error

        return call

    def _seen(self, name: str, given: tuple[Any, ...], answer: Any) -> Any:
        if name == "order" and given[0] in self._venue.hidden:
            return None
        return answer


@dataclass
class Hub:
    owner: User
    account: BrokerAccount
    profile: RiskProfile
    strategy: Strategy
    token: Token
    clock: Clock

    def deliver(self, **alert: Any) -> Arrival:
        """Store an alert a minute after the last; `at` gives its own."""
        self.clock.wait(60)
        return deliver(self.token, {"symbol": "AAPL", "price": "150", **alert}, self.clock())

    def drain(self) -> int:
        return work.drain_lane(self.account.pk, clock=self.clock)

    def sweep(self, seconds: float = 2) -> int:
        """The worker's own look, some seconds later."""
        self.clock.wait(seconds)
        return drain_due_lanes(self.clock)

    def send(self, **alert: Any) -> Decision:
        """Deliver an alert and work the lane; the decision that came of it."""
        arrival = self.deliver(**alert)
        self.drain()
        return Decision.objects.get(signal_id=arrival.stored_id)

    def price(self, price: Any, symbol: str = "AAPL") -> None:
        """The market moves; then the poll looks, and the lane."""
        self.clock.wait(1)
        connect(self.account, now=self.clock).observe(symbol, Decimal(price), self.clock())
        syncing.sync_account(self.account, clock=self.clock)
        self.drain()

    def position(self, symbol: str = "AAPL") -> Position:
        return Position.objects.get(account=self.account, symbol=symbol)

    def orders(self, **where: Any) -> list[Order]:
        return list(Order.objects.filter(account=self.account, **where).order_by("id"))

    def working(self, **where: Any) -> list[Order]:
        return self.orders(status__in=["open", "partially_filled"], **where)

    def codes(self, **alert: Any) -> list[str]:
        """Send an alert; the reason codes of its decision."""
        return [reason["code"] for reason in self.send(**alert).reasons]


def drain_due_lanes(clock: Callable[[], datetime]) -> int:
    """Every lane with something due, one after the other; how many items."""
    return sum(work.drain_lane(each, clock=clock) for each in lanes_with_work(now=clock()))


def make_hub(
    owner: User, now: datetime, limits: dict[str, Any] | None = None, **settings: Any
) -> Hub:
    """`options` are the paper account's; the rest are the strategy's settings."""
    options = settings.pop("options", {})
    account = make_account(owner, now, **options)
    profile = make_profile(owner, now, **(limits or {}))
    strategy = make_strategy(owner, account, profile, **settings)
    return Hub(owner, account, profile, strategy, make_token(strategy), Clock(now))


def use_venue(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Venue:
    """Every lane and poll speaks to this venue from now on."""
    venue = Venue(clock)
    monkeypatch.setattr(work, "connect", venue.connect)
    monkeypatch.setattr(syncing, "connect", venue.connect)
    return venue


def assert_books_agree(hub: Hub) -> None:
    """Our fills and positions are the venue's, each order there is one of ours, none twice."""
    theirs = PaperOrder.objects.filter(account_id=hub.account.pk)
    ours = Order.objects.filter(account=hub.account, submitted_at__isnull=False)
    assert {each.client_order_id for each in theirs} <= {each.client_order_id for each in ours}
    for order in theirs.prefetch_related("fills"):
        mine = Fill.objects.filter(order__client_order_id=order.client_order_id)
        assert sorted(fill.venue_fill_id for fill in mine) == sorted(
            fill.id for fill in order.fills.all()
        )
    held: dict[str, Decimal] = {}
    for position in Position.objects.filter(account=hub.account, is_open=True):
        held[position.symbol] = held.get(position.symbol, Decimal(0)) + position.quantity
    ledger = PaperLedger.objects.get(account_id=hub.account.pk)
    assert {symbol: Decimal(each["quantity"]) for symbol, each in ledger.positions.items()} == {
        symbol: quantity for symbol, quantity in held.items() if quantity
    }


def waiting_items(hub: Hub) -> list[str]:
    rows = LaneItem.objects.filter(account=hub.account, status=LaneItem.Status.QUEUED)
    return [each.kind for each in rows.order_by("id")]


def sweep_until_settled(hub: Hub) -> None:
    """The worker's own looks, every 2 s of half a minute: three of them prove that the venue does
    not know an order."""
    for _ in range(15):
        hub.sweep()
