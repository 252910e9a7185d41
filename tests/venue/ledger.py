"""The ledger of the scripted venue: every request it received, on disk before anything is done.

A line is flushed as it is written, so that a kill loses nothing; a line that was cut is left out.
What came of a request is a line of its own, since it is known later.
"""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO


class Lines:
    """An append-only file of JSON lines, read whole when it is opened."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self.kept = list(_read(path))
        whole = "".join(json.dumps(each) + "\n" for each in self.kept)
        if path.exists() and path.read_text() != whole:
            path.write_text(whole)
        self._file: TextIO = path.open("a", encoding="utf-8")

    def write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def clear(self) -> None:
        with self._lock:
            self._file.truncate(0)

    def close(self) -> None:
        self._file.close()


class Ledger:
    def __init__(self, path: Path) -> None:
        self._lines = Lines(path)
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        for line in self._lines.kept:
            self._take(line)

    def received(self, **what: Any) -> int:
        """The number of the request."""
        with self._lock:
            line = {"n": len(self._entries) + 1, **what}
            self._lines.write(line)
            self._take(line)
            return int(line["n"])

    def came_of(self, number: int, **what: Any) -> None:
        """`fault`, `taken` (it had its effect), `order_id`, `code`, `status`."""
        with self._lock:
            line = {"of": number, **what}
            self._lines.write(line)
            self._take(line)

    def entries(self, after: int = 0) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(each) for each in self._entries[after:]]

    def clear(self) -> None:
        with self._lock:
            self._lines.clear()
            self._entries.clear()

    def close(self) -> None:
        self._lines.close()

    def _take(self, line: dict[str, Any]) -> None:
        if "of" in line:
            entry = self._entries[line["of"] - 1]
            entry |= {name: value for name, value in line.items() if name != "of"}
        else:
            self._entries.append(dict(line))


def _read(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return
