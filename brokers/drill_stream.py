"""The drill's ear: one connection of the account's stream, as the stream process makes it.

It runs in a thread with a loop of its own, so that what is told of the drill's orders waits here
until it is asked for. It records nothing, and what it can't hear is no reason to send nothing.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from brokers.drill_orders import Odd
from brokers.models import BrokerAccount
from brokers.streams.line import CONNECT_SECONDS, READY_SECONDS, Line, Means
from brokers.streams.pace import Pace
from brokers.streams.protocol import Raw, Stream
from brokers.streams.venues import STREAMS, open_stream
from tradehub.lib.clock import utc_now

LOOK_SECONDS = 0.05


def hearing_of(account: BrokerAccount) -> "Hearing | None":
    """None where the venue has no stream."""
    return Hearing(account) if account.kind in STREAMS else None


@dataclass
class _Ear:
    up: threading.Event = field(default_factory=threading.Event)
    told_so_far: list[tuple[Stream, Raw]] = field(default_factory=list)
    looks: int = 0
    """How often something happened that was not told in full."""

    def connected(self, account: BrokerAccount, /, *, again: bool) -> None:
        self.up.set()

    def told(self, account: BrokerAccount, stream: Stream, event: Raw, /) -> None:
        self.told_so_far.append((stream, event))

    def look(self, account: BrokerAccount, /) -> None:
        self.looks += 1


class Hearing:
    def __init__(
        self,
        account: BrokerAccount,
        clock: Callable[[], datetime] = utc_now,
        patience: float = CONNECT_SECONDS + READY_SECONDS,
    ) -> None:
        """`patience`: for so many seconds a word is waited for."""
        self._patience = patience
        self._ear = _Ear()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="drill-stream")
        means = Means[BrokerAccount](
            ear=self._ear, open_stream=lambda each: open_stream(each, now=clock), clock=clock
        )
        self._line = Line(account, Pace(1, 1.0), self._threads, means)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._followed = threading.Event()
        self._end: Callable[[], object] = lambda: None
        self._names: set[str] = set()
        self._read = 0
        """How many of the ear's news are in `_names`."""

    @property
    def is_up(self) -> bool:
        return self._line.is_up

    def begin(self) -> str:
        """Connected, greeted, and let in."""
        self._thread.start()
        self._wait(lambda: self._ear.up.is_set() or bool(self._line.state.last_error))
        if not self._ear.up.is_set():
            why = self._line.state.last_error or f"no word within {self._patience:g} s"
            raise Odd(f"The stream does not tell of the account: {why}.")
        return "Connected, and told that it tells of the account."

    def told(self, in_full: Collection[str], at_all: Collection[str]) -> str:
        """News of each order of `in_full` by its client order id; of `at_all`, or that something
        happened. Raises Odd, and what the stream's reading raises of the venue."""
        missing: list[str] = []

        def enough() -> bool:
            known = self._known()
            missing[:] = [each for each in in_full if each not in known]
            if not self._ear.looks:
                missing.extend(each for each in at_all if each not in known)
            return not missing

        if not self._wait(enough):
            raise Odd(f"The stream is connected, and told nothing of {', '.join(missing)}.")
        return "It has told of the drill's orders."

    def end(self) -> None:
        """Also when it never began."""
        if self._thread.ident is not None:
            self._followed.wait()
            self._end()
            self._thread.join()
        self._threads.shutdown()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._follow())

    async def _follow(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._end = partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel)
        self._followed.set()
        await self._line.run()

    def _known(self) -> set[str]:
        """Of which orders it has told."""
        for stream, event in self._ear.told_so_far[self._read :]:
            self._read += 1
            try:
                self._names.add(stream.report(event).client_order_id)
            except (ValueError, KeyError, TypeError) as error:
                what = type(error).__name__
                raise Odd(f"What the stream tells can't be read ({what}).") from error
        return self._names

    def _wait(self, holds: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + self._patience
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True
