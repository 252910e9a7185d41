"""`manage.py explain`: the page's record as text, and as JSON."""

import json
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from dashboard.tests.builders import (
    SECRET,
    World,
    make_decision,
    make_invalid_signal,
    make_signal,
    make_world,
)
from signals.selectors import signal_json
from tradehub.core.words import Outcome


@pytest.fixture
def world(alice: User, now: datetime) -> World:
    return make_world(alice, now)


def run(*words: str) -> str:
    out = StringIO()
    call_command("explain", *words, stdout=out)
    return out.getvalue()


def test_an_approved_signal_is_told_to_its_fill(world: World) -> None:
    text = run(world.signal.pk)
    assert text.startswith("Enter long AAPL\n")
    assert "status      processed" in text
    assert f"{world.account.label} (paper, {world.account.pk}): approved" in text
    assert "pass  ORDER_VALUE_ABOVE_MAX  measured 1505, limit 25000" in text
    assert "The alert asks for 10.  10" in text
    assert f"Entry {world.order.pk}: buy 10 AAPL, market, filled" in text
    assert "10 filled at 150.50" in text
    assert "10.0 ms  Sending to the venue (sending)" in text
    assert "15.0 ms  Filled (filled)" in text
    assert "1.5 ms  Acknowledged" in text


def test_secrets_stay_masked_in_both(world: World) -> None:
    assert SECRET not in run(world.signal.pk)
    assert SECRET not in run(world.signal.pk, "--json")


def test_a_denial_names_its_reason_and_its_failed_check(world: World, now: datetime) -> None:
    signal = make_signal(world.strategy, world.token, now, symbol="MSFT")
    make_decision(signal, world.account, now, outcome=Outcome.DENIED)
    text = run(signal.pk)
    assert "because     ORDER_VALUE_ABOVE_MAX: The order is worth 1,505.00." in text
    assert "1 check, 1 failed" in text
    assert "FAIL  ORDER_VALUE_ABOVE_MAX  measured 1505, limit 1000" in text


def test_an_exit_says_that_no_rule_was_asked(world: World) -> None:
    world.signal.decisions.update(checks=[], sizing=None)
    text = run(world.signal.pk)
    assert "No entry rule was asked" in text
    assert "Size by" not in text


def test_what_could_not_be_read_says_where(world: World, now: datetime) -> None:
    text = run(make_invalid_signal(world.strategy, now).pk)
    assert "error       MISSING_FIELD: A field is missing." in text
    assert "/ticker: There is no ticker." in text
    assert "No account has decided." in text


def test_json_is_the_apis_record_with_the_orders_whole(world: World) -> None:
    said = json.loads(run(world.signal.pk, "--json"))
    orders = said.pop("orders")
    assert said == json.loads(json.dumps(signal_json(world.signal)))
    assert [each["id"] for each in orders] == [world.order.pk]
    assert [each["event"] for each in orders[0]["events"]] == ["send", "fill"]
    assert orders[0]["quantity"] == "10"


def test_an_unknown_signal_is_one_sentence_and_exit_1(db: None) -> None:
    with pytest.raises(CommandError) as refusal:
        run("sig_nothing")
    assert str(refusal.value) == "There is no signal with the id sig_nothing."
    assert refusal.value.returncode == 1


def test_nothing_to_do_is_not_called_an_exit(world: World) -> None:
    world.signal.decisions.update(checks=[], outcome=Outcome.NOTHING_TO_DO.value)
    assert "No rule was asked: there is nothing to do." in run(world.signal.pk)
