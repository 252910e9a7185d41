"""A TradeHub that really runs, for tests from the outside: `manage.py up` in a home of its own.

Talks to it as the world does: HTTP, the command line and signals to its processes.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0


class NotSo(AssertionError):
    """What was waited for did not come."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RunningHub:
    """Starts at once; call `stop` in the end, whatever happened."""

    def __init__(self, home: Path, *flags: str, **environment: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        clean = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        self.environment = clean | {"TRADEHUB_HOME": str(home), "ENV_FILE": os.devnull}
        self.environment |= environment
        self.log = home / "log"
        home.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), *flags],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def until(self, holds: Callable[[], Any], *, within: float = PATIENCE, what: str = "") -> Any:
        """Wait for something true and return it. Raises NotSo with the end of the log."""
        deadline = time.monotonic() + within
        while True:
            found = holds()
            if found:
                return found
            if time.monotonic() > deadline or self.process.poll() is not None:
                tail = self.log.read_text(errors="replace")[-4000:]
                raise NotSo(f"{what or holds} not within {within:g} s; its log ends:\n{tail}")
            time.sleep(0.05)

    def wait_ready(self) -> "RunningHub":
        self.until(lambda: self.get("/readyz").status == 200, what="ready")
        return self

    def get(self, path: str, *, key: str | None = None) -> Answer:
        return self._call(urllib.request.Request(self.url + path, headers=_bearer(key)))

    def post(
        self, path: str, body: bytes | Mapping[str, Any], *, key: str | None = None, **headers: str
    ) -> Answer:
        """A body given as bytes goes out as it is, without a content type unless one is named."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method="POST")
        for name, value in {"content_type": "", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        for name, value in _bearer(key).items():
            request.add_header(name, value)
        return self._call(request)

    def alert(self, token: str, body: bytes | Mapping[str, Any], **headers: str) -> Answer:
        return self.post(f"/webhook/{token}", body, **headers)

    def manage(self, *arguments: str) -> str:
        """What a `manage.py` command prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return done.stdout

    def demo(self) -> dict[str, Any]:
        return dict(json.loads(self.manage("demo", "--json")))

    def children(self) -> dict[str, int]:
        """Process ids by name, as `up` notes them."""
        try:
            note = json.loads((self.home / "up.json").read_text())
        except (OSError, ValueError):
            return {}
        return {name: pid for name, pid in note.get("children", {}).items() if pid}

    def stop(self) -> int:
        """Ask it to end, as Ctrl-C would; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return int(self.process.returncode)

    def _call(self, request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())
        except OSError:
            return Answer(0, {}, b"")


def _bearer(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}
