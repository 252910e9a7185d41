"""REST: broker-accounts/ and quotes/."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.tests.builders import NOW

pytestmark = pytest.mark.urls("brokers.tests.api_routes")

URL = "/api/v1/broker-accounts/"
SECRET = "s3cret-of-alice"
PAPER = {"kind": "paper", "environment": "paper", "label": "Paper"}


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def client(alice: Any) -> APIClient:
    return client_of(alice)


def made(client: APIClient, **more: Any) -> dict[str, Any]:
    response = client.post(URL, PAPER | more, format="json")
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def test_create_read_list(client: APIClient) -> None:
    account = made(client, options={"fee_percent": 0.1, "leverage": 2})
    assert account["options"]["fee_percent"] == "0.1"
    assert account["enabled"] is True
    assert client.get(f"{URL}{account['id']}/").json() == account
    assert client.get(URL).json()["results"] == [account]


def test_credentials_go_in_and_never_come_out(client: APIClient) -> None:
    given = {"api_key": "key-of-alice", "api_secret": SECRET}
    account = made(client, credentials=given)
    answers = [
        client.get(URL),
        client.get(f"{URL}{account['id']}/"),
        client.patch(f"{URL}{account['id']}/", {"credentials": given}, format="json"),
        client.post(f"{URL}{account['id']}/check/"),
        client.patch(f"{URL}{account['id']}/", {"credentials": [given]}, format="json"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 422]
    for answer in answers:
        assert SECRET not in answer.content.decode()
        assert "key-of-alice" not in answer.content.decode()
        assert "sealed" not in answer.content.decode()
    assert account["has_credentials"] is True


@pytest.mark.parametrize(
    ("given", "code", "pointer"),
    [
        ({"kind": "binance_futures"}, "INVALID_FIELD", "/environment"),
        ({"environment": "live"}, "MISSING_FIELD", "/confirm"),
        ({"options": {"price_source": "moon"}}, "INVALID_FIELD", "/options/price_source"),
        ({"options": {"price_source": "alpaca"}}, "INVALID_FIELD", "/options/price_source"),
        ({"options": {"fee_percent": "x"}}, "INVALID_FIELD", "/options/fee_percent"),
        ({"options": [1]}, "INVALID_FIELD", "/options"),
        ({"options": None}, "INVALID_FIELD", "/options"),
        ({"credentials": "x"}, "INVALID_FIELD", "/credentials"),
        ({"colour": "red"}, "UNSUPPORTED_FIELD", "/colour"),
    ],
)
def test_a_wrong_field_is_named(
    client: APIClient, given: dict[str, Any], code: str, pointer: str
) -> None:
    response = client.post(URL, PAPER | given, format="json")
    assert response.status_code == 422
    assert response.json()["code"] == code
    assert response.json()["errors"][0]["pointer"] == pointer


def test_change_and_delete(client: APIClient) -> None:
    account = made(client)
    where = f"{URL}{account['id']}/"
    changed = client.patch(where, {"label": "New", "enabled": False}, format="json").json()
    assert (changed["label"], changed["enabled"]) == ("New", False)
    refused = client.patch(where, {"kind": "alpaca"}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/kind")
    replaced = client.put(where, PAPER | {"options": {"leverage": "3"}}, format="json")
    assert replaced.json()["options"]["leverage"] == "3"
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404


def test_another_users_account_is_a_404_on_every_route(client: APIClient, bob: Any) -> None:
    account = made(client)
    stranger = client_of(bob)
    where = f"{URL}{account['id']}/"
    answers = [
        stranger.get(where),
        stranger.patch(where, {"label": "x"}, format="json"),
        stranger.put(where, PAPER, format="json"),
        stranger.delete(where),
        stranger.post(f"{where}check/"),
        stranger.get("/api/v1/quotes/", {"symbol": "AAPL", "account": account["id"]}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 6
    assert stranger.get(URL).json()["results"] == []
    assert BrokerAccount.objects.get().label == "Paper"


def test_the_doctor_says_what_to_do(client: APIClient) -> None:
    account = made(client)
    healthy = client.post(f"{URL}{account['id']}/check/").json()
    assert healthy["ok"] is True
    assert {line["name"] for line in healthy["lines"]} >= {"enabled", "balance", "prices", "costs"}
    client.patch(f"{URL}{account['id']}/", {"enabled": False}, format="json")
    ill = client.post(f"{URL}{account['id']}/check/").json()
    assert ill["ok"] is False
    assert ill["lines"][0]["what_to_do"]


def test_quotes(client: APIClient) -> None:
    account = made(client)
    row = BrokerAccount.objects.get(pk=account["id"])
    connect(row, now=lambda: NOW).observe("BTCUSDT", Decimal("45000.10"), NOW)
    quote = client.get("/api/v1/quotes/", {"symbol": "BINANCE:btc/usdt"}).json()
    assert quote == {
        "symbol": "BTCUSDT",
        "bid": "45000.1",
        "ask": "45000.1",
        "last": "45000.1",
        "at": "2026-03-18T15:00:00Z",
        "source": "signal",
    }


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 422, "MISSING_FIELD"),
        ({"symbol": "AA PL"}, 422, "INVALID_FIELD"),
        ({"symbol": "AAPL"}, 404, "NOT_FOUND"),
        ({"symbol": "AAPL", "account": "\x00"}, 404, "NOT_FOUND"),
        ({"symbol": "AAPL", "account": "acc_unknown"}, 404, "NOT_FOUND"),
    ],
)
def test_quotes_that_are_none(
    client: APIClient, query: dict[str, str], status: int, code: str
) -> None:
    made(client)
    response = client.get("/api/v1/quotes/", query)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_with_several_accounts_one_has_to_be_named(client: APIClient) -> None:
    made(client)
    made(client, label="Second")
    response = client.get("/api/v1/quotes/", {"symbol": "AAPL"})
    assert response.json()["errors"][0]["pointer"] == "/account"
