"""The audit trail: written once, plain, without secrets."""

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts import audit
from accounts.models import AuditEntry, User
from accounts.tests.builders import NOW, caller, make_key


def test_an_entry_is_plain_data_without_secrets(alice: User) -> None:
    key, _ = make_key(alice)
    entry = audit.record(
        owner=alice,
        actor=alice,
        action="limit.changed",
        target=key,
        data={
            "max_order_value": {"from": Decimal("1E+3"), "to": None},
            "until": NOW,
            "passphrase": "canary-1",
            "nested": [{"api_key": "canary-2"}],
            "scopes": {"read"},
        },
        now=NOW,
        ip="192.0.2.1",
    )
    entry.refresh_from_db()
    assert (entry.target_type, entry.target_id) == ("accounts.apikey", key.pk)
    assert entry.data["max_order_value"] == {"from": "1000", "to": None}
    assert entry.data["until"] == NOW.isoformat()
    assert entry.data["scopes"] == ["read"]
    assert "canary" not in str(entry.data)


def test_an_entry_is_never_changed_or_deleted(alice: User) -> None:
    entry = audit.record(owner=alice, actor=None, action="a.b", now=NOW)
    entry.action = "forged"
    for attempt in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(action="forged"),
    ):
        with pytest.raises(TypeError):
            attempt()
    assert AuditEntry.objects.get().action == "a.b"


def test_a_user_sees_an_operators_deed_but_not_their_address(alice: User, operator: User) -> None:
    _, secret = make_key(alice)
    audit.record(owner=alice, actor=operator, action="user.halted", now=NOW, ip="192.0.2.7")
    audit.record(
        owner=operator, actor=operator, action="site.halted", now=NOW + timedelta(1), ip="192.0.2.7"
    )
    entries = caller(secret).get("/api/v1/audit-log/").json()["results"]
    assert [each["action"] for each in entries] == ["user.halted", "api_key.created"]
    assert entries[0]["actor"] == "olga"
    assert entries[0]["ip"] == ""
    assert (
        caller(secret).get("/api/v1/audit-log/", {"action": "user.halted"}).json()["results"]
        == entries[:1]
    )


def test_the_audit_log_can_only_be_read(alice: User) -> None:
    _, secret = make_key(alice)
    entry = AuditEntry.objects.get()
    for method in ("post", "put", "patch", "delete"):
        response = getattr(caller(secret), method)(f"/api/v1/audit-log/{entry.pk}/")
        assert response.status_code == 405
        assert response.json()["code"] == "METHOD_NOT_ALLOWED"
