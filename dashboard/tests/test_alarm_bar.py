"""The bar above every page: each kind of alarm is one line that counts truly and leads to all."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from brokers.examining import examine_account
from brokers.models import BrokerAccount
from brokers.tests.builders import open_stub_account, use_stub
from brokers.tests.stub_venue.adapter import Script, scripts
from brokers.types import Line
from dashboard.tests.builders import World, make_order
from dashboard.tests.routes import text_of
from orders.models import Drift, Order, Position, Reconciliation
from risk.models import TradingState
from tradehub.core.words import OrderStatus

MANY = 7


@pytest.fixture(autouse=True)
def _stub(settings: Any) -> None:
    use_stub(settings)


def bar(client: Client) -> str:
    return text_of(client.get(reverse("dashboard:panel", args=["stripe"])))


def make_unprotected(world: World, symbols: list[str], now: datetime) -> None:
    for symbol in symbols:
        Position.objects.create(
            owner=world.owner, account=world.account, strategy=world.strategy, symbol=symbol,
            quantity=Decimal(1), average_entry_price=Decimal(100), is_open=True, protected=False,
            opened_at=now, updated_at=now,
        )  # fmt: skip


def test_every_unprotected_position_is_named_and_stands_first(
    as_alice: Client, world: World, now: datetime
) -> None:
    symbols = [f"COIN{number}" for number in range(MANY)]
    make_unprotected(world, symbols, now)
    TradingState.objects.create(
        scope="user", scope_id=str(world.owner.pk), state="halted", changed_at=now
    )
    text = bar(as_alice)
    assert f"{MANY} positions are unprotected" in text
    for symbol in symbols:
        assert f"<strong>{symbol}</strong> on {world.account.label}" in text
    assert text.index("are unprotected") < text.index("Trading is halted")
    assert text.count('class="alarm"') == 2


def test_orders_to_look_for_are_one_line_that_leads_to_all_of_them(
    as_alice: Client, world: World, now: datetime
) -> None:
    decision = world.signal.decisions.get()
    for leg in range(1, MANY + 1):
        make_order(decision, now, leg=str(leg), status=OrderStatus.UNCONFIRMED)
    Order.objects.filter(status="unconfirmed").update(reason="NEEDS_REVIEW")
    text = bar(as_alice)
    assert f"Were these {MANY} orders placed?" in text
    assert f"and {MANY - 3} more" in text
    assert f"{reverse('dashboard:orders')}?status=unconfirmed" in text
    assert text.count('class="alarm"') == 1
    known = text.partition('data-review="')[2].partition('"')[0].split()
    assert len(known) == MANY, "a page hears when any of them is settled"


def test_accounts_and_symbols_are_counted_and_lead_to_the_accounts(
    as_alice: Client, alice: User, world: World, now: datetime
) -> None:
    accounts = [open_stub_account(alice, f"k{each}", label=f"Real {each}") for each in range(MANY)]
    for account in accounts:
        scripts[f"k{account.label.split()[1]}"] = Script(
            lines=[Line("rights", False, "It may not trade", "Allow it.", hard=True)]
        )
        examine_account(account)
        Drift.objects.create(
            account=account, symbol="BTCUSDT", ours=Decimal(1), theirs=Decimal(2),
            seen_at=now, confirmed_at=now,
        )  # fmt: skip
        Reconciliation.objects.update_or_create(
            pk=account.pk, defaults={"required_at": now, "due_at": now, "error": "NOT_SENT"}
        )
    text = bar(as_alice)
    assert f"{MANY} accounts have not passed their check" in text
    assert f"{MANY} symbols differ from the venue" in text
    assert f"{MANY} accounts can&#x27;t be compared" in text or (
        f"{MANY} accounts can't be compared" in text
    )
    assert text.count(f'href="{reverse("dashboard:broker-accounts")}"') == 3
    assert text.count('class="alarm"') == 3
    shown = text_of(as_alice.get(reverse("dashboard:broker-accounts")))
    assert shown.count("Not passed</span>") == shown.count("Not compared</span>") == MANY
    Drift.objects.exclude(account=accounts[0]).update(healed_at=now)
    Reconciliation.objects.update(required_at=None)
    assert text_of(as_alice.get(reverse("dashboard:broker-accounts"))).count("Differs</span>") == 1


def test_an_account_that_nobody_has_looked_at_yet_is_no_fault(
    as_alice: Client, alice: User
) -> None:
    scripts["k1"] = Script(lines=[Line("rights", False, "It may not trade", "", hard=True)])
    account = open_stub_account(alice, label="Fresh")
    assert "Fresh is being checked" in bar(as_alice)
    assert 'class="alarm"' not in bar(as_alice)
    page = reverse("dashboard:broker-account", args=[account.pk])
    assert "note-warn" in text_of(as_alice.get(page)).partition("No entries are sent.")[0][-80:]
    assert "Being checked" in text_of(as_alice.get(reverse("dashboard:broker-accounts")))
    examine_account(account)
    assert "Fresh has not passed its check" in bar(as_alice)
    assert "It may not trade. No entries are sent" in bar(as_alice)
    assert "note-bad" in text_of(as_alice.get(page)).partition("No entries are sent.")[0][-80:]


def test_an_account_that_the_venue_did_not_answer_for_is_an_alarm(
    as_alice: Client, alice: User
) -> None:
    account = open_stub_account(alice, label="Silent")
    BrokerAccount.objects.filter(pk=account.pk).update(trouble="It has not passed yet.")
    account.examination.lines = [{"name": "venue", "ok": False, "text": "No answer."}]
    account.examination.save(update_fields=["lines"])
    assert "Silent has not passed its check" in bar(as_alice)


def test_many_alarms_cost_no_more_queries(as_alice: Client, world: World, now: datetime) -> None:
    url = reverse("dashboard:panel", args=["stripe"])
    make_unprotected(world, ["ONE"], now)
    with CaptureQueriesContext(connection) as few:
        as_alice.get(url)
    make_unprotected(world, [f"COIN{number}" for number in range(MANY)], now)
    with CaptureQueriesContext(connection) as many:
        as_alice.get(url)
    assert len(many) == len(few)
