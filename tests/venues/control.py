"""The control port of a local venue that runs as a process: what a test tells it and asks of it.

`POST /<command>` with a JSON object; the answer is `{"result": …}`. Every public method of
`Commands` is a command. A venue that goes down loses its door and its connections, not its books.
"""

import json
import signal
import sys
import threading
from abc import ABC, abstractmethod
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import FrameType
from typing import Any

from tests.venue.faults import ANY, Crashes, CrashPoint, Fault, FaultKind, Script
from tests.venues.door import Door
from tests.venues.sockets import SocketDoor, Told

OpenDoor = Callable[[int], Door[Any]]
COPIES = 3


@dataclass(slots=True)
class Tallied(Script):
    """Knows how many requests met which fault."""

    met: Counter[str] = field(default_factory=Counter)

    def next(self, account: str, operation: str) -> Fault | None:
        fault = Script.next(self, account, operation)
        if fault is not None and fault.kind is not FaultKind.ACCEPT:
            self.met[fault.kind.value] += 1
        return fault


class Commands(ABC):
    def __init__(
        self, open_door: OpenDoor, port: int, open_sockets: Callable[[], SocketDoor]
    ) -> None:
        self._open_door = open_door
        self._door = open_door(port)
        self._port = self._door.server_address[1]
        self._sockets = open_sockets()
        self._script = Tallied()
        self._crashes = Crashes()

    # The world, as each venue has it

    @abstractmethod
    def open_account(self, key: str, secret: str) -> None:
        """With plenty of money."""

    @abstractmethod
    def set_price(self, symbol: str, price: str) -> None:
        """Resting orders meet it; a symbol that is not known is listed."""

    @abstractmethod
    def lag(self, key: str, lags: bool) -> None:
        """Whether what the account does is unseen for some seconds."""

    @abstractmethod
    def books(self, key: str) -> dict[str, Any]:
        """`orders`, `fills`, `positions` and `steps`, in words of ours: see `tests.chaos.local`."""

    @abstractmethod
    def heard_of(self, key: str, client_order_id: str) -> list[str]:
        """The requests about an order, a line each."""

    # Faults

    def mix(self, operation: str, chances: Mapping[str, float], seed: int, seconds: float) -> None:
        """Each request draws a fault by its probability."""
        faults = [
            (chance, Fault(FaultKind(kind), seconds=seconds)) for kind, chance in chances.items()
        ]
        self._script.mix(ANY, operation, str(seed), faults)

    def clear_faults(self) -> None:
        self._script.mixes.clear()
        self._script.queues.clear()

    def faults_met(self) -> dict[str, int]:
        return dict(self._script.met)

    def go_down(self) -> None:
        self._door.close_door()
        self._sockets.shut()

    def come_up(self) -> None:
        if self._door.stopping.is_set():
            self._door = self._open_door(self._port)
        self._sockets.open_again()

    # Faults of its sockets: each tells how many connections it concerns

    def socket_fault(self, kind: str) -> int:
        """`drop`: all are cut. `silent`: they stay, and hear nothing more, no answer to a ping
        either. `mute`: nothing is told. `late`: what would be told waits, and is told out of order.
        `copies`: everything is told three times. The last three go on until `end_socket_fault`."""
        concerned = sum(bool(each.key) for each in list(self._sockets.listeners))
        manners = self._sockets.manners
        if kind == "drop":
            self._sockets.drop()
        elif kind == "silent":
            self._sockets.fall_silent()
        elif kind == "mute":
            manners.mute = True
        elif kind == "late":
            manners.held = manners.held or []
        elif kind == "copies":
            manners.copies = COPIES
        else:
            raise ValueError(kind)
        return concerned

    def end_socket_fault(self, kind: str, seed: int = 0) -> None:
        manners = self._sockets.manners
        if kind == "mute":
            manners.mute = False
        elif kind == "late":
            self._sockets.release(lambda held: _shuffled(held, seed))
        elif kind == "copies":
            manners.copies = 1

    def sockets_seen(self) -> dict[str, int]:
        """How often somebody connected, and how many frames were told."""
        return {"connected": self._sockets.accepted, "told": self._sockets.told}

    def sockets_url(self) -> str:
        return self._sockets.url

    # Workers that kill themselves: see `tests.chaos.crashing`

    def crash(self, point: str) -> None:
        self._crashes.add(ANY, CrashPoint(point), 1)

    def clear_crashes(self) -> None:
        self._crashes.queues.clear()

    def crash_point(self) -> str | None:
        """Asked by a worker that is about to send an order."""
        point = self._crashes.next(ANY, "", "")
        return None if point is None else point.value

    def crashes(self) -> list[str]:
        """Those handed out."""
        return [each["point"] for each in self._crashes.given]

    def ping(self) -> str:
        """Where the venue itself listens."""
        return self._door.url


def _shuffled(held: list[Told], seed: int) -> list[Told]:
    return Random(seed).sample(held, len(held))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    commands: Commands
    lock: threading.Lock

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        name = self.path.removeprefix("/")
        command = None if name.startswith("_") else getattr(self.commands, name, None)
        if command is None:
            self._answer(404, {"error": f"There is no command {name!r}."})
            return
        try:
            with self.lock:
                self._answer(200, {"result": command(**given)})
        except (KeyError, TypeError, ValueError) as error:
            self._answer(400, {"error": f"{type(error).__name__}: {error}"})

    def _answer(self, status: int, said: Mapping[str, Any]) -> None:
        body = json.dumps(said).encode()
        head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.close_connection = True
        self.wfile.write(head.encode() + body)

    def log_message(self, format: str, *args: Any) -> None:
        """Who tells it knows what it told."""


def main(make: Callable[[int], Commands], arguments: Sequence[str] | None = None) -> int:
    """`--port` of the venue, `--control-port` of this; 0 picks a free one."""
    flags = ArgumentParser(prog="python -m tests.venues.<venue>")
    flags.add_argument("--port", type=int, default=0)
    flags.add_argument("--control-port", type=int, default=0)
    given = flags.parse_args(arguments)
    commands = make(given.port)
    serving = type("Serving", (Handler,), {"commands": commands, "lock": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", given.control_port), serving)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, _end)
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
    sys.stdout.flush()
    try:
        server.serve_forever(0.05)
    except KeyboardInterrupt:
        commands.go_down()
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
