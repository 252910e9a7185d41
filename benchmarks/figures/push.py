"""`push`: from the fill that was committed to the browser's socket, on one clock.

It begins at the moment that the fill's event carries, taken inside its transaction: the commit
itself counts. `sockets` of one user all hear each fill; of many users one does.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.bench import Bench, Line, alerts, only_status, seeded, strategies_of
from benchmarks.machine import spread
from benchmarks.processes import Tool, run_tool
from benchmarks.servers import Hub

AIM = {"sockets": 1, "p99": 50}
WAVE = 25
"""Pages that open at once: daphne gives a handshake 5 s, however many wait."""
LATE_SECONDS = 3.0
"""Frames that come later than that after the last fill are counted as missing."""


def measure(bench: Bench) -> Iterator[Line]:
    seconds = bench.pick(10.0, 1.0)
    cases = bench.pick(
        ((1, 1, 10), (1, 100, 5), (1, 500, 2), (100, 1, 10), (500, 1, 10)), ((1, 1, 5),)
    )
    with bench.hub() as hub:
        for users, sockets, rate in cases:
            yield _case(hub, users, sockets, rate, seconds)


def _case(hub: Hub, users: int, sockets: int, rate: float, seconds: float) -> Line:
    tag = f"push{users}x{sockets}"
    people = seeded(hub, tag, users)
    cookies = [person["cookie"] for person in people for _ in range(sockets)]
    # So that no thread of the worker imports while it is measured.
    warm = {"port": hub.port, "requests": alerts(people, f"{tag}warm"), "connections": 1}
    run_tool("load", {**warm, "rate": 10, "seconds": 1}, 40)
    spec = {"port": hub.port, "cookies": cookies, "wave": WAVE, "seconds": 240}
    with Tool("listeners", spec) as pages:
        opened = pages.line()
        since = time.time()
        spec = {"port": hub.port, "requests": alerts(people, tag), "connections": 2}
        sent = run_tool("load", {**spec, "rate": rate, "seconds": seconds}, seconds + 60)
        only_status(sent, "202")
        hub.ask("settled", strategies=strategies_of(people), wait=30)
        time.sleep(LATE_SECONDS)
        assert pages.popen.stdin is not None
        pages.popen.stdin.write("done\n")
        pages.popen.stdin.flush()
        heard = pages.result(30)
    fills = hub.ask("fills", strategies=strategies_of(people))
    return _line(users, sockets, opened, heard, {k: at for k, at in fills.items() if at > since})


def _line(
    users: int,
    sockets: int,
    opened: Mapping[str, float],
    heard: Mapping[str, Sequence[float]],
    fills: Mapping[str, float],
) -> Line:
    each = [1000 * (when - at) for order, at in fills.items() for when in heard.get(order, [])]
    last = [1000 * (max(heard[order]) - at) for order, at in fills.items() if heard.get(order)]
    found: dict[str, Any] = {
        "figure": "push",
        "users": users,
        "sockets": users * sockets,
        "opened": opened["opened"],
        "open_seconds": opened["seconds"],
        "fills": len(fills),
        "to_a_socket_ms": spread(each),
        "to_the_last_socket_ms": spread(last),
        "missing": len(fills) * sockets - len(each),
    }
    return {**found, "aim": AIM if users * sockets == 1 else None}
