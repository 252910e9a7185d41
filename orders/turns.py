"""Work for accounts in a few threads: one account's jobs one after another, in their order, and two
accounts' side by side. Each kind of venue has threads of its own, so that one that hangs keeps
no other.

A job that fails is told and the next goes on. An account with too much waiting is refused more.
"""

import threading
from collections import deque
from collections.abc import Callable

from brokers.pools import Pools
from orders.background import with_connection

Job = Callable[[], object]

OF_ONE_KIND = 6
MOST_WAITING = 500
FAILED = "stream_job_failed"


class Turns:
    def __init__(self, *, of_one_kind: int = OF_ONE_KIND, most: int = MOST_WAITING) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Job]] = {}
        """By account; one that is here has a thread, or waits for one."""
        self._pools = Pools("stream", of_one_kind)
        self._closed = False

    def put(self, account_id: str, kind: str, job: Job) -> bool:
        """False: too much waits for the account already. Never waits."""
        with self._lock:
            if self._closed:
                return False
            waiting = self._waiting.get(account_id)
            if waiting is not None:
                if len(waiting) >= self._most:
                    return False
                waiting.append(job)
                return True
            self._waiting[account_id] = deque([job])
            pool = self._pools.of(kind)
        pool.submit(self._work, account_id)
        return True

    def close(self, *, wait: bool = False) -> None:
        """What has begun goes on to its end; what waits is dropped."""
        with self._lock:
            self._closed = True
            for each in self._waiting.values():
                each.clear()
        self._pools.close(wait=wait)

    def _work(self, account_id: str) -> None:
        while True:
            with self._lock:
                waiting = self._waiting[account_id]
                if not waiting:
                    del self._waiting[account_id]
                    return
                job = waiting.popleft()
            with_connection(job, FAILED)
