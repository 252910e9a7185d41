"""A worker that is told to crash does so exactly there, in a process of its own."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.venues.streams import until

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parent.parent.parent
WORKER = """
import sys, urllib3
from tests.chaos import crashing
url = sys.argv[1]
crashing.install(url, ("/order",))
pool = urllib3.PoolManager(retries=False)
pool.request("GET", url + "/order")
pool.request("POST", url + "/else")
answer = pool.request("POST", url + "/order", body=b"{}")
print(answer.data.decode())
"""


class Served(ThreadingHTTPServer):
    point: str | None = None
    heard: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Served

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.heard.append(f"{self.command} {self.path}")
        body = json.dumps({"result": self.server.point}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """What it heard is asserted."""


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served(("127.0.0.1", 0), Handler)
    server.heard = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("point", "orders"),
    [(None, 1), ("before_send", 0), ("in_send", 1), ("after_reply", 1)],
)
def test_it_crashes_where_it_is_told(served: Served, point: str | None, orders: int) -> None:
    served.point = point
    url = f"http://127.0.0.1:{served.server_address[1]}"
    done = subprocess.run(
        [sys.executable, "-c", WORKER, url], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == (0 if point is None else -signal.SIGKILL), done.stderr
    assert bool(done.stdout) is (point is None)
    # What was written arrives though its writer is dead.
    until(lambda: len(served.heard) >= 3 + orders)
    assert served.heard[:3] == ["GET /order", "POST /else", "POST /crash_point"]
    assert served.heard.count("POST /order") == orders
