"""The rounds of a station, whatever it holds lines for: it looks, waits a while, and looks again.

A round that fails is told and the next one may do better, so nothing that goes wrong in it ends a
station.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

import structlog
from django.db import Error
from redis import RedisError

from brokers.streams.line import Line

S = TypeVar("S", bound=Any)

log = structlog.get_logger(__name__)


async def go_rounds(look: Callable[[], Awaitable[None]], stop: asyncio.Event, every: float) -> None:
    """Until `stop` is set."""
    while not stop.is_set():
        await look()
        with suppress(TimeoutError):
            async with asyncio.timeout(every):
                await stop.wait()


@contextmanager
def outlived(waits: str, fails: str) -> Iterator[None]:
    """A round in it never raises. The log names what passes by itself `waits`, all else `fails`."""
    try:
        yield
    except (RedisError, Error) as error:
        log.warning(waits, error=type(error).__name__)
    except Exception as error:  # as the docstring says; it shows as a look that is late
        log.exception(fails, error=type(error).__name__)


class Lines(Generic[S]):
    """Those that run, by what they are held for: one for an account, one or two for a feed."""

    def __init__(self) -> None:
        self._running: dict[str, list[tuple[Line[S], asyncio.Task[None]]]] = {}

    @property
    def held(self) -> list[str]:
        return [*self._running]

    def of(self, name: str) -> list[Line[S]]:
        return [line for line, _ in self._running.get(name, ())]

    def all(self) -> list[Line[S]]:
        """Also for other threads."""
        return [line for running in list(self._running.values()) for line, _ in running]

    def begin(self, name: str, lines: Iterable[Line[S]]) -> None:
        self._running[name] = [(line, asyncio.create_task(line.run())) for line in lines]

    async def end(self, names: Collection[str]) -> None:
        ended = [task for name in names for _, task in self._running.pop(name, ())]
        for each in ended:
            each.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
