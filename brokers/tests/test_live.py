"""Real money and keys at real venues: the typed word, the password, and what is never shown."""

import time
from typing import Any

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.login import _AUTHENTICATION_METHODS_USER_SESSION_KEY
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from accounts.services import create_api_key
from brokers.credentials import open_credentials
from brokers.models import BrokerAccount
from brokers.services import create_account, enable_account, update_account
from brokers.tests.builders import NOW, open_stub_account, use_stub
from tradehub.core.errors import BadInput
from tradehub.lib.clock import utc_now

pytestmark = pytest.mark.urls("brokers.tests.api_routes")

URL = "/api/v1/broker-accounts/"
KEYS = {"api_key": "new-key", "api_secret": "new-secret"}
LIVE = {
    "kind": "binance_spot",
    "environment": "live",
    "label": "Real",
    "credentials": {"api_key": "k1", "api_secret": "s1"},
    "confirm": "live",
}


@pytest.fixture(autouse=True)
def _stub(settings: Any) -> None:
    use_stub(settings)


def key_client(user: Any) -> APIClient:
    _, secret = create_api_key(owner=user, name="k", scopes=["read", "manage"], now=utc_now())
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def session_client(user: Any, *, seconds_ago: float | None = None) -> APIClient:
    """`seconds_ago`: when the password was given; None: it never was."""
    client = APIClient()
    client.force_login(user)
    if seconds_ago is not None:
        session = client.session
        record = {"method": "password", "at": time.time() - seconds_ago}
        session[AUTHENTICATION_METHODS_SESSION_KEY] = [record]
        session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
        session.save()
    return client


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"confirm": None}, "/confirm"),
        ({"confirm": "LIVE"}, "/confirm"),
        ({"confirm": "yes"}, "/confirm"),
        ({"environment": "paper"}, "/environment"),
        ({"credentials": {"api_key": "k"}}, "/credentials/api_secret"),
        ({"credentials": {}}, "/credentials/api_key"),
        ({"credentials": {**KEYS, "more": "x"}}, "/credentials"),
        ({"options": {"leverage": "3"}}, "/options/leverage"),
    ],
)
def test_what_a_real_account_needs(alice: Any, given: dict[str, Any], pointer: str) -> None:
    answer = key_client(alice).post(URL, LIVE | given, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert not BrokerAccount.objects.exists()


def test_a_key_with_the_scope_opens_one_and_a_session_needs_the_password(
    alice: Any, bob: Any
) -> None:
    assert key_client(alice).post(URL, LIVE, format="json").status_code == 201
    for seconds_ago, status in ((None, 403), (301, 403), (10, 201)):
        client = session_client(bob, seconds_ago=seconds_ago)
        answer = client.post(URL, LIVE, format="json")
        assert answer.status_code == status, answer.content
        assert (status == 201) or answer.json()["code"] == "PASSWORD_NEEDED"


def test_a_test_account_asks_for_no_password_until_its_key_is_changed(alice: Any) -> None:
    client = session_client(alice)
    made = client.post(URL, LIVE | {"environment": "test", "confirm": None}, format="json")
    assert made.status_code == 201
    where = f"{URL}{made.json()['id']}/"
    assert client.patch(where, {"label": "Other"}, format="json").status_code == 200
    refused = client.patch(where, {"credentials": KEYS}, format="json")
    assert refused.json()["code"] == "PASSWORD_NEEDED"
    fresh = session_client(alice, seconds_ago=10)
    assert fresh.patch(where, {"credentials": KEYS}, format="json").status_code == 200
    assert open_credentials(BrokerAccount.objects.get()) == KEYS


def test_real_money_asks_for_the_word_at_every_key_and_every_enabling(alice: Any) -> None:
    account = open_stub_account(alice, environment="live")
    change = {"account": account, "actor": alice, "now": NOW}
    with pytest.raises(BadInput, match="real money"):
        update_account(credentials=KEYS, **change)
    update_account(enabled=False, **change)
    account.refresh_from_db()
    with pytest.raises(BadInput, match="real money"):
        update_account(enabled=True, **change)
    with pytest.raises(BadInput, match="real money"):
        enable_account(**change)
    assert not BrokerAccount.objects.get().enabled
    update_account(enabled=True, credentials=KEYS, confirm="live", **change)
    assert BrokerAccount.objects.get().enabled
    assert open_credentials(BrokerAccount.objects.get()) == KEYS


def test_paper_and_test_are_enabled_without_a_word(alice: Any) -> None:
    paper = create_account(owner=alice, kind="paper", environment="paper", label="p", now=NOW)
    for account in (paper, open_stub_account(alice)):
        update_account(account=account, actor=alice, now=NOW, enabled=False)
        account.refresh_from_db()
        enable_account(account=account, actor=alice, now=NOW)
        account.refresh_from_db()
        assert account.enabled


def test_keys_are_never_shown_again(alice: Any) -> None:
    client = key_client(alice)
    made = client.post(URL, LIVE, format="json").json()
    where = f"{URL}{made['id']}/"
    client.patch(where, {"credentials": KEYS, "confirm": "live"}, format="json")
    seen = client.get(where).content + client.get(URL).content
    seen += str([each.data for each in AuditEntry.objects.all()]).encode()
    for secret in (b"new-key", b"new-secret", b'k1"', b"s1"):
        assert secret not in seen
    shown = client.get(where).json()
    assert shown["has_credentials"] is True
    assert shown["credentials_changed_at"]
    assert (shown["trouble"] != "", shown["check"]["passed"]) == (True, None)
    actions = {each.action for each in AuditEntry.objects.all()}
    assert "broker_account.credentials_changed" in actions


def test_the_check_answers_with_its_lines_and_keeps_them(alice: Any) -> None:
    client = key_client(alice)
    account = open_stub_account(alice)
    found = client.post(f"{URL}{account.pk}/check/").json()
    assert (found["ok"], found["passed"], found["pending"]) == (True, True, False)
    shown = client.get(f"{URL}{account.pk}/").json()
    assert shown["check"]["lines"] == found["lines"]
    assert (shown["trouble"], shown["check"]["passed"]) == ("", True)
