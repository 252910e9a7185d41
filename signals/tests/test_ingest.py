"""The group commit: stored before it is answered, once, and each alert for itself."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
import pytest
from django.db import DataError, IntegrityError, OperationalError, connection

from accounts.models import User
from orders.models import LaneItem
from signals import ingest, ingest_rows, progress
from signals.arrivals import Arrival, ArrivalOutcome
from signals.ingest import Writer, store_batch
from signals.ingest_rows import BODY_WINDOW
from signals.models import Signal, SignalKey, Strategy, WebhookToken
from signals.routes import bump_route_version, routes
from tradehub.lib.tokens import Token
from tradehub.testing.builders import (
    arrive,
    deliver,
    make_account,
    make_profile,
    make_strategy,
    make_token,
)

pytestmark = pytest.mark.django_db
ALERT = {"symbol": "AAPL", "action": "buy", "quantity": 1, "price": 150}


@pytest.fixture
def strategy(alice: User, now: datetime) -> Strategy:
    return make_strategy(alice, make_account(alice, now), make_profile(alice, now))


@pytest.fixture
def token(strategy: Strategy) -> Token:
    return make_token(strategy)


def numbered(token: Token, now: datetime, count: int) -> list[Arrival]:
    return [arrive(token, ALERT | {"alert_id": str(number)}, now) for number in range(count)]


def outcomes(batch: list[Arrival]) -> list[str]:
    return [each.outcome.value for each in batch]


# ---- one batch ----


def test_a_batch_is_stored_in_its_order_with_one_item_a_subscription(
    token: Token, strategy: Strategy, alice: User, now: datetime
) -> None:
    second = make_account(alice, now, label="Second")
    strategy.subscriptions.create(
        account=second, risk_profile=strategy.subscriptions.get().risk_profile
    )
    bump_route_version()
    batch = numbered(token, now, 5)
    store_batch(batch)
    assert outcomes(batch) == ["accepted"] * 5
    items = LaneItem.objects.order_by("id")
    assert [each.signal_id for each in items if each.account_id == second.pk] == [
        each.id for each in batch
    ]
    assert items.count() == 10
    item = items[0]
    assert (item.kind, item.status, item.due_at) == ("decide", "queued", now)
    assert item.intents[0]["symbol"] == "AAPL"
    assert item.terms["strategy"] == strategy.pk


def test_copies_within_a_batch_are_one_and_counted(token: Token, now: datetime) -> None:
    batch = [arrive(token, ALERT, now) for _ in range(50)]
    store_batch(batch)
    assert outcomes(batch) == ["accepted"] + ["duplicate"] * 49
    assert {each.stored_id for each in batch} == {batch[0].id}
    assert Signal.objects.get().deliveries == 50
    assert LaneItem.objects.count() == 1


def test_an_id_used_for_something_else_is_a_conflict_that_is_stored(
    token: Token, now: datetime
) -> None:
    first = deliver(token, ALERT | {"alert_id": "x"}, now)
    other = deliver(token, ALERT | {"alert_id": "x", "quantity": 2}, now)
    assert other.outcome is ArrivalOutcome.CONFLICT
    stored = Signal.objects.get(pk=other.id)
    assert stored.status == "invalid"
    assert stored.error is not None
    assert stored.error["code"] == "IDEMPOTENCY_CONFLICT"
    assert first.id in stored.error["detail"]
    assert LaneItem.objects.count() == 1
    assert deliver(token, ALERT | {"alert_id": "x"}, now).stored_id == first.id


def test_a_conflict_within_one_batch(token: Token, now: datetime) -> None:
    batch = [arrive(token, ALERT | {"alert_id": "x", "quantity": n}, now) for n in (1, 2, 1)]
    store_batch(batch)
    assert outcomes(batch) == ["accepted", "conflict", "duplicate"]


def test_an_invalid_one_is_stored_claims_nothing_and_moves_nothing(
    token: Token, now: datetime
) -> None:
    bad = deliver(token, ALERT | {"quantity": -1, "alert_id": "x"}, now)
    assert (bad.outcome, bad.stored_id) == (ArrivalOutcome.INVALID, bad.id)
    stored = Signal.objects.get()
    assert (stored.status, bytes(stored.raw)) == ("invalid", bad.raw)
    assert not SignalKey.objects.exists()
    assert not LaneItem.objects.exists()
    assert deliver(token, ALERT | {"alert_id": "x"}, now).outcome is ArrivalOutcome.ACCEPTED


def test_an_alert_that_no_account_follows_is_processed(alice: User, now: datetime) -> None:
    deliver(make_token(make_strategy(alice)), ALERT, now)
    assert Signal.objects.get().status == "processed"


def test_the_same_alert_at_two_strategies_is_two(alice: User, token: Token, now: datetime) -> None:
    other = make_token(make_strategy(alice, name="Other"))
    batch = [arrive(token, ALERT, now), arrive(other, ALERT, now)]
    store_batch(batch)
    assert outcomes(batch) == ["accepted", "accepted"]


def test_all_that_is_known_of_an_alert_is_stored(
    token: Token, strategy: Strategy, now: datetime
) -> None:
    sent = replace(arrive(token, ALERT, now), source_ip="52.89.214.238", content_type="text/plain")
    store_batch([sent])
    stored = Signal.objects.get()
    assert (stored.pk, stored.owner_id, stored.strategy_id) == (
        sent.id,
        strategy.owner_id,
        strategy.pk,
    )
    assert (stored.token_id, stored.received_at) == (WebhookToken.objects.get().pk, now)
    assert (stored.source_ip, stored.content_type) == ("52.89.214.238", "text/plain")
    assert (bytes(stored.raw), stored.dialect) == (sent.raw, sent.dialect)
    assert stored.intents == orjson.loads(sent.intents_json)
    assert (stored.deliveries, stored.status) == (1, "received")
    assert Signal.objects.filter(error__isnull=True).exists(), "nothing, and not JSON's null"
    item = LaneItem.objects.get()
    assert (item.signal_id, item.intents) == (sent.id, stored.intents)
    assert (item.due_at, item.created_at, item.attempts) == (now, now, 0)
    assert (item.subject, item.reason) == ("", "")


def test_an_alert_that_finds_no_strategy_is_stored_for_the_token_s_owner(
    token: Token, alice: User, now: datetime
) -> None:
    lost = arrive(token, ALERT, now)
    lost.strategy, lost.error = None, {"code": "MISSING_FIELD", "detail": "", "errors": []}
    store_batch([lost])
    stored = Signal.objects.get()
    assert (stored.owner_id, stored.strategy_id, stored.status) == (alice.pk, None, "invalid")
    assert stored.error == lost.error


def test_the_time_to_the_commit_is_in_milliseconds(token: Token, now: datetime) -> None:
    sent = arrive(token, ALERT, now)
    sent.stored_id = sent.id
    ingest_rows.insert_signals([sent], now + timedelta(seconds=1.5))
    assert Signal.objects.get().ack_ms == 1500


def test_a_copy_counts_at_its_first_alone(token: Token, now: datetime) -> None:
    batch = numbered(token, now, 3)
    store_batch(batch)
    deliver(token, ALERT | {"alert_id": "1"}, now)
    deliver(token, ALERT | {"alert_id": "1"}, now)
    assert [Signal.objects.get(pk=each.id).deliveries for each in batch] == [1, 3, 1]


def test_a_key_is_held_with_what_must_be_the_same(
    token: Token, strategy: Strategy, now: datetime
) -> None:
    first = deliver(token, ALERT, now)
    deliver(token, ALERT, now + timedelta(seconds=1))
    held = SignalKey.objects.get()
    assert (held.strategy_id, held.key) == (strategy.pk, first.key)
    assert (held.signal_id, held.fingerprint, held.claimed_at) == (first.id, first.fingerprint, now)
    later = now + BODY_WINDOW
    second = deliver(token, ALERT, later)
    held.refresh_from_db()
    assert (held.signal_id, held.fingerprint) == (second.id, second.fingerprint)
    assert held.claimed_at == later


def test_use_is_noted_at_the_token_that_was_used(token: Token, alice: User, now: datetime) -> None:
    make_token(make_strategy(alice, name="Other"))
    used, other = WebhookToken.objects.order_by("id")
    ingest_rows.mark_token_used(used.pk, now)
    ingest_rows.count_throttled({other.pk: 2, used.pk: 5})
    ingest_rows.count_throttled({used.pk: 1})
    used.refresh_from_db()
    other.refresh_from_db()
    assert (used.last_used_at, used.throttled_count) == (now, 6)
    assert (other.last_used_at, other.throttled_count) == (None, 2)


# ---- the window of a body without an id ----


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        (timedelta(0), ArrivalOutcome.DUPLICATE),
        (BODY_WINDOW - timedelta(microseconds=1), ArrivalOutcome.DUPLICATE),
        (BODY_WINDOW, ArrivalOutcome.ACCEPTED),
        (timedelta(minutes=1), ArrivalOutcome.ACCEPTED),
    ],
)
def test_a_body_without_an_id_is_a_copy_for_45_seconds(
    token: Token, now: datetime, after: timedelta, outcome: ArrivalOutcome
) -> None:
    first = deliver(token, ALERT, now)
    again = deliver(token, ALERT, now + after)
    assert again.outcome is outcome
    assert again.stored_id == (first.id if outcome is ArrivalOutcome.DUPLICATE else again.id)


def test_the_window_begins_with_the_first_copy_and_not_with_the_last(
    token: Token, now: datetime
) -> None:
    deliver(token, ALERT, now)
    assert deliver(token, ALERT, now + timedelta(seconds=40)).outcome is ArrivalOutcome.DUPLICATE
    assert deliver(token, ALERT, now + timedelta(seconds=50)).outcome is ArrivalOutcome.ACCEPTED


def test_an_id_is_unique_for_ever(token: Token, now: datetime) -> None:
    deliver(token, ALERT | {"alert_id": "x"}, now)
    years = deliver(token, ALERT | {"alert_id": "x"}, now + timedelta(days=3_000))
    assert years.outcome is ArrivalOutcome.DUPLICATE


# ---- several processes ----


def _at_once(work: list[Callable[[], Any]]) -> None:
    barrier = threading.Barrier(len(work))

    def run(each: Callable[[], Any]) -> None:
        try:
            barrier.wait(10)
            each()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


@pytest.mark.django_db(transaction=True)
def test_twins_in_several_processes_are_one(token: Token, now: datetime) -> None:
    batches = [[arrive(token, ALERT, now) for _ in range(5)] for _ in range(6)]
    _at_once([partial(store_batch, batch) for batch in batches])
    found = [each for batch in batches for each in batch]
    assert sorted(outcomes(found)) == ["accepted"] + ["duplicate"] * 29
    assert len({each.stored_id for each in found}) == 1
    assert Signal.objects.get().deliveries == 30
    assert LaneItem.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_batches_with_the_same_keys_in_other_orders_do_not_deadlock(
    token: Token, now: datetime
) -> None:
    batches = [numbered(token, now, 20) for _ in range(4)]
    for number, batch in enumerate(batches):
        if number % 2:
            batch.reverse()
    _at_once([partial(store_batch, batch) for batch in batches])
    found = [each for batch in batches for each in batch]
    assert sorted(outcomes(found)) == ["accepted"] * 20 + ["duplicate"] * 60
    assert LaneItem.objects.count() == 20


# ---- a change of the route ----


def test_an_alert_on_an_old_route_is_sent_back_and_the_others_stored(
    token: Token, now: datetime
) -> None:
    old = arrive(token, ALERT | {"alert_id": "old"}, now)
    bump_route_version()
    fresh = arrive(token, ALERT | {"alert_id": "fresh"}, now)
    batch = [old, fresh]
    store_batch(batch)
    assert outcomes(batch) == ["rerouted", "accepted"]
    assert Signal.objects.get().pk == fresh.id
    old.route = routes.look_up(token.digest) or old.route
    store_batch([old])
    assert old.outcome is ArrivalOutcome.ACCEPTED


# ---- trouble ----


@pytest.mark.parametrize(
    "error",
    [DataError("bad value"), IntegrityError("bad row"), UnicodeEncodeError("u", "", 0, 1, "")],
)
def test_a_row_that_spoils_its_batch_fails_alone(
    token: Token, now: datetime, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    real = ingest_rows.insert_signals

    def insert(arrivals: list[Arrival], moment: datetime) -> None:
        if any(b"spoilt" in each.raw for each in arrivals):
            raise error
        real(arrivals, moment)

    monkeypatch.setattr(ingest_rows, "insert_signals", insert)
    batch = numbered(token, now, 4)
    batch.insert(2, arrive(token, ALERT | {"alert_id": "spoilt"}, now))
    batch.append(arrive(token, ALERT | {"alert_id": "0", "quantity": 9}, now))
    store_batch(batch)
    assert outcomes(batch) == [
        "accepted",
        "accepted",
        "not_stored",
        "accepted",
        "accepted",
        "conflict",
    ]
    assert LaneItem.objects.count() == 4
    assert not SignalKey.objects.filter(signal_id=batch[2].id).exists()


def test_a_database_that_is_away_fails_all_with_one_attempt(
    token: Token, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def away(work: Callable[[], None]) -> None:
        attempts.append(work)
        raise OperationalError("server closed the connection unexpectedly")

    batch = numbered(token, now, 100)
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "in_write_transaction", away)
        patch.setattr(connection, "close", lambda: None)
        store_batch(batch)
    assert set(outcomes(batch)) == {"not_stored"}
    assert len(attempts) == 1
    store_batch(batch)
    assert set(outcomes(batch)) == {"accepted"}


# ---- the writer ----


@pytest.fixture
def writer() -> Any:
    made = Writer()
    yield made
    made.close()


class Answers:
    """Counts what the writer's thread has answered."""

    def __init__(self, batch: list[Arrival]) -> None:
        self.left = threading.Semaphore(0)
        self.count = len(batch)
        for each in batch:
            each.done = self.left.release

    def wait(self) -> None:
        for _ in range(self.count):
            assert self.left.acquire(timeout=20)


@pytest.mark.django_db(transaction=True)
def test_the_writer_answers_each_after_its_commit(
    token: Token, now: datetime, writer: Writer
) -> None:
    batch = numbered(token, now, 30)
    answers = Answers(batch)
    assert all(writer.put(each) for each in batch)
    answers.wait()
    assert set(outcomes(batch)) == {"accepted"}
    assert Signal.objects.count() == 30
    assert writer.waiting() == 0


@pytest.mark.django_db(transaction=True)
def test_closing_stores_what_waits_and_takes_no_more(
    token: Token, now: datetime, writer: Writer
) -> None:
    batch = numbered(token, now, 30)
    for each in batch:
        writer.put(each)
    writer.close()
    assert Signal.objects.count() == 30
    assert writer.put(replace(batch[0])) is False


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["store_batch", "done", "announce"])
def test_the_writer_outlives_whatever_one_alert_does(
    token: Token, now: datetime, writer: Writer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def breaks(*_: Any) -> None:
        raise RuntimeError("event loop is closed")

    first, second = numbered(token, now, 2)
    answers = Answers([first, second])
    with monkeypatch.context() as patch:
        if where == "done":
            first.done = breaks
            answers.count = 1
        else:
            patch.setattr(ingest, {"announce": "_announce"}.get(where, where), breaks)
        writer.put(first)
        if where != "done":
            assert answers.left.acquire(timeout=20)
            answers.count = 1
    writer.put(second)
    answers.wait()
    assert second.outcome is ArrivalOutcome.ACCEPTED
    assert first.outcome is (
        ArrivalOutcome.NOT_STORED if where == "store_batch" else ArrivalOutcome.ACCEPTED
    )


@pytest.mark.parametrize(("took", "attempts"), [(0.0, [1, 2]), (0.03, [1])])
def test_who_waits_behind_a_slow_failure_is_answered_with_it(
    token: Token,
    now: datetime,
    writer: Writer,
    monkeypatch: pytest.MonkeyPatch,
    took: float,
    attempts: list[int],
) -> None:
    """Each attempt takes seconds while the database is away, and a sender has three."""
    monkeypatch.setattr(progress, "SLOW_SECONDS", 0.02 if took else 60)
    begun, all_wait, sizes = threading.Event(), threading.Event(), []

    def fails(batch: list[Arrival]) -> None:
        sizes.append(len(batch))
        begun.set()
        assert all_wait.wait(20)
        time.sleep(took)
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(ingest, "_commit", fails)
    batch = numbered(token, now, 3)
    answers = Answers(batch)
    writer.put(batch[0])
    assert begun.wait(20)
    for each in batch[1:]:
        writer.put(each)
    all_wait.set()
    answers.wait()
    assert outcomes(batch) == ["not_stored"] * 3
    assert sizes == attempts


def test_a_full_queue_says_so_at_once(
    token: Token, now: datetime, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "QUEUE_LIMIT", 3)
    monkeypatch.setattr(writer, "_wake", lambda: None)
    batch = numbered(token, now, 5)
    assert [writer.put(each) for each in batch] == [True, True, True, False, False]
    assert writer.waiting() == 3
    assert writer.oldest_waiting() == now


@pytest.mark.django_db(transaction=True)
def test_throttled_ones_are_counted_for_the_owner(
    token: Token, now: datetime, writer: Writer
) -> None:
    row = WebhookToken.objects.get()
    for _ in range(7):
        writer.count_throttled(row.pk)
    writer.close()
    assert WebhookToken.objects.get().throttled_count == 7
    assert not Signal.objects.exists()
