"""`burst`: 2,000 alerts at once, each on a new connection, against the same for the empty view.

The alerts become orders on eight paper accounts, so the worker competes from the first moment on.
"""

from collections.abc import Iterator
from typing import Any

from benchmarks.bench import Bench, Line, alert, alerts, check_stored, seeded, strategies_of
from benchmarks.machine import handshake_failures, median
from benchmarks.processes import run_tool
from benchmarks.servers import Floor, Hub, empty_view

AIM = 0.6
ACCOUNTS = 8
LIMIT_SECONDS = 60.0


def measure(bench: Bench) -> Iterator[Line]:
    count, rounds = bench.pick((2_000, 3), (100, 1))
    with bench.hub() as hub, empty_view(hub.home / "empty.log") as floor:
        # A process's first requests import, connect and make threads: nobody's figure.
        _round(hub, floor, count // 10, "warm")
        seen = [_round(hub, floor, count, str(number)) for number in range(rounds)]
    yield _line(seen, count)


def _round(hub: Hub, floor: Floor, count: int, name: str) -> Line:
    tag = f"burst{name}"
    people = seeded(hub, tag, desks=ACCOUNTS)
    requests = alerts(people, tag)
    before = handshake_failures()
    ours = _rush(hub.port, requests, count)
    after = handshake_failures()
    spec = {"strategies": strategies_of(people), "wait": 240}
    settled = hub.ask("settled", seconds=300, **spec)
    empty = _rush(floor.port, [{"path": "/", "body": alert(tag)}], count)
    found = hub.ask("signals", strategies=strategies_of(people))
    last = settled["last_fill_at"]
    return {
        "seconds": ours["seconds"],
        "p50_ms": ours["p50_ms"],
        "p99_ms": ours["p99_ms"],
        "empty_view_seconds": empty["seconds"],
        "ratio": ours["seconds"] / empty["seconds"],
        **check_stored(hub, people, ours["statuses"].get("202", 0)),
        "not_accepted": count - ours["statuses"].get("202", 0),
        "handshakes_resent": ours["late_connects"] + ours["failed_connects"],
        "listen_overflows": after.get("ListenOverflows", 0) - before.get("ListenOverflows", 0),
        "orders_filled": found["filled"],
        "unfinished": settled["left"],
        "last_fill_seconds": None if last is None else last - ours["began_at"],
    }


def _rush(port: int, requests: list[dict[str, str]], count: int) -> dict[str, Any]:
    spec = {"port": port, "requests": requests, "count": count, "seconds": LIMIT_SECONDS}
    found: dict[str, Any] = run_tool("rush", spec, LIMIT_SECONDS + 15)
    return found


SUMMED = (
    "accepted", "stored", "lost", "doubled", "not_accepted", "handshakes_resent",
    "listen_overflows", "orders_filled", "unfinished",
)  # fmt: skip


def _line(seen: list[Line], count: int) -> Line:
    """Medians of times; of what must not happen, all that did."""
    timed = ("seconds", "p50_ms", "p99_ms", "empty_view_seconds", "ratio", "last_fill_seconds")
    known = {name: [each[name] for each in seen if each[name] is not None] for name in timed}
    return {
        "figure": "burst",
        "alerts": count,
        "rounds": len(seen),
        **{name: median(values, 3) if values else None for name, values in known.items()},
        "ratios": [round(each["ratio"], 2) for each in seen],
        **{name: sum(each[name] for each in seen) for name in SUMMED},
        "aim": AIM,
    }
