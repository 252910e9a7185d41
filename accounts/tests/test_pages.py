"""The pages about keys and the profile."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, AuditEntry, User
from accounts.tests.builders import caller, make_key

KEYS, PROFILE = "/api-keys/", "/profile/"


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("path", [KEYS, PROFILE, "/accounts/password/change/"])
@pytest.mark.django_db
def test_a_visitor_is_sent_to_the_login(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


def test_a_key_is_shown_once(alice: User) -> None:
    client = logged_in(alice)
    made = client.post(KEYS, {"name": "bot", "scopes": ["read"], "lifetime": "30"})
    text = made.content.decode()
    start = text.index('value="thk_') + len('value="')
    secret = text[start : text.index('"', start)]
    assert made.status_code == 200
    assert "no-store" in made["Cache-Control"]
    assert 'data-copy="new-key"' in text
    assert caller(secret).get("/api/v1/me/").json()["scopes"] == ["read"]
    assert ApiKey.objects.get().expires_at is not None
    assert secret not in client.get(KEYS).content.decode()


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "scopes": ["read"]},
        {"name": "bot"},
        {"name": "bot", "scopes": ["root"]},
        {"name": "bot", "scopes": ["read"], "lifetime": "99999999"},
        {"name": " ", "scopes": ["read"]},
    ],
)
def test_a_wrong_form_makes_no_key(alice: User, form: dict[str, Any]) -> None:
    response = logged_in(alice).post(KEYS, form)
    assert response.status_code == 422
    assert 'role="alert"' in response.content.decode()
    assert not ApiKey.objects.exists()


def test_the_page_lists_and_revokes_only_ones_own(alice: User, bob: User) -> None:
    mine, secret = make_key(alice)
    his, his_secret = make_key(bob)
    client = logged_in(alice)
    text = client.get(KEYS).content.decode()
    assert mine.last_four in text
    assert his.pk not in text
    client.post(f"{KEYS}{his.pk}/revoke/")
    assert caller(his_secret).get("/api/v1/me/").status_code == 200
    assert client.get(f"{KEYS}{mine.pk}/revoke/").status_code == 405
    assert client.post(f"{KEYS}{mine.pk}/revoke/").status_code == 302
    assert caller(secret).get("/api/v1/me/").status_code == 401


def test_a_name_is_text_and_not_markup(alice: User) -> None:
    client = logged_in(alice)
    client.post(KEYS, {"name": "<script>alert(1)</script>", "scopes": ["read"], "lifetime": ""})
    text = client.get(KEYS).content.decode()
    assert "<script>alert" not in text
    assert ApiKey.objects.get().expires_at is None


def test_the_time_zone_can_be_changed(alice: User) -> None:
    client = logged_in(alice)
    assert client.get(PROFILE).status_code == 200
    assert client.post(PROFILE, {"timezone": "Europe/Berlin"}).status_code == 302
    alice.refresh_from_db()
    assert alice.timezone == "Europe/Berlin"
    assert AuditEntry.objects.get().data == {"timezone": {"from": "UTC", "to": "Europe/Berlin"}}
    assert client.post(PROFILE, {"timezone": "Mars/Base"}).status_code == 422
    alice.refresh_from_db()
    assert alice.timezone == "Europe/Berlin"
