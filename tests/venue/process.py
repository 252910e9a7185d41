"""The scripted venue as a process that can be killed and started again in the same place."""

import subprocess
import sys
from pathlib import Path

from tests.servers import free_port, wait_for
from tests.venue.control import Control

ROOT = Path(__file__).resolve().parent.parent.parent


class VenueProcess:
    """Starts at once; call `stop` in the end."""

    def __init__(self, state: Path, port: int | None = None) -> None:
        self.state = state
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.control = Control(self.url)
        self.start()

    def start(self) -> None:
        words = ["-m", "tests.venue", "--port", str(self.port), "--state", str(self.state)]
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        wait_for(self.control.ping, OSError, "The scripted venue")

    def kill(self) -> None:
        """As a crash would: no goodbye."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
