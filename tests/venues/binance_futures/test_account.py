"""Opening an account at Binance futures through the API, and what the hub keeps of it."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from brokers.kinds import KINDS
from brokers.models import BrokerAccount
from brokers.options import read_options
from brokers.registry import connect
from dashboard.forms.venue_accounts import ConnectForm
from dashboard.views.venue_accounts import venue_kinds
from tests.venues.binance_futures.books import Account
from tests.venues.binance_futures.fixtures import KEY, SECRET

pytestmark = pytest.mark.urls("brokers.tests.api_routes")
URL = "/api/v1/broker-accounts/"
GIVEN = {
    "kind": "binance_futures",
    "environment": "test",
    "label": "Testnet",
    "credentials": {"api_key": KEY, "api_secret": SECRET},
}
OPTIONS = {
    "quote_currency": "USDT",
    "leverage": "1",
    "margin_mode": "isolated",
    "position_mode": "one_way",
    "stops": "reduce_only",
    "sizing_capital": None,
}


@pytest.fixture
def client(alice: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(alice)
    return client


def test_an_account_is_opened_with_key_and_secret(client: APIClient, there: Account) -> None:
    answer = client.post(URL, GIVEN, format="json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["options"] == OPTIONS
    assert SECRET not in answer.content.decode()
    account = BrokerAccount.objects.get(pk=answer.json()["id"])
    assert SECRET not in account.sealed_credentials
    broker = connect(account)
    assert broker.account().equity == 30_000
    assert SECRET not in repr(broker)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"credentials": {"api_key": KEY}}, "/credentials/api_secret"),
        ({"environment": "live"}, "/confirm"),
        ({"options": {"leverage": "1.5"}}, "/options/leverage"),
        ({"options": {"leverage": "0"}}, "/options/leverage"),
        ({"options": {"leverage": "126"}}, "/options/leverage"),
        ({"options": {"margin_mode": "crossed"}}, "/options/margin_mode"),
        ({"options": {"position_mode": "both"}}, "/options/position_mode"),
        ({"options": {"stops": "some"}}, "/options/stops"),
        ({"options": {"fee_percent": "1"}}, "/options/fee_percent"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    client: APIClient, change: dict[str, Any], pointer: str
) -> None:
    answer = client.post(URL, GIVEN | change, format="json")
    assert answer.status_code == 422, answer.content
    assert pointer in answer.content.decode()
    assert not BrokerAccount.objects.exists()


def test_options_are_changed_and_the_currency_of_the_books_stays(client: APIClient) -> None:
    made = client.post(URL, GIVEN, format="json").json()
    for options, status in (({"quote_currency": "USDC"}, 422), ({"leverage": "10"}, 200)):
        answer = client.patch(f"{URL}{made['id']}/", {"options": options}, format="json")
        assert answer.status_code == status, answer.content
    assert answer.json()["options"] == OPTIONS | {"leverage": "10"}


def test_the_pages_offer_it_with_every_option() -> None:
    assert ("binance_futures", "Binance USD-M futures") in venue_kinds()
    kind = KINDS["binance_futures"]
    typed = OPTIONS | {"leverage": "3", "sizing_capital": ""}
    form = ConnectForm(
        kind, {"label": "a", "environment": "test", "api_key": "k", "api_secret": "s", **typed}
    )
    assert form.is_valid(), form.errors
    assert read_options(form.options(), kind.options) == OPTIONS | {"leverage": "3"}
    assert "leverage" in ConnectForm(kind, {"label": "a"}).errors
