"""`rotate_keys`: afterwards the old key opens nothing, and nobody's change is lost."""

import ast
import base64
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as project
from django.core.management import call_command

from accounts.models import AuditEntry
from brokers.credentials import open_credentials
from brokers.models import BrokerAccount
from brokers.services import update_account
from signals.models import WebhookToken
from signals.token_services import create_webhook_token
from tradehub import sealed
from tradehub.lib.crypto import SealBroken, needs_rotation, open_sealed, seal
from tradehub.sealed import SEALED, rotate_keys
from tradehub.testing.builders import make_account

OLD, NEW, OTHER = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))
KEYS = {"api_key": "k", "api_secret": "s3cret-of-alice"}


@pytest.fixture
def stored(alice: Any, now: Any, settings: Any) -> list[BrokerAccount]:
    """Three accounts and a webhook with both of its secrets, sealed under the old key."""
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    accounts = [make_account(alice, now, label=f"a{n}") for n in range(3)]
    for each in accounts:
        update_account(account=each, actor=alice, now=now, credentials=KEYS)
    fields = {"passphrase": "open sesame", "hmac_secret": "a secret of sixteen"}
    create_webhook_token(owner=alice, fields=fields, now=now)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    return accounts


def texts() -> list[str]:
    return [
        text
        for each in SEALED
        for text in each.model._default_manager.values_list(each.name, flat=True)
        if text
    ]


def test_afterwards_the_old_key_can_be_removed(
    stored: list[BrokerAccount], settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rotate_keys", batch=2)
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    for account in BrokerAccount.objects.all():
        assert open_credentials(account) == KEYS
    token = WebhookToken.objects.get()
    for column in SEALED[1:]:
        assert open_sealed(getattr(token, column.name), context=column.context(token))
    said = capsys.readouterr()
    assert "5 secrets are stored; 5 were sealed anew" in said.out
    assert "s3cret" not in said.out + said.err
    entry = AuditEntry.objects.get(action="site.keys_rotated")
    assert entry.data == {"found": 5, "rotated": 5, "unopened": 0, "moving": 0}


def test_before_it_the_old_key_is_needed(stored: list[BrokerAccount], settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(SealBroken):
        open_credentials(stored[0])


def test_twice_is_once(stored: list[BrokerAccount], now: Any) -> None:
    assert rotate_keys(now=now).rotated == 5
    before = texts()
    assert rotate_keys(now=now).rotated == 0
    assert texts() == before


def test_one_that_was_cut_off_goes_on(
    stored: list[BrokerAccount], now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sealed._seal_anew
    calls: list[int] = []

    def dies(*given: Any) -> tuple[int, int]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(sealed, "_seal_anew", dies)
    with pytest.raises(KeyboardInterrupt):
        rotate_keys(now=now, batch=1)
    assert [needs_rotation(text) for text in texts()].count(False) == 1
    assert rotate_keys(now=now, batch=1).rotated == 4


def test_a_change_in_between_is_never_overwritten(
    stored: list[BrokerAccount], alice: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner stores a new key after the old text was read, still under the old ring."""
    real = sealed._seal_anew
    fresh = {"api_key": "new", "api_secret": "newer"}

    def slow(column: Any, rows: Any) -> tuple[int, int]:
        if column is SEALED[0] and open_credentials(stored[1]) == KEYS:
            update_account(account=stored[1], actor=alice, now=now, credentials=fresh)
        return real(column, rows)

    monkeypatch.setattr(sealed, "_seal_anew", slow)
    done = rotate_keys(now=now)
    stored[1].refresh_from_db()
    assert open_credentials(stored[1]) == fresh
    assert done.complete
    assert done.rotated == 4


def test_one_that_keeps_changing_is_no_success(
    stored: list[BrokerAccount], now: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with the old ring seals it anew under the old key at every pass."""
    monkeypatch.setattr(sealed, "_seal_anew", lambda column, rows: (0, len(rows)))
    done = rotate_keys(now=now)
    assert (done.rotated, done.moving, done.complete) == (0, 5, False)


def test_what_no_key_opens_is_named_and_left(
    stored: list[BrokerAccount], settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OTHER]
    lost = stored[2]
    lost.sealed_credentials = seal("x", context="elsewhere")
    lost.save(update_fields=["sealed_credentials"])
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    with pytest.raises(SystemExit) as ended:
        call_command("rotate_keys")
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert f"brokers.BrokerAccount.sealed_credentials {lost.pk} can't be opened" in said.err
    assert "4 were sealed anew" in said.out
    lost.refresh_from_db()
    assert lost.sealed_credentials in texts()


def test_the_list_names_every_column_that_holds_a_sealed_text() -> None:
    named = {
        f"{model._meta.label}.{each.name}"
        for model in apps.get_models()
        for each in model._meta.fields
        if each.name.startswith("sealed_")
    }
    assert named == {str(each) for each in SEALED}


def test_nothing_is_sealed_but_by_those_who_fill_these_columns() -> None:
    """Whoever seals anew elsewhere has to name the column in the list."""
    sealing = set()
    for path in project.BASE_DIR.glob("*/**/*.py"):
        place = path.relative_to(project.BASE_DIR)
        if {".venv", "var", "frontend", "tests"} & set(place.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "tradehub.lib.crypto":
                sealing |= {str(place) for each in node.names if each.name == "seal"}
    assert sealing == {
        "brokers/credentials.py",
        "signals/token_services.py",
        "tradehub/sealed.py",
    }
