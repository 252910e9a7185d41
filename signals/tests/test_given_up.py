"""An alert whose sender was told "not stored" is not stored, whenever the writer learns of it."""

from datetime import datetime

import pytest

from accounts.models import User
from orders.models import LaneItem
from signals import ingest, ingest_rows
from signals.arrivals import Arrival, ArrivalOutcome
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
