"""`memory` and `ready`: PSS of every process of `manage.py up`, idle and after a burst, and the
seconds from its start to ready on a migrated database."""

import time
from collections.abc import Iterator

from benchmarks.bench import Bench, Line, alerts, seeded, strategies_of
from benchmarks.machine import median, pss_mb
from benchmarks.processes import run_tool
from benchmarks.servers import Hub, home

AIM = {"idle_mb": 300, "ready_seconds": 6}
BURST = 2_000


def measure(bench: Bench) -> Iterator[Line]:
    starts, rest, burst = bench.pick((3, 12.0, BURST), (1, 1.0, 100))
    ready = []
    with home(bench.engine) as fresh:
        with fresh.hub() as hub:
            first = hub.ready_seconds
        for _ in range(starts - 1):
            with fresh.hub() as hub:
                ready.append(hub.ready_seconds)
        with fresh.hub() as hub:
            ready.append(hub.ready_seconds)
            time.sleep(rest)
            idle = _pss(hub)
            _burst(hub, burst)
            time.sleep(rest)
            after = _pss(hub)
    yield {
        "figure": "memory",
        "idle_mb": idle,
        "idle_total_mb": round(sum(idle.values()), 1),
        "after_burst_mb": after,
        "after_burst_total_mb": round(sum(after.values()), 1),
        "ready_seconds": median(ready),
        "first_start_seconds": round(first, 2),
        "aim": AIM,
    }


def _pss(hub: Hub) -> dict[str, float]:
    """By role. PostgreSQL is not ours and not counted."""
    return {name: round(pss_mb(pid), 1) for name, pid in hub.pids().items()}


def _burst(hub: Hub, count: int) -> None:
    people = seeded(hub, "memory", desks=8)
    spec = {"port": hub.port, "requests": alerts(people, "memory"), "count": count, "seconds": 60}
    run_tool("rush", spec, 75)
    hub.ask("settled", seconds=300, strategies=strategies_of(people), wait=240)
