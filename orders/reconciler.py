"""The worker's comparisons with the venues: every 30 s while anything is open, 60 s else, and at
once where one is required.

Threads of the worker process, a few for each kind of venue, so that one that hangs keeps neither
another venue's accounts nor the lanes waiting. Several workers share the accounts by claim. The
duty is done only while the database lets the comparisons be written.
"""

import threading
from functools import partial

from brokers.models import BrokerAccount
from brokers.registry import connect
from orders.abreast import Abreast
from orders.background import with_connection
from orders.comparisons import claim_comparison, due_accounts, require_reconciliation
from orders.holding import expire_held
from orders.reconciling import reconcile_or_note
from tradehub.lib import duties
from tradehub.lib.clock import utc_now

EVERY_SECONDS = 1.0
OF_ONE_VENUE = 4
FAILED = "reconciliation_failed"


class Reconciler:
    def __init__(self, *, every: float = EVERY_SECONDS) -> None:
        self._every = every
        self._stop = threading.Event()
        self._broken = threading.Event()
        """A comparison could not be written since the last look, and will not be next time."""
        self._comparisons = Abreast("reconcile", OF_ONE_VENUE)

    def start(self) -> None:
        """At once, in the caller's thread: every account must be compared before it trades."""
        with_connection(lambda: require_reconciliation(now=utc_now()), FAILED)
        threading.Thread(target=self._run, name="reconciler", daemon=True).start()

    def stop(self, *, wait: bool = False) -> None:
        self._stop.set()
        self._comparisons.close(wait=wait)

    def look(self) -> int:
        """Hand every account that is due to its venue's threads; how many."""
        due = due_accounts(now=utc_now())
        give = self._comparisons.give
        return sum(give(each.pk, each.kind, partial(self._compare, each)) for each in due)

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
        with_connection(partial(_compare, account), FAILED, self._broken.set)


def _compare(account: BrokerAccount) -> None:
    """Claimed only now: what waited for a thread may have been done by another worker."""
    if claim_comparison(account.pk, now=utc_now()):
        reconcile_or_note(account, partial(connect, account))
