"""The doorbell: tells a worker to look at a lane now rather than at its next look in 2 s.

Rung after the commit, from a thread of its own, once a lane however often it is asked for, without
retry and with a short time-out: a dead Redis costs an alert nothing, and loses nothing, since the
rows are the queue and the workers look at them anyway.
"""

import atexit
import threading
from collections.abc import Callable, Iterable

import structlog
from celery import current_app
from django.db import transaction

FLUSH_SECONDS = 2.0
"""A process that ends waits so long for its bells: the first one loads the broker's library."""
EXPIRES_SECONDS = 60
"""A bell that nobody heard for that long says nothing that the workers' own look doesn't."""

log = structlog.get_logger(__name__)


def ring_on_commit(account_ids: Iterable[str]) -> None:
    """Ring for these accounts' lanes once the present transaction is committed."""
    waiting = tuple(account_ids)
    transaction.on_commit(lambda: doorbell.ring(waiting))


def publish(account_id: str) -> None:
    """One Celery message: "look at this lane". Raises what the broker raises."""
    current_app.send_task(
        "orders.tasks.drain_lane",
        args=(account_id,),
        queue="trade",
        retry=False,
        ignore_result=True,
        expires=EXPIRES_SECONDS,
    )


class Doorbell:
    """A thread, started on first use (after the fork), that publishes for a set of lanes."""

    def __init__(self, publish: Callable[[str], None]) -> None:
        self.publish = publish
        self._condition = threading.Condition()
        self._lanes: dict[str, None] = {}
        self._ringing = False
        self._thread: threading.Thread | None = None

    def ring(self, account_ids: Iterable[str]) -> None:
        with self._condition:
            self._lanes.update(dict.fromkeys(account_ids))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
                self._thread.start()
                # A command line ends right after its commit, and the thread with it.
                atexit.register(self.flush)
            self._condition.notify_all()

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until all that was asked for has been rung; False: some has not."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._lanes and not self._ringing, seconds)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._ringing = False
                self._condition.notify_all()
                while not self._lanes:
                    self._condition.wait()
                lanes, self._lanes = self._lanes, {}
                self._ringing = True
            for account_id in lanes:
                self._publish(account_id)

    def _publish(self, account_id: str) -> None:
        try:
            self.publish(account_id)
        except Exception as error:  # any broker trouble: the workers' own look finds the rows
            log.warning("doorbell_failed", account=account_id, error=type(error).__name__)


doorbell = Doorbell(publish)
