"""Which conditional orders of futures are kept, and what each became."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from brokers.binance.conditionals import KEPT_FOR, NEVER_AFTER, StoredConditionals
from brokers.binance.models import ConditionalOrder
from brokers.models import BrokerAccount


@pytest.fixture
def account(alice: Any) -> BrokerAccount:
    account = BrokerAccount(owner=alice, kind="binance_futures", environment="test", label="a")
    account.save(force_insert=True)
    return account


def test_what_waits_and_what_it_became_outlast_the_process(
    account: BrokerAccount, now: datetime
) -> None:
    first = StoredConditionals(account.pk)
    for name, symbol in (("a", "BTCUSDT"), ("b", "BTCUSDT"), ("c", "ETHUSDT"), ("a", "BTCUSDT")):
        first.add(name, symbol, now)
    first.note("a", 12, ended=False)
    other = StoredConditionals(account.pk)
    assert other.waiting("BTCUSDT") == ["b"]
    assert [other.name_of(symbol, 12) for symbol in ("BTCUSDT", "ETHUSDT")] == ["a", None]
    assert [other.knows(name) for name in ("a", "c", "d")] == [True, True, False]
    other.note("b", None, ended=True)
    assert StoredConditionals(account.pk).waiting("BTCUSDT") == []


def test_an_id_that_is_used_again_waits_again(account: BrokerAccount, now: datetime) -> None:
    kept = StoredConditionals(account.pk)
    kept.add("a", "BTCUSDT", now)
    kept.note("a", 12, ended=True)
    kept.add("a", "BTCUSDT", now)
    kept.note("a", None, ended=False)
    assert kept.waiting("BTCUSDT") == ["a"]


def test_accounts_have_their_own(account: BrokerAccount, alice: Any, now: datetime) -> None:
    other = BrokerAccount(owner=alice, kind="binance_futures", environment="test", label="b")
    other.save(force_insert=True)
    StoredConditionals(account.pk).add("a", "BTCUSDT", now)
    assert not StoredConditionals(other.pk).knows("a")


def test_what_the_venue_never_knew_waits_for_a_day(account: BrokerAccount, now: datetime) -> None:
    kept = StoredConditionals(account.pk)
    kept.add("a", "BTCUSDT", now)
    kept.absent("a", now + NEVER_AFTER)
    assert kept.waiting("BTCUSDT") == ["a"]
    kept.absent("a", now + NEVER_AFTER + timedelta(seconds=1))
    assert kept.waiting("BTCUSDT") == []


def test_what_has_ended_is_forgotten_after_some_months(
    account: BrokerAccount, now: datetime
) -> None:
    kept = StoredConditionals(account.pk)
    kept.add("ended", "BTCUSDT", now)
    kept.note("ended", 12, ended=True)
    kept.add("waits", "BTCUSDT", now)
    kept.add("new", "BTCUSDT", now + KEPT_FOR + timedelta(seconds=1))
    names = ConditionalOrder.objects.values_list("client_order_id", flat=True)
    assert set(names) == {"waits", "new"}
