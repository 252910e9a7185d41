"""Waiting for a thread's work as long as it gets on with it, and no longer.

In a burst everybody waits for his turn, and gets it. One waits in vain only behind a statement that
hangs: then the answer must not wait with it.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STUCK_SECONDS = 2.0
"""What a thread does at once takes a tenth of it."""
LOOK_SECONDS = 0.1
SLOW_SECONDS = 0.5
"""Who waited behind a failure that took so long has no time left for one of his own."""


class Progress:
    """Of a thread that does one thing after the other."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._failed_slowly_at = 0.0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def has_failed(self) -> bool:
        """Call at work, when it has failed. True: slowly, so whoever waits should be let go."""
        slowly = self._since is not None and time.monotonic() - self._since > SLOW_SECONDS
        if slowly:
            self._failed_slowly_at = time.monotonic()
        return slowly

    def failed_slowly_since(self, moment: float) -> bool:
        """Whether work that was asked for at `moment` (monotonic) has waited behind such one."""
        return self._failed_slowly_at > moment

    def is_stuck(self) -> bool:
        since = self._since
        return since is not None and time.monotonic() - since > STUCK_SECONDS


class Watch:
    """Over everybody who waits for one thread: one look for them all, ten times a second, so that
    waiting itself costs an alert next to nothing."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._waiting: dict[asyncio.Future[Any], tuple[float, Callable[[], bool]]] = {}
        self._looking: asyncio.AbstractEventLoop | None = None

    async def finished(
        self, work: "asyncio.Future[Any]", *, due: float, give_up: Callable[[], bool]
    ) -> bool:
        """Wait until `work` is done; raises what it raises. False: after `due` (of the event
        loop's clock) the thread was found stuck, and `give_up` agreed. Then `work` is cancelled."""
        self._waiting[work] = (due, give_up)
        self._keep_looking(asyncio.get_running_loop())
        try:
            await work
        except asyncio.CancelledError:
            if work in self._waiting:  # it is we who are cancelled, or it was by somebody else
                raise
            return False
        finally:
            self._waiting.pop(work, None)
        return True

    def _keep_looking(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._looking is not loop:
            self._looking = loop
            loop.call_later(LOOK_SECONDS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = None
        if self._progress.is_stuck():
            for work, (due, give_up) in list(self._waiting.items()):
                if work.get_loop() is loop and due <= loop.time() and give_up():
                    del self._waiting[work]
                    work.cancel()
        if self._waiting:
            self._keep_looking(loop)
