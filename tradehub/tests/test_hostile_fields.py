"""No field of the REST API answers a hostile value with an error of ours: a walk over the schema.

A new field is walked by itself. A new POST with a body fails here until `BODIES` has one
that is fine without the hostile value, or nothing behind the first check would be reached.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts.models import User
from orders import api
from tradehub.core.reasons import REASONS
from tradehub.tests.isolation_world import World, make_isolated_world

pytestmark = pytest.mark.django_db

HOSTILE = (
    "1e308",
    "[1e308]",
    '{"a": 1e308}',
    "1" * 300,
    "true",
    '""',
    '"\\ud800"',
    "[" * 30 + "]" * 30,
    f'"{"x" * 5_000}"',
)
"""As JSON texts: most of them no encoder would write."""
FOR_PLAIN_TYPES = "1e308", '"NaN"'
"""For decimals and truths, of which all have one parser."""
FOR_TIMES = *HOSTILE, '"9999-12-31T23:59:59-14:00"'
NOT_ITS_OWN = {"/api/v1/signals/preview/"}
"""The body is an alert, read by another parser."""
BODIES: dict[str, dict[str, str]] = {
    "/api/v1/api-keys/": {"name": '"A key"', "scopes": '["read"]'},
    "/api/v1/broker-accounts/": {"kind": '"paper"', "label": '"Another"'},
    "/api/v1/broker-accounts/{id}/sync/": {},
    "/api/v1/orders/": {"symbol": '"AAPL"', "side": '"buy"', "quantity": "1"},
    "/api/v1/orders/{id}/replace/": {"quantity": "1"},
    "/api/v1/orders/{id}/review/": {"placed": "false"},
    "/api/v1/risk-profiles/": {"name": '"Another"'},
    "/api/v1/strategies/": {"name": '"Another"'},
    "/api/v1/strategies/{strategy_pk}/accounts/": {
        "account": '"broker-accounts"',
        "risk_profile": '"risk-profiles"',
    },
    "/api/v1/trading-state/emergency-stop/": {},
    "/api/v1/trading-state/halt/": {},
    "/api/v1/trading-state/reduce/": {},
    "/api/v1/trading-state/resume/": {"reason": '"Over"'},
    "/api/v1/webhook-tokens/": {},
}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    fields: dict[str, tuple[str, ...]]
    """What each is given; dotted where they are within an object."""

    def address(self, world: World) -> str:
        filled = self.path
        while "{" in filled:
            before, _, after = filled.partition("{")
            word = before.rstrip("/").rpartition("/")[2]
            filled = before + world.ids[word] + after.partition("}")[2]
        return filled

    def body(self, field: str, value: str, world: World) -> str:
        said = {} if self.method == "patch" else dict(BODIES[self.path])
        said = {name: _named(text, world) for name, text in said.items()}
        outer, _, inner = field.partition(".")
        said[outer] = f'{{"{inner}": {value}}}' if inner else value
        return "{" + ", ".join(f'"{name}": {text}' for name, text in said.items()) + "}"


def _named(text: str, world: World) -> str:
    word = text.strip('"')
    return f'"{world.ids[word]}"' if word in world.ids else text


def operations() -> Iterator[Operation]:
    """One for each kind of body: a POST, or a change where only that has it."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    shapes = schema["components"]["schemas"]
    seen: set[str] = set()
    for method in ("post", "patch"):
        for path, item in schema["paths"].items():
            if method not in item or path in NOT_ITS_OWN:
                continue
            asked = item[method].get("requestBody", {}).get("content", {})
            shape = asked.get("application/json", {}).get("schema", {})
            kind = shape.get("$ref", path).rpartition("/")[2].removeprefix("Patched")
            if kind not in seen:
                yield Operation(method, path, dict(_fields(shape, shapes)))
            seen |= {kind} if "$ref" in shape else set()


def _fields(
    shape: dict[str, Any], shapes: dict[str, Any], before: str = ""
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for each in (shape, *shape.get("allOf", ()), *shape.get("oneOf", ())):
        found = shapes[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        for name, inner in found.get("properties", {}).items():
            if not inner.get("readOnly"):
                yield f"{before}{name}", _values_for(inner)
                if not before:
                    yield from _fields(inner, shapes, f"{name}.")


def _values_for(shape: dict[str, Any]) -> tuple[str, ...]:
    if shape.get("format") == "decimal" or shape.get("type") == "boolean":
        return FOR_PLAIN_TYPES
    return FOR_TIMES if shape.get("format") in ("date-time", "time") else HOSTILE


OPERATIONS = tuple(operations())
WITH_FIELDS = [each for each in OPERATIONS if each.fields]
WITHOUT = [each for each in OPERATIONS if each.method == "post" and not each.fields]


@pytest.fixture
def world(alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(api, "WAIT_SECONDS", 0.0)
    return make_isolated_world(alice, now)


def answer(world: World, operation: Operation, body: str) -> Any:
    """What it answers; whatever it did is undone."""
    client = APIClient()
    client.force_authenticate(world.owner)
    before = transaction.savepoint()
    send = getattr(client, operation.method)
    response = send(operation.address(world), body, content_type="application/json")
    transaction.savepoint_rollback(before)
    return response


@pytest.mark.parametrize("operation", WITH_FIELDS, ids=lambda each: f"{each.method} {each.path}")
def test_no_value_of_a_field_is_an_error_of_ours(operation: Operation, world: World) -> None:
    wrong = []
    for field, values in operation.fields.items():
        for value in values:
            response = answer(world, operation, operation.body(field, value, world))
            code = response.json().get("code") if response.status_code >= 400 else None
            refused = response.status_code < 500 and code in REASONS
            if response.status_code >= 300 and not refused:
                wrong.append((field, value[:40], response.status_code, code))
    assert wrong == []


@pytest.mark.parametrize("operation", WITHOUT, ids=lambda each: each.path)
def test_what_takes_no_body_refuses_every_field(operation: Operation, world: World) -> None:
    refused = answer(world, operation, '{"quantity": "0.01"}')
    assert (refused.status_code, refused.json()["code"]) == (422, "UNSUPPORTED_FIELD")
    assert refused.json()["errors"][0]["pointer"] == "/quantity"


def test_the_walk_finds_what_there_is() -> None:
    assert sum(len(each.fields) for each in WITH_FIELDS) > 100
    assert {each.path.rstrip("/").rpartition("/")[2] for each in WITHOUT} == {
        "cancel", "check", "close", "pause", "refresh", "resume", "rotate",
    }  # fmt: skip
    assert {"webhook.wait_seconds"} <= {name for each in WITH_FIELDS for name in each.fields}
