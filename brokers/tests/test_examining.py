"""The account doctor's verdict: who is examined when, what is kept, and what it holds back."""

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from accounts.models import AuditEntry
from brokers import examining
from brokers.budget import at, urgency
from brokers.budgeting import Priority
from brokers.doctor import look_at
from brokers.errors import BadCredentials, NotSent, RateLimited
from brokers.examining import claim_due, examine_account, next_night
from brokers.models import BrokerAccount, Examination
from brokers.services import create_account, update_account
from brokers.tests.builders import NOW, open_stub_account, use_stub
from brokers.tests.stub_venue.adapter import Script, StubBroker, scripts
from brokers.types import Line

HARD = Line("withdrawals", False, "The key may withdraw.", "Make one that may not.", hard=True)
SOFT = Line("address", False, "The key is bound to no address.", "Bind it.")


@pytest.fixture(autouse=True)
def _stub(settings: Any) -> None:
    use_stub(settings)


def examined(account: BrokerAccount) -> BrokerAccount:
    examine_account(account, clock=lambda: NOW)
    account.refresh_from_db()
    return account


def codes(account: BrokerAccount) -> list[str]:
    lines = Examination.objects.get(pk=account.pk).lines
    return [line["code"] for line in lines if not line["ok"]]


def test_a_new_account_waits_for_its_first_check_and_paper_does_not(alice: Any) -> None:
    real = open_stub_account(alice)
    paper = create_account(owner=alice, kind="paper", environment="paper", label="p", now=NOW)
    assert real.trouble == examining.NOT_YET
    assert paper.trouble == ""
    assert Examination.objects.get(pk=real.pk).passed is None
    assert Examination.objects.get(pk=paper.pk).passed is True
    assert examined(real).trouble == ""
    found = Examination.objects.get(pk=real.pk)
    assert (found.passed, found.examined_at) == (True, NOW)
    assert AuditEntry.objects.filter(action="broker_account.check_passed").count() == 1


def test_a_hard_line_stops_entries_and_a_soft_one_is_only_said(alice: Any) -> None:
    account = open_stub_account(alice)
    scripts["k1"].lines = [SOFT]
    assert examined(account).trouble == ""
    scripts["k1"].lines = [SOFT, HARD]
    assert examined(account).trouble == "The key may withdraw."
    row = Examination.objects.get(pk=account.pk)
    assert row.passed is False
    assert {"name": "withdrawals", "ok": False, "hard": True}.items() <= row.lines[-1].items()
    scripts["k1"].lines = []
    assert examined(account).trouble == ""
    actions = AuditEntry.objects.filter(action__contains="check").order_by("id")
    assert [each.action.rpartition("_")[2] for each in actions] == ["passed", "failed", "passed"]


def test_a_wrong_key_fails_and_an_unreachable_venue_proves_nothing(alice: Any) -> None:
    account = open_stub_account(alice)
    for error in (NotSent("no route"), RateLimited("slow down")):
        scripts["k1"].error = error
        assert examined(account).trouble == examining.NOT_YET
    scripts["k1"].error = None
    assert examined(account).trouble == ""
    scripts["k1"].error = NotSent("no route")
    assert examined(account).trouble == ""
    assert Examination.objects.get(pk=account.pk).lines[-1]["code"] == "NOT_SENT"
    scripts["k1"].error = BadCredentials("Invalid API-key.")
    assert "Invalid API-key." in examined(account).trouble
    assert codes(account) == ["BAD_CREDENTIALS"]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("Nothing was sent.", retry_after=47, venue_code="HELD"), 47),
        (RateLimited("The venue has banned this address.", retry_after=9999), 600),
        (NotSent("no route"), 30),
    ],
)
def test_a_first_look_that_proved_nothing_is_made_again_soon(
    alice: Any, error: Exception, seconds: int
) -> None:
    """The account does not trade until one has passed, so it is made as soon as the venue's rate
    has room for it. One that has passed trades meanwhile."""
    account = open_stub_account(alice)
    claim_due(now=NOW)
    scripts["k1"].error = error
    examined(account)
    assert claim_due(now=NOW + timedelta(seconds=seconds - 1)) == []
    assert claim_due(now=NOW + timedelta(seconds=seconds)) == [account.pk]
    scripts["k1"].error = None
    assert examined(account).trouble == ""
    scripts["k1"].error = NotSent("no route")
    examined(account)
    assert Examination.objects.get(pk=account.pk).due_at == NOW + examining.AGAIN_AFTER


def test_a_look_goes_before_the_comparisons_of_others(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []

    def open_orders(broker: StubBroker) -> list[Any]:
        with at(Priority.LAST):  # as adapters say of it
            heard.append(urgency(Priority.LAST))
        return []

    monkeypatch.setattr(StubBroker, "open_orders", open_orders)
    look_at(open_stub_account(alice))
    assert heard == [Priority.NORMAL]


def test_an_adapter_that_breaks_is_a_line_and_no_verdict(alice: Any) -> None:
    account = open_stub_account(alice)
    scripts["k1"].error = KeyError("balances")
    assert examined(account).trouble == examining.NOT_YET
    assert codes(account) == ["INTERNAL_ERROR"]


def test_the_same_account_behind_a_second_row_is_refused(alice: Any, bob: Any) -> None:
    scripts["k1"] = scripts["k2"] = Script(venue_account_id="uid-7")
    first = examined(open_stub_account(alice))
    second = examined(open_stub_account(bob, "k2"))
    assert (first.venue_account_id, first.trouble) == ("uid-7", "")
    assert second.venue_account_id == ""
    assert "another account here" in second.trouble
    assert first.label not in second.trouble
    assert codes(second) == ["VENUE_ACCOUNT_TAKEN"]
    assert [line.code for line in look_at(second).hindrances] == ["VENUE_ACCOUNT_TAKEN"]
    live = examined(open_stub_account(bob, "k1", environment="live", label="Live"))
    assert (live.trouble, live.venue_account_id) == ("", "uid-7")


def test_of_two_rows_at_once_the_database_lets_one_through(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other row is stored after this one was looked at and before its verdict is."""
    scripts["k1"] = scripts["k2"] = Script(venue_account_id="uid-7")
    first, second = open_stub_account(alice), open_stub_account(alice, "k2")
    real = look_at

    def slow(account: BrokerAccount, **named: Any) -> Any:
        found = real(account, **named)
        if account.pk == second.pk:
            BrokerAccount.objects.filter(pk=first.pk).update(venue_account_id="uid-7")
        return found

    monkeypatch.setattr(examining, "look_at", slow)
    assert "another account here" in examined(second).trouble
    assert codes(second) == ["VENUE_ACCOUNT_TAKEN"]


def test_a_key_of_another_account_at_the_venue_is_refused(alice: Any) -> None:
    scripts["k1"], scripts["k2"] = Script("uid-7"), Script("uid-8")
    account = examined(open_stub_account(alice))
    keys = {"api_key": "k2", "api_secret": "s"}
    update_account(account=account, actor=alice, now=NOW, credentials=keys)
    assert "uid-8" in examined(account).trouble
    assert account.venue_account_id == "uid-7"
    assert codes(account) == ["VENUE_ACCOUNT_CHANGED"]


def test_a_new_key_is_not_traded_before_it_passed(alice: Any) -> None:
    account = examined(open_stub_account(alice))
    scripts["k2"] = Script()
    keys = {"api_key": "k2", "api_secret": "s"}
    update_account(account=account, actor=alice, now=NOW, credentials=keys)
    account.refresh_from_db()
    assert account.trouble == examining.NEW_CREDENTIALS
    assert Examination.objects.get(pk=account.pk).passed is None
    assert examined(account).trouble == ""


def test_what_was_found_of_a_replaced_key_is_not_kept(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_stub_account(alice)
    scripts["k2"] = Script()
    real = look_at

    def replaced_meanwhile(looked_at: BrokerAccount, **named: Any) -> Any:
        found = real(looked_at, **named)
        fresh = BrokerAccount.objects.get(pk=account.pk)
        keys = {"api_key": "k2", "api_secret": "s"}
        update_account(account=fresh, actor=alice, now=NOW, credentials=keys)
        return found

    monkeypatch.setattr(examining, "look_at", replaced_meanwhile)
    assert examined(account).trouble == examining.NEW_CREDENTIALS


def test_symbols_of_its_strategies_are_asked_for(alice: Any) -> None:
    from risk.models import RiskProfile
    from signals.models import Strategy, Subscription

    account = open_stub_account(alice)
    strategy = Strategy.objects.create(
        owner=alice, name="s", symbols=["BTCUSDT", "XBT"], symbol_map={"XBT": "BTCUSD"}
    )
    profile = RiskProfile.objects.create(owner=alice, name="p")
    Subscription.objects.create(strategy=strategy, account=account, risk_profile=profile)
    assert examined(account).trouble == ""
    (line,) = [
        each for each in Examination.objects.get(pk=account.pk).lines if each["name"] == "symbols"
    ]
    assert "does not trade BTCUSD," in line["text"]
    assert not line["hard"]


def test_a_look_that_no_worker_had_room_for_is_handed_out_at_the_next_tick(alice: Any) -> None:
    account = open_stub_account(alice)
    assert claim_due(now=NOW) == [account.pk]
    later = NOW + timedelta(seconds=10)
    examining.come_back(account.pk, now=later)
    assert claim_due(now=later) == [account.pk]


def test_due_accounts_are_claimed_once_and_looked_at_every_night(alice: Any) -> None:
    account = open_stub_account(alice)
    assert claim_due(now=NOW) == [account.pk]
    assert claim_due(now=NOW) == []
    assert claim_due(now=NOW + examining.AGAIN_AFTER) == [account.pk]
    examined(account)
    due = Examination.objects.get(pk=account.pk).due_at
    assert due == next_night(account.pk, NOW)
    assert claim_due(now=due - timedelta(seconds=1)) == []
    assert claim_due(now=due) == [account.pk]


def test_a_night_is_in_the_night_and_not_just_now() -> None:
    for hour in range(24):
        now = NOW.replace(hour=hour)
        at = next_night("acc_1", now)
        assert 2 <= at.hour < 5
        assert timedelta(hours=6) <= at - now <= timedelta(hours=30)
    assert len({next_night(f"acc_{n}", NOW) for n in range(50)}) > 40


def test_an_account_that_no_row_knows_is_found(alice: Any) -> None:
    account = open_stub_account(alice)
    Examination.objects.all().delete()
    assert claim_due(now=NOW) == [account.pk]


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_replaced_while_a_verdict_is_kept_has_not_passed(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever replaces it comes after the verdict, or the verdict is not kept."""
    account = open_stub_account(alice)
    kept = examining._with_identity

    def replace_key() -> None:
        row = BrokerAccount.objects.get(pk=account.pk)
        keys = {"api_key": "k2", "api_secret": "s"}
        update_account(account=row, actor=alice, now=NOW, credentials=keys)
        connection.close()

    other = Thread(target=replace_key)

    def meanwhile(*given: Any) -> Any:
        other.start()
        other.join(0.3)  # longer than it takes where nothing holds it back
        return kept(*given)

    monkeypatch.setattr(examining, "_with_identity", meanwhile)
    examine_account(account)
    other.join()
    account.refresh_from_db()
    assert account.trouble == examining.NEW_CREDENTIALS
    assert account.examination.passed is None
