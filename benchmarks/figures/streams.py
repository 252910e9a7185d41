"""`streams`: from a venue's event to the owner's open page, on one clock; and what an account's
connection costs.

The venues are local ones over real sockets. It begins where the venue fills an order, before it has
written its event. Nobody's polling is switched off, as nobody's is in life.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.bench import Bench, Line, only_status
from benchmarks.machine import pss_mb, spread
from benchmarks.processes import Broken, Tool, run_tool
from benchmarks.servers import Hub, home
from benchmarks.wire import COUNTER
from tests.venues.alpaca import server as alpaca_server
from tests.venues.alpaca import sockets as alpaca_sockets
from tests.venues.alpaca import venue as alpaca_venue
from tests.venues.binance import server as binance_server
from tests.venues.binance import sockets as binance_sockets
from tests.venues.binance import venue as binance_venue
from tests.venues.sockets import SocketDoor

AIM = {"p99": 100}
PATIENCE = 120.0
FILLS_PER_SECOND = 10
LATE_SECONDS = 3.0
"""Frames that come later than that after the last fill are counted as missing."""


def measure(bench: Bench) -> Iterator[Line]:
    fills, many = bench.pick((100, 200), (5, 5))
    for venue, accounts in (("binance_spot", 1), ("alpaca", 1), ("alpaca", many)):
        yield _case(bench, venue, accounts, fills)


@dataclass
class There:
    """A venue with accounts key0, key1 and so on."""

    kind: str
    venue: Any
    sockets: SocketDoor
    settings: Mapping[str, str]
    symbol: str

    def fill(self, client_order_id: str) -> None:
        self.venue.fill(self._key_of(client_order_id), client_order_id, 1)

    def _key_of(self, client_order_id: str) -> str:
        spot = self.kind == "binance_spot"
        for key, account in (self.venue.books if spot else self.venue).accounts.items():
            orders = account.orders if spot else account.orders.values()
            names = {each.client_id if spot else each.client_order_id for each in orders}
            if client_order_id in names:
                return str(key)
        raise Broken(f"The venue has no order {client_order_id}.")


def _open(stack: ExitStack, kind: str, accounts: int) -> There:
    if kind == "binance_spot":
        spot = binance_venue.Venue()
        spot.add_market("BTC", "USDT", "100")
        for each in range(accounts):
            spot.open_account(f"key{each}", "secret", USDT=10_000_000)
        rest = stack.enter_context(binance_server.serving(spot))
        door: SocketDoor = _entered(stack, binance_sockets.telling(spot))
        urls = {"BINANCE_SPOT_REST_URL": rest.url, "BINANCE_SPOT_WS_API_URL": door.url}
        return There(kind, spot, door, urls, "BTCUSDT")
    alpaca = alpaca_venue.Venue()
    for each in range(accounts):
        alpaca.open_account(f"key{each}", "secret", cash=10_000_000, fills_by_hand=True)
    alpaca.set_price("AAPL", "100")
    told = stack.enter_context(alpaca_server.serving(alpaca))
    door = _entered(stack, alpaca_sockets.telling(alpaca))
    urls = {"ALPACA_TRADING_URL": told.url, "ALPACA_DATA_URL": told.url}
    return There(kind, alpaca, door, {**urls, "ALPACA_STREAM_URL": door.url}, "AAPL")


def _entered(stack: ExitStack, door: AbstractContextManager[SocketDoor]) -> SocketDoor:
    return stack.enter_context(door)


def _case(bench: Bench, kind: str, accounts: int, fills: int) -> Line:
    with ExitStack() as stack:
        there = _open(stack, kind, accounts)
        fresh = stack.enter_context(home(bench.engine, **there.settings))
        hub = stack.enter_context(fresh.hub())
        person = _desks(hub, kind, 0, 1)
        _until_connected(there, 1)
        before = pss_mb(hub.pids()["stream"])
        began = time.monotonic()
        if accounts > 1:
            person = _desks(hub, kind, 1, accounts - 1)
        _until_connected(there, accounts)
        seconds = time.monotonic() - began
        found = _fills(hub, there, person, fills)
        stream = pss_mb(hub.pids()["stream"])
    return {
        "figure": "streams",
        "venue": kind,
        "accounts": accounts,
        "connected_seconds": round(seconds, 2),
        "stream_mb": round(stream, 1),
        "kb_per_account": _each(stream - before, accounts - 1),
        **found,
        "aim": AIM,
    }


def _each(megabytes: float, accounts: int) -> float | None:
    return round(1024 * megabytes / accounts, 1) if accounts else None


def _desks(hub: Hub, kind: str, first: int, desks: int) -> Any:
    tag = f"{kind}{first}"
    return hub.ask("venue_desks", 180, tag=tag, kind=kind, first=first, desks=desks)


def _until_connected(there: There, accounts: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len({each.key for each in list(there.sockets.listeners)} - {""}) < accounts:
        if time.monotonic() > deadline:
            raise Broken(f"{there.kind}: not all of {accounts} are connected.")
        time.sleep(0.05)


def _fills(hub: Hub, there: There, person: Mapping[str, Any], count: int) -> Line:
    """Orders that rest, then a fill of each, some a second."""
    sent = {"port": hub.port, "requests": _alerts(there, person), "connections": 1}
    load = run_tool("load", {**sent, "rate": 10, "seconds": count / 10}, count / 10 + 60)
    only_status(load, "202")
    names = [desk["strategy"] for desk in person["desks"]]
    orders = hub.ask("resting", 180, strategies=names, count=count, wait=120)
    spec = {"port": hub.port, "cookies": [person["cookie"]], "wave": 1, "seconds": 240}
    begun: dict[str, float] = {}
    with Tool("listeners", spec) as pages:
        pages.line()
        for client_order_id, order_id in orders.items():
            begun[order_id] = time.time()
            there.fill(client_order_id)
            time.sleep(1 / FILLS_PER_SECOND)
        time.sleep(LATE_SECONDS)
        assert pages.popen.stdin is not None
        pages.popen.stdin.write("done\n")
        pages.popen.stdin.flush()
        heard = pages.result(30)
    times = [1000 * (min(heard[each]) - at) for each, at in begun.items() if heard.get(each)]
    return {"event_to_page_ms": spread(times), "missing": len(begun) - len(times)}


def _alerts(there: There, person: Mapping[str, Any]) -> list[dict[str, str]]:
    said = {"ticker": there.symbol, "action": "buy", "order_type": "limit", "price": 90}
    named = {"quantity": 1, "alert_id": f"{there.kind}-{COUNTER.decode()}"}
    body = json.dumps(said | named, separators=(",", ":"))
    return [{"path": desk["path"], "body": body} for desk in person["desks"]]
