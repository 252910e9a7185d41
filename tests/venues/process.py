"""A local venue as a process of its own, and the hand on its control port."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.processes import die_with_parent
from tests.servers import free_port, wait_for

ROOT = Path(__file__).resolve().parent.parent.parent


class CommandFailed(AssertionError):
    """The venue does not know that command, or can't do it."""


class Hand:
    def __init__(self, url: str) -> None:
        self.url = url

    def tell(self, command: str, **given: Any) -> Any:
        """What the command answers."""
        request = urllib.request.Request(
            f"{self.url}/{command}", data=json.dumps(given).encode(), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())["result"]
        except urllib.error.HTTPError as error:
            with error:
                raise CommandFailed(error.read().decode()) from error


class LocalVenue:
    """`module` is run with `-m`. Starts at once; call `stop` in the end."""

    def __init__(self, module: str, port: int | None = None) -> None:
        port, control = port or free_port(), free_port()
        self.hand = Hand(f"http://127.0.0.1:{control}")
        words = ["-m", module, "--port", str(port), "--control-port", str(control)]
        self._process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # it takes no lock that another thread may hold
        )
        wait_for(lambda: self.hand.tell("ping"), OSError, module)
        self.url = str(self.hand.tell("ping"))

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)
