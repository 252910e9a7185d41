"""For tests: the local venues' doors of market data, and the feeds of a process of a test's own.

A door tells what a connection has subscribed to whenever the venue's prices have moved; nothing is
told at the subscription itself. Who refuses what, and in which words, is as documented.
"""

import asyncio
import json
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from websockets.exceptions import ConnectionClosed

from brokers.prices.places import Place
from brokers.prices.station import PriceStation
from orders.pricing import Pricer
from orders.stream_process import make_prices, make_recorder
from tests.venues.sockets import PATIENCE, Listener, SocketDoor, Watched
from tests.venues.streams import until

MOST_MESSAGES = 5
"""That Binance hears of one connection in a second."""


class Seen(NamedTuple):
    bid: Decimal
    ask: Decimal
    last: Decimal


class Priced(Protocol):
    """A local venue."""

    lock: Any

    def now(self) -> datetime: ...


class PriceDoor(SocketDoor, ABC):
    def __init__(self, venue: Priced) -> None:
        self.venue = venue
        self.subscribed: dict[Listener, set[str]] = defaultdict(set)
        self._seen: dict[str, Seen] = {}
        super().__init__()
        with venue.lock:
            self._seen = self.prices()
            venue.lock = Watched(venue.lock, self._watch)

    # What a venue says of itself

    @abstractmethod
    def prices(self) -> dict[str, Seen]:
        """By the name that subscriptions use."""

    @abstractmethod
    def frames(self, name: str, before: Seen | None, now: Seen) -> dict[str, Any]:
        """By channel: what to tell of a change; of everything when `before` is None."""

    # What a test does

    def listeners_of(self, channel: str) -> int:
        """How many connections are told of it."""
        return sum(channel in self.subscribed[each] for each in list(self.listeners))

    def channels(self) -> set[str]:
        """That anybody is told of."""
        return {channel for each in list(self.listeners) for channel in self.subscribed[each]}

    def tick(self, name: str) -> None:
        """The market goes on, at the same price."""
        with self.venue.lock:
            self._tell(self.frames(name, None, self.prices()[name]))

    def _watch(self) -> None:
        for name, now in self.prices().items():
            before = self._seen.get(name)
            if now != before:
                self._seen[name] = now
                self._tell(self.frames(name, before, now))

    def _tell(self, frames: Mapping[str, Any]) -> None:
        for channel, payload in frames.items():
            with suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(self._push, channel, json.dumps(payload))

    def _push(self, channel: str, text: str) -> None:
        if self.manners.mute:
            return
        for each in self.listeners:
            if each.key and channel in self.subscribed[each]:
                self._loop.create_task(_send(each, text))


class BinancePrices(PriceDoor):
    """`routes`: by path, the kinds of streams that it tells."""

    routes: Mapping[str, frozenset[str]] = {
        "/stream": frozenset({"bookTicker", "miniTicker"}),
    }

    def __init__(self, venue: Priced) -> None:
        self._heard: dict[Listener, list[float]] = defaultdict(list)
        super().__init__(venue)

    def prices(self) -> dict[str, Seen]:
        markets = self.venue.books.markets  # type: ignore[attr-defined]  # of Binance's venues
        return {name: Seen(each.bid, each.ask, each.last) for name, each in markets.items()}

    async def welcome(self, listener: Listener) -> None:
        if _path(listener) not in self.routes:
            await listener.connection.close(1008)
            return
        listener.key = "open"

    async def answer(self, listener: Listener, frame: str | bytes) -> None:
        heard = self._heard[listener]
        heard.append(time.monotonic())
        if len([each for each in heard if heard[-1] - each < 1]) > MOST_MESSAGES:
            await listener.connection.close(1008, "Too many requests")
            return
        asked = json.loads(frame)
        self.said.append((_path(listener), asked["method"], asked["params"]))
        streams = asked["params"]
        if not all(_is_stream(each) for each in streams):
            error = {"code": 2, "msg": "Invalid request: invalid stream"}
            await _send(listener, json.dumps({"error": error, "id": asked["id"]}))
            return
        told = {each for each in streams if each.partition("@")[2] in self.routes[_path(listener)]}
        if asked["method"] == "SUBSCRIBE":
            self.subscribed[listener] |= told
        else:
            self.subscribed[listener] -= told
        await _send(listener, json.dumps({"result": None, "id": asked["id"]}))

    def frames(self, name: str, before: Seen | None, now: Seen) -> dict[str, Any]:
        found = {}
        if before is None or before[:2] != now[:2]:
            found[f"{name.lower()}@bookTicker"] = self.book(name, now)
        if before is None or before.last != now.last:
            found[f"{name.lower()}@miniTicker"] = self.ticker(name, now)
        return {stream: {"stream": stream, "data": data} for stream, data in found.items()}

    def book(self, name: str, now: Seen) -> dict[str, Any]:
        bid, ask = f"{now.bid:.8f}", f"{now.ask:.8f}"
        return {"u": 400900217, "s": name, "b": bid, "B": "31.21", "a": ask, "A": "40.66"}

    def ticker(self, name: str, now: Seen) -> dict[str, Any]:
        last = f"{now.last:.8f}"
        at = round(self.venue.now().timestamp() * 1000)
        return {
            "e": "24hrMiniTicker", "E": at, "s": name, "c": last, "o": last, "h": last, "l": last,
            "v": "10000", "q": "18",
        }  # fmt: skip


class FuturesPrices(BinancePrices):
    """What is asked of the wrong route is taken, and never told."""

    routes = {
        "/public/stream": frozenset({"bookTicker"}),
        "/market/stream": frozenset({"miniTicker"}),
        "/stream": frozenset({"bookTicker", "miniTicker"}),
    }

    def book(self, name: str, now: Seen) -> dict[str, Any]:
        at = round(self.venue.now().timestamp() * 1000)
        return super().book(name, now) | {"e": "bookTicker", "E": at, "T": at}


class AlpacaPrices(PriceDoor):
    paths = ("/v2/iex", "/v2/sip", "/v1beta3/crypto/us")
    most_channels = 30

    def __init__(self, venue: Any) -> None:
        self.taken: set[str] = set()
        """Keys that somebody uses elsewhere."""
        super().__init__(venue)

    def prices(self) -> dict[str, Seen]:
        assets, prices = self.venue.assets, self.venue.prices  # type: ignore[attr-defined]  # Alpaca's
        return {assets[x].symbol: Seen(p.bid, p.ask, p.last) for x, p in prices.items()}

    async def welcome(self, listener: Listener) -> None:
        if _path(listener) not in self.paths:
            await listener.connection.close(1008)
            return
        await _say(listener, {"T": "success", "msg": "connected"})

    async def answer(self, listener: Listener, frame: str | bytes) -> None:
        asked = json.loads(frame)
        action = asked.get("action")
        self.said.append((_path(listener), action, asked.get("quotes", [])))
        if action == "auth":
            await self._authenticate(listener, asked)
        elif not listener.key:
            await _refuse(listener, 401, "not authenticated")
        elif action in ("subscribe", "unsubscribe"):
            await self._subscribe(listener, asked)
        else:
            await _refuse(listener, 400, "invalid syntax")

    async def _authenticate(self, listener: Listener, asked: Mapping[str, Any]) -> None:
        key = asked.get("key", "")
        account = self.venue.accounts.get(key)  # type: ignore[attr-defined]  # Alpaca's
        if account is None or asked.get("secret") != account.secret:
            await _refuse(listener, 402, "auth failed")
        elif key in self.taken or any(
            each.key == key and _path(each) == _path(listener) for each in self.listeners
        ):
            await _refuse(listener, 406, "connection limit exceeded")
        else:
            listener.key = key
            await _say(listener, {"T": "success", "msg": "authenticated"})
            return
        await listener.connection.close()

    async def _subscribe(self, listener: Listener, asked: Mapping[str, Any]) -> None:
        named = {f"{kind}:{name}" for kind in ("quotes", "trades") for name in asked.get(kind, [])}
        mine = self.subscribed[listener]
        after = mine | named if asked["action"] == "subscribe" else mine - named
        if len(after) > self.most_channels:
            await _refuse(listener, 405, "symbol limit exceeded")
            return
        self.subscribed[listener] = after
        listed = {
            kind: sorted(x.partition(":")[2] for x in after if x.startswith(kind))
            for kind in ("trades", "quotes", "bars")
        }
        await _say(listener, {"T": "subscription", **listed})

    def frames(self, name: str, before: Seen | None, now: Seen) -> dict[str, Any]:
        at = f"{self.venue.now():%Y-%m-%dT%H:%M:%S.%f}123Z"
        found: dict[str, Any] = {}
        if before is None or before[:2] != now[:2]:
            found[f"quotes:{name}"] = [
                {"T": "q", "S": name, "bx": "V", "bp": float(now.bid), "bs": 2, "ax": "V",
                 "ap": float(now.ask), "as": 1, "c": ["R"], "z": "C", "t": at}
            ]  # fmt: skip
        if before is None or before.last != now.last:
            found[f"trades:{name}"] = [
                {"T": "t", "S": name, "i": 96921, "x": "V", "p": float(now.last), "s": 1,
                 "c": ["@"], "z": "C", "t": at}
            ]  # fmt: skip
        return found


def _path(listener: Listener) -> str:
    request = listener.connection.request
    return "" if request is None else request.path.partition("?")[0]


def _is_stream(name: str) -> bool:
    symbol, _, channel = name.partition("@")
    return symbol.isalnum() and symbol == symbol.lower() and bool(channel)


async def _send(listener: Listener, text: str) -> None:
    try:
        await listener.connection.send(text)
    except ConnectionClosed:
        return


async def _say(listener: Listener, said: Mapping[str, Any]) -> None:
    await _send(listener, json.dumps([said]))


async def _refuse(listener: Listener, code: int, text: str) -> None:
    await _say(listener, {"T": "error", "code": code, "msg": text})


@contextmanager
def told_by(door: PriceDoor) -> Iterator[PriceDoor]:
    try:
        yield door
    finally:
        door.close()


# ---- a process ----


@dataclass
class Feeding:
    station: PriceStation
    pricer: Pricer

    def is_up(self, feed: str) -> bool:
        lines = [each for each in self.station.lines() if each.account.feed == feed]
        return bool(lines) and all(each.is_up for each in lines)

    def connected(self, feed: str) -> None:
        until(lambda: self.is_up(feed), f"{feed} connected")

    def looks_again(self) -> None:
        """Some times: what was due has been done."""
        looks: list[Collection[Place]] = []
        needed = self.station.needed

        def counted() -> Collection[Place]:
            looks.append(needed())
            return looks[-1]

        self.station.needed = counted
        until(lambda: len(looks) > 3)

    def price(self, place: Place) -> Decimal | None:
        found = self.station.board.quote(place, self.station.clock())
        return None if found is None else found.last


@contextmanager
def feeding(clock: Callable[[], datetime], *, dies: bool = False) -> Iterator[Feeding]:
    """Feeds and what becomes of their prices; nobody polls. `dies`: it lets go of nothing."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    recorder = make_recorder(loop)
    station, pricer = make_prices(recorder, clock=clock)
    station.every, station.linger, station.first_pause = 0.05, 0.2, 0.01
    station.leases.seconds = 60  # no machine is so slow that a living process loses one
    if dies:
        station.leases.let_go = lambda subjects: None  # type: ignore[method-assign]  # as the dead do
    thread = threading.Thread(target=lambda: loop.run_until_complete(station.run(stop)))
    pressing = pricer.start()
    thread.start()
    try:
        yield Feeding(station, pricer)
    finally:
        pricer.stop()
        pressing.join(PATIENCE)
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        recorder.turns.close(wait=True)
        station.threads.shutdown()
        loop.close()
