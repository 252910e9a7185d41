"""Room in a worker for work that waits on venues besides the lanes: so many at once for each kind.

A venue that hangs keeps each thread that speaks to it. Whoever finds no room goes away and is due
again later, so the other kinds, and the other tasks of the worker, go on.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings


class Room:
    def __init__(self, of_one_kind: int) -> None:
        self._of_one_kind = of_one_kind
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def place(self, kind: str) -> Iterator[bool]:
        """False: there is none."""
        with self._lock:
            found = self._taken[kind] < self._of_one_kind
            self._taken[kind] += found
        try:
            yield found
        finally:
            with self._lock:
                self._taken[kind] -= found


room = Room(max(1, settings.CELERY_WORKER_CONCURRENCY // 4))
