"""Broker accounts: opening, changing, disabling, deleting; secrets and owners."""

import json
from typing import Any

import pytest

from accounts.models import AuditEntry
from brokers import services
from brokers.credentials import open_credentials
from brokers.doctor import examine
from brokers.models import BrokerAccount, PaperLedger
from brokers.registry import connect
from brokers.selectors import account_for, accounts_for
from brokers.tests.builders import NOW, request
from tradehub.core.errors import BadInput, Conflict, NotFound
from tradehub.lib.crypto import SealBroken

SECRET = "s3cret-of-alice"


def open_account(owner: Any, label: str = "Paper", **more: Any) -> BrokerAccount:
    given = {"kind": "paper", "environment": "paper"} | more
    return services.create_account(owner=owner, label=label, now=NOW, **given)


def test_an_account_opens_with_its_ledger_and_an_audit_entry(alice: Any) -> None:
    account = open_account(alice, options={"starting_cash": "500"})
    assert PaperLedger.objects.get(account=account).cash == 500
    assert account.options["fee_percent"] == "0"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_id) == ("broker_account.created", account.pk)


def test_credentials_are_sealed_to_their_row_and_shown_nowhere(alice: Any) -> None:
    account = open_account(alice, credentials={"api_key": "k", "api_secret": SECRET})
    other = open_account(alice, label="Other")
    assert open_credentials(account) == {"api_key": "k", "api_secret": SECRET}
    assert open_credentials(other) == {}
    seen = [repr(account), str(account), account.sealed_credentials, json.dumps(account.options)]
    seen += [json.dumps(entry.data) for entry in AuditEntry.objects.all()]
    seen += [repr(connect(account)), repr(examine(account))]
    assert SECRET not in " ".join(seen)
    other.sealed_credentials = account.sealed_credentials
    with pytest.raises(SealBroken):
        open_credentials(other)


@pytest.mark.parametrize(
    ("given", "code", "pointer"),
    [
        ({"kind": "binance_futures"}, "INVALID_FIELD", "/environment"),
        ({"kind": "binance_spot", "environment": "live"}, "MISSING_FIELD", "/confirm"),
        ({"kind": "mtgox"}, "INVALID_FIELD", "/kind"),
        ({"environment": "live"}, "MISSING_FIELD", "/confirm"),
        ({"environment": "live", "confirm": "live"}, "INVALID_FIELD", "/environment"),
        ({"environment": "test"}, "INVALID_FIELD", "/environment"),
        ({"label": " "}, "INVALID_FIELD", "/label"),
        ({"credentials": {"api_key": ""}}, "INVALID_FIELD", "/credentials"),
        ({"credentials": {"api_key": 5}}, "INVALID_FIELD", "/credentials"),
        ({"options": {"leverage": "0"}}, "INVALID_FIELD", "/options/leverage"),
    ],
)
def test_what_cannot_be_opened(alice: Any, given: dict[str, Any], code: str, pointer: str) -> None:
    with pytest.raises(BadInput) as refused:
        open_account(alice, **given)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)
    assert BrokerAccount.objects.count() == 0


def test_a_label_is_taken_once_for_each_owner(alice: Any, bob: Any) -> None:
    open_account(alice)
    open_account(bob)
    with pytest.raises(Conflict, match="label"):
        open_account(alice)
    other = open_account(alice, label="Other")
    with pytest.raises(Conflict, match="label"):
        services.update_account(account=other, actor=alice, now=NOW, label="Paper")


def test_a_change_says_what_was_and_what_is(alice: Any) -> None:
    account = open_account(alice, options={"leverage": "2"})
    services.update_account(
        account=account, actor=alice, now=NOW, label="New", options={"fee_percent": "0.1"}
    )
    account.refresh_from_db()
    assert (account.label, account.options["leverage"]) == ("New", "2")
    entry = AuditEntry.objects.filter(action="broker_account.changed").get()
    assert entry.data["label"] == {"from": "Paper", "to": "New"}
    services.update_account(account=account, actor=alice, now=NOW, label="New")
    assert AuditEntry.objects.filter(action="broker_account.changed").count() == 1


def test_disable_and_enable_are_recorded_once(alice: Any) -> None:
    account = open_account(alice)
    for _ in range(2):
        services.disable_account(account=account, actor=alice, now=NOW)
    account.refresh_from_db()
    assert not account.enabled
    assert [line.name for line in examine(account) if not line.ok] == ["enabled"]
    services.enable_account(account=account, actor=alice, now=NOW)
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions[1:] == ["broker_account.disabled", "broker_account.enabled"]


def test_only_an_account_that_never_had_an_order_can_be_deleted(alice: Any) -> None:
    unused, used = open_account(alice, label="a"), open_account(alice, label="b")
    connect(used, now=lambda: NOW).submit(
        request("buy", "1", "limit", limit_price="1", symbol="MSFT")
    )
    services.delete_account(account=unused, actor=alice, now=NOW)
    with pytest.raises(Conflict, match="orders"):
        services.delete_account(account=used, actor=alice, now=NOW)
    assert [account.label for account in BrokerAccount.objects.all()] == ["b"]


def test_accounts_are_their_owners_alone(alice: Any, bob: Any) -> None:
    mine, theirs = open_account(alice), open_account(bob)
    assert list(accounts_for(alice)) == [mine]
    assert account_for(alice, mine.pk) == mine
    with pytest.raises(NotFound):
        account_for(alice, theirs.pk)


def test_a_kind_that_is_known_and_not_built_is_refused(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "BUILT", frozenset({"paper"}))
    with pytest.raises(BadInput, match="not built yet") as refused:
        open_account(alice, kind="alpaca", environment="test")
    assert (refused.value.code, refused.value.pointer) == ("UNSUPPORTED_FIELD", "/kind")
