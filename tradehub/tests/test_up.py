"""`manage.py up`, run for real: what dies comes back, what stops leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.servers import free_port

pytestmark = pytest.mark.processes
PATIENCE = 60.0


class Hub:
    """One running `up` with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.log = home / "log"
        clean = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = clean | {"TRADEHUB_HOME": str(home), "ENV_FILE": os.devnull}
        self.process = self.start(self.log)

    def start(self, log: Path, *flags: str) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), *flags],
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def note(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.home / "up.json").read_text()))
        except (OSError, ValueError):
            return {}

    def children(self) -> dict[str, int]:
        return {name: pid for name, pid in self.note().get("children", {}).items() if pid}

    def has_another(self, name: str, pid: int) -> bool:
        return self.children().get(name) not in (None, pid)

    def says(self, words: str) -> bool:
        return words in self.log.read_text()

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"not so within {PATIENCE:g} s; its log:\n{self.log.read_text()}")
            time.sleep(0.1)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    running = Hub(tmp_path)
    yield running
    running.end()


def test_a_life_of_up(hub: Hub) -> None:
    hub.until(lambda: hub.says(f"TradeHub is ready: http://127.0.0.1:{hub.port}"))
    assert hub.says("/welcome/")
    assert hub.note()["url"] == f"http://127.0.0.1:{hub.port}"
    first = hub.children()
    assert set(first) == {"redis", "web", "worker", "beat", "stream"}

    # A second one for the same home says so and touches nothing.
    second = hub.start(hub.home / "second.log")
    assert second.wait(PATIENCE) == 2
    assert "already runs" in (hub.home / "second.log").read_text()

    # Whoever is killed comes back.
    for name, pid in first.items():
        os.kill(pid, signal.SIGKILL)
        hub.until(partial(hub.has_another, name, pid))
    everybody = list(hub.children().values())

    begun = time.monotonic()
    hub.process.send_signal(signal.SIGTERM)
    assert hub.process.wait(PATIENCE) == 0
    assert time.monotonic() - begun < 10  # the promise itself, not a measurement
    assert [pid for pid in everybody if is_alive(pid)] == []
    assert not (hub.home / "up.json").exists()


def test_children_die_with_a_parent_that_is_killed(hub: Hub) -> None:
    hub.until(lambda: len(hub.children()) == 5)
    everybody = list(hub.children().values())
    hub.process.kill()
    hub.process.wait()
    deadline = time.monotonic() + PATIENCE
    while any(is_alive(pid) for pid in everybody) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in everybody if is_alive(pid)] == []


def test_a_port_that_is_taken_is_one_sentence(hub: Hub) -> None:
    hub.until(lambda: len(hub.children()) == 5)
    elsewhere = hub.home / "elsewhere"
    elsewhere.mkdir()
    hub.environment["TRADEHUB_HOME"] = str(elsewhere)
    log = hub.home / "taken.log"
    assert hub.start(log).wait(PATIENCE) == 2
    assert str(hub.port) in log.read_text()
    assert len(log.read_text().strip().splitlines()) == 1
