"""API keys: hashed, scoped, expiring, revocable, and never seen by anyone else."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers
from django.test import Client
from rest_framework.settings import api_settings

from accounts import services
from accounts.models import ApiKey, AuditEntry, User
from accounts.permissions import HasScope
from accounts.tests.builders import NOW, caller, make_key
from accounts.words import ALL_SCOPES
from tradehub.core.errors import BadInput
from tradehub.lib.clock import utc_now
from tradehub.lib.tokens import digest_of

ME, KEYS, AUDIT = "/api/v1/me/", "/api/v1/api-keys/", "/api/v1/audit-log/"


def code_of(response: Any) -> str:
    assert response["Content-Type"] == "application/problem+json"
    return str(json.loads(response.content)["code"])


def test_only_the_hash_is_stored(alice: User) -> None:
    key, secret = make_key(alice)
    assert secret.startswith("thk_")
    stored = ApiKey.objects.get(pk=key.pk)
    assert bytes(stored.digest) == digest_of(secret)
    everything = serializers.serialize(
        "json", [*ApiKey.objects.all(), *AuditEntry.objects.all()]
    ) + repr([key, stored, *AuditEntry.objects.all()])
    assert secret not in everything
    assert secret[8:-4] not in everything


def test_a_key_says_who_it_is(alice: User) -> None:
    _, secret = make_key(alice, "halt", "read")
    response = caller(secret).get(ME)
    assert response.status_code == 200
    assert response.json() == {
        "id": str(alice.pk),
        "username": "alice",
        "email": "alice@example.org",
        "timezone": "UTC",
        "is_operator": False,
        "scopes": ["read", "halt"],
    }


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer  ",
        "Bearer thk_nobody",
        "Token thk_nobody",
        "Basic YTpi",
        "Bearer " + "x" * 5000,
        "Bearer a b",
        "Bearer \u00e9\u00ff",
    ],
)
@pytest.mark.django_db
def test_without_a_key_there_is_one_answer(header: str) -> None:
    response = Client(headers={"authorization": header} if header else {}).get(ME)
    assert response.status_code == 401
    assert code_of(response) == "NOT_AUTHENTICATED"
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_unknown_revoked_expired_and_inactive_look_alike(alice: User, bob: User) -> None:
    revoked, revoked_secret = make_key(alice)
    services.revoke_api_key(key=revoked, actor=alice, now=utc_now())
    _, expired_secret = make_key(alice, now=utc_now() - timedelta(days=2), days=1)
    _, inactive_secret = make_key(bob)
    bob.is_active = False
    bob.save(update_fields=["is_active"])
    details = set()
    for secret in ("thk_" + "a" * 32, revoked_secret, expired_secret, inactive_secret):
        response = caller(secret).get(ME)
        assert response.status_code == 401
        details.add(response.json()["detail"])
    assert len(details) == 1


def test_a_key_works_until_it_expires(alice: User) -> None:
    _, secret = make_key(alice, days=1)
    assert caller(secret).get(ME).status_code == 200


def test_the_last_use_is_written_once_a_minute(alice: User, django_assert_num_queries: Any) -> None:
    key, secret = make_key(alice)
    caller(secret).get(ME)
    first = ApiKey.objects.get(pk=key.pk).last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        caller(secret).get(ME)
    assert ApiKey.objects.get(pk=key.pk).last_used_at == first
    earlier = utc_now() - timedelta(seconds=61)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=earlier)
    caller(secret).get(ME)
    latest = ApiKey.objects.get(pk=key.pk).last_used_at
    assert latest is not None
    assert latest >= first


def test_scopes_are_the_default_of_the_whole_api() -> None:
    """A view that forgets its permissions must not be open to every key."""
    assert [HasScope] == api_settings.DEFAULT_PERMISSION_CLASSES


@pytest.mark.parametrize("scope", sorted(ALL_SCOPES))
def test_each_scope_opens_its_own_door_only(alice: User, scope: str) -> None:
    _, secret = make_key(alice, scope)
    reads = caller(secret).get(KEYS)
    writes = caller(secret).post(
        KEYS, {"name": "n", "scopes": [scope]}, content_type="application/json"
    )
    assert reads.status_code == (200 if scope == "read" else 403)
    assert writes.status_code == (201 if scope == "manage" else 403)
    for response in (reads, writes):
        if response.status_code == 403:
            assert code_of(response) == "SCOPE_MISSING"
            assert scope in response.json()["detail"]


def test_a_key_is_shown_when_it_is_made_and_never_again(alice: User) -> None:
    _, secret = make_key(alice)
    made = caller(secret).post(
        KEYS, {"name": " bot ", "scopes": ["trade", "read"]}, content_type="application/json"
    )
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    body = made.json()
    assert body["name"] == "bot"
    assert body["scopes"] == ["read", "trade"]
    assert caller(body["key"]).get(ME).status_code == 200
    shown = caller(secret).get(KEYS).content.decode()
    one = caller(secret).get(f"{KEYS}{body['id']}/").content.decode()
    for text in (shown, one, caller(secret).get(AUDIT).content.decode()):
        assert body["key"] not in text
        assert secret not in text


def test_a_key_gives_no_more_than_it_has(alice: User) -> None:
    _, secret = make_key(alice, "read", "manage")
    response = caller(secret).post(
        KEYS, {"name": "n", "scopes": ["read", "trade"]}, content_type="application/json"
    )
    assert response.status_code == 403
    assert code_of(response) == "SCOPE_MISSING"
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": "", "scopes": ["read"]}, "/name"),
        ({"name": "n", "scopes": []}, "/scopes"),
        ({"name": "n", "scopes": ["all"]}, "/scopes/0"),
        ({"name": "n", "scopes": "read"}, "/scopes"),
        ({"name": "n", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "n", "scopes": ["read"], "expires_at": "soon"}, "/expires_at"),
        ({"name": "n", "scopes": ["read"], "owner": 1}, "/owner"),
        ({"name": "n\u0000", "scopes": ["read"]}, "/name"),
    ],
)
def test_a_wrong_field_is_named(alice: User, body: dict[str, Any], pointer: str) -> None:
    _, secret = make_key(alice)
    response = caller(secret).post(KEYS, body, content_type="application/json")
    assert response.status_code == 422
    assert pointer in [each["pointer"] for each in response.json()["errors"]]


def test_rename_and_revoke(alice: User) -> None:
    _, secret = make_key(alice)
    other, other_secret = make_key(alice)
    renamed = caller(secret).patch(
        f"{KEYS}{other.pk}/", {"name": "new"}, content_type="application/json"
    )
    assert renamed.json()["name"] == "new"
    assert caller(secret).delete(f"{KEYS}{other.pk}/").status_code == 204
    assert caller(other_secret).get(ME).status_code == 401
    assert caller(secret).delete(f"{KEYS}{other.pk}/").status_code == 404
    actions = [entry["action"] for entry in caller(secret).get(AUDIT).json()["results"]]
    assert actions == ["api_key.revoked", "api_key.renamed", "api_key.created", "api_key.created"]


def test_another_users_key_is_not_there(alice: User, bob: User) -> None:
    _, secret = make_key(alice)
    bobs, _ = make_key(bob)
    assert bobs.pk not in caller(secret).get(KEYS).content.decode()
    for call in (caller(secret).get, caller(secret).delete):
        assert call(f"{KEYS}{bobs.pk}/").status_code == 404
    patched = caller(secret).patch(
        f"{KEYS}{bobs.pk}/", {"name": "x"}, content_type="application/json"
    )
    assert patched.status_code == 404
    entry = AuditEntry.objects.get(owner=bob)
    assert caller(secret).get(f"{AUDIT}{entry.pk}/").status_code == 404
    bobs.refresh_from_db()
    assert bobs.revoked_at is None


@pytest.mark.parametrize("odd", ["%00", "key_%00", "..", "1'", "x" * 300, "%F0%9F%94%91"])
def test_an_odd_id_is_not_there(alice: User, odd: str) -> None:
    _, secret = make_key(alice)
    response = caller(secret).get(f"{KEYS}{odd}/")
    assert response.status_code == 404
    assert code_of(response) == "NOT_FOUND"


def test_lists_are_pages_newest_first(alice: User) -> None:
    _, secret = make_key(alice)
    made = [make_key(alice)[0].pk for _ in range(4)]
    first = caller(secret).get(KEYS, {"page_size": 2}).json()
    assert [each["id"] for each in first["results"]] == made[:1:-1]
    assert first["previous"] is None
    assert first["next"].startswith("http://testserver/")
    second = caller(secret).get(first["next"]).json()
    assert [each["id"] for each in second["results"]] == made[1::-1]
    back = caller(secret).get(second["previous"]).json()
    assert back["results"] == first["results"]


@pytest.mark.parametrize("cursor", ["x", "cD0lMDA=", "cD3DqQ==", "bz05OTk5", "cj0xJnA9JTAw"])
def test_a_made_up_cursor_is_refused_or_harmless(alice: User, cursor: str) -> None:
    _, secret = make_key(alice)
    response = caller(secret).get(KEYS, {"cursor": cursor})
    assert response.status_code in (200, 404, 422)


def test_a_session_has_every_scope_and_needs_the_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.get(ME).json()["scopes"] == ["read", "trade", "manage", "halt"]
    body = {"name": "n", "scopes": ["read"]}
    refused = client.post(KEYS, body, content_type="application/json")
    assert refused.status_code == 401
    assert code_of(refused) == "NOT_AUTHENTICATED"
    client.cookies["csrftoken"] = "a" * 32
    taken = client.post(
        KEYS, body, content_type="application/json", headers={"x-csrftoken": "a" * 32}
    )
    assert taken.status_code == 201


def test_a_bad_key_does_not_fall_back_to_the_session(alice: User) -> None:
    client = Client(headers={"authorization": "Bearer thk_nobody"})
    client.force_login(alice)
    assert client.get(ME).status_code == 401


def test_the_service_refuses_unknown_scopes(alice: User) -> None:
    with pytest.raises(BadInput) as caught:
        services.create_api_key(owner=alice, name="n", scopes=["root"], now=NOW)
    assert caught.value.pointer == "/scopes"
