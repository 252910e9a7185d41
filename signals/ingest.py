"""The group commit: all alerts that wait are stored in one transaction, each answered after it.

One writer thread a process, started on first use (after the fork). A commit holds the claim on
each signal key, the signals, and one lane item for each subscribed account, so an alert that was
answered is both stored and queued. A row that the database refuses fails alone, not its batch. A
bounded queue answers "not stored" rather than wait.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

import structlog
from django.db import InterfaceError, OperationalError, connection

from orders.doorbell import doorbell
from signals import ingest_rows
from signals.arrivals import Arrival, ArrivalOutcome, seal, unseal
from signals.progress import Progress
from signals.routes import read_version, routes
from tradehub.lib import live
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)

QUEUE_LIMIT = 5_000
BATCH_LIMIT = 400


class Writer:
    """The writer thread of a process."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: deque[Arrival] = deque()
        self._storing: Sequence[Arrival] = ()
        self.progress = Progress()
        self._throttled: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self._closing = False

    def put(self, arrival: Arrival) -> bool:
        """Queue it; `arrival.done` is called from the writer's thread. False: no room."""
        with self._condition:
            if self._closing or len(self._waiting) >= QUEUE_LIMIT:
                return False
            self._waiting.append(arrival)
            self._wake()
        return True

    def count_throttled(self, token_id: str) -> None:
        """One more alert over its token's limit; added to the owner's count in passing."""
        with self._condition:
            self._throttled[token_id] += 1
            self._wake()

    def waiting(self) -> int:
        """How many alerts are not committed yet."""
        with self._condition:
            return len(self._storing) + len(self._waiting)

    def oldest_waiting(self) -> datetime | None:
        """When the one that waits longest for its commit came in; None when none waits."""
        with self._condition:
            waiting = (*self._storing[:1], *islice(self._waiting, 1))
            return min((each.received_at for each in waiting), default=None)

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
            self._thread.start()
        else:
            self._condition.notify()

    def close(self, timeout: float = 5) -> None:
        """Store what waits, then stop."""
        with self._condition:
            self._closing = True
            self._condition.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        try:
            self._store_for_ever()
        finally:
            connection.close()

    def _store_for_ever(self) -> None:
        while True:
            batch, throttled = self._next_work()
            if not batch and not throttled:
                return
            try:
                with self.progress.at_work():
                    if not store_batch(batch) and self.progress.has_failed():
                        batch += self._give_up_waiting()
            except Exception as error:  # this one thread must outlive whatever one alert does
                log.exception("ingest_broke", error=type(error).__name__)
            self._storing = ()
            for arrival in batch:
                _answer(arrival)
            with self.progress.at_work():
                store_throttled(throttled)

    def _next_work(self) -> tuple[list[Arrival], Counter[str]]:
        """What waits; nothing at all only when closing."""
        with self._condition:
            while not self._waiting and not self._throttled and not self._closing:
                self._condition.wait()
            size = min(len(self._waiting), BATCH_LIMIT)
            throttled, self._throttled = self._throttled, Counter()
            self._storing = [self._waiting.popleft() for _ in range(size)]
            return list(self._storing), throttled

    def _give_up_waiting(self) -> list[Arrival]:
        """The database is away: an attempt of their own would make them wait past their time."""
        with self._condition:
            waiting = list(self._waiting)
            self._waiting.clear()
        _fail(waiting)
        return waiting


def _answer(arrival: Arrival) -> None:
    try:
        arrival.done()
    except RuntimeError:  # its event loop has ended; nobody waits there any more
        log.info("answer_unheard", signal=arrival.id)


writer = Writer()


class GivenUp(Exception):
    """While the transaction waited, the sender of one of its alerts was told "not stored"."""


def store_batch(batch: Sequence[Arrival]) -> bool:
    """Store all in one transaction; if a row spoils it, each in its own. Sets their outcomes.

    What was given up meanwhile is left out, down to the moment before the commit. False: the
    database is away."""
    batch = [each for each in batch if not each.given_up]
    if not batch:
        return True
    try:
        _commit(batch)
    except GivenUp:
        _fail([each for each in batch if each.given_up])
        return store_batch(batch)
    except (OperationalError, InterfaceError) as error:
        # The database is away: one by one would only make everybody wait longer.
        log.error("ingest_failed", error=type(error).__name__, alerts=len(batch))
        _fail(batch)
        connection.close()
        return False
    except Exception as error:  # a value that the driver can't even bind is no database error
        log.warning("ingest_batch_spoiled", error=type(error).__name__, alerts=len(batch))
        _one_by_one(batch)
    else:
        _announce(batch)
    return True


def store_throttled(counts: Mapping[str, int]) -> None:
    """A figure for the owner's page; losing one loses nothing."""
    if not counts:
        return
    try:
        in_write_transaction(lambda: ingest_rows.count_throttled(counts))
    except Exception as error:  # the writer's thread must outlive it
        log.warning("throttled_not_counted", error=type(error).__name__)


def _one_by_one(batch: Sequence[Arrival]) -> None:
    for arrival in batch:
        if arrival.given_up:
            _fail([arrival])
            continue
        try:
            _commit([arrival])
        except Exception as error:  # as above: it fails alone
            log.error("ingest_row_refused", error=type(error).__name__, signal=arrival.id)
            _fail([arrival])
        else:
            _announce([arrival])


def _fail(batch: Sequence[Arrival]) -> None:
    for arrival in batch:
        arrival.outcome = ArrivalOutcome.NOT_STORED


def _commit(batch: Sequence[Arrival]) -> None:
    in_write_transaction(lambda: _write(batch))


def _write(batch: Sequence[Arrival]) -> None:
    unseal(batch)
    version = read_version()
    routes.saw_version(version)
    current = []
    for arrival in batch:
        if arrival.outcome is ArrivalOutcome.CONFLICT:
            arrival.error = None  # found by an attempt that was rolled back
        if arrival.route.version == version:
            current.append(arrival)
        else:
            arrival.outcome = ArrivalOutcome.REROUTED
    invalid = [each for each in current if each.error is not None]
    _claim([each for each in current if each.error is None])
    _settle_invalid(invalid)
    now = utc_now()
    ingest_rows.insert_signals(
        [each for each in current if each.outcome is not ArrivalOutcome.DUPLICATE], now
    )
    ingest_rows.insert_lane_items(
        [each for each in current if each.outcome is ArrivalOutcome.ACCEPTED]
    )
    ingest_rows.count_deliveries(
        [each.stored_id for each in current if each.outcome is ArrivalOutcome.DUPLICATE]
    )
    _mark_used(current, now)
    if not seal(batch):
        raise GivenUp


def _settle_invalid(invalid: Sequence[Arrival]) -> None:
    for arrival in invalid:
        arrival.outcome = ArrivalOutcome.INVALID
        arrival.stored_id = arrival.id


def _claim(valid: Sequence[Arrival]) -> None:
    """Decide who is first: by the database for other processes, by order within the batch."""
    first: dict[tuple[str, str], Arrival] = {}
    for arrival in valid:
        assert arrival.strategy is not None
        first.setdefault((arrival.strategy.id, arrival.key), arrival)
    # Sorted: two processes that take the same keys in different orders would deadlock.
    holders = ingest_rows.claim_keys([first[each] for each in sorted(first)])
    for arrival in valid:
        assert arrival.strategy is not None
        holder, fingerprint = holders[arrival.strategy.id, arrival.key]
        arrival.stored_id = holder
        if holder == arrival.id:
            arrival.outcome = ArrivalOutcome.ACCEPTED
        elif fingerprint == arrival.fingerprint:
            arrival.outcome = ArrivalOutcome.DUPLICATE
        else:
            arrival.outcome = ArrivalOutcome.CONFLICT
            arrival.stored_id = arrival.id
            arrival.error = {
                "code": "IDEMPOTENCY_CONFLICT",
                "detail": f"The id belongs to signal {holder}, which asked for something else.",
                "errors": [],
            }


_used_at: dict[str, float] = {}


def _mark_used(batch: Sequence[Arrival], now: datetime) -> None:
    """`last_used_at` of the tokens, at most once a minute each."""
    moment = time.monotonic()
    for token_id in {each.route.token_id for each in batch}:
        if moment - _used_at.get(token_id, -60) >= 60:
            _used_at[token_id] = moment
            ingest_rows.mark_token_used(token_id, now)


def _announce(batch: Sequence[Arrival]) -> None:
    """After the commit: ring the lanes, tell open pages; neither can fail the alert."""
    lanes: dict[str, None] = {}
    newest: dict[int, Arrival] = {}
    for arrival in batch:
        if arrival.outcome is ArrivalOutcome.ACCEPTED and arrival.strategy is not None:
            lanes.update(dict.fromkeys(account for account, _ in arrival.strategy.lanes))
        if arrival.outcome not in (ArrivalOutcome.REROUTED, ArrivalOutcome.NOT_STORED):
            newest[arrival.route.owner_id] = arrival
    if lanes:
        doorbell.ring(lanes)
    for owner_id, arrival in newest.items():
        frame = {"type": "signal", "id": arrival.stored_id, "version": 1, "status": "received"}
        live.publisher.put(owner_id, frame)
