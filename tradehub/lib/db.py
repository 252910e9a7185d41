"""Short write transactions.

On SQLite writers take turns, within a process and between processes: SQLite's own busy handler is
unfair and starves a writer for half a second under load. The turn is a lock on a file beside the
database, and whoever is next holds another one meanwhile, so that a process that writes without a
pause does not pass it by. One who waits too long (a holder may be stopped) goes on without, and
SQLite decides.
On both engines a lock time-out or deadlock is retried a few times, since the transaction did
nothing. No network call belongs inside.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

from django.db import OperationalError, connection, transaction

T = TypeVar("T")

_RETRIABLE = ("database is locked", "deadlock detected", "could not serialize")
PATIENCE_SECONDS = 1.0
LOOK_SECONDS = 0.0005
SQLITE_NORMAL = 1
"""`PRAGMA synchronous`: in WAL mode a commit is not synced, and can't harm the file."""


class Turns:
    """Re-entrant in a thread; one thread of one process at a time holds the file's lock."""

    def __init__(self, *, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._lock = threading.RLock()
        self._depth = 0
        self._files: tuple[int, int, int] | None = None
        """(process, descriptor of the turn, of the next): a fork must not share its parent's."""

    @contextmanager
    def turn(self, database: str) -> Iterator[None]:
        """`database` is the path of its file; one in memory has no other process to wait for."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth == 1:
                    self._take(database)
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._release()

    def _take(self, database: str) -> None:
        if not Path(database).is_absolute():
            return
        turn, following = self._descriptors(database)
        deadline = time.monotonic() + self._patience
        try:
            if _lock(following, deadline):
                _lock(turn, deadline)
        finally:
            fcntl.flock(following, fcntl.LOCK_UN)

    def _release(self) -> None:
        if self._files is not None:
            fcntl.flock(self._files[1], fcntl.LOCK_UN)

    def _descriptors(self, database: str) -> tuple[int, int]:
        if self._files is None or self._files[0] != os.getpid():
            self._files = os.getpid(), _open(f"{database}.turn"), _open(f"{database}.next.turn")
        return self._files[1:]


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int, deadline: float) -> bool:
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(LOOK_SECONDS)
    return False


_turns = Turns()


@contextmanager
def write_transaction(*, forgettable: bool = False) -> Iterator[None]:
    """`transaction.atomic()`; on SQLite one at a time.

    `forgettable`: not waited for until it is on the disk, so a power failure may undo it, though
    nothing that was committed durably after it. For claims and prices, which are stale by then."""
    forgettable = forgettable and not connection.in_atomic_block
    if connection.vendor == "sqlite":
        turn = _turns.turn(str(connection.settings_dict["NAME"]))
        with turn, _unsynced() if forgettable else nullcontext(), transaction.atomic():
            yield
    else:
        with transaction.atomic():
            if forgettable:
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL synchronous_commit TO OFF")
            yield


@contextmanager
def _unsynced() -> Iterator[None]:
    """SQLite refuses the change amid a transaction, so it is the connection's, before and after."""
    connection.ensure_connection()
    database = connection.connection
    (usual,) = database.execute("PRAGMA synchronous").fetchone()
    database.execute(f"PRAGMA synchronous={min(usual, SQLITE_NORMAL)}")
    try:
        yield
    finally:
        if connection.connection is database:
            database.execute(f"PRAGMA synchronous={usual}")


def in_write_transaction(
    work: Callable[[], T], *, attempts: int = 5, forgettable: bool = False
) -> T:
    """Run `work` in a write transaction; again, from its start, when the database was busy."""
    for attempt in range(1, attempts + 1):
        try:
            with write_transaction(forgettable=forgettable):
                return work()
        except OperationalError as error:
            nested = connection.in_atomic_block
            if nested or attempt == attempts or not _is_retriable(error):
                raise
            time.sleep(0.02 * attempt)
    raise AssertionError("unreachable")


def _is_retriable(error: OperationalError) -> bool:
    return any(words in str(error) for words in _RETRIABLE)
