"""For tests: a stream process of a test's own, in a thread, and the venues that it follows.

Everything is real but the process: the loop, the sockets, Redis, the database, the threads. Polling
is left out, so that what arrives came by the stream, or by what follows a connection.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, cast

from accounts.models import User
from brokers.models import BrokerAccount, Examination
from brokers.streams.leases import KEY, PROCESSES, Leases
from brokers.streams.station import Station
from orders.models import Order
from orders.stream_process import make_recorder, make_station
from orders.turns import Turns
from tests.venues.alpaca import fixtures as at_alpaca
from tests.venues.alpaca import sockets as alpaca_sockets
from tests.venues.binance import fixtures as at_binance
from tests.venues.binance import sockets as binance_sockets
from tests.venues.binance_futures import fixtures as at_futures
from tests.venues.binance_futures import sockets as futures_sockets
from tests.venues.sockets import PATIENCE, SocketDoor
from tradehub.testing.hub import Hub

# The sizes that alerts name are taken as they are.
LIMITS = {"max_order_value": "100000"}


def until(holds: Callable[[], Any], what: str = "") -> Any:
    """Wait for something true and return it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.005)


def pass_examination(account: BrokerAccount, now: datetime) -> None:
    values = {"passed": True, "due_at": now, "examined_at": now}
    Examination.objects.update_or_create(pk=account.pk, defaults=values)


@dataclass
class Process:
    station: Station
    loop: asyncio.AbstractEventLoop
    turns: Turns

    def follows(self) -> set[str]:
        """Accounts with a connection that tells."""
        return {key for key, line in self.station.lines().items() if line.is_up}

    def connected(self, account: BrokerAccount) -> None:
        """And what it looks at then has been looked at: a clock may leap from here on."""
        until(lambda: account.pk in self.follows(), "connected")
        self.settle()

    def settle(self) -> None:
        """What the loop has heard has been worked off."""
        heard = threading.Event()
        self.loop.call_soon_threadsafe(heard.set)
        assert heard.wait(PATIENCE), "its loop hangs"
        until(lambda: not self.turns._waiting, "settled")

    def error_of(self, account: BrokerAccount) -> str:
        line = self.station.lines().get(account.pk)
        return line.state.last_error if line is not None else ""

    def doubt(self, account: BrokerAccount) -> None:
        line = self.station.lines()[account.pk]
        self.loop.call_soon_threadsafe(line.doubt, "a test")


@contextmanager
def following(
    clock: Callable[[], datetime], *, dies: bool = False, lease: float = 15
) -> Iterator[Process]:
    """`dies`: it ends without letting go of anything."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    recorder = make_recorder(loop)
    station = make_station(recorder, clock=clock)
    station.every, station.leases.seconds = 0.05, lease
    station.means = replace(station.means, first_pause=0.01)
    if dies:
        station.leases.leave = lambda subjects: None  # type: ignore[method-assign]  # as the dead do
    thread = threading.Thread(target=lambda: loop.run_until_complete(station.run(stop)))
    thread.start()
    try:
        yield Process(station, loop, recorder.turns)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        recorder.turns.close(wait=True)
        station.threads.shutdown()
        loop.close()


def run_out(leases: Leases) -> None:
    """As time does to what a dead process holds."""
    for key in leases.redis.scan_iter(KEY.format(subject="*")):
        if leases.redis.get(key) == leases.owner.encode():
            left = cast(int, leases.redis.pttl(key))
            assert 0 < left <= leases.seconds * 1000, "it would be held for ever"
            leases.redis.delete(key)
    leases.redis.zadd(PROCESSES, {leases.owner: 0})


class World(Protocol):
    """One hub, one account at one venue, and the venue's sockets."""

    @property
    def hub(self) -> Hub: ...

    @property
    def sockets(self) -> SocketDoor: ...

    @property
    def key(self) -> str: ...

    @property
    def symbol(self) -> str: ...

    def fill(self, order: Order, quantity: str, price: str | None = None) -> None: ...

    def strike(self, stop: Order) -> None:
        """The market falls to it, and it fills."""

    def cancel(self, order: Order) -> None:
        """By hand, at the venue."""

    def reject(self, order: Order) -> None:
        """By the venue, after it had taken it."""

    def buy_by_hand(self, quantity: str) -> None: ...

    def change_secret(self, secret: str) -> None:
        """At the venue: the old one is refused."""

    def seal(self, secret: str) -> str: ...


def resting(world: World, quantity: str = "3", **alert: Any) -> Order:
    """An entry that waits at the venue."""
    wanted = {"symbol": world.symbol, "action": "buy", "quantity": quantity, "price": "90"}
    decision = world.hub.send(**wanted, order_type="limit", **alert)
    assert decision.outcome == "approved", decision.reasons
    (order,) = world.hub.orders(role="entry")
    assert order.status == "open"
    return order


@dataclass
class AtBinance:
    hub: Hub
    there: at_binance.SpotVenue
    sockets: binance_sockets.Sockets
    key: str = at_binance.KEY
    symbol: str = "BTCUSDT"

    def fill(self, order: Order, quantity: str, price: str | None = None) -> None:
        self.there.venue.fill(self.key, order.client_order_id, quantity, price)

    def strike(self, stop: Order) -> None:
        self.fill(stop, str(stop.quantity), "80")

    def cancel(self, order: Order) -> None:
        self._end(order, "CANCELED")

    def reject(self, order: Order) -> None:
        self._end(order, "REJECTED")

    def buy_by_hand(self, quantity: str) -> None:
        from tests.venues.binance.books import Order as Theirs

        now = self.there.venue.now()
        theirs = Theirs(
            0, "web_1", self.symbol, "BUY", "MARKET", "GTC", Decimal(quantity), now, now
        )
        self.there.venue.by_hand(self.key, theirs)

    def change_secret(self, secret: str) -> None:
        self.there.venue.books.accounts[self.key].secret = secret

    def seal(self, secret: str) -> str:
        return _sealed(self.hub.account, self.key, secret)

    def _end(self, order: Order, status: str) -> None:
        venue = self.there.venue
        with venue.lock:
            account = venue.books.accounts[self.key]
            theirs = account.find(self.symbol, client_id=order.client_order_id)
            assert theirs is not None
            venue.books.end(account, theirs, status, venue.now())


@dataclass
class AtAlpaca:
    hub: Hub
    there: at_alpaca.Alpaca
    sockets: alpaca_sockets.Sockets
    key: str = at_alpaca.KEY
    symbol: str = "AAPL"

    def fill(self, order: Order, quantity: str, price: str | None = None) -> None:
        self.there.venue.fill(self.key, order.client_order_id, quantity, price)

    def strike(self, stop: Order) -> None:
        self.fill(stop, str(stop.quantity), "80")

    def cancel(self, order: Order) -> None:
        self.there.venue.end(self.key, order.client_order_id, "canceled")

    def reject(self, order: Order) -> None:
        self.there.venue.end(self.key, order.client_order_id, "rejected")

    def buy_by_hand(self, quantity: str) -> None:
        body = {"symbol": self.symbol, "qty": quantity, "side": "buy"}
        self.there.venue.by_hand(self.key, **body, type="market", time_in_force="day")

    def change_secret(self, secret: str) -> None:
        self.there.venue.change(self.key, secret=secret)

    def seal(self, secret: str) -> str:
        return _sealed(self.hub.account, self.key, secret)


@dataclass
class AtFutures:
    hub: Hub
    there: at_futures.FuturesVenue
    sockets: futures_sockets.Sockets
    key: str = at_futures.KEY
    symbol: str = "BTCUSDT"

    def fill(self, order: Order, quantity: str, price: str | None = None) -> None:
        self.there.venue.fill(self.key, order.client_order_id, quantity, price)

    def strike(self, stop: Order) -> None:
        self.there.venue.set_price(self.symbol, "79")

    def cancel(self, order: Order) -> None:
        self._end(order, "CANCELED")

    def reject(self, order: Order) -> None:
        self._end(order, "REJECTED")

    def buy_by_hand(self, quantity: str) -> None:
        from tests.venues.binance_futures.books import Order as Theirs

        now = self.there.venue.now()
        theirs = Theirs(
            0, "web_1", self.symbol, "BUY", "MARKET", "GTC", Decimal(quantity), now, now
        )
        self.there.venue.by_hand(self.key, theirs)

    def change_secret(self, secret: str) -> None:
        """The listen key asks for the key alone: it is another one from now on."""
        accounts = self.there.venue.books.accounts
        account = accounts.pop(self.key)
        self.key = account.key = f"key{len(secret)}"
        account.secret = secret
        accounts[self.key] = account

    def seal(self, secret: str) -> str:
        return _sealed(self.hub.account, self.key, secret)

    def _end(self, order: Order, status: str) -> None:
        venue = self.there.venue
        with venue.lock:
            account = venue.books.accounts[self.key]
            theirs = account.find(self.symbol, name=order.client_order_id)
            assert theirs is not None
            venue.books.end(theirs, status, venue.now())


def _sealed(account: BrokerAccount, key: str, secret: str) -> str:
    from brokers.credentials import seal_credentials

    return seal_credentials(account, {"api_key": key, "api_secret": secret})


@contextmanager
def world_at(venue: str, owner: User, there: Any, settings: Any, **more: Any) -> Iterator[World]:
    """`there`: what the fixture of the venue gave. `more`: settings of the strategy."""
    world: World
    if venue == "binance_spot":
        hub = at_binance.make_spot_hub(owner, there, LIMITS, **more)
        with binance_sockets.telling(there.venue) as door:
            settings.VENUE_URLS = {**settings.VENUE_URLS, "BINANCE_SPOT_WS_API_URL": door.url}
            world = AtBinance(hub, there, door)
            pass_examination(hub.account, hub.clock.now)
            yield world
    elif venue == "binance_futures":
        hub = at_futures.make_futures_hub(owner, there, LIMITS, **more)
        with futures_sockets.telling(there.venue) as tells_of:
            settings.VENUE_URLS = {
                **settings.VENUE_URLS,
                "BINANCE_FUTURES_STREAM_URL": tells_of.url,
            }
            world = AtFutures(hub, there, tells_of)
            pass_examination(hub.account, hub.clock.now)
            yield world
    else:
        hub = at_alpaca.make_alpaca_hub(owner, there, settings, LIMITS, **more)
        with alpaca_sockets.telling(there.venue) as tells:
            settings.VENUE_URLS = {**settings.VENUE_URLS, "ALPACA_STREAM_URL": tells.url}
            world = AtAlpaca(hub, there, tells)
            pass_examination(hub.account, hub.clock.now)
            yield world
