"""Case 8, what only a process shows: hostile bodies leave no memory behind, and no order."""

from pathlib import Path
from typing import Any

import pytest

from tests.cases.world import many
from tests.hub import RunningHub

pytestmark = pytest.mark.processes

HOSTILE = [
    b"{",
    b"[" * 10_000,
    b'{"symbol":"AAPL","action":"buy","quantity":1e400}',
    b'{"symbol":"AAPL","action":"buy","quantity":Infinity}',
    b'{"symbol":"AAPL","action":"buy","quantity":-1}',
    b'{"symbol":"AAPL","action":"{{strategy.order.action}}","quantity":1}',
    b'{"symbol":"AAPL","action":"buy","action":"sell"}',
    b"9" * 60_000,
    b'{"a":' * 5_000,
    b"x" * 1_000_000,
]
MAY_GROW = 16 * 1024
"""KiB. If bodies were kept, the rounds would leave nearly twice as much."""


def resident(pid: int) -> int:
    """KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def test_case_08_memory_is_as_before_after_many_hostile_bodies(
    hub: RunningHub, demo: dict[str, Any]
) -> None:
    web = hub.children()["web"]

    def attack(rounds: int) -> set[int]:
        return {
            hub.alert(demo["webhook_token"], body).status for _ in range(rounds) for body in HOSTILE
        }

    attack(10)
    before = resident(web)
    orders = hub.get("/api/v1/orders/?page_size=500", key=demo["api_key"]).json["results"]
    assert attack(many(150, 1000)) <= {400, 413, 422}
    assert resident(web) - before < MAY_GROW
    after = hub.get("/api/v1/orders/?page_size=500", key=demo["api_key"]).json["results"]
    assert len(after) == len(orders)
    assert hub.children()["web"] == web
