"""A running hub with its demo, shared by the tests from outside; each makes its own symbols."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub import RunningHub


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    home: Path = tmp_path_factory.mktemp("hub")
    running = RunningHub(home)
    try:
        yield running.wait_ready()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def demo(hub: RunningHub) -> dict[str, Any]:
    return hub.demo()
