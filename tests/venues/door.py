"""The door of a local venue: a threaded HTTP server on a port of its own, whose connections can be
cut. What it answers is its handler's and its venue's business."""

import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Door(ThreadingHTTPServer, Generic[V]):
    """Opens at once; a handler adds its connections and counts them."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, venue: V, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.venue = venue
        self.stopping = threading.Event()
        self.connections: set[socket.socket] = set()
        self.accepted = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what this server is for; the rest is told as usual."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close_door(self) -> None:
        """Nobody listens any more, and what was connected is cut. Also twice."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self._thread.join()
        for each in list(self.connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
