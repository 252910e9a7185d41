"""Work that may wait for a venue, Redis or a database: in a thread, and not in the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from django.db import close_old_connections

T = TypeVar("T")


async def in_thread(threads: Executor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, _with_database, work)


def _with_database(work: Callable[[], T]) -> T:
    """In a thread of our own: its connection is given back."""
    try:
        close_old_connections()
        return work()
    finally:
        close_old_connections()
