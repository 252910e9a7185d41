"""Accounts that a worker's own look hands out: side by side, and none to two threads at once."""

import threading
from collections.abc import Callable

from brokers.pools import Pools


class Abreast:
    def __init__(self, name: str, of_one_kind: int) -> None:
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._pools = Pools(name, of_one_kind)

    def give(self, account_id: str, kind: str, work: Callable[[], object]) -> bool:
        """False: the account has not come back yet. One thread gives."""
        with self._lock:
            if account_id in self._busy:
                return False
            self._busy.add(account_id)
        self._pools.of(kind).submit(self._do, account_id, work)
        return True

    def close(self, *, wait: bool = False) -> None:
        """What waits for a thread gets none."""
        self._pools.close(wait=wait, drop=True)

    def _do(self, account_id: str, work: Callable[[], object]) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._busy.discard(account_id)
