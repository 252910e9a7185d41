"""The benchmarks run, and what they print has the promised shape. No wall time is asserted."""

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.machine import PROJECT

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks", "--quick", "parse", "ack"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_each_line_names_its_figure_and_the_machine(lines: list[dict[str, Any]]) -> None:
    assert [line["figure"] for line in lines] == ["parse", "ack", "ack"]
    for line in lines:
        assert {"cores", "memory_gib", "python", "engine", "commit", "quick"} <= line.keys()


def test_alerts_are_counted_against_rows_and_none_is_lost(lines: list[dict[str, Any]]) -> None:
    for line in lines[1:]:
        assert line["accepted"] == line["stored"] > 0
        assert (line["lost"], line["doubled"]) == (0, 0)
        assert line["ratio"] > 0
        assert line["per_second"] > 0 < line["empty_view_per_second"]


def test_alerts_become_orders_while_the_worker_is_busy(lines: list[dict[str, Any]]) -> None:
    idle, busy = lines[1:]
    assert (idle["worker"], busy["worker"]) == ("idle", "busy")
    assert busy["orders_filled"] > 0


def test_hostile_bodies_are_all_timed(lines: list[dict[str, Any]]) -> None:
    parse = lines[0]
    assert parse["worst"] in parse["hostile_ms"]
    assert parse["worst_ms"] == max(parse["hostile_ms"].values())
    assert len(parse["alert_us"]) == 5
