"""`manage.py reconcile`: says what agrees and what differs, by its words and by its exit code."""

import json
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from brokers.models import PaperLedger
from tradehub.testing.builders import make_account

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_what_agrees_is_said_to(alice: User, bob: User, now: datetime) -> None:
    first, second = make_account(alice, now), make_account(bob, now, label="Other")
    code, text = run()
    assert code == 0
    assert text.count("agrees with its venue") == 2
    code, text = run("--account", second.pk, "--json")
    said: dict[str, Any] = json.loads(text)
    assert (code, said["ok"], len(said["accounts"])) == (0, True, 1)
    assert said["accounts"][0]["account"] == second.pk
    assert first.pk not in text


def test_what_differs_is_told_and_exits_with_one(alice: User, now: datetime) -> None:
    account = make_account(alice, now)
    run()
    ledger = PaperLedger.objects.get(account=account)
    ledger.positions["AAPL"] = {"quantity": "3", "average_price": "100"}
    ledger.save(update_fields=["positions"])
    code, text = run()
    assert (code, "AAPL is 0 here and 3 there" in text) == (1, True)
    assert json.loads(run("--json")[1])["ok"] is False


def test_an_unknown_account_is_said_to_be_so(db: None) -> None:
    with pytest.raises(CommandError, match="no account"):
        run("--account", "acc_none")
