"""Open pages, a process of its own: `{"port", "cookies", "wave", "seconds"}`.

Opens one live socket for each session cookie, so many at a time, and notes when each hears that an
order was filled. Prints a line when all are open; a line on stdin ends it; then it prints
{order id: [times]}.
"""

import asyncio
import base64
import json
import os
import sys
import time
from collections import defaultdict
from functools import partial
from typing import Any

OPEN_SECONDS = 60.0


class Page(asyncio.Protocol):
    """One live socket. Understands what a server sends: whole, unmasked text frames."""

    def __init__(self, run: "Run", cookie: str) -> None:
        self.run = run
        self.cookie = cookie
        self.waiting = b""
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        host = f"127.0.0.1:{self.run.port}"
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /ws/live/ HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            f"Origin: http://{host}",
            f"Cookie: sessionid={self.cookie}",
        ]
        transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self.waiting += data
        if not self.is_open and not self._opened():
            return
        while (frame := self._frame()) is not None:
            if b'"filled"' in frame:
                self.run.heard(frame, now)

    def _opened(self) -> bool:
        head, blank, rest = self.waiting.partition(b"\r\n\r\n")
        if not blank:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            self.run.refused += 1
            self.waiting = b""
            return False
        self.is_open, self.waiting = True, rest
        self.run.opened += 1
        return True

    def _frame(self) -> bytes | None:
        """The payload of the next whole frame."""
        data = self.waiting
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start + size:
            return None
        self.waiting = data[start + size :]
        return data[start : start + size]


class Run:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.port: int = spec["port"]
        self.cookies: list[str] = spec["cookies"]
        self.seconds: float = spec["seconds"]
        self.wave: int = spec["wave"]
        self.opened = 0
        self.refused = 0
        self.times: defaultdict[str, list[float]] = defaultdict(list)

    def heard(self, frame: bytes, now: float) -> None:
        event = json.loads(frame)
        if event["type"] == "order" and event["status"] == "filled":
            self.times[event["id"]].append(now)

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        for first in range(0, len(self.cookies), self.wave):
            for cookie in self.cookies[first : first + self.wave]:
                await loop.create_connection(partial(Page, self, cookie), "127.0.0.1", self.port)
            await self._until_answered(first + self.wave, began + OPEN_SECONDS)
        seconds = round(time.monotonic() - began, 2)
        said = {"opened": self.opened, "refused": self.refused, "seconds": seconds}
        print(json.dumps(said), flush=True)
        told = loop.run_in_executor(None, sys.stdin.readline)
        await asyncio.wait([asyncio.ensure_future(told)], timeout=self.seconds)

    async def _until_answered(self, count: int, deadline: float) -> None:
        wanted = min(count, len(self.cookies))
        while self.opened + self.refused < wanted and time.monotonic() < deadline:
            await asyncio.sleep(0.005)


def main() -> None:
    run = Run(json.loads(sys.stdin.readline()))
    asyncio.run(run.listen())
    print(json.dumps(run.times))
    sys.stdout.flush()
    os._exit(0)  # a reader of stdin that nobody answered would keep it


if __name__ == "__main__":
    main()
