"""The scripted venue on a socket: reads requests, notes them, and misbehaves on the wire as told.

A request is in the ledger before any fault is looked at. Each answer leaves in one write. No
connection is kept: every request is a socket of its own, so that a fault hits one request only.
"""

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from tests.venue import control_api, trading_api
from tests.venue.books import Refused
from tests.venue.faults import NOT_TAKEN, Fault, FaultKind
from tests.venue.trading_api import Call, Reply, Request
from tests.venue.venue import Venue

F = FaultKind
PAGE = b"<html><body>Something between you and the venue broke.</body></html>"
HUGE = 64 * 1024 * 1024
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, venue: Venue, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.venue = venue
        self.stopping = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what this server is for; the rest is told as usual."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close_door(self) -> None:
        """Nobody listens any more. Also twice."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.close_connection = True
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        if request.path.startswith("/control/"):
            self.answer(control_api.answer(self.server.venue, request))
            return
        self._trade(request)

    do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger is the log."""

    def _trade(self, request: Request) -> None:
        venue, call = self.server.venue, trading_api.understand(request)
        number = venue.ledger.received(**_noted(request, call))
        if call is None:
            self.answer(Reply(404, {"code": "NO_ROUTE", "text": request.path}))
            return
        with venue.lock:
            fault = venue.script.next(request.key, call.operation) or Fault(F.ACCEPT)
        try:
            trading_api.check_time(request, venue.now())
        except Refused as error:
            venue.ledger.came_of(number, fault=None, taken=False, code=error.code, status=400)
            self.answer(trading_api.refusal(error))
            return
        if fault.kind is F.DELAY:
            self.wait(fault.seconds)
        reply, outcome = _taken(venue, call, request, fault)
        venue.ledger.came_of(number, fault=fault.kind.value, **outcome)
        deliver = _DELIVERIES.get(fault.kind)
        if deliver is None:
            self.answer(reply)
        else:
            deliver(self, fault, reply)

    def wait(self, seconds: float) -> None:
        self.server.stopping.wait(seconds)

    def answer(self, reply: Reply) -> None:
        self.write(reply.status, orjson.dumps(reply.body), reply.headers)

    def write(
        self, status: int, body: bytes, headers: dict[str, str], length: int | None = None
    ) -> None:
        """`length`: what the answer claims, when that is not so."""
        kind = "text/html" if body.startswith(b"<") else "application/json"
        lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", "Connection: close"]
        lines.append(f"Content-Length: {len(body) if length is None else length}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        os.close(self.connection.detach())


def _noted(request: Request, call: Call | None) -> dict[str, Any]:
    body: Any = request.body.decode(errors="replace")
    client_id = call.subject if call and call.operation in ("cancel", "order") else None
    if call is not None and call.operation == "submit":
        try:
            body = request.json()
        except Refused:
            pass
        else:
            client_id = body.get("client_order_id")
    return {
        "at": datetime.now(UTC).isoformat(),
        "monotonic": time.monotonic(),
        "method": request.method,
        "path": request.target,
        "operation": call.operation if call else None,
        "account": request.key,
        "client_order_id": client_id,
        "body": body,
    }


def _taken(
    venue: Venue, call: Call, request: Request, fault: Fault
) -> tuple[Reply, dict[str, Any]]:
    """The answer of a venue in order, and what the ledger says of it."""
    if fault.kind in NOT_TAKEN:
        return Reply(0, None), {"taken": False}
    try:
        reply = trading_api.act(venue, call, request)
    except Refused as error:
        refused = trading_api.refusal(error)
        return refused, {"taken": False, "code": error.code, "status": refused.status}
    order_id = reply.body.get("id") if call.operation in ("submit", "cancel") else None
    return reply, {"taken": True, "status": reply.status, "order_id": order_id}


def _late(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.wait(fault.seconds)
    handler.answer(reply)


def _hang(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.wait(fault.seconds)


def _close(handler: Handler, fault: Fault, reply: Reply) -> None:
    """Nothing is written; the end of the request closes the socket."""


def _reset(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.reset()


def _reject(handler: Handler, fault: Fault, reply: Reply) -> None:
    handler.answer(Reply(400, {"code": fault.code, "text": fault.text}))


def _page(status: int) -> Callable[[Handler, Fault, Reply], None]:
    """An answer that is not the venue's own."""
    return lambda handler, fault, reply: handler.write(status, PAGE, {})


def _said(status: int, code: str) -> Callable[[Handler, Fault, Reply], None]:
    def say(handler: Handler, fault: Fault, reply: Reply) -> None:
        headers = {"Retry-After": f"{fault.retry_after:g}"} if status == 429 else {}
        handler.answer(Reply(status, {"code": code, "text": "Not now."}, headers))

    return say


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
    body: dict[str, Any] = {
        name: [] for name, value in (reply.body or {}).items() if isinstance(value, list)
    }
    handler.answer(Reply(200, body))


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
    F.REFUSE_429: _said(429, "RATE_LIMITED"),
    F.REFUSE_401: _said(401, "BAD_KEY"),
    F.REFUSE_403: _said(403, "FORBIDDEN"),
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
def serving(state: Path, port: int = 0) -> Iterator[Server]:
    """A venue in a thread of this process."""
    venue = Venue(state)
    server = Server(venue, port)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.close_door()
        venue.close()
