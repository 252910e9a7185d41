"""Room in a worker for work that waits on venues besides the lanes: so many at once for each kind.

A venue that hangs keeps each thread that speaks to it. Whoever finds no room goes away and is due
again later, so the other kinds, and the other tasks of the worker, go on. For the same reason what
is due is handed out account by account.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from celery import current_app
from django.conf import settings

from brokers.models import BrokerAccount

HANDED_OUT_SECONDS = 300
"""A task that has not begun by then is dropped: its account is due again."""


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


def hand_out(task: str, account_ids: Iterable[str]) -> None:
    for account_id in account_ids:
        current_app.send_task(
            task, args=(account_id,), queue="background", expires=HANDED_OUT_SECONDS
        )


def visit(
    account: BrokerAccount | None,
    look: Callable[[BrokerAccount], object],
    come_back: Callable[[str], object],
) -> None:
    """Look at an account while there is room for its kind, else come back. None: it has gone."""
    if account is None:
        return
    with room.place(account.kind) as found:
        if found:
            look(account)
        else:
            come_back(account.pk)
