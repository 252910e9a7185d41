"""`streams`: from a venue's event to the owner's open page, on one clock; and what an account's
connection costs.

The venues are local ones over real sockets. It begins where the venue fills an order, before it has
written its event. Nobody's polling is switched off, as nobody's is in life.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.bench import Bench, Line, only_status
from benchmarks.machine import pss_mb, spread
from benchmarks.processes import Broken, Tool, run_tool
from benchmarks.servers import Home, Hub, home
from benchmarks.wire import COUNTER
from tests.venues.alpaca import server as alpaca_server
from tests.venues.alpaca import sockets as alpaca_sockets
from tests.venues.alpaca import venue as alpaca_venue
from tests.venues.binance import server as binance_server
from tests.venues.binance import sockets as binance_sockets
from tests.venues.binance import venue as binance_venue
from tests.venues.binance_futures import server as futures_server
from tests.venues.binance_futures import sockets as futures_sockets
from tests.venues.binance_futures import venue as futures_venue
from tests.venues.sockets import SocketDoor

AIM = {"p99": 100}
PATIENCE = 120.0
ALERTS_PER_SECOND = 25
FILLS_PER_SECOND = 10
MONEY = 10_000_000
LATE_SECONDS = 3.0
"""Frames that come later than that after the last fill are counted as missing."""


def measure(bench: Bench) -> Iterator[Line]:
    fills, many = bench.pick((100, 200), (5, 5))
    kinds = ("binance_spot", "binance_futures", "alpaca")
    for venue, accounts in (*((kind, 1) for kind in kinds), ("alpaca", many)):
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
        binance = self.kind != "alpaca"
        for key, account in (self.venue.books if binance else self.venue).accounts.items():
            orders = account.orders if binance else account.orders.values()
            names = {each.client_id if binance else each.client_order_id for each in orders}
            if client_order_id in names:
                return str(key)
        raise Broken(f"The venue has no order {client_order_id}.")


def _open(stack: ExitStack, kind: str, accounts: int) -> There:
    keys = [f"key{each}" for each in range(accounts)]
    return _OPENED[kind](stack, keys)


def _spot(stack: ExitStack, keys: Sequence[str]) -> There:
    venue = binance_venue.Venue()
    venue.add_market("BTC", "USDT", "100")
    for key in keys:
        venue.open_account(key, "secret", USDT=MONEY)
    rest = stack.enter_context(binance_server.serving(venue))
    door = _entered(stack, binance_sockets.telling(venue))
    urls = {"BINANCE_SPOT_REST_URL": rest.url, "BINANCE_SPOT_WS_API_URL": door.url}
    urls["BINANCE_SPOT_STREAM_URL"] = door.url  # which tells no prices: they are asked for
    return There("binance_spot", venue, door, urls, "BTCUSDT")


def _futures(stack: ExitStack, keys: Sequence[str]) -> There:
    venue = futures_venue.Venue()
    venue.add_market("BTC", "USDT", "100")
    for key in keys:
        venue.open_account(key, "secret", USDT=MONEY)
    rest = stack.enter_context(futures_server.serving(venue))
    door = _entered(stack, futures_sockets.telling(venue))
    urls = {"BINANCE_FUTURES_REST_URL": rest.url, "BINANCE_FUTURES_STREAM_URL": door.url}
    return There("binance_futures", venue, door, urls, "BTCUSDT")


def _alpaca(stack: ExitStack, keys: Sequence[str]) -> There:
    venue = alpaca_venue.Venue()
    for key in keys:
        venue.open_account(key, "secret", cash=MONEY, fills_by_hand=True)
    venue.set_price("AAPL", "100")
    rest = stack.enter_context(alpaca_server.serving(venue))
    door = _entered(stack, alpaca_sockets.telling(venue))
    urls = {"ALPACA_TRADING_URL": rest.url, "ALPACA_DATA_URL": rest.url}
    urls |= dict.fromkeys(("ALPACA_STREAM_URL", "ALPACA_DATA_STREAM_URL"), door.url)
    return There("alpaca", venue, door, urls, "AAPL")


_OPENED = {"binance_spot": _spot, "binance_futures": _futures, "alpaca": _alpaca}


def _entered(stack: ExitStack, door: AbstractContextManager[SocketDoor]) -> SocketDoor:
    return stack.enter_context(door)


def _case(bench: Bench, kind: str, accounts: int, fills: int) -> Line:
    with ExitStack() as stack:
        there = _open(stack, kind, accounts)
        fresh = stack.enter_context(home(bench.engine, **there.settings))
        with fresh.hub() as hub:
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
        reconciled = _reconciled(fresh, accounts) if accounts > 1 else {}
    return {
        "figure": "streams",
        "venue": kind,
        "accounts": accounts,
        "connected_seconds": round(seconds, 2),
        "stream_mb": round(stream, 1),
        "kb_per_account": _each(stream - before, accounts - 1),
        **reconciled,
        **found,
        "aim": AIM,
    }


def _reconciled(fresh: Home, accounts: int) -> Line:
    """Seconds from the start of the hub until each account has been compared with its venue, and
    how many of them it took to be ready."""
    began = time.time()
    with fresh.hub() as hub:
        last = hub.ask("reconciled", 180, since=began, count=accounts, wait=PATIENCE)
    return {
        "restarted_seconds": round(hub.ready_seconds, 2),
        "reconciled_seconds": round(float(last) - began, 2),
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
    seconds = count / ALERTS_PER_SECOND
    load = run_tool("load", {**sent, "rate": ALERTS_PER_SECOND, "seconds": seconds}, seconds + 60)
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
