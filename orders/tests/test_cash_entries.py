"""Cash entries: whose turn it is, what is kept once, what is postponed, and who may see them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from celery import current_app
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import create_api_key
from brokers.errors import BadCredentials, BrokerError, NotSent
from brokers.models import BrokerAccount, Examination
from brokers.types import CashKind, CashPage, CashReport
from orders import cash_entries, cash_summary, tasks
from orders.cash_entries import AGAIN_AFTER, BACKFILL, EVERY, NO_ROOM, claim_due, come_back
from orders.models import CashEntry, CashReading
from tradehub.core.words import BrokerKind

pytestmark = pytest.mark.django_db


class Venue:
    """Tells what it is given, in pages of a size."""

    def __init__(self, reports: Sequence[CashReport] = (), page: int = 100) -> None:
        self.reports = list(reports)
        self.page = page
        self.error: BrokerError | None = None
        self.asked: list[tuple[datetime, datetime]] = []

    def cash_entries(self, since: datetime, until: datetime) -> CashPage:
        self.asked.append((since, until))
        if self.error is not None:
            raise self.error
        found = [each for each in self.reports if since <= each.at <= until]
        if len(found) <= self.page:
            return CashPage(tuple(found), until)
        return CashPage(tuple(found[: self.page]), found[self.page - 1].at)


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Venue:
    made = Venue()
    monkeypatch.setattr(cash_entries, "connect", lambda account, now: made)
    return made


def account_of(
    owner: User, kind: str = "binance_futures", passed: bool | None = True, **more: Any
) -> BrokerAccount:
    label = f"{kind} {BrokerAccount.objects.count()}"
    account = BrokerAccount.objects.create(
        owner=owner, kind=kind, environment="test", label=label, **more
    )
    Examination.objects.create(account=account, passed=passed)
    return account


def report(number: int, at: datetime, kind: CashKind = CashKind.FUNDING) -> CashReport:
    return CashReport(f"{kind}:{number}", kind, D("-0.5"), "USDT", at, "BTCUSDT", words="WORD")


def read(account: BrokerAccount, now: datetime) -> CashReading:
    return cash_entries.read_cash_entries(account, clock=lambda: now)


def test_a_tick_hands_out_what_is_due_and_the_task_reads_it(
    alice: User, now: datetime, venue: Venue, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    account, sent = account_of(alice), list[tuple[str, Any]]()
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: sent.append((name, args)))
    planned = {each["task"] for each in settings.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.read_due_cash_entries.name in planned
    tasks.read_due_cash_entries()
    tasks.read_due_cash_entries()
    assert sent == [(tasks.read_cash_entries.name, (account.pk,))]
    tasks.read_cash_entries(account.pk)
    assert CashReading.objects.get().read_until is not None
    tasks.read_cash_entries("acc_gone")


def test_only_venues_with_records_have_turns_and_each_once(alice: User, now: datetime) -> None:
    kinds = [BrokerKind.BINANCE_FUTURES, BrokerKind.ALPACA]
    mine = {account_of(alice, kind.value).pk for kind in kinds}
    account_of(alice, "paper")
    account_of(alice, "binance_spot")
    off = account_of(alice, enabled=False)
    assert set(claim_due(now=now)) == mine
    assert claim_due(now=now) == []
    assert claim_due(now=now + AGAIN_AFTER - timedelta(seconds=1)) == []
    assert set(claim_due(now=now + AGAIN_AFTER)) == mine
    assert not CashReading.objects.filter(pk=off.pk).exists()


@pytest.mark.parametrize("passed", [None, False])
def test_with_a_key_that_has_not_passed_nothing_is_read(
    alice: User, now: datetime, venue: Venue, passed: bool | None
) -> None:
    """It may be of another account at the venue: what that booked would stay here for good."""
    account = account_of(alice, passed=passed)
    assert claim_due(now=now) == []
    Examination.objects.update(passed=True)
    assert claim_due(now=now) == [account.pk]
    Examination.objects.update(passed=passed)  # its key is replaced before the worker comes to it
    venue.reports = [report(1, now)]
    read(account, now)
    assert not venue.asked
    assert not CashEntry.objects.exists()
    Examination.objects.update(passed=True)
    assert claim_due(now=now + AGAIN_AFTER) == [account.pk]
    read(account, now + AGAIN_AFTER)
    assert CashEntry.objects.count() == 1


def test_of_two_workers_at_one_tick_one_gets_it(alice: User, now: datetime) -> None:
    account = account_of(alice)
    CashReading.objects.create(account=account, due_at=now)
    assert cash_entries._claim(account.pk, now, now + AGAIN_AFTER)
    assert not cash_entries._claim(account.pk, now, now + AGAIN_AFTER)


def test_no_room_is_a_minute(alice: User, now: datetime) -> None:
    account = account_of(alice)
    claim_due(now=now)
    come_back(account.pk, now=now)
    assert claim_due(now=now + NO_ROOM) == [account.pk]


def test_every_page_is_kept_and_each_line_once(alice: User, now: datetime, venue: Venue) -> None:
    account = account_of(alice)
    venue.page = 10
    venue.reports = [report(x, now - timedelta(days=20, minutes=-x)) for x in range(35)]
    for wait in (0, 1, 2):
        read(account, now + timedelta(hours=wait))
    assert CashEntry.objects.count() == 35
    row = CashEntry.objects.order_by("at")[0]
    found = (row.kind, row.amount, row.currency, row.symbol, row.venue_kind, row.at)
    assert found == (
        "funding", D("-0.5"), "USDT", "BTCUSDT", "WORD", now - timedelta(days=20),
    )  # fmt: skip
    spans = [until - since for since, until in venue.asked]
    assert max(spans) <= cash_entries.SPAN
    assert venue.asked[0][0] == now - BACKFILL
    reading = CashReading.objects.get()
    assert (reading.begins_at, reading.error) == (now - BACKFILL, "")
    assert reading.due_at == now + timedelta(hours=2) + EVERY


def test_one_id_on_two_accounts_is_two_entries(alice: User, now: datetime, venue: Venue) -> None:
    venue.reports = [report(1, now)]
    for _ in range(2):
        read(account_of(alice), now)
    assert CashEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("error", "again"),
    [(NotSent("away"), AGAIN_AFTER), (BadCredentials("wrong"), EVERY)],
)
def test_a_venue_that_does_not_tell_is_asked_again(
    alice: User, now: datetime, venue: Venue, error: BrokerError, again: timedelta
) -> None:
    account = account_of(alice)
    venue.error = error
    reading = read(account, now)
    assert (reading.error, reading.read_until) == (error.code, None)
    assert reading.due_at == now + again
    venue.error = None
    assert read(account, now + again).error == ""


def test_records_that_do_not_go_on_are_no_endless_loop(
    alice: User, now: datetime, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venue, "cash_entries", lambda since, until: CashPage((), since))
    assert read(account_of(alice), now).error == "OUTCOME_UNKNOWN"


def test_very_many_rows_shorten_the_time_that_is_summed(
    alice: User, now: datetime, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_of(alice)
    venue.reports = [report(x, now - timedelta(minutes=x)) for x in range(1, 10)]
    read(account, now)
    monkeypatch.setattr(cash_summary, "MOST_ROWS", 4)
    summary = cash_summary.cash_summary(account, now=now)
    assert summary is not None
    assert summary.since is not None
    assert [each.theirs for each in summary.lines] == [D("-1.5")]
    assert now - timedelta(minutes=4) < summary.since < now - timedelta(minutes=3)


def test_there_is_no_summary_of_what_is_not_told(alice: User, now: datetime) -> None:
    assert cash_summary.cash_summary(account_of(alice, "paper"), now=now) is None
    summary = cash_summary.cash_summary(account_of(alice), now=now)
    assert summary is not None
    assert (summary.until, summary.lines) == (None, [])


# ---- REST ----


def client_of(user: User, now: datetime) -> APIClient:
    _, secret = create_api_key(owner=user, name="key", scopes=["read"], now=now)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def listed(client: APIClient, query: str = "") -> list[dict[str, Any]]:
    response = client.get(f"/api/v1/cash-entries/{query}")
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def test_the_list_is_the_callers_own_and_can_be_narrowed(
    alice: User, bob: User, now: datetime, venue: Venue
) -> None:
    first, second, theirs = account_of(alice), account_of(alice), account_of(bob)
    venue.reports = [
        report(1, now - timedelta(days=2)),
        report(2, now - timedelta(days=1), CashKind.FEE),
    ]
    for each in (first, second, theirs):
        read(each, now)
    alices, bobs = client_of(alice, now), client_of(bob, now)
    rows = listed(alices)
    assert [each["account"] for each in rows] == [second.pk] * 2 + [first.pk] * 2
    assert set(rows[0]) == {
        "id", "account", "kind", "amount", "currency", "symbol", "at", "venue_kind",
        "venue_entry_id", "venue_fill_id",
    }  # fmt: skip
    assert (rows[0]["kind"], rows[0]["amount"]) == ("fee", "-0.5")
    day = f"{now - timedelta(days=1, hours=1):%Y-%m-%dT%H:%M:%SZ}"
    for query, count in [
        (f"?account={first.pk}", 2),
        (f"?account={theirs.pk}", 0),
        ("?kind=funding", 2),
        ("?symbol=btc/usdt", 4),
        ("?symbol=ETHUSDT", 0),
        (f"?since={day}", 2),
        (f"?until={day}&kind=fee", 0),
        ("?page_size=1", 1),
    ]:
        assert len(listed(alices, query)) == count, query
    assert alices.get("/api/v1/cash-entries/?kind=gift").status_code == 422
    assert bobs.get(f"/api/v1/cash-entries/{rows[0]['id']}/").status_code == 404
    assert alices.get(f"/api/v1/cash-entries/{rows[0]['id']}/").json() == rows[0]
    for method in (alices.post, alices.delete):
        assert method(f"/api/v1/cash-entries/{rows[0]['id']}/").status_code in (403, 405)
