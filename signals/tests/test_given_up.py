"""An alert whose sender was told "not stored" is not stored, whenever the writer learns of it."""

from datetime import datetime

import pytest

from accounts.models import User
from orders.models import LaneItem
from signals import ingest, ingest_rows
from signals.arrivals import Arrival, ArrivalOutcome, seal, unseal
from signals.models import Signal, SignalKey
from tradehub.testing.builders import arrive, make_account, make_profile, make_strategy, make_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(alice: User, now: datetime) -> list[Arrival]:
    account, profile = make_account(alice, now), make_profile(alice, now)
    token = make_token(make_strategy(alice, account, profile))
    return [arrive(token, {"ticker": name, "action": "buy"}, now) for name in ("AA", "BB", "CC")]


def assert_only_the_second_is_missing(batch: list[Arrival]) -> None:
    kept = {batch[0].id, batch[2].id}
    assert set(Signal.objects.values_list("pk", flat=True)) == kept
    assert set(LaneItem.objects.values_list("signal_id", flat=True)) == kept
    assert set(SignalKey.objects.values_list("signal_id", flat=True)) == kept
    accepted, refused = ArrivalOutcome.ACCEPTED, ArrivalOutcome.NOT_STORED
    assert [each.outcome for each in batch] == [accepted, refused, accepted]


def test_given_up_while_it_waited(batch: list[Arrival]) -> None:
    batch[1].given_up = True
    ingest.store_batch(batch)
    assert_only_the_second_is_missing(batch)


def test_given_up_inside_the_transaction(
    batch: list[Arrival], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the database hangs after the batch has begun."""
    insert = ingest_rows.insert_lane_items

    def slowly(arrivals: list[Arrival]) -> None:
        insert(arrivals)
        batch[1].given_up = True

    monkeypatch.setattr(ingest_rows, "insert_lane_items", slowly)
    ingest.store_batch(batch)
    assert_only_the_second_is_missing(batch)


def test_all_given_up(batch: list[Arrival]) -> None:
    for each in batch:
        each.given_up = True
    ingest.store_batch(batch)
    assert not Signal.objects.exists()


def test_what_is_being_committed_can_not_be_given_up(
    batch: list[Arrival], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the commit nobody is told "not stored" any more."""
    real = seal
    answers: list[bool] = []

    def sealed(arrivals: list[Arrival]) -> bool:
        done = real(arrivals)
        answers.extend(each.give_up() for each in arrivals)
        return done

    monkeypatch.setattr(ingest, "seal", sealed)
    ingest.store_batch(batch)
    assert answers == [False, False, False]
    assert {each.outcome for each in batch} == {ArrivalOutcome.ACCEPTED}
    assert Signal.objects.count() == 3


def test_a_commit_that_failed_can_be_given_up_when_it_is_tried_again(batch: list[Arrival]) -> None:
    assert seal(batch)
    assert not batch[0].give_up()
    unseal(batch)
    assert batch[0].give_up()
    assert not seal(batch)


def test_one_that_was_given_up_keeps_its_whole_batch_unsealed(batch: list[Arrival]) -> None:
    assert batch[2].give_up()
    assert not seal(batch)
    assert batch[0].give_up()


def test_an_arrival_begins_with_nothing_claimed_or_promised(batch: list[Arrival]) -> None:
    given = {name: getattr(batch[0], name) for name in Arrival.__slots__[:7]}
    fresh = Arrival(**given)
    assert (fresh.dialect, fresh.intents_json, fresh.error) == ("", "[]", None)
    assert (fresh.key, fresh.key_expires, fresh.fingerprint) == ("", False, "")
    assert (fresh.outcome, fresh.stored_id) == (ArrivalOutcome.NOT_STORED, "")
    assert (fresh.given_up, fresh.sealed) == (False, False)
    fresh.done()  # answers nobody
    assert "done" not in repr(fresh)


def test_an_outcome_is_said_in_one_word() -> None:
    said = ["accepted", "duplicate", "conflict", "invalid", "rerouted", "not_stored"]
    assert [each.value for each in ArrivalOutcome] == said
