"""The load generator, a process of its own.

`{"port", "requests", "connections", "seconds", "warm"}` asks as fast as answers come; with `"rate"`
it asks so many times a second, whatever comes back.

Prints one result. All that was sent is waited for, so the answers can be counted against rows.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

from benchmarks.machine import quantile
from benchmarks.wire import Templates, answer_length, status_of

LAST_ANSWERS_SECONDS = 30.0


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.received = b""
        self.began = 0.0
        self.busy = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, began: float | None = None) -> None:
        assert self.transport is not None
        self.busy = True
        self.began = time.perf_counter() if began is None else began
        self.transport.write(self.run.templates.next())

    def data_received(self, data: bytes) -> None:
        self.received = self.received + data if self.received else data
        length = answer_length(self.received)
        if length is None or len(self.received) < length:
            return
        status, self.received = status_of(self.received), b""
        self.busy = False
        self.run.answered(self, status, time.perf_counter())

    def connection_lost(self, error: Exception | None) -> None:
        if self.busy:
            self.run.lost(self)


class Run:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.templates = Templates(spec["port"], spec["requests"], spec.get("first", 0))
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.idle: list[Connection] = []
        self.asking = True
        self.counted_from = float("inf")
        self.counted_to = 0.0
        self.errors = 0

    async def connect(self, count: int) -> list[Connection]:
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.spec["port"])
            for _ in range(count)
        ]
        return [protocol for _, protocol in made]

    def answered(self, connection: Connection, status: str, now: float) -> None:
        self.statuses[status] += 1
        if self.counted_from <= connection.began and now <= self.counted_to:
            self.latencies.append(now - connection.began)
        if self.asking and "rate" not in self.spec:
            connection.ask()
        else:
            self.idle.append(connection)

    def lost(self, connection: Connection) -> None:
        self.errors += 1

    async def flat_out(self) -> None:
        connections = await self.connect(self.spec["connections"])
        self.counted_from = time.perf_counter() + self.spec.get("warm", 0)
        self.counted_to = self.counted_from + self.spec["seconds"]
        for each in connections:
            each.ask()
        await asyncio.sleep(self.counted_to - time.perf_counter())
        self.asking = False
        await self.last_answers(connections)

    async def paced(self) -> None:
        connections = await self.connect(self.spec["connections"])
        self.idle = list(connections)
        began = time.perf_counter()
        self.counted_from, self.counted_to = began, float("inf")
        for number in range(int(self.spec["rate"] * self.spec["seconds"])):
            due = began + number / self.spec["rate"]
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if not self.idle:
                self.idle = await self.connect(1)
                connections += self.idle
            self.idle.pop().ask(due)
        await self.last_answers(connections)

    async def last_answers(self, connections: list[Connection]) -> None:
        deadline = time.perf_counter() + LAST_ANSWERS_SECONDS
        while any(each.busy for each in connections) and time.perf_counter() < deadline:
            await asyncio.sleep(0.005)
        self.errors += sum(each.busy for each in connections)
        for each in connections:
            each.busy = False
            if each.transport is not None:
                each.transport.close()
        await asyncio.sleep(0)

    def result(self) -> dict[str, Any]:
        milliseconds = [1000 * each for each in self.latencies]
        return {
            "per_second": len(milliseconds) / self.spec["seconds"],
            "p50_ms": quantile(milliseconds, 0.5),
            "p99_ms": quantile(milliseconds, 0.99),
            "sent": self.templates.sent - self.spec.get("first", 0),
            "statuses": dict(self.statuses),
            "errors": self.errors,
        }


def main() -> None:
    spec = json.loads(sys.stdin.readline())
    run = Run(spec)
    asyncio.run(run.paced() if "rate" in spec else run.flat_out())
    print(json.dumps(run.result()))


if __name__ == "__main__":
    main()
