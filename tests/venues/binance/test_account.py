"""Opening an account at Binance spot through the API, and what the hub keeps of it."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from brokers.models import BrokerAccount
from brokers.registry import connect
from tests.venues.binance.fixtures import KEY, SECRET, SpotVenue

pytestmark = pytest.mark.urls("brokers.tests.api_routes")
URL = "/api/v1/broker-accounts/"
GIVEN = {
    "kind": "binance_spot",
    "environment": "test",
    "label": "Testnet",
    "credentials": {"api_key": KEY, "api_secret": SECRET},
}


@pytest.fixture
def client(alice: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(alice)
    return client


def test_an_account_is_opened_with_key_and_secret(client: APIClient, spot_venue: SpotVenue) -> None:
    spot_venue.open()
    answer = client.post(URL, GIVEN, format="json")
    assert answer.status_code == 201, answer.content
    options = {"quote_currency": "USDT", "sizing_capital": None, "targets": "rest"}
    assert answer.json()["options"] == options
    assert SECRET not in answer.content.decode()
    account = BrokerAccount.objects.get(pk=answer.json()["id"])
    assert SECRET not in account.sealed_credentials
    assert connect(account).account().equity == 30_000


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"credentials": {"api_key": KEY}}, "/credentials/api_secret"),
        ({"credentials": {}}, "/credentials/api_key"),
        ({"environment": "paper"}, "/environment"),
        ({"environment": "live"}, "/confirm"),
        ({"options": {"fee_percent": "1"}}, "/options/fee_percent"),
        ({"options": {"quote_currency": "no/word"}}, "/options/quote_currency"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    client: APIClient, change: dict[str, Any], pointer: str
) -> None:
    answer = client.post(URL, GIVEN | change, format="json")
    assert answer.status_code == 422, answer.content
    assert pointer in answer.content.decode()
    assert not BrokerAccount.objects.exists()


def test_the_currency_of_the_books_stays(client: APIClient) -> None:
    made = client.post(URL, GIVEN, format="json").json()
    for options, status in (({"quote_currency": "EUR"}, 422), ({"sizing_capital": "500"}, 200)):
        answer = client.patch(f"{URL}{made['id']}/", {"options": options}, format="json")
        assert answer.status_code == status, answer.content
