"""Turns of SQLite's writers: between processes by a lock on a file, and never for ever."""

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest
from django.db import connection

from tradehub.lib.db import Turns, in_write_transaction, write_transaction


def another_process(path: Path) -> int:
    """A descriptor of its own locks as another process's would."""
    return os.open(f"{path}.turn", os.O_RDWR | os.O_CREAT)


def is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def test_a_turn_is_held_until_the_outermost_ends(tmp_path: Path) -> None:
    turns, database = Turns(), tmp_path / "db"
    other = another_process(database)
    with turns.turn(str(database)):
        with turns.turn(str(database)):
            assert is_taken(other)
        assert is_taken(other)
    assert not is_taken(other)
    os.close(other)


def test_a_writer_waits_for_its_turn(tmp_path: Path) -> None:
    turns, database = Turns(patience=60), tmp_path / "db"
    other = another_process(database)
    fcntl.flock(other, fcntl.LOCK_EX)
    done = threading.Event()

    def write() -> None:
        with turns.turn(str(database)):
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not done.wait(0.05)
    fcntl.flock(other, fcntl.LOCK_UN)
    assert done.wait(30)
    writer.join()
    os.close(other)


def test_whoever_waits_is_not_passed_by_one_that_comes_later(tmp_path: Path) -> None:
    """A worker that writes without a pause would keep a fill from its row for a second."""
    database = tmp_path / "db"
    holder, following = another_process(database), another_process(Path(f"{database}.next"))
    fcntl.flock(holder, fcntl.LOCK_EX)
    order: list[str] = []

    def write(name: str) -> None:
        with Turns(patience=60).turn(str(database)):
            order.append(name)

    first, later = (threading.Thread(target=write, args=(each,)) for each in ("first", "later"))
    first.start()
    deadline = time.monotonic() + 30
    while not is_taken(following):
        assert time.monotonic() < deadline, "Nobody is next."
    later.start()
    fcntl.flock(holder, fcntl.LOCK_UN)
    for each in (first, later):
        each.join()
    assert order == ["first", "later"]
    os.close(holder)
    os.close(following)


def test_a_holder_that_is_stopped_blocks_nobody_for_ever(tmp_path: Path) -> None:
    turns, database = Turns(patience=0.02), tmp_path / "db"
    other = another_process(database)
    fcntl.flock(other, fcntl.LOCK_EX)
    with turns.turn(str(database)):
        assert is_taken(another_process(database))
    os.close(other)


def test_a_database_in_memory_needs_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Turns().turn("file:memorydb_default?mode=memory"):
        assert list(tmp_path.iterdir()) == []


# ---- what a power failure may forget ----


def durability() -> str:
    """As the database itself tells it: whether a commit is waited for until it is on the disk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "PRAGMA synchronous" if connection.vendor == "sqlite" else "SHOW synchronous_commit"
        )
        (told,) = cursor.fetchone()
    return str(told)


@pytest.mark.django_db(transaction=True)
def test_only_what_may_be_forgotten_is_not_waited_for() -> None:
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:  # off in the tests, for speed
        cursor.execute("PRAGMA synchronous=FULL" if sqlite else "SET synchronous_commit TO ON")
    waited, unwaited = ("2", "1") if sqlite else ("on", "off")
    try:
        assert in_write_transaction(durability) == waited
        assert in_write_transaction(durability, forgettable=True) == unwaited
        assert in_write_transaction(durability) == waited
        with pytest.raises(ZeroDivisionError):
            in_write_transaction(lambda: 1 / 0, forgettable=True)
        assert in_write_transaction(durability) == waited
        with write_transaction():
            assert in_write_transaction(durability, forgettable=True) == waited
    finally:
        connection.close()
