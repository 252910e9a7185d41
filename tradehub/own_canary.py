"""A worker's canary to itself: a task that it sends through a queue of its own, every 5 s.

The canaries of beat tell that some worker hears; this one tells `up` which of several doesn't. Its
thread is not Celery's, and its connection is its own: no trouble of theirs keeps it from sending.
"""

import threading
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0
PREFIX = "only."
GIVES_UP = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}


class OwnCanary:
    """For a worker that listens to a queue of its own, as `up` starts it; else it does nothing."""

    def __init__(self, app: Celery, *, every: float = EVERY_SECONDS) -> None:
        self._app = app
        self._every = every
        self._stop = threading.Event()

    def start(self) -> None:
        for queue in self._app.amqp.queues.consume_from:
            if queue.startswith(PREFIX):
                work = threading.Thread(target=self._run, args=(queue,), daemon=True)
                work.name = "own canary"
                work.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self, queue: str) -> None:
        while not self._stop.wait(self._every):
            try:
                self.send(queue)
            except (OperationalError, OSError) as error:
                log.warning("own_canary_not_sent", error=type(error).__name__)

    def send(self, queue: str) -> None:
        """Raises what the broker raises."""
        options: dict[str, Any] = {**self._app.conf.broker_transport_options, **GIVES_UP}
        with self._app.connection_for_write(transport_options=options) as connection:
            self._app.send_task(
                "orders.tasks.canary",
                args=(queue,),
                queue=queue,
                connection=connection,
                retry=False,
                ignore_result=True,
                expires=4 * self._every,
            )
