"""The Binance fake on a socket: keeps connections as the venue does, and misbehaves as told.

A request is noted before any fault is looked at; each answer leaves in one write. The faults are
those of the scripted venue; what they say is in Binance's words.
"""

import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.venue.faults import NOT_TAKEN, Fault, FaultKind
from tests.venues.binance import api
from tests.venues.binance.api import Reply, Request
from tests.venues.binance.venue import Note, Venue
from tests.venues.door import Door

F = FaultKind
PAGE = b"<html><body>Something between you and the venue broke.</body></html>"
HUGE = 256 * 1024 * 1024
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
        self.server.accepted += 1
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with suppress(OSError, ValueError):
            super().finish()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode() if length else ""
        place = urlsplit(self.path)
        key = self.headers.get("X-MBX-APIKEY", "")
        self._serve(Request(self.command, place.path, place.query, body, key))

    do_POST = do_DELETE = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """The notes are the log."""

    def _serve(self, request: Request) -> None:
        venue, operation = self.server.venue, self.operation_of(request)
        with venue.lock:
            fault = venue.script.next(request.key, operation) or Fault(F.ACCEPT)
            if fault.kind in NOT_TAKEN or fault.kind is F.DELAY:
                venue.notes.append(Note(operation, request.key, request.params, taken=False))
                reply = Reply(0, None)
            else:
                reply = self.reply_to(request)
                taken = reply.status == 200
                venue.notes.append(Note(operation, request.key, request.params, taken))
        if fault.kind is F.DELAY:
            self.wait(fault.seconds)
            with venue.lock:
                reply = self.reply_to(request)
        _DELIVERIES.get(fault.kind, _plainly)(self, fault, reply)

    def operation_of(self, request: Request) -> str:
        return request.operation or "none"

    def reply_to(self, request: Request) -> Reply:
        """Under the venue's lock."""
        return api.answer(self.server.venue, request)

    def wait(self, seconds: float) -> None:
        self.server.stopping.wait(seconds)

    def answer(self, reply: Reply) -> None:
        self.write(reply.status, orjson.dumps(reply.body), dict(reply.headers))

    def write(
        self, status: int, body: bytes, headers: dict[str, str], length: int | None = None
    ) -> None:
        """`length`: what the answer claims, when that is not so; then the connection ends."""
        kind = "text/html" if body.startswith(b"<") else "application/json;charset=UTF-8"
        lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}"]
        lines.append(f"Content-Length: {len(body) if length is None else length}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)
        if length is not None:
            self.close_connection = True

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        os.close(self.connection.detach())
        self.close_connection = True


def _plainly(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.answer(reply)


def _late(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.wait(fault.seconds)
    handler.answer(reply)


def _hang(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.wait(fault.seconds)
    handler.close_connection = True


def _close(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.close_connection = True


def _reset(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.reset()


def _reject(handler: Handler, fault: Fault, reply: Reply) -> None:
    """`code`: Binance's number as text; without one, what it says of a lack of money."""
    code = int(fault.code) if fault.code.lstrip("-").isdigit() else -2010
    text = fault.text
    if code == -2010 and text == Fault(F.REJECT).text:
        text = "Account has insufficient balance for requested action."
    handler.answer(Reply(400, {"code": code, "msg": text}))


def _page(status: int) -> Callable[[Handler, Fault, Reply], None]:
    """An answer that is not the venue's own."""
    return lambda handler, fault, reply: handler.write(status, PAGE, {})


def _limited(handler: Handler, fault: Fault, reply: Reply) -> None:
    text = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
    headers = {"Retry-After": f"{fault.retry_after:g}"}
    handler.answer(Reply(429, {"code": -1003, "msg": text}, headers))


def _bad_key(handler: Handler, fault: Fault, reply: Reply) -> None:
    text = "Invalid API-key, IP, or permissions for action."
    handler.answer(Reply(401, {"code": -2015, "msg": text}))


def _redirect(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.write(307, b"", {"Location": handler.path})


def _truncated(handler: Handler, fault: Fault, reply: Reply) -> None:
    body = orjson.dumps(reply.body)
    handler.write(reply.status, body[: len(body) // 2], {})


def _cut(handler: Handler, fault: Fault, reply: Reply) -> None:
    body = orjson.dumps(reply.body)
    handler.write(reply.status, body[: len(body) // 2], {}, length=len(body))


def _empty(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.write(200, b"", {})


def _empty_list(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.write(200, b"[]" if isinstance(reply.body, list) else b"{}", {})


def _huge(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.write(200, b'{"id":"', {}, length=HUGE)
    for _ in range(HUGE // 65536):
        handler.wfile.write(b"0" * 65536)


_DELIVERIES: dict[FaultKind, Callable[[Handler, Fault, Reply], None]] = {
    F.REJECT: _reject,
    F.HANG_BEFORE: _hang,
    F.CLOSE_BEFORE: _close,
    F.RESET_BEFORE: _reset,
    F.REFUSE_500: _page(500),
    F.REFUSE_504: _page(504),
    F.REFUSE_429: _limited,
    F.REFUSE_401: _bad_key,
    F.REFUSE_403: _page(403),
    F.REDIRECT: _redirect,
    F.ACCEPT_THEN_DELAY: _late,
    F.ACCEPT_THEN_HANG: _hang,
    F.ACCEPT_THEN_CLOSE: _close,
    F.ACCEPT_THEN_RESET: _reset,
    F.ACCEPT_THEN_500: _page(500),
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
def serving(venue: Venue) -> Iterator[Server]:
    server = Server(venue)
    try:
        yield server
    finally:
        server.close_door()
