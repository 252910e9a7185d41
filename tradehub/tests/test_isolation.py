"""Nothing of one user reaches another (I6): a walk over the whole URL map, as another user with a
session, as one with a key, and as nobody.

A new route is walked by itself. It fails here until it is scoped, and, if its address has an id of
a new kind, until `isolation_world` has one.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from accounts.models import User
from accounts.services import create_api_key
from accounts.words import ALL_SCOPES
from tradehub import health
from tradehub.lib.api import OwnedViewSet
from tradehub.tests.isolation_world import World, made_by, make_isolated_world, rows_of

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "patch", "put", "delete")

PUBLIC = {
    "livez": "probes",
    "readyz": "probes",
    "readyz/ingest": "probes",
    "metrics": "by address instead: the test's is loopback",
    "api/docs/": "nobody's data",
    "api/schema/": "nobody's data",
    "help/reasons/": "problems link there",
    "help/reasons/<code>": "problems link there",
    "help/reasons/<code>/": "problems link there",
    "welcome/<token>/": "the token is the permission",
    "dashboard/signed-in/": "answers only whether one is signed in",
    "accounts/login/": "signing in",
    "accounts/login/code/confirm/": "signing in",
    "accounts/logout/": "signing out",
    "accounts/signup/": "signing up, where it is open",
    "accounts/inactive/": "signing in",
    "accounts/confirm-email/": "signing up",
    "accounts/confirm-email/<key>/": "the key is the permission",
    "accounts/password/reset/": "forgotten password",
    "accounts/password/reset/done/": "forgotten password",
    "accounts/password/reset/key/<uidb36>-<key>/": "the key is the permission",
    "accounts/password/reset/key/done/": "forgotten password",
}
NOT_IDS = {
    "code": "NOT_FOUND",
    "name": "figures",
    "token": "thi_unknown",
    "key": "unknown",
    "uidb36": "1",
    "verb": "halt",
    "kind": "alpaca",
    "url": "nowhere",
    "app_label": "orders",
    "content_type_id": "1",
}
FOREIGN = {404, 405}
"""What another user's object answers, whatever is asked of it."""
AS_IF_GONE = {"api-keys/<key_id>/revoke/": "back to one's own list: a key is revoked once or twice"}
"""Where it answers with a redirect instead."""
CLOSED = {302, 401, 404, 405}
"""What a visitor is answered. 405: the method is refused before anything is looked at."""


@dataclass(frozen=True)
class Route:
    pattern: str

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"<(\w+)>", self.pattern)

    @property
    def names_an_object(self) -> bool:
        return any(name not in NOT_IDS for name in self.parameters)

    @property
    def is_operators(self) -> bool:
        return self.pattern.startswith("admin/")

    def address(self, ids: dict[str, str]) -> str:
        filled = self.pattern
        for name in self.parameters:
            filled = filled.replace(f"<{name}>", self._value(name, ids), 1)
        return f"/{filled}"

    def _value(self, name: str, ids: dict[str, str]) -> str:
        if name in NOT_IDS:
            return NOT_IDS[name]
        if self.is_operators:
            return ids["orders"]
        before = self.pattern.partition(f"<{name}>")[0].rstrip("/").rpartition("/")[2]
        assert before in ids, f"{self.pattern}: give isolation_world an id for {before!r}"
        return ids[before]


def all_routes() -> list[Route]:
    return [Route(pattern) for pattern in sorted(set(_patterns(get_resolver(), "")))]


def _patterns(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        text = str(entry.pattern)
        if isinstance(entry.pattern, RegexPattern):
            text = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", text)
            text = text.removeprefix("^").removesuffix("$").removesuffix(r"\Z").replace("\\", "")
        text = prefix + re.sub(r"<\w+:(\w+)>", r"<\1>", text)
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, text)
        else:
            yield text


def bodies_naming(world: World, own: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Bodies that would do something with a user's things, sent by somebody whose ids are `own`."""
    account, strategy = world.ids["broker-accounts"], world.ids["strategies"]
    profile, mine = world.ids["risk-profiles"], own["risk-profiles"]
    order = {"symbol": "AAPL", "side": "buy", "quantity": "1", "risk_profile": mine}
    subscription = {"account": own["broker-accounts"], "risk_profile": mine, "mode": "auto"}
    bodies = {
        "api/v1/orders/": [
            order | {"account": account},
            order | {"account": own["broker-accounts"], "risk_profile": profile},
            order | {"account": own["broker-accounts"], "strategy": strategy},
        ],
        "api/v1/strategies/<strategy_pk>/accounts/": [
            subscription | {"account": account},
            subscription | {"risk_profile": profile},
        ],
        "api/v1/strategies/<strategy_pk>/accounts/<pk>/": [{"risk_profile": profile}],
        "api/v1/webhook-tokens/": [{"strategy": strategy}, {"default_strategy": strategy}],
        "api/v1/webhook-tokens/<pk>/": [{"default_strategy": strategy}],
        "strategies/<strategy_id>/accounts/": [
            subscription | {"account": account, "multiplier": "1"},
            subscription | {"risk_profile": profile, "multiplier": "1"},
        ],
        "subscriptions/<subscription_id>/edit/": [
            {"risk_profile": profile, "mode": "auto", "multiplier": "1"}
        ],
    }
    for verb in ("halt", "reduce", "resume"):
        bodies[f"api/v1/trading-state/{verb}/"] = [
            {"scope": scope, "id": identity, "reason": "not mine"}
            for scope, identity in (
                ("site", ""),
                ("user", str(world.owner.pk)),
                ("account", account),
                ("strategy", strategy),
            )
        ]
    return bodies


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Readiness has its own tests; here its write would wait for this test's transaction. And no
    log of thousands of requests."""
    caplog.set_level(logging.CRITICAL)
    for name in ("_database", "_redis"):
        monkeypatch.setattr(health, name, health.Probe([name], lambda: []))
    monkeypatch.setattr("orders.api.WAIT_SECONDS", 0)


@pytest.fixture
def world(alice: User, now: datetime) -> World:
    return make_isolated_world(alice, now)


Ask = Callable[[str, str, Any, dict[str, str]], Any]


def by_session(user: User | None) -> Ask:
    client = Client(raise_request_exception=False)

    def ask(method: str, address: str, body: Any, query: dict[str, str]) -> Any:
        if user is not None:
            client.force_login(user)  # anew: the walk also logs out
        programs = address.startswith("/api/")
        kind = "application/json" if programs or method != "post" else None
        data = json.dumps(body) if kind else body
        if method == "get":
            return client.get(address, query)
        return getattr(client, method)(
            address, data, query_params=query, **({"content_type": kind} if kind else {})
        )

    return ask


def by_key(user: User, now: datetime) -> Ask:
    def ask(method: str, address: str, body: Any, query: dict[str, str]) -> Any:
        # Made anew: the walk also revokes keys.
        _, secret = create_api_key(owner=user, name="walk", scopes=ALL_SCOPES, now=now)
        client = Client(
            raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"}
        )
        data = query if method == "get" else json.dumps(body)
        more = {} if method == "get" else {"content_type": "application/json"}
        return getattr(client, method)(address, data, **more)

    return ask


def walk(ask: Ask, world: World, routes: list[Route]) -> None:
    """Every route by every method, with the owner's ids wherever an id goes."""
    before = rows_of(world)
    query = {
        "account": world.ids["broker-accounts"],
        "strategy": world.ids["strategies"],
        "signal": world.ids["signals"],
        "symbol": "AAPL",
    }
    for route in routes:
        address = route.address(world.ids)
        body = {"name": "x", "reason": "not mine", "enabled": False}
        said = {address, json.dumps(body)}
        for method in METHODS:
            for asked in ({}, query):
                response = ask(method, address, body, asked)
                where = f"{method.upper()} {route.pattern} {asked and 'with filters'}"
                assert response.status_code < 500, f"{where}: {response.content[:500]!r}"
                if route.names_an_object:
                    allowed = FOREIGN | ({302} if route.pattern in AS_IF_GONE else set())
                    assert response.status_code in allowed, f"{where}: {response.status_code}"
                _look_for_markers(response, world, said | set(asked.values()), where)
    assert rows_of(world) == before


def _look_for_markers(response: Any, world: World, said: set[str], where: str) -> None:
    """What the request itself named may come back in a refusal; a name never."""
    text = response.content.decode("utf-8", "replace")
    spoken = " ".join(said)
    leaked = [each for each in world.markers if each in text and each not in spoken]
    assert not leaked, f"{where} shows {leaked}"


def test_another_users_session_gets_nothing(world: World, bob: User) -> None:
    walk(by_session(bob), world, [each for each in all_routes() if not each.is_operators])


def test_another_users_key_gets_nothing(world: World, bob: User, now: datetime) -> None:
    routes = [each for each in all_routes() if each.pattern.startswith("api/")]
    walk(by_key(bob, now), world, routes)


@pytest.mark.parametrize("door", ["session", "key"])
def test_nothing_is_made_of_another_users_things(
    world: World, bob: User, now: datetime, door: str
) -> None:
    """Bob's own addresses, with alice's ids in the body."""
    own = make_isolated_world(bob, now)
    ask = by_session(bob) if door == "session" else by_key(bob, now)
    before = rows_of(world)
    for pattern, bodies in bodies_naming(world, own.ids).items():
        programs = pattern.startswith("api/")
        if door == "key" and not programs:
            continue
        method = "post" if not programs or not pattern.endswith("<pk>/") else "patch"
        for body in bodies:
            mine = made_by(own)
            response = ask(method, Route(pattern).address(own.ids), body, {})
            where = f"{method.upper()} {pattern} {body}: {response.status_code}"
            assert response.status_code >= 400 or not programs, where
            assert made_by(own) == mine, where
            _look_for_markers(response, world, {json.dumps(body)}, where)
    assert rows_of(world) == before


def test_the_same_bodies_do_it_for_their_owner(world: World, alice: User, now: datetime) -> None:
    """Or the bodies above might be refused for something else."""
    ask = by_key(alice, now)
    refused = []
    for pattern, bodies in bodies_naming(world, world.ids).items():
        if pattern.startswith("api/"):
            method = "patch" if pattern.endswith("<pk>/") else "post"
            found = [
                ask(method, Route(pattern).address(world.ids), body, {}).status_code
                for body in bodies
                if body.get("scope") != "site"
            ]
            refused += [pattern] if min(found) >= 300 else []
    # There is one subscription of a strategy on an account, and this one is there already.
    assert refused == ["api/v1/strategies/<strategy_pk>/accounts/"]


def test_the_owner_gets_it_by_the_same_walk(world: World, alice: User) -> None:
    """Or the walk above would be satisfied by addresses that never were."""
    ask = by_session(alice)
    missing = []
    for route in all_routes():
        if not route.names_an_object or route.is_operators:
            continue
        statuses = {
            method: ask(method, route.address(world.ids), {}, {}).status_code
            for method in ("get", "post")
        }
        if set(statuses.values()) <= {404}:
            missing.append((route.pattern, statuses))
    assert not missing


def test_operators_pages_are_closed_to_users(world: World, bob: User) -> None:
    ask = by_session(bob)
    for route in all_routes():
        if route.is_operators:
            for method in ("get", "post"):
                status = ask(method, route.address(world.ids), {}, {}).status_code
                assert status in {302, 403, 404, 405}, f"{method} {route.pattern}: {status}"


def test_a_visitor_gets_nothing_but_what_is_public(world: World) -> None:
    ask = by_session(None)
    for route in all_routes():
        if route.pattern in PUBLIC:
            continue
        for method in METHODS:
            response = ask(method, route.address(world.ids), {}, {})
            assert response.status_code in CLOSED, (
                f"{method.upper()} {route.pattern}: {response.status_code}"
            )
            if response.status_code == 302:
                assert response.headers["Location"].startswith(("/accounts/", "/admin/"))
            _look_for_markers(response, world, {route.address(world.ids)}, route.pattern)


def test_public_routes_are_routes() -> None:
    assert set(PUBLIC) <= {each.pattern for each in all_routes()}


def test_the_walk_notices_rows_that_are_not_scoped(
    world: World, bob: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everybodys(view: Any) -> Any:
        return super(OwnedViewSet, view).get_queryset()

    monkeypatch.setattr(OwnedViewSet, "get_queryset", everybodys)
    routes = [each for each in all_routes() if each.pattern.startswith("api/v1/risk-profiles/")]
    with pytest.raises(AssertionError):
        walk(by_key(bob, now), world, routes)
    with pytest.raises(AssertionError):
        walk(by_key(bob, now), world, [each for each in routes if not each.parameters])


def test_the_tests_run_with_the_real_settings() -> None:
    assert settings.REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] == [
        "accounts.permissions.HasScope"
    ]
