"""Who waits for a thread waits as long as it gets on, and not behind what hangs."""

import asyncio
from types import SimpleNamespace

import pytest

from signals import progress
from signals.progress import Progress, Watch


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


def waits(thread: Progress, *, agrees: bool, seconds: float) -> bool | None:
    """None: it still waited after so long, which is time for many looks."""

    async def run() -> bool | None:
        work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(Watch(thread).finished(work, due=0, give_up=lambda: agrees))
        done, _ = await asyncio.wait([waiting], timeout=seconds)
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
        assert waits(thread, agrees=True, seconds=20) is False
        assert waits(thread, agrees=False, seconds=0.04) is None


def test_in_a_line_that_moves_everybody_waits(clock: list[float]) -> None:
    assert waits(Progress(), agrees=True, seconds=0.04) is None


def test_what_the_work_raises_is_raised() -> None:
    async def run() -> None:
        work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        work.set_exception(LookupError("gone"))
        await Watch(Progress()).finished(work, due=0, give_up=lambda: True)

    with pytest.raises(LookupError, match="gone"):
        asyncio.run(run())


def test_who_hangs_up_ends_his_wait_and_nobody_elses() -> None:
    async def run() -> bool:
        watch, loop = Watch(Progress()), asyncio.get_running_loop()
        works = [loop.create_future() for _ in range(2)]
        first, second = (
            asyncio.ensure_future(watch.finished(work, due=0, give_up=lambda: True))
            for work in works
        )
        await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        works[1].set_result(None)
        return await second

    assert asyncio.run(run())


def test_only_those_past_their_time_are_let_go(clock: list[float]) -> None:
    async def run() -> bool:
        thread, loop = Progress(), asyncio.get_running_loop()
        watch = Watch(thread)
        late, early = loop.create_future(), loop.create_future()
        with thread.at_work():
            clock[0] += 3
            waiting = asyncio.ensure_future(
                watch.finished(early, due=loop.time() + 60, give_up=lambda: True)
            )
            assert not await watch.finished(late, due=0, give_up=lambda: True)
            assert late.cancelled()
            early.set_result(None)
            return await waiting

    assert asyncio.run(run())


def test_a_second_event_loop_is_looked_after_too(clock: list[float]) -> None:
    """The first may be closed amid a wait."""
    thread = Progress()
    watch = Watch(thread)

    async def run(*, leave: bool) -> bool:
        work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(watch.finished(work, due=0, give_up=lambda: True))
        await asyncio.sleep(0)
        return leave or await waiting

    with thread.at_work():
        clock[0] += 3
        assert asyncio.run(run(leave=True))
        assert not asyncio.run(run(leave=False))
