"""Profiles and trading states: what is written, who may, and the trail that it leaves."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from brokers.models import BrokerAccount
from risk import selectors, services
from risk.models import RiskProfile, TradingState
from risk.profile_fields import FIELDS
from risk.types import Direction, Limits, SizingMethod
from signals.models import Strategy, Subscription
from tradehub.core.errors import BadInput, Conflict, NotFound
from tradehub.core.words import Scope, TradingStateName

D = Decimal
ACTIVE, REDUCING, HALTED = TradingStateName


def make_profile(owner: User, now: datetime, **values: Any) -> RiskProfile:
    return services.create_profile(owner=owner, values={"name": "Careful", **values}, now=now)


def last_entry() -> AuditEntry:
    found = AuditEntry.objects.order_by("-id").first()
    assert isinstance(found, AuditEntry)
    return found


def test_model_has_exactly_the_fields_that_are_validated() -> None:
    stored = {each.name for each in RiskProfile._meta.get_fields() if hasattr(each, "attname")}
    assert stored - {"id", "owner", "created_at", "updated_at"} == set(FIELDS)


def test_new_profile_limits_nothing(alice: User, now: datetime) -> None:
    profile = RiskProfile.objects.get(pk=make_profile(alice, now).pk)
    assert selectors.limits_of(profile) == Limits.none()
    assert profile.day_starts_at == time(0, 0)
    assert profile.created_at == now


def test_limits_and_sizing_come_back_as_they_were_set(alice: User, now: datetime) -> None:
    made = make_profile(
        alice,
        now,
        sizing_method="conviction",
        size_limits="reduce",
        conviction_risk_percent={"high": "2.5"},
        max_order_value="12345678901234567.123456789",
        max_open_positions=5,
        direction="long_only",
        allowed_symbols=["binance:btcusdt"],
        timezone="America/New_York",
        day_starts_at="17:00",
    )
    profile = RiskProfile.objects.get(pk=made.pk)
    limits = selectors.limits_of(profile)
    assert limits.max_order_value == D("12345678901234567.123456789")
    assert limits.max_open_positions == 5
    assert limits.direction is Direction.LONG_ONLY
    assert limits.allowed_symbols == {"BTCUSDT"}
    rules = selectors.sizing_rules_of(profile)
    assert rules.method is SizingMethod.CONVICTION
    assert rules.conviction_risk_percent == {"high": D("2.5")}
    assert rules.reduce
    assert selectors.day_start_of(profile, now=now).isoformat() == "2026-03-17T21:00:00+00:00"


def test_creation_and_change_leave_old_and_new(alice: User, now: datetime) -> None:
    profile = make_profile(alice, now, max_order_value="1000")
    assert last_entry().action == "risk_profile.created"
    later = now + timedelta(minutes=1)
    changes = {"max_order_value": "2000.50", "day_starts_at": "09:30", "direction": "both"}
    services.update_profile(
        profile=profile, changes=changes, actor=alice, now=later, ip="192.0.2.1"
    )
    entry = last_entry()
    assert (entry.owner, entry.actor, entry.ip, entry.at) == (alice, alice, "192.0.2.1", later)
    assert (entry.action, entry.target_id) == ("risk_profile.changed", profile.pk)
    assert entry.data == {
        "from": {"max_order_value": "1000", "day_starts_at": "00:00"},
        "to": {"max_order_value": "2000.5", "day_starts_at": "09:30"},
    }
    assert RiskProfile.objects.get(pk=profile.pk).updated_at == later


def test_change_of_nothing_leaves_no_entry(alice: User, now: datetime) -> None:
    profile = make_profile(alice, now, max_order_value="1000")
    services.update_profile(
        profile=profile, changes={"max_order_value": "1000.00"}, actor=alice, now=now
    )
    assert AuditEntry.objects.filter(action="risk_profile.changed").count() == 0


def test_change_keeps_what_another_one_just_wrote(alice: User, now: datetime) -> None:
    stale = make_profile(alice, now)
    services.update_profile(profile=stale, changes={"max_order_value": 5}, actor=alice, now=now)
    fresh = services.update_profile(
        profile=stale, changes={"max_order_quantity": 7}, actor=alice, now=now
    )
    assert (fresh.max_order_value, fresh.max_order_quantity) == (5, 7)


def test_refused_change_changes_nothing(alice: User, now: datetime) -> None:
    profile = make_profile(alice, now)
    with pytest.raises(BadInput):
        services.update_profile(
            profile=profile, changes={"sizing_method": "risk_amount"}, actor=alice, now=now
        )
    assert RiskProfile.objects.get(pk=profile.pk).sizing_method == "signal"
    with pytest.raises(BadInput) as refusal:
        services.create_profile(owner=alice, values={}, now=now)
    assert (refusal.value.code, refusal.value.pointer) == ("MISSING_FIELD", "/name")


def test_name_is_one_per_owner(alice: User, bob: User, now: datetime) -> None:
    make_profile(alice, now)
    make_profile(bob, now)
    with pytest.raises(Conflict) as refusal:
        make_profile(alice, now)
    assert refusal.value.pointer == "/name"
    other = make_profile(alice, now, name="Other")
    with pytest.raises(Conflict):
        services.update_profile(profile=other, changes={"name": "Careful"}, actor=alice, now=now)


def test_profile_in_use_stays(alice: User, now: datetime) -> None:
    profile = make_profile(alice, now)
    account = BrokerAccount.objects.create(
        owner=alice, kind="paper", environment="paper", label="Paper"
    )
    subscription = Subscription.objects.create(
        strategy=Strategy.objects.create(owner=alice, name="One"),
        account=account,
        risk_profile=profile,
    )
    with pytest.raises(Conflict):
        services.delete_profile(profile=profile, actor=alice, now=now)
    assert last_entry().action == "risk_profile.created"
    subscription.delete()
    services.delete_profile(profile=profile, actor=alice, now=now)
    assert not RiskProfile.objects.exists()
    assert (last_entry().action, last_entry().target_id) == ("risk_profile.deleted", profile.pk)


def test_profiles_of_another_user_are_not_there(alice: User, bob: User, now: datetime) -> None:
    profile = make_profile(alice, now)
    assert selectors.risk_profile_for(alice, profile.pk) == profile
    assert list(selectors.risk_profiles_for(bob)) == []
    with pytest.raises(NotFound):
        selectors.risk_profile_for(bob, profile.pk)


def switch(
    scope: Scope, scope_id: str, owner: User | None, actor: User | None, now: datetime
) -> Any:
    return {
        "scope": scope,
        "scope_id": scope_id,
        "reason": "a look at the news",
        "owner": owner,
        "actor": actor,
        "now": now,
    }


def test_halt_and_resume_leave_old_and_new(alice: User, now: datetime) -> None:
    change = switch(Scope.ACCOUNT, "acc_1", alice, alice, now)
    row = services.halt(**change)
    assert (row.state, row.reason, row.changed_by) == (HALTED, "a look at the news", alice)
    assert last_entry().data == {
        "scope": "account",
        "scope_id": "acc_1",
        "reason": "a look at the news",
        "from": {"state": "active", "reason": ""},
        "to": {"state": "halted", "reason": "a look at the news"},
    }
    again = services.resume(**change)
    assert (again.pk, again.state) == (row.pk, ACTIVE)
    assert last_entry().data["from"]["state"] == "halted"
    assert last_entry().owner == alice


def test_resume_needs_a_reason_and_halt_none(alice: User, now: datetime) -> None:
    change = switch(Scope.USER, str(alice.pk), alice, alice, now) | {"reason": "  "}
    services.halt(**change)
    with pytest.raises(BadInput) as refusal:
        services.resume(**change)
    assert refusal.value.pointer == "/reason"
    assert TradingState.objects.get().state == HALTED


def test_site_is_switched_by_operators_only(alice: User, operator: User, now: datetime) -> None:
    for change in (services.halt, services.reduce, services.resume):
        with pytest.raises(Conflict) as refusal:
            change(**switch(Scope.SITE, "", None, alice, now))
        assert refusal.value.code == "SCOPE_MISSING"
    assert not TradingState.objects.exists()
    assert services.halt(**switch(Scope.SITE, "", None, operator, now)).state == HALTED
    assert services.resume(**switch(Scope.SITE, "", None, None, now)).state == ACTIVE
    assert last_entry().owner is None


def test_nobody_switches_for_another(alice: User, bob: User, operator: User, now: datetime) -> None:
    for scope, scope_id in ((Scope.USER, str(alice.pk)), (Scope.ACCOUNT, "acc_1")):
        with pytest.raises(NotFound):
            services.halt(**switch(scope, scope_id, alice, bob, now))
    with pytest.raises(NotFound):
        services.halt(**switch(Scope.USER, str(alice.pk), bob, bob, now))
    with pytest.raises(NotFound):
        services.halt(**switch(Scope.ACCOUNT, "", alice, alice, now))
    assert not TradingState.objects.exists()
    row = services.halt(**switch(Scope.USER, str(alice.pk), alice, operator, now))
    assert row.changed_by == operator


def test_states_of_one_account_and_strategy_in_one_query(
    alice: User, bob: User, operator: User, now: datetime
) -> None:
    services.set_paused(strategy_id="str_1", paused=True, owner=alice, actor=alice, now=now)
    services.halt(**switch(Scope.ACCOUNT, "acc_1", alice, alice, now))
    services.reduce(**switch(Scope.SITE, "", None, operator, now))
    services.halt(**switch(Scope.USER, str(bob.pk), bob, bob, now))
    services.halt(**switch(Scope.STRATEGY, "str_2", alice, alice, now))
    with CaptureQueriesContext(connection) as queries:
        found = selectors.states_for(owner_id=alice.pk, account_id="acc_1", strategy_id="str_1")
    assert len(queries) == 1
    assert found.states == (
        (Scope.SITE, REDUCING),
        (Scope.ACCOUNT, HALTED),
        (Scope.STRATEGY, ACTIVE),
    )
    assert found.paused
    assert found.strictest is HALTED
    elsewhere = selectors.states_for(owner_id=alice.pk, account_id="acc_2", strategy_id=None)
    assert elsewhere.states == ((Scope.SITE, REDUCING),)
    assert not elsewhere.paused


def test_pause_is_apart_from_the_state(alice: User, now: datetime) -> None:
    services.halt(**switch(Scope.STRATEGY, "str_1", alice, alice, now))
    for paused in (True, False):
        row = services.set_paused(
            strategy_id="str_1", paused=paused, owner=alice, actor=alice, now=now
        )
        assert (row.paused, row.state) == (paused, HALTED)
        assert selectors.paused_strategies(["str_1", "str_2"]) == ({"str_1"} if paused else set())
    assert last_entry().action == "strategy.resumed"
    assert last_entry().data["from"] == {"paused": True}
