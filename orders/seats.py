"""Seats: how many lanes of one kind of venue this process works on at the same time.

A venue that hangs keeps every thread that speaks to it. The lanes of one kind have half of the
worker's threads at most, so those of other kinds go on. Who finds no seat leaves its lane here and
goes; whoever lets go of a seat takes that lane next. Losing this list loses nothing: the rows are
the queue, and the worker's own look finds them.
"""

import threading
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings

from brokers.models import BrokerAccount
from orders import work


class Seats:
    def __init__(self, of_one_kind: int) -> None:
        self._of_one_kind = of_one_kind
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, dict[str, None]] = {}

    def drain(self, account_id: str, drain: Callable[[str], object] | None = None) -> bool:
        """Work the lane, and after it those that found no seat meanwhile. False: this one has
        found none, and is left to whoever has one."""
        kind = kind_of(account_id)
        if not self._sit_down(kind, account_id):
            return False
        lane: str | None = account_id
        while lane is not None:
            try:
                (drain or work.drain_lane)(lane)
            except BaseException:
                self._stand_up(kind)
                raise
            lane = self._next_or_stand_up(kind)
        return True

    def _sit_down(self, kind: str, account_id: str) -> bool:
        with self._lock:
            if self._taken[kind] >= self._of_one_kind:
                self._waiting.setdefault(kind, {})[account_id] = None
                return False
            self._taken[kind] += 1
            return True

    def _stand_up(self, kind: str) -> None:
        with self._lock:
            self._taken[kind] -= 1

    def _next_or_stand_up(self, kind: str) -> str | None:
        """In one step, or a lane could be left behind by the last one who goes."""
        with self._lock:
            waiting = self._waiting.get(kind)
            if waiting:
                account_id = next(iter(waiting))
                del waiting[account_id]
                return account_id
            self._taken[kind] -= 1
            return None


@lru_cache(maxsize=10_000)
def kind_of(account_id: str) -> str:
    """It never changes, so only an account's first bell asks. Empty for one that is gone."""
    rows = BrokerAccount.objects.filter(pk=account_id).values_list("kind", flat=True)
    return rows.first() or ""


OF_ONE_KIND = max(1, settings.CELERY_WORKER_CONCURRENCY // 2)
seats = Seats(OF_ONE_KIND)
