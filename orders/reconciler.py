"""The worker's comparisons with the venues: every 30 s while anything is open, 60 s else, and at
once where one is required.

Threads of the worker process, a few for each kind of venue, so that one that hangs keeps neither
another venue's accounts nor the lanes waiting. Several workers share the accounts by claim. The
duty is done only while the database lets the comparisons be written.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from brokers.models import BrokerAccount
from brokers.registry import connect
from orders.background import with_connection
from orders.holding import expire_held
from orders.reconciling import (
    claim_comparison,
    due_accounts,
    reconcile_or_note,
    require_reconciliation,
)
from tradehub.lib import duties
from tradehub.lib.clock import utc_now

EVERY_SECONDS = 1.0
OF_ONE_VENUE = 4
FAILED = "reconciliation_failed"


class Reconciler:
    def __init__(self, *, every: float = EVERY_SECONDS) -> None:
        self._every = every
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._broken = threading.Event()
        """A comparison could not be written since the last look, and will not be next time."""
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def start(self) -> None:
        """At once, in the caller's thread: every account must be compared before it trades."""
        with_connection(lambda: require_reconciliation(now=utc_now()), FAILED)
        threading.Thread(target=self._run, name="reconciler", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        for pool in [*self._pools.values()]:
            pool.shutdown(wait=False, cancel_futures=True)

    def look(self) -> int:
        """Hand every account that is due to its venue's threads; how many."""
        due = [each for each in due_accounts(now=utc_now()) if self._take(each.pk)]
        for account in due:
            self._pool(account.kind).submit(self._compare, account)
        return len(due)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            with_connection(self._round, FAILED)

    def _round(self) -> None:
        was_broken = self._broken.is_set()
        self._broken.clear()
        self.look()
        expire_held(clock=utc_now)
        if not was_broken:
            duties.done("reconciliation", utc_now())

    def _compare(self, account: BrokerAccount) -> None:
        try:
            with_connection(partial(_compare, account), FAILED, self._broken.set)
        finally:
            with self._lock:
                self._busy.discard(account.pk)

    def _take(self, account_id: str) -> bool:
        with self._lock:
            if account_id in self._busy:
                return False
            self._busy.add(account_id)
            return True

    def _pool(self, kind: str) -> ThreadPoolExecutor:
        if kind not in self._pools:
            self._pools[kind] = ThreadPoolExecutor(OF_ONE_VENUE, f"reconcile-{kind}")
        return self._pools[kind]


def _compare(account: BrokerAccount) -> None:
    """Claimed only now: what waited for a thread may have been done by another worker."""
    if claim_comparison(account.pk, now=utc_now()):
        reconcile_or_note(account, partial(connect, account))
