"""What is measured: a whole hub (`manage.py up`) and the empty view, on loopback and free ports.

Both are daphne with the same flags, the same environment and the same backlog.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.durable_postgres import DurablePostgres
from benchmarks.processes import Broken, Process, plain_environment, run_tool
from tests.servers import postgres_binaries
from tradehub.supervisor.plan import LEAN, web_command
from tradehub.supervisor.sockets import listen

READY_SECONDS = 60.0
READY_LINE = "TradeHub is ready: "


@dataclass
class Hub:
    """A hub that runs, and its database, which another process looks into."""

    port: int
    home: Path
    environment: Mapping[str, str]
    process: Process
    ready_seconds: float

    def pids(self) -> dict[str, int]:
        """By role, the parent included."""
        note = json.loads((self.home / "up.json").read_text(encoding="utf-8"))
        children = {name: pid for name, pid in note["children"].items() if pid is not None}
        return {"up": note["pid"], **children}

    def ask(self, question: str, seconds: float = 60, **spec: Any) -> Any:
        """See `benchmarks.inside`."""
        spec |= {"question": question}
        return run_tool("inside", spec, seconds, self.environment)


@dataclass
class Home:
    """A folder and a database for hubs, gone afterwards."""

    path: Path
    environment: Mapping[str, str]

    @contextmanager
    def hub(self, *flags: str) -> Iterator[Hub]:
        """`manage.py up`, until ready."""
        began = time.monotonic()
        command = [sys.executable, "manage.py", "up", "--host=127.0.0.1", "--port=0", *flags]
        with Process(command, self.environment, self.path / "up.log") as process:
            url = _wait_until_ready(process, began)
            seconds = time.monotonic() - began
            port = int(url.rpartition(":")[2])
            yield Hub(port, self.path, self.environment, process, seconds)


@contextmanager
def home(engine: str, **more: str) -> Iterator[Home]:
    """Fresh: nothing is migrated yet. `more`: settings."""
    path = Path(tempfile.mkdtemp(prefix="tradehub-bench-"))
    postgres = None
    environment = {
        **plain_environment(),
        "TRADEHUB_HOME": str(path),
        "ENV_FILE": "/dev/null",
        "DJANGO_SETTINGS_MODULE": "tradehub.settings",
        **more,
    }
    try:
        if engine == "postgresql":
            postgres = DurablePostgres(postgres_binaries())
            environment["DATABASE_URL"] = postgres.start()
        yield Home(path, environment)
    finally:
        if postgres is not None:
            postgres.stop()
        shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Floor:
    port: int
    pid: int


@contextmanager
def empty_view(log: Path) -> Iterator[Floor]:
    """The floor."""
    with listen("127.0.0.1", 0) as listener:
        command = [*web_command(listener.fileno())[:-1], "benchmarks.empty_view:application"]
        environment = {**plain_environment(), **LEAN}
        with Process(command, environment, log, (listener.fileno(),)) as process:
            yield Floor(int(listener.getsockname()[1]), process.popen.pid)


def _wait_until_ready(process: Process, began: float) -> str:
    while time.monotonic() - began < READY_SECONDS:
        for line in process.said().splitlines():
            if line.startswith(READY_LINE):
                return line.removeprefix(READY_LINE).strip()
        if process.popen.poll() is not None:
            raise Broken(f"`manage.py up` ended: {process.said()[-1500:]}")
        time.sleep(0.01)
    raise Broken(f"`manage.py up` was not ready in {READY_SECONDS:g} s: {process.said()[-1500:]}")
