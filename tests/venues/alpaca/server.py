"""The fake Alpaca on a socket: keeps connections as Alpaca does, and misbehaves as told.

A request is noted before any fault is looked at, and each answer leaves in one write. Its faults
are those of the scripted venue, in Alpaca's own words where they are Alpaca's.
"""

import json
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.venue.faults import NOT_TAKEN, Fault, FaultKind
from tests.venues.alpaca import api
from tests.venues.alpaca.api import Reply, Request
from tests.venues.alpaca.venue import Asked, Venue
from tests.venues.door import Door

F = FaultKind
PAGE = b"<html><body>Something between you and the venue broke.</body></html>"
HUGE = 64 * 1024 * 1024
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST."""


class Server(Door[Venue]):
    def __init__(self, venue: Venue, port: int = 0) -> None:
        super().__init__(venue, Handler, port)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.request)
        self.server.accepted += 1

    def finish(self) -> None:
        self.server.connections.discard(self.request)
        with suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        call = api.understand(request)
        if call is None:
            self.answer(Reply(404, {"code": 40410000, "message": "endpoint not found"}))
            return
        venue = self.server.venue
        with venue.lock:
            asked = Asked(self.command, self.path, call.operation, request.key)
            asked.body = _json(body)
            venue.asked.append(asked)
            fault = venue.script.next(request.key, call.operation) or Fault(F.ACCEPT)
        asked.fault = fault.kind.value
        if fault.kind is F.DELAY:
            self.server.stopping.wait(fault.seconds)
        reply = Reply(0, None)
        if fault.kind not in NOT_TAKEN:
            reply = api.answer(venue, call, request)
            asked.status, asked.taken = reply.status, reply.status < 300
        else:
            asked.taken = False
        _DELIVERIES.get(fault.kind, _plainly)(self, fault, reply)

    do_POST = do_DELETE = do_PATCH = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """What was asked is noted."""

    def answer(self, reply: Reply) -> None:
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        self.write(reply.status, body, reply.headers)

    def write(
        self, status: int, body: bytes, headers: dict[str, str], length: int | None = None
    ) -> None:
        """`length`: what the answer claims, when that is not so."""
        kind = "text/html" if body.startswith(b"<") else "application/json; charset=UTF-8"
        lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}"]
        if status != 204:
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        venue = self.server.venue
        reset = f"{venue.now().timestamp() + 30:.0f}"
        rate = {"X-RateLimit-Limit": f"{venue.most}",
                "X-RateLimit-Remaining": f"{venue.remaining}",
                "X-RateLimit-Reset": reset}  # fmt: skip
        lines += [f"{name}: {value}" for name, value in {**rate, **headers}.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    def reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.server.connections.discard(self.request)
        os.close(self.connection.detach())


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


Deliver = Callable[[Handler, Fault, Reply], None]


def _plainly(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.answer(reply)


def _late(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.server.stopping.wait(fault.seconds)
    handler.answer(reply)


def _hang(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.server.stopping.wait(fault.seconds)
    handler.close_connection = True


def _close(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.close_connection = True


def _reset(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.reset()


def _page(status: int) -> Deliver:
    """An answer that is not Alpaca's own."""
    return lambda handler, fault, reply: handler.write(status, PAGE, {})


def _said(status: int, code: int | None, message: str) -> Deliver:
    def say(handler: Handler, fault: Fault, reply: Reply) -> None:
        headers = {"Retry-After": f"{fault.retry_after:g}"} if status == 429 else {}
        body = {"message": message or fault.text}
        handler.answer(Reply(status, body if code is None else {"code": code, **body}, headers))

    return say


def _redirect(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.write(307, b"", {"Location": handler.path})


def _truncated(handler: Handler, fault: Fault, reply: Reply) -> None:
    body = json.dumps(reply.body).encode()
    handler.write(200, body[: len(body) // 2], {})


def _cut(handler: Handler, fault: Fault, reply: Reply) -> None:
    body = json.dumps(reply.body).encode()
    handler.write(reply.status, body[: len(body) // 2], {}, length=len(body))
    handler.close_connection = True


def _empty(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.write(200, b"", {})


def _empty_list(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.answer(Reply(200, [] if isinstance(reply.body, list) else {}))


def _huge(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.close_connection = True
    handler.write(200, b'{"id":"', {}, length=HUGE)
    for _ in range(HUGE // 65536):
        handler.wfile.write(b"0" * 65536)


_DELIVERIES: dict[FaultKind, Deliver] = {
    F.REJECT: _said(403, 40310000, ""),
    F.HANG_BEFORE: _hang,
    F.CLOSE_BEFORE: _close,
    F.RESET_BEFORE: _reset,
    F.REFUSE_500: _said(500, 50010000, "internal server error occurred"),
    F.REFUSE_504: _page(504),
    F.REFUSE_429: _said(429, 42910000, "rate limit exceeded"),
    F.REFUSE_401: _said(401, 40110000, "request is not authorized"),
    F.REFUSE_403: _said(403, None, "forbidden."),
    F.REDIRECT: _redirect,
    F.ACCEPT_THEN_DELAY: _late,
    F.ACCEPT_THEN_HANG: _hang,
    F.ACCEPT_THEN_CLOSE: _close,
    F.ACCEPT_THEN_RESET: _reset,
    F.ACCEPT_THEN_500: _said(500, 50010000, "internal server error occurred"),
    F.ACCEPT_THEN_504: _page(504),
    F.ACCEPT_THEN_429: _page(429),
    F.ACCEPT_THEN_400: _page(400),
    F.TRUNCATED_JSON: _truncated,
    F.CUT_BODY: _cut,
    F.EMPTY_ANSWER: _empty,
    F.EMPTY_LIST: _empty_list,
    F.HUGE_BODY: _huge,
}


@contextmanager
def serving(venue: Venue | None = None) -> Iterator[Server]:
    """In a thread of this process."""
    server = Server(venue or Venue())
    try:
        yield server
    finally:
        server.close_door()
