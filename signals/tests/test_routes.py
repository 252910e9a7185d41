"""Routes: who may send where, and that no process acts on an old answer for long."""

import json
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from orders.terms import DEFAULT_OVERRIDES, Terms
from signals import routes as module
from signals.models import RouteVersion, Strategy, WebhookToken
from signals.routes import Route, Routes, bump_route_version, read_route, read_version
from tradehub.lib.clock import utc_now
from tradehub.lib.tokens import Token, new_token
from tradehub.testing.builders import make_account, make_profile, make_strategy, make_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def strategy(alice: User, now: datetime) -> Strategy:
    return make_strategy(alice, make_account(alice, now), make_profile(alice, now))


@pytest.fixture
def token(strategy: Strategy) -> Token:
    return make_token(strategy)


def change(**values: Any) -> None:
    WebhookToken.objects.update(**values)
    bump_route_version()


def found(token: Token) -> Route:
    route = read_route(token.digest, read_version())
    assert route is not None
    return route


def test_a_bound_token_goes_to_its_strategy_with_its_terms_frozen(
    strategy: Strategy, token: Token
) -> None:
    route = found(token)
    assert route.strategy is not None
    assert route.strategy_for("anything") is route.strategy
    ((account, terms),) = route.strategy.lanes
    subscription = strategy.subscriptions.get()
    assert account == subscription.account_id
    frozen = Terms.from_json(json.loads(terms))
    assert (frozen.strategy, frozen.risk_profile) == (strategy.pk, subscription.risk_profile_id)
    assert frozen.overrides == DEFAULT_OVERRIDES


def test_an_unbound_token_goes_by_name_case_ignored_then_to_its_default(
    alice: User, bob: User, strategy: Strategy, token: Token
) -> None:
    other = make_strategy(alice, name="Mean Reversion")
    make_strategy(bob, name="Secret")
    change(strategy=None, default_strategy=other)
    route = found(token)
    assert route.strategy is None
    named = route.strategy_for("  BREAKOUT ")
    assert named is not None
    assert named.id == strategy.pk
    default = route.strategy_for("Secret")
    assert default is not None
    assert default.id == other.pk  # bob's strategy is nobody's here
    change(default_strategy=None)
    assert found(token).strategy_for("Secret") is None
    assert found(token).strategy_for(None) is None


@pytest.mark.parametrize("what", ["unknown", "revoked", "inactive"])
def test_no_route(token: Token, alice: User, now: datetime, what: str) -> None:
    if what == "revoked":
        change(revoked_at=now)
    elif what == "inactive":
        alice.is_active = False
        alice.save(update_fields=["is_active"])
    digest = new_token("thw_").digest if what == "unknown" else token.digest
    assert read_route(digest, 0) is None


def test_expiry_and_addresses(token: Token, now: datetime) -> None:
    change(expires_at=now, allowed_ips=["10.0.0.0/8", "2001:db8::/32"], tradingview_only=True)
    route = found(token)
    before = now - timedelta(microseconds=1)
    for address in ("10.1.2.3", "2001:db8::1", "52.89.214.238"):
        assert route.admits(address, before)
        assert not route.admits(address, now)
    for address in ("11.0.0.1", "", "nonsense", "::ffff:11.0.0.1"):
        assert not route.admits(address, before)


def test_a_rotated_token_works_until_its_overlap_ends(token: Token, now: datetime) -> None:
    fresh = new_token("thw_")
    until = utc_now() + timedelta(hours=1)
    change(digest=fresh.digest, previous_digest=token.digest, previous_expires_at=until)
    assert found(token).expires_at == until
    assert found(fresh).expires_at is None
    change(previous_expires_at=utc_now() - timedelta(seconds=1))
    assert read_route(token.digest, 0) is None
    assert read_route(fresh.digest, 0) is not None


def test_a_change_in_one_process_is_seen_by_another_within_a_second(
    token: Token, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    other_process = Routes()
    assert other_process.look_up(token.digest) is not None
    assert other_process.cached(token.digest) is not None
    change(revoked_at=now)
    clock[0] += 1
    assert other_process.cached(token.digest) is None
    assert other_process.look_up(token.digest) is None


def test_a_version_seen_while_storing_empties_the_cache_at_once(token: Token) -> None:
    routes = Routes()
    routes.look_up(token.digest)
    bump_route_version()
    routes.saw_version(read_version())
    assert routes.cached(token.digest) is None


def test_a_route_read_beside_a_change_is_never_taken_for_current(
    token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader reads under one version while the writer's thread sees the next: the route that
    arrives late must not be served from the cache, or its alerts would be turned round for ever."""
    routes = Routes()
    real = module.read_route

    def read_late(digest: bytes, version: int) -> Route | None:
        route = real(digest, version)
        bump_route_version()
        routes.saw_version(read_version())
        return route

    monkeypatch.setattr(module, "read_route", read_late)
    late = routes.look_up(token.digest)
    monkeypatch.undo()
    assert late is not None
    assert late.version != read_version()
    assert routes.cached(token.digest) is None
    again = routes.look_up(token.digest)
    assert again is not None
    assert again.version == read_version()


def test_every_refusal_costs_the_same_two_looks(token: Token) -> None:
    def costs(routes: Routes, digest: bytes, admits: Any = bool) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert routes.look_up(digest, admits) is None
        return len(queries)

    routes = Routes()
    routes.look_up(token.digest)
    unknown = costs(routes, new_token("thw_").digest)
    blocked = costs(routes, token.digest, lambda route: False)
    assert unknown == blocked == 2


def test_the_version_is_one_row(token: Token) -> None:
    before = read_version()
    bump_route_version()
    assert read_version() == before + 1
    assert RouteVersion.objects.count() == 1
    RouteVersion.objects.all().delete()
    assert read_version() == 0
    bump_route_version()
    assert read_version() == 1
