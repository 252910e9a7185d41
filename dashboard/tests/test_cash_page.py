"""The part of an account's page about what its venue booked."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from brokers.credentials import seal_credentials
from brokers.models import BrokerAccount
from brokers.tests.builders import use_stub
from brokers.tests.stub_venue.adapter import Script, scripts
from dashboard.api import AccountStatusSerializer
from dashboard.status import account_statuses_for
from dashboard.tests.builders import World
from dashboard.tests.routes import text_of
from orders.models import CashEntry, CashReading

KIND = "binance_futures"


@pytest.fixture
def account(alice: User, settings: Any) -> BrokerAccount:
    use_stub(settings)
    settings.BROKER_ADAPTERS = {
        **settings.BROKER_ADAPTERS, KIND: settings.BROKER_ADAPTERS["binance_spot"],
    }  # fmt: skip
    made = BrokerAccount(owner=alice, kind=KIND, environment="test", label="Futures")
    made.sealed_credentials = seal_credentials(made, {"api_key": "k1", "api_secret": "s"})
    made.save(force_insert=True)
    scripts["k1"] = Script()
    return made


def shown(client: Client, account: BrokerAccount) -> str:
    return text_of(client.get(reverse("dashboard:broker-account", args=[account.pk])))


def book(account: BrokerAccount, number: int, kind: str, amount: str, at: datetime) -> None:
    CashEntry.objects.create(
        account=account, kind=kind, amount=amount, currency="USDT", at=at,
        venue_entry_id=str(number),
    )  # fmt: skip


def test_it_tells_the_venues_sums_and_where_ours_differ(
    as_alice: Client, account: BrokerAccount, now: datetime
) -> None:
    assert "Not read yet" in shown(as_alice, account)
    reading = CashReading.objects.create(
        account=account, due_at=now, begins_at=now - timedelta(days=89), read_until=now
    )
    assert "Nothing was booked" in shown(as_alice, account)
    day = timedelta(days=1)
    book(account, 1, "funding", "-1.25", now - day)
    book(account, 2, "fee", "-0.5", now - day)
    book(account, 3, "fee", "-0.25", now - 29 * day)
    book(account, 4, "transfer", "777", now - 31 * day)
    text = shown(as_alice, account)
    assert "Booked by Binance" in text
    assert "\N{MINUS SIGN}1.25" in text
    assert "<strong>\N{MINUS SIGN}0.75</strong>" in text
    assert "A difference comes from" in text
    assert "777" not in text  # older than what is shown
    assert "could not be read" not in text
    CashReading.objects.filter(pk=reading.pk).update(error="VENUE_RATE_LIMITED")
    text = shown(as_alice, account)
    assert "could not be read to the end" in text
    assert 'href="/help/reasons/VENUE_RATE_LIMITED"' in text


def test_a_venue_without_such_records_has_no_such_part(as_alice: Client, world: World) -> None:
    assert "Booked by" not in shown(as_alice, world.account)


def test_status_tells_how_far_it_is_read(
    alice: User, account: BrokerAccount, now: datetime
) -> None:
    (status,) = account_statuses_for(alice, now=now)
    assert AccountStatusSerializer(status).data["cash"] is None
    CashReading.objects.create(
        account=account, due_at=now, begins_at=now, read_until=now, error="NOT_SENT"
    )
    (status,) = account_statuses_for(alice, now=now)
    told = AccountStatusSerializer(status).data["cash"]
    assert told["error"] == "NOT_SENT"
    assert told["read_until"] == told["begins_at"] == f"{now:%Y-%m-%dT%H:%M:%S}Z"
