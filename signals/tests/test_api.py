"""REST: strategies, their accounts, webhook tokens, signals, preview."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import create_api_key
from brokers.models import BrokerAccount
from orders.models import LaneItem
from orders.work import drain_lane
from risk.models import RiskProfile
from signals.models import Signal, WebhookToken
from tradehub.lib.tokens import Token, digest_of
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token

pytestmark = pytest.mark.django_db

API = "/api/v1"
SIGNAL = {
    "id",
    "strategy",
    "status",
    "received_at",
    "source_ip",
    "raw",
    "dialect",
    "intents",
    "deliveries",
    "decisions",
    "timeline",
    "latency_ms",
}
DECISION = {"account", "outcome", "reasons", "checks", "sizing", "orders", "rehearsal"}
SIZING = {
    "method",
    "quantity",
    "notional",
    "risk_amount",
    "risk_percent",
    "risk_reward",
    "steps",
}
BUY = {"symbol": "AAPL", "action": "buy", "quantity": 10, "price": 150}


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def client(alice: User) -> APIClient:
    return client_of(alice)


@pytest.fixture
def account(alice: User, now: datetime) -> BrokerAccount:
    return make_account(alice, now)


@pytest.fixture
def profile(alice: User, now: datetime) -> RiskProfile:
    return make_profile(alice, now, max_order_value="5000")


@pytest.fixture
def token(alice: User, account: BrokerAccount, profile: RiskProfile) -> Token:
    return make_token(make_strategy(alice, account, profile))


Send = Callable[..., str]


@pytest.fixture
def send(token: Token, account: BrokerAccount, now: datetime) -> Send:
    def send(**alert: Any) -> str:
        arrival = deliver(token, BUY | alert, now)
        drain_lane(account.pk, clock=lambda: now + timedelta(milliseconds=20))
        return arrival.stored_id

    return send


def made(client: APIClient, **fields: Any) -> dict[str, Any]:
    response = client.post(f"{API}/strategies/", {"name": "Breakout", **fields}, format="json")
    assert response.status_code == 201, response.content
    found: dict[str, Any] = response.json()
    return found


# ---- strategies ----


def test_creating_a_strategy_shows_its_webhook_once(client: APIClient) -> None:
    strategy = made(client, symbols=["aapl"], leverage="2.50", webhook={"passphrase": "sesame"})
    assert strategy["webhook_url"].endswith(f"/webhook/{strategy['webhook_token']}")
    assert (strategy["symbols"], strategy["leverage"]) == (["AAPL"], "2.5")
    assert WebhookToken.objects.get().digest == digest_of(strategy["webhook_token"])
    shown = client.get(f"{API}/strategies/{strategy['id']}/")
    assert strategy["webhook_token"] not in shown.content.decode()
    assert "sesame" not in shown.content.decode()
    once = {"webhook_token", "webhook_url"}
    assert shown.json() == {name: strategy[name] for name in strategy if name not in once}
    assert client.get(f"{API}/strategies/").json()["results"] == [shown.json()]


def test_what_is_sent_back_is_accepted(client: APIClient) -> None:
    """A program that reads, changes one field and writes the whole."""
    strategy = made(client)
    address = f"{API}/strategies/{strategy['id']}/"
    whole = client.get(address).json() | {"max_adds": 3}
    whole["webhook"]["requests_per_minute"] = 5
    response = client.put(address, whole, format="json")
    assert response.status_code == 200, response.content
    assert response.json()["max_adds"] == 3
    assert response.json()["webhook"]["requests_per_minute"] == 5


def test_enabled_is_pause_and_resume(client: APIClient) -> None:
    strategy = made(client, enabled=False)
    address = f"{API}/strategies/{strategy['id']}/"
    assert strategy["enabled"] is False
    assert client.post(f"{address}resume/").json()["enabled"] is True
    assert client.post(f"{address}pause/").json()["enabled"] is False
    assert client.patch(address, {"enabled": True}, format="json").json()["enabled"] is True
    assert client.get(address).json()["enabled"] is True


def test_the_options_of_its_webhook_are_read_and_written(client: APIClient) -> None:
    strategy = made(client, webhook={"passphrase": "sesame", "allowed_ips": ["10.0.0.0/8"]})
    address = f"{API}/strategies/{strategy['id']}/"
    assert strategy["webhook"]["has_passphrase"] is True
    assert strategy["webhook"]["allowed_ips"] == ["10.0.0.0/8"]
    changed = client.patch(
        address, {"webhook": {"passphrase": None, "wait_seconds": "1.5"}}, format="json"
    ).json()["webhook"]
    assert (changed["has_passphrase"], changed["wait_seconds"]) == (False, "1.5")
    assert changed["allowed_ips"] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"colour": "red"}, "UNSUPPORTED_FIELD", "/colour"),
        ({"webhook": {"colour": "red"}}, "UNSUPPORTED_FIELD", "/webhook/colour"),
        ({"webhook": "x"}, "INVALID_FIELD", "/webhook"),
        ({"direction": "up"}, "INVALID_FIELD", "/direction"),
        ({"symbols": "?"}, "INVALID_FIELD", "/symbols/0"),
        ({"symbols": {"a": 1}}, "INVALID_FIELD", "/symbols"),
        ({"symbol_map": [1]}, "INVALID_FIELD", "/symbol_map"),
        ({"leverage": "x"}, "INVALID_FIELD", "/leverage"),
        ({"max_adds": -1}, "INVALID_FIELD", "/max_adds"),
        ({"name": None}, "INVALID_FIELD", "/name"),
        ({"enabled": None}, "INVALID_FIELD", "/enabled"),
    ],
)
def test_a_wrong_field_is_named(
    client: APIClient, fields: dict[str, Any], code: str, pointer: str
) -> None:
    response = client.post(f"{API}/strategies/", {"name": "x", **fields}, format="json")
    problem = response.json()
    assert response.status_code == 422
    assert response["content-type"] == "application/problem+json"
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (pointer, code)


def test_a_missing_name_is_named(client: APIClient) -> None:
    problem = client.post(f"{API}/strategies/", {}, format="json").json()
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("MISSING_FIELD", "/name")


def test_rotation_answers_the_new_url(client: APIClient) -> None:
    strategy = made(client)
    response = client.post(f"{API}/strategies/{strategy['id']}/webhook/rotate/")
    assert set(response.json()) == {"webhook_token", "webhook_url"}
    assert response["cache-control"] == "no-store"
    token = WebhookToken.objects.get()
    assert token.digest == digest_of(response.json()["webhook_token"])
    assert token.previous_digest == digest_of(strategy["webhook_token"])


def test_deleting_revokes_with_it(client: APIClient) -> None:
    strategy = made(client)
    assert client.delete(f"{API}/strategies/{strategy['id']}/").status_code == 204
    assert not WebhookToken.objects.exists()


# ---- subscriptions ----


def test_accounts_of_a_strategy(
    client: APIClient, account: BrokerAccount, profile: RiskProfile
) -> None:
    address = f"{API}/strategies/{made(client)['id']}/accounts/"
    given = {"account": account.pk, "risk_profile": profile.pk}
    response = client.post(address, given, format="json")
    assert response.status_code == 201, response.content
    subscription = response.json()
    assert given.items() <= subscription.items()
    assert (subscription["multiplier"], subscription["mode"]) == ("1", "auto")
    assert client.get(address).json()["results"] == [subscription]
    one = f"{address}{subscription['id']}/"
    changed = client.patch(one, {"multiplier": "0.25", "mode": "dry_run"}, format="json").json()
    assert (changed["multiplier"], changed["mode"]) == ("0.25", "dry_run")
    problem = client.patch(one, {"mode": "approve"}, format="json").json()
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("UNSUPPORTED_FIELD", "/mode")
    assert client.delete(one).status_code == 204
    assert client.get(address).json()["results"] == []


def test_an_account_of_somebody_else_is_none(
    client: APIClient, bob: User, profile: RiskProfile, now: datetime
) -> None:
    address = f"{API}/strategies/{made(client)['id']}/accounts/"
    theirs = {"account": make_account(bob, now).pk, "risk_profile": profile.pk}
    problem = client.post(address, theirs, format="json").json()
    assert problem["errors"][0]["pointer"] == "/account"
    other = f"{API}/strategies/{made(client_of(bob))['id']}/accounts/"
    assert client.get(other).status_code == 404
    assert client.post(other, theirs, format="json").status_code == 404


# ---- webhook tokens ----


def test_tokens_are_made_changed_and_revoked(client: APIClient) -> None:
    strategy = made(client)
    address = f"{API}/webhook-tokens/"
    given = {"label": "all", "default_strategy": strategy["id"], "hmac_secret": "h" * 20}
    token = client.post(address, given, format="json").json()
    assert token["webhook_url"].endswith(token["webhook_token"])
    assert (token["strategy"], token["default_strategy"]) == (None, strategy["id"])
    one = f"{address}{token['id']}/"
    shown = client.get(one)
    assert token["webhook_token"] not in shown.content.decode()
    assert "hhhh" not in shown.content.decode()
    assert shown.json()["has_hmac_secret"] is True
    changed = client.patch(one, {"requests_per_minute": 7}, format="json").json()
    assert (changed["requests_per_minute"], changed["label"]) == (7, "all")
    rotated = client.post(f"{one}rotate/").json()
    assert rotated["webhook_token"] != token["webhook_token"]
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert [each["strategy"] for each in client.get(address).json()["results"]] == [strategy["id"]]


# ---- signals ----


def test_the_shape_of_a_signal(client: APIClient, send: Send, account: BrokerAccount) -> None:
    signal_id = send(stop_loss=145, passphrase="open sesame")
    response = client.get(f"{API}/signals/{signal_id}/")
    assert "sesame" not in response.content.decode()
    signal = response.json()
    assert signal.keys() >= SIGNAL
    assert (signal["id"], signal["status"], signal["error"]) == (signal_id, "processed", None)
    (decision,) = signal["decisions"]
    assert decision.keys() == DECISION
    assert (decision["account"], decision["outcome"]) == (account.pk, "approved")
    assert decision["sizing"].keys() == SIZING
    assert decision["sizing"]["quantity"] == "10"
    assert decision["checks"][0].keys() == {"code", "passed", "measured", "limit", "message"}
    orders = [client.get(f"{API}/orders/{each}/").json() for each in decision["orders"]]
    assert [each["role"] for each in orders] == ["entry", "stop_loss"]
    assert {each["signal"] for each in orders} == {signal_id}
    assert signal["latency_ms"].keys() == {"ack", "decide", "signal_to_order", "first_fill"}
    assert signal["latency_ms"]["signal_to_order"] == 20
    assert signal["latency_ms"]["first_fill"] == 20
    times = [datetime.fromisoformat(each["at"]) for each in signal["timeline"]]
    assert times == sorted(times)
    events = [each["event"] for each in signal["timeline"]]
    assert events[0] == "received"
    assert {"stored", "decided", "order_sending", "order_filled"} <= set(events)
    (intent,) = signal["intents"]
    assert (intent["verb"], intent["side"], intent["leverage"]) == ("enter", "long", None)


def test_a_denial_names_what_it_measured(client: APIClient, send: Send) -> None:
    signal = client.get(f"{API}/signals/{send(quantity=100)}/").json()
    (decision,) = signal["decisions"]
    assert decision["outcome"] == "denied"
    reason = next(each for each in decision["reasons"] if each["code"] == "ORDER_VALUE_ABOVE_MAX")
    assert (reason["measured"], reason["limit"]) == ("15000", "5000")
    assert reason.keys() == {"code", "message", "measured", "limit"}
    assert decision["orders"] == []
    assert signal["latency_ms"]["signal_to_order"] is None


def test_an_invalid_one_is_there_with_its_error(
    client: APIClient, token: Token, now: datetime
) -> None:
    arrival = deliver(token, BUY | {"quantity": "many"}, now)
    signal = client.get(f"{API}/signals/{arrival.stored_id}/").json()
    assert signal["status"] == "invalid"
    assert signal["error"]["errors"][0]["pointer"] == "/quantity"
    assert signal["decisions"] == []


def test_copies_are_counted(client: APIClient, token: Token, now: datetime) -> None:
    for _ in range(3):
        stored = deliver(token, BUY | {"alert_id": "1"}, now).stored_id
    assert client.get(f"{API}/signals/{stored}/").json()["deliveries"] == 3
    assert len(client.get(f"{API}/signals/").json()["results"]) == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("status=processed", 1),
        ("status=invalid", 1),
        ("symbol=NASDAQ:aapl", 1),
        ("symbol=AAP", 0),
        ("symbol=%22", 0),
        ("strategy=str_0", 0),
        ("account=acc_0", 0),
        ("since=2026-03-18T14:59:59Z", 2),
        ("since=2026-03-18T15:00:01Z", 0),
        ("page_size=1", 1),
    ],
)
def test_filters(
    client: APIClient, send: Send, token: Token, now: datetime, query: str, found: int
) -> None:
    send()
    deliver(token, b"{", now)
    response = client.get(f"{API}/signals/?{query}")
    assert response.status_code == 200
    assert len(response.json()["results"]) == found


def test_filters_by_the_users_own_ids(
    client: APIClient, send: Send, account: BrokerAccount
) -> None:
    send()
    strategy = Signal.objects.get().strategy_id
    for query in (f"account={account.pk}", f"strategy={strategy}"):
        assert len(client.get(f"{API}/signals/?{query}").json()["results"]) == 1


SIZES = [
    "page_size=0",
    "page_size=000",
    "page_size=-1",
    "page_size=all",
    "page_size=",
    "page_size=1e2",
]


@pytest.mark.parametrize("query", ["status=odd", "since=yesterday", "symbol=%00", *SIZES])
def test_a_filter_that_means_nothing_is_refused(client: APIClient, query: str) -> None:
    response = client.get(f"{API}/signals/?{query}")
    assert response.status_code == 422
    assert response.json()["code"] == "INVALID_FIELD"
    assert response.json()["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


@pytest.mark.parametrize("size", ["500", "501", "9" * 5000])
def test_a_page_is_as_long_as_it_may_be(client: APIClient, send: Send, size: str) -> None:
    send()
    response = client.get(f"{API}/signals/?page_size={size}")
    assert response.status_code == 200
    assert len(response.json()["results"]) == 1


def test_a_page_of_signals_costs_the_same_however_long(
    client: APIClient, send: Send, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    counts = []
    for number in range(3):
        send(symbol="AAPL", alert_id=number)
        with django_assert_num_queries(4) as queries:  # signals, decisions, orders, events
            client.get(f"{API}/signals/")
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_nobody_elses(bob: User, send: Send) -> None:
    signal_id = send()
    client = client_of(bob)
    assert client.get(f"{API}/signals/").json()["results"] == []
    assert client.get(f"{API}/signals/{signal_id}/").status_code == 404
    strategy = Signal.objects.get().strategy_id
    assert client.get(f"{API}/strategies/{strategy}/").status_code == 404
    preview = client.post(f"{API}/signals/preview/?strategy={strategy}", BUY, format="json")
    assert preview.status_code == 404


def test_a_key_needs_its_scope(alice: User, now: datetime) -> None:
    real_now = datetime.now(now.tzinfo)
    _, secret = create_api_key(owner=alice, name="r", scopes=["read"], now=real_now)
    client = APIClient(headers={"authorization": f"Bearer {secret}"})
    assert client.get(f"{API}/signals/").status_code == 200
    refused = client.post(f"{API}/strategies/", {"name": "x"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_MISSING")


# ---- preview ----


def rows() -> dict[str, int]:
    return {
        model._meta.label: model._base_manager.count()
        for app in ("signals", "orders", "brokers", "risk", "accounts")
        for model in apps.get_app_config(app).get_models()
    }


def preview(client: APIClient, body: bytes, content_type: str = "application/json") -> Any:
    strategy = client.get(f"{API}/strategies/").json()["results"][0]["id"]
    address = f"{API}/signals/preview/?strategy={strategy}"
    return client.generic("POST", address, body.decode(), content_type=content_type)


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""]
)
def test_a_preview_decides_and_stores_nothing(
    client: APIClient, token: Token, account: BrokerAccount, content_type: str
) -> None:
    before = rows()
    response = preview(client, json.dumps(BUY | {"stop_loss": 145}).encode(), content_type)
    assert response.status_code == 200, response.content
    found = response.json()
    assert found.keys() == {"valid", "dialect", "intents", "decisions", "orders"}
    assert found["valid"] is True
    (decision,) = found["decisions"]
    assert decision.keys() == DECISION
    assert (decision["account"], decision["outcome"]) == (account.pk, "approved")
    (order,) = found["orders"]
    assert (order["quantity"], order["side"], order["role"]) == ("10", "buy", "entry")
    assert rows() == before


def test_a_preview_says_what_the_real_one_says(client: APIClient, send: Send) -> None:
    before = rows()
    body = json.dumps(BUY | {"quantity": 100}).encode()
    (foreseen,) = preview(client, body).json()["decisions"]
    assert rows() == before
    real = client.get(f"{API}/signals/{send(quantity=100)}/").json()["decisions"][0]
    assert foreseen == real


def test_a_preview_of_nonsense_is_the_webhooks_own_problem(client: APIClient, token: Token) -> None:
    before = rows()
    response = preview(client, b'{"symbol":"AAPL","action":"buy","quantity":"many"}')
    assert response.status_code == 422
    assert response["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["pointer"] == "/quantity"
    assert preview(client, b"{").status_code == 400
    assert preview(client, b" " * 70_000).status_code == 413
    assert rows() == before
    assert not LaneItem.objects.exists()


def test_a_preview_needs_a_strategy(client: APIClient) -> None:
    problem = client.post(f"{API}/signals/preview/", BUY, format="json").json()
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("MISSING_FIELD", "/strategy")
