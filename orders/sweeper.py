"""The worker's own look at the database: every 2 s it drains what is due, bell or no bell.

A thread of the worker process, so it works while Celery waits for a dead Redis. Lanes are drained
side by side, and one that hangs keeps only its own place.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import count

import structlog
from django.db import Error, close_old_connections
from redis import RedisError

from orders.lanes import lanes_with_work
from orders.work import drain_lane
from tradehub.lib import duties
from tradehub.lib.clock import utc_now

log = structlog.get_logger(__name__)

EVERY_SECONDS = 2.0
SIDE_BY_SIDE = 4
SWEEPS_PER_LOOK = 5


class Sweeper:
    def __init__(self, *, every: float = EVERY_SECONDS) -> None:
        self._every = every
        self._stop = threading.Event()
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._watch = duties.Watch(utc_now())
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="sweep")

    def start(self) -> None:
        threading.Thread(target=self._run, name="sweeper", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def sweep(self) -> int:
        """Hand every lane with something due to the pool; how many."""
        due = [each for each in lanes_with_work(now=utc_now()) if self._take(each)]
        for account_id in due:
            self._pool.submit(self._drain, account_id)
        return len(due)

    def _run(self) -> None:
        for sweeps in count():
            if self._stop.wait(self._every):
                return
            _with_connection(self._sweep_once)
            if sweeps % SWEEPS_PER_LOOK == 0:
                self._look_at_duties()

    def _look_at_duties(self) -> None:
        """Every worker shouts about what is late; a silent Redis is for `/readyz` to tell."""
        with suppress(RedisError):
            self._watch.look(utc_now())

    def _sweep_once(self) -> None:
        self.sweep()
        duties.done("sweeper", utc_now())

    def _take(self, account_id: str) -> bool:
        with self._lock:
            if account_id in self._busy:
                return False
            self._busy.add(account_id)
            return True

    def _drain(self, account_id: str) -> None:
        try:
            _with_connection(partial(drain_lane, account_id))
        finally:
            with self._lock:
                self._busy.discard(account_id)


def _with_connection(work: Callable[[], object]) -> None:
    """A thread outside of Django's requests and Celery's tasks looks after its own connection."""
    try:
        close_old_connections()
        work()
    except Error as error:
        log.warning("sweep_failed", error=type(error).__name__)
    except Exception as error:  # the thread must outlive whatever one lane does
        log.exception("sweep_failed", error=type(error).__name__)
    finally:
        # Back to the pool: an idle thread must not keep a connection from one at work.
        close_old_connections()
