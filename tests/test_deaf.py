"""Case 22: processes that are alive and of no use, as SIGSTOP makes them. `up` replaces each."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.hub import RunningHub

pytestmark = pytest.mark.processes

# So many, that the rest can hide the one that is stopped.
FLAGS = ("--web", "2", "--workers", "2")


@pytest.fixture(scope="module")
def own_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    running = RunningHub(tmp_path_factory.mktemp("deaf"), *FLAGS)
    try:
        yield running.wait_ready()
    finally:
        running.stop()


def is_replaced(hub: RunningHub, name: str, pid: int) -> bool:
    return hub.children().get(name) not in (None, pid)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_case_22_a_stopped_child_is_replaced_whoever_it_is(own_hub: RunningHub) -> None:
    """Redis last: while it is silent nobody else can be judged."""
    for stopped in (["web2", "worker2", "beat", "stream"], ["redis"]):
        before = own_hub.children()
        for name in stopped:
            os.kill(before[name], signal.SIGSTOP)
        for name in stopped:
            another = partial(is_replaced, own_hub, name, before[name])
            own_hub.until(another, within=120, what=f"another {name}")
            assert is_gone(before[name])
        left = {name: pid for name, pid in before.items() if name not in stopped}
        assert left.items() <= own_hub.children().items()
        own_hub.wait_ready()
