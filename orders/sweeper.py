"""The worker's own look at the database: every 2 s it drains what is due, bell or no bell.

A thread of the worker process, so it works while Celery waits for a dead Redis. Lanes are drained
side by side, and one that hangs keeps only its own place; each kind of venue has its own threads.
The duty is done only while the database lets the lanes be worked.
"""

import threading
from contextlib import suppress
from functools import partial
from itertools import count

from redis import RedisError

from orders.abreast import Abreast
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
        self._watch = duties.Watch(utc_now())
        self._broken = threading.Event()
        """A lane could not be worked since the last look, and will not be the next time either."""
        self._lanes = Abreast("sweep", OF_ONE_KIND)

    def start(self) -> None:
        threading.Thread(target=self._run, name="sweeper", daemon=True).start()

    def stop(self, *, wait: bool = False) -> None:
        self._stop.set()
        self._lanes.close(wait=wait)

    def sweep(self) -> int:
        """Hand every lane with something due to its venue's threads; how many."""
        kinds = {each: kind_of(each) for each in lanes_with_work(now=utc_now())}
        give = self._lanes.give
        return sum(give(each, kind, partial(self._drain, each)) for each, kind in kinds.items())

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

    def _drain(self, account_id: str) -> None:
        with_connection(partial(seats.drain, account_id), FAILED, self._broken.set)
