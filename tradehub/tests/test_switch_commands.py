"""`manage.py halt` and `resume`: the same services, said on the command line."""

import json
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from dashboard.tests.builders import World, make_world
from orders.models import LaneItem, Order
from risk.models import TradingState
from tradehub.core.words import OrderStatus


@pytest.fixture
def world(alice: User, now: datetime) -> World:
    return make_world(alice, now)


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def state_of(scope: str, scope_id: str) -> TradingState:
    return TradingState.objects.get(scope=scope, scope_id=scope_id)


def refused(*words: str) -> Any:
    with pytest.raises(CommandError) as refusal:
        run(*words)
    return refusal.value


def ids(world: World) -> dict[str, str]:
    return {
        "user": str(world.owner.pk),
        "account": world.account.pk,
        "strategy": world.strategy.pk,
    }


@pytest.mark.parametrize("scope", ["user", "account", "strategy"])
def test_halt_then_resume_of_one_scope(world: World, scope: str) -> None:
    Order.objects.filter(pk=world.order.pk).update(status=OrderStatus.OPEN.value)
    named = ids(world)[scope]
    said = run("halt", "--scope", scope, "--id", named, "--reason", "odd fills")
    assert "Trading is halted" in said
    assert f"manage.py resume --scope {scope} --id {named}" in said
    state = state_of(scope, named)
    assert (state.state, state.reason, state.changed_by) == ("halted", "odd fills", None)
    assert LaneItem.objects.filter(kind=LaneItem.Kind.HALT.value).count() == 1
    assert "Trading is resumed" in run(
        "resume", "--scope", scope, "--id", named, "--reason", "looked at"
    )
    assert state_of(scope, named).state == "active"
    actions = AuditEntry.objects.filter(action="trading_state.changed")
    assert [(each.owner, each.actor) for each in actions] == [(world.owner, None)] * 2


def test_the_site_needs_no_id(db: None) -> None:
    run("halt", "--scope", "site", "--reason", "maintenance")
    assert state_of("site", "").state == "halted"
    run("resume", "--scope", "site", "--reason", "done")
    assert state_of("site", "").state == "active"


def test_a_user_is_found_by_the_name_too(alice: User) -> None:
    run("halt", "--scope", "user", "--id", "alice")
    state = state_of("user", str(alice.pk))
    assert (state.state, state.reason) == ("halted", "From the command line")


def test_json_is_one_object(world: World) -> None:
    words = ("--scope", "account", "--id", world.account.pk, "--reason", "why", "--json")
    said = json.loads(run("halt", *words))
    assert said["state"] == "halted"
    assert (said["scope"], said["id"], said["reason"]) == ("account", world.account.pk, "why")
    assert json.loads(run("resume", *words))["state"] == "active"


@pytest.mark.parametrize("command", ["halt", "resume"])
@pytest.mark.parametrize("scope", ["user", "account", "strategy"])
def test_an_unknown_id_is_one_sentence_and_exit_1(db: None, command: str, scope: str) -> None:
    error = refused(command, "--scope", scope, "--id", "999", "--reason", "why")
    assert str(error) == f"There is no {scope} with the id 999."
    assert error.returncode == 1
    assert not TradingState.objects.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("resume", "--scope", "site"), "Say why"),
        (("resume", "--scope", "site", "--reason", "  "), "Say why"),
        (("halt", "--scope", "account"), "Say which account"),
        (("halt", "--scope", "site", "--id", "1"), "leave --id out"),
        (("halt", "--scope", "site", "--reason", "x" * 201), "at most 200"),
    ],
)
def test_a_wrong_call_is_exit_2(db: None, words: tuple[str, ...], says: str) -> None:
    error = refused(*words)
    assert says in str(error)
    assert error.returncode == 2
    assert not TradingState.objects.exists()


def test_an_unknown_scope_is_refused(db: None) -> None:
    assert "invalid choice" in str(refused("halt", "--scope", "planet"))
