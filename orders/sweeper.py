"""The worker's own look at the database: every 2 s it drains what is due, bell or no bell.

A thread of the worker process, so it works while Celery waits for a dead Redis. Lanes are drained
side by side, and one that hangs keeps only its own place; each kind of venue has its own threads.
The duty is done only while the database lets the lanes be worked.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import count

from redis import RedisError

from orders.background import with_connection
from orders.lanes import lanes_with_work
from orders.seats import OF_ONE_KIND, kind_of, seats
from tradehub.lib import duties
from tradehub.lib.clock import utc_now

EVERY_SECONDS = 2.0
FAILED = "sweep_failed"
SWEEPS_PER_LOOK = 5


class Sweeper:
    def __init__(self, *, every: float = EVERY_SECONDS) -> None:
        self._every = every
        self._stop = threading.Event()
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._watch = duties.Watch(utc_now())
        self._broken = threading.Event()
        """A lane could not be worked since the last look, and will not be the next time either."""
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def start(self) -> None:
        threading.Thread(target=self._run, name="sweeper", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        for pool in [*self._pools.values()]:
            pool.shutdown(wait=False, cancel_futures=True)

    def sweep(self) -> int:
        """Hand every lane with something due to its venue's threads; how many."""
        kinds = {each: kind_of(each) for each in lanes_with_work(now=utc_now())}
        due = [each for each in kinds if self._take(each)]
        for account_id in due:
            self._pool(kinds[account_id]).submit(self._drain, account_id)
        return len(due)

    def _run(self) -> None:
        for sweeps in count():
            if self._stop.wait(self._every):
                return
            with_connection(self._sweep_once, FAILED)
            if sweeps % SWEEPS_PER_LOOK == 0:
                self._look_at_duties()

    def _look_at_duties(self) -> None:
        """Every worker shouts about what is late; a silent Redis is for `/readyz` to tell."""
        with suppress(RedisError):
            self._watch.look(utc_now())

    def _sweep_once(self) -> None:
        was_broken = self._broken.is_set()
        self._broken.clear()
        self.sweep()
        if not was_broken:
            duties.done("sweeper", utc_now())

    def _take(self, account_id: str) -> bool:
        with self._lock:
            if account_id in self._busy:
                return False
            self._busy.add(account_id)
            return True

    def _drain(self, account_id: str) -> None:
        try:
            with_connection(partial(seats.drain, account_id), FAILED, self._broken.set)
        finally:
            with self._lock:
                self._busy.discard(account_id)

    def _pool(self, kind: str) -> ThreadPoolExecutor:
        if kind not in self._pools:
            self._pools[kind] = ThreadPoolExecutor(OF_ONE_KIND, f"sweep-{kind}")
        return self._pools[kind]
