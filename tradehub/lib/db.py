"""Short write transactions.

On SQLite the writers of a process take turns at one lock: its own busy handler is unfair and
starves a writer for half a second under load. On both engines a lock time-out or deadlock is
retried a few times, since the transaction did nothing. No network call belongs inside.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import OperationalError, connection, transaction

T = TypeVar("T")

_writer = threading.RLock()
_RETRIABLE = ("database is locked", "deadlock detected", "could not serialize")


@contextmanager
def write_transaction() -> Iterator[None]:
    """`transaction.atomic()`, one at a time within a process on SQLite."""
    if connection.vendor == "sqlite":
        with _writer, transaction.atomic():
            yield
    else:
        with transaction.atomic():
            yield


def in_write_transaction(work: Callable[[], T], *, attempts: int = 5) -> T:
    """Run `work` in a write transaction; again, from its start, when the database was busy."""
    for attempt in range(1, attempts + 1):
        try:
            with write_transaction():
                return work()
        except OperationalError as error:
            nested = connection.in_atomic_block
            if nested or attempt == attempts or not _is_retriable(error):
                raise
            time.sleep(0.02 * attempt)
    raise AssertionError("unreachable")


def _is_retriable(error: OperationalError) -> bool:
    return any(words in str(error) for words in _RETRIABLE)
