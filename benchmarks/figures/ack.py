"""`ack`: durable, authenticated, de-duplicated alerts a second, against an empty Django view.

Both are asked in turn by the same generator, so a ratio is of neighbours in time. Afterwards each
acknowledged alert is looked for in the database.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks.bench import Bench, Line, alert, alerts, check_stored, only_status, seeded
from benchmarks.machine import cpu_seconds, median
from benchmarks.processes import Tool, run_tool, set_nice
from benchmarks.servers import Floor, Hub, empty_view

AIM = 2.0
WORKER_NICE = 10
BUSY_PER_SECOND = 20
"""Alerts that become orders while the others are measured."""


def measure(bench: Bench) -> Iterator[Line]:
    with bench.hub() as hub, empty_view(hub.home / "empty.log") as floor:
        set_nice(hub.pids()["worker"], WORKER_NICE)
        _warm_up(hub, floor)
        for connections in bench.pick((16, 64), (16,)):
            yield _compared(bench, hub, floor, connections, busy=False)
        for connections in bench.pick((16, 64), (16,)):
            yield _compared(bench, hub, floor, connections, busy=True)


def _warm_up(hub: Hub, floor: Floor) -> None:
    """A process's first requests import, connect and make threads: nobody's figure."""
    spec = {"connections": 64, "seconds": 1.0}
    requests = alerts(seeded(hub, "warm", subscribed=False), "warm")
    run_tool("load", {**spec, "port": hub.port, "requests": requests}, 60)
    run_tool("load", {**spec, "port": floor.port, "requests": [{"path": "/", "body": "{}"}]}, 60)


def _compared(bench: Bench, hub: Hub, floor: Floor, connections: int, *, busy: bool) -> Line:
    tag = f"ack{connections}{'busy' if busy else 'idle'}"
    people = seeded(hub, tag, subscribed=False)
    seconds, warm, rounds = bench.pick((4.0, 1.0, 3), (0.5, 0.2, 1))
    ours: list[dict[str, Any]] = []
    floors: list[dict[str, Any]] = []
    sent = 0
    with ExitStack() as stack:
        orders = stack.enter_context(_Orders(hub, tag)) if busy else None
        for _ in range(rounds):
            spec = {"connections": connections, "seconds": seconds, "warm": warm}
            ask = {**spec, "port": hub.port, "requests": alerts(people, tag), "first": sent}
            ours.append(_load(ask, hub.pids()["web"]))
            sent += ours[-1]["sent"]
            ask = {**spec, "port": floor.port, "requests": [{"path": "/", "body": alert(tag)}]}
            floors.append(_load(ask, floor.pid))
        filled = orders.finish() if orders is not None else None
    for each in floors:
        only_status(each, "200")
    accepted = sum(only_status(each, "202") for each in ours)
    line = _line(ours, floors, connections, busy=busy)
    line |= check_stored(hub, people, accepted)
    return line if filled is None else line | filled


def _load(spec: dict[str, Any], server: int) -> dict[str, Any]:
    """With the server's own CPU for one request, which other load hardly changes."""
    before = cpu_seconds(server)
    found: dict[str, Any] = run_tool("load", spec, spec["seconds"] + 45)
    used = cpu_seconds(server) - before
    return {**found, "cpu_ms": 1000 * used / max(1, found["sent"])}


def _line(
    ours: Sequence[dict[str, Any]],
    floors: Sequence[dict[str, Any]],
    connections: int,
    *,
    busy: bool,
) -> Line:
    pairs = zip(ours, floors, strict=True)
    ratios = [our["per_second"] / floor["per_second"] for our, floor in pairs]
    return {
        "figure": "ack",
        "connections": connections,
        "worker": "busy" if busy else "idle",
        "worker_nice": WORKER_NICE,
        **_summary("", ours),
        **_summary("empty_view_", floors),
        "ratio": median(ratios),
        "ratios": [round(each, 2) for each in ratios],
        "cpu_ratio": median([b["cpu_ms"] / a["cpu_ms"] for a, b in zip(ours, floors, strict=True)]),
        "aim": None if busy else AIM,
    }


def _summary(prefix: str, results: Sequence[dict[str, Any]]) -> Line:
    return {
        prefix + name: median([each[name] for each in results])
        for name in ("per_second", "p50_ms", "p99_ms", "cpu_ms")
    }


class _Orders:
    """Alerts that become orders, all the while."""

    def __init__(self, hub: Hub, tag: str) -> None:
        self.hub = hub
        self.people = seeded(hub, f"{tag}orders", desks=4)
        spec = {
            "port": hub.port,
            "requests": alerts(self.people, f"{tag}orders", "buy", "sell"),
            "connections": 4,
            "rate": BUSY_PER_SECOND,
            "seconds": 1_000,
        }
        self.tool = Tool("load", spec)

    def __enter__(self) -> "_Orders":
        return self

    def __exit__(self, *_: object) -> None:
        self.tool.__exit__(None, None, None)

    def finish(self) -> Line:
        """How many orders were filled meanwhile."""
        self.tool.popen.terminate()
        strategies = [desk["strategy"] for person in self.people for desk in person["desks"]]
        self.hub.ask("settled", strategies=strategies, wait=30)
        return {"orders_filled": self.hub.ask("signals", strategies=strategies)["filled"]}
