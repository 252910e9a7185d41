"""The hub under fire: `manage.py up` on a port that stays, its children, and how they are hit.

Only processes of this hub are signalled, each by its id, and only while `up` is its parent.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.processes import die_with_parent

ROOT = Path(__file__).resolve().parent.parent.parent
FLAGS = ("--web", "1", "--workers", "2")
READY_SECONDS = 90.0
STOP_SECONDS = 15.0


class NotReady(RuntimeError):
    """The hub did not come up; the sentence ends with its log."""


class Hub:
    def __init__(self, home: Path, port: int, environment: Mapping[str, str], *flags: str) -> None:
        self.home = home
        self.port = port
        self.log = home / "up.log"
        self._environment = dict(environment)
        self._flags = (*FLAGS, *flags)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), *self._flags],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # it takes no lock that a sender's thread may hold
            )

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-3000:]
                raise NotReady(f"The hub is not ready; its log ends:\n{tail}")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def children(self) -> dict[str, int]:
        """Process ids by name of those that live, as `up` noted them and the kernel confirms."""
        if self._process is None or self._process.poll() is not None:
            return {}
        try:
            note = json.loads((self.home / "up.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        found = {name: pid for name, pid in note["children"].items() if pid}
        return {name: pid for name, pid in found.items() if _parent(pid) == self._process.pid}

    def send(self, role: str, number: int, draw: int = 0) -> int | None:
        """The id of the process that got the signal; None when there is none of that role.

        `draw` picks one of several."""
        living = self.children()
        pids = [pid for name, pid in sorted(living.items()) if name.rstrip("0123456789") == role]
        if not pids:
            return None
        pid = pids[draw % len(pids)]
        return pid if self.signal(pid, number) else None

    def signal(self, pid: int, number: int) -> bool:
        if self._process is None or _parent(pid) != self._process.pid:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """`up` itself; the kernel then kills every child of it."""
        children = self.children()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in children.values()):
            if time.monotonic() > deadline:
                raise NotReady(f"Children outlive the hub: {children}.")
            time.sleep(0.02)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        for pid in self.children().values():
            self.signal(pid, signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _parent(pid: int) -> int | None:
    """None: it is gone, or ended and not collected."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, parent = status.rpartition(")")[2].split()[:2]
    return None if state == "Z" else int(parent)
