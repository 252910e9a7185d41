"""Who waits for a thread waits as long as it gets on, and not behind what hangs."""

import asyncio
from types import SimpleNamespace

import pytest

from signals import progress
from signals.progress import Progress, finished


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Of the module alone: the event loop keeps its own, or nothing would ever time out."""
    now = [100.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(progress, "LOOK_SECONDS", 0.001)
    return now


def test_stuck_only_while_one_thing_takes_long(clock: list[float]) -> None:
    """Not while one after the other is done, however long the line is."""
    thread = Progress()
    assert not thread.is_stuck()
    for _ in range(3):
        with thread.at_work():
            clock[0] += 1.9
            assert not thread.is_stuck()
    clock[0] += 60
    assert not thread.is_stuck()
    with thread.at_work():
        clock[0] += 2.1
        assert thread.is_stuck()
    assert not thread.is_stuck()


def waits(thread: Progress, *, agrees: bool, rounds: int) -> bool | None:
    """None: it still waited after so many looks."""

    async def run() -> bool | None:
        work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(finished(work, thread, due=0, give_up=lambda: agrees))
        done, _ = await asyncio.wait([waiting], timeout=rounds * 0.002)
        if not done:
            work.set_result(None)
            assert await waiting is True
            return None
        return waiting.result()

    return asyncio.run(run())


def test_behind_what_hangs_nobody_waits(clock: list[float]) -> None:
    thread = Progress()
    with thread.at_work():
        clock[0] += 3
        assert waits(thread, agrees=True, rounds=50) is False
        assert waits(thread, agrees=False, rounds=20) is None


def test_in_a_line_that_moves_everybody_waits(clock: list[float]) -> None:
    assert waits(Progress(), agrees=True, rounds=20) is None
