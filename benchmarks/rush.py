"""A burst, a process of its own: `{"port", "requests", "count", "seconds"}` opens that many
connections at once, asks once on each, and waits for all answers.

Non-blocking sockets and epoll, since asyncio's own cost for 2,000 connections would be measured.
"""

import json
import resource
import select
import socket
import sys
import time
from collections import Counter
from typing import Any

from benchmarks.machine import quantile
from benchmarks.wire import Templates, answer_length, status_of

RESENT_SECONDS = 0.9
"""The kernel sends a lost SYN again after a second: a connect that took so long lost one."""


class Rush:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.templates = Templates(spec["port"], spec["requests"])
        self.poll = select.epoll()
        self.open: dict[int, socket.socket] = {}
        self.received: dict[int, bytes] = {}
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.late_connects = 0
        self.failed_connects = 0
        self.broken = 0

    def run(self) -> dict[str, Any]:
        began_at, began = time.time(), time.perf_counter()
        deadline = began + self.spec["seconds"]
        for _ in range(self.spec["count"]):
            self._connect()
        while self.open and time.perf_counter() < deadline:
            for descriptor, event in self.poll.poll(0.2):
                self._look(descriptor, event, began)
        unanswered = len(self.open)
        milliseconds = [1000 * each for each in self.latencies]
        return {
            "began_at": began_at,
            "seconds": max(self.latencies, default=0.0),
            "p50_ms": quantile(milliseconds, 0.5),
            "p99_ms": quantile(milliseconds, 0.99),
            "statuses": dict(self.statuses),
            "unanswered": unanswered,
            "broken": self.broken,
            "failed_connects": self.failed_connects,
            "late_connects": self.late_connects,
        }

    def _connect(self) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect_ex(("127.0.0.1", self.spec["port"]))
        self.open[connection.fileno()] = connection
        self.poll.register(connection.fileno(), select.EPOLLOUT)

    def _look(self, descriptor: int, event: int, began: float) -> None:
        if descriptor not in self.received:
            self._connected(descriptor, event, began)
        else:
            self._read(descriptor, began)

    def _connected(self, descriptor: int, event: int, began: float) -> None:
        connection = self.open[descriptor]
        if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.failed_connects += 1
            self._close(descriptor)
            return
        self.late_connects += time.perf_counter() - began > RESENT_SECONDS
        self.received[descriptor] = b""
        connection.sendall(self.templates.next())
        self.poll.modify(descriptor, select.EPOLLIN)

    def _read(self, descriptor: int, began: float) -> None:
        try:
            data = self.open[descriptor].recv(65536)
        except OSError:
            data = b""
        if not data:
            self.broken += 1
            self._close(descriptor)
            return
        self.received[descriptor] += data
        length = answer_length(self.received[descriptor])
        if length is not None and len(self.received[descriptor]) >= length:
            self.latencies.append(time.perf_counter() - began)
            self.statuses[status_of(self.received[descriptor])] += 1
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        self.poll.unregister(descriptor)
        self.open.pop(descriptor).close()


def main() -> None:
    spec = json.loads(sys.stdin.readline())
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps(Rush(spec).run()))


if __name__ == "__main__":
    main()
