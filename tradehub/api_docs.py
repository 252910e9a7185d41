"""The OpenAPI schema and its page: what every operation shares is added here, once.

A problem can answer any operation, so each names them: 401, 403 and what else may come. Operations
themselves are described where they live, in the apps' `api` modules.
"""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.views import SpectacularSwaggerSplitView

PREFIX = "/api/v1/"
_METHODS = ("get", "post", "put", "patch", "delete")
_TEXT = {"type": "string"}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. Every `code` has a page at `/help/reasons/<code>`.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": _TEXT | {"format": "uri-reference", "example": "/help/reasons/INVALID_FIELD"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": _TEXT | {"example": "INVALID_FIELD"},
        "request_id": _TEXT,
        "errors": {
            "type": "array",
            "description": "Which fields are wrong; `pointer` is a JSON pointer into the body.",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {"pointer": _TEXT, "code": _TEXT, "detail": _TEXT},
            },
        },
    },
}
_MEANINGS = {
    "400": "The request is not readable.",
    "401": "No API key or session, or one that is unknown, revoked or expired.",
    "403": "The key lacks the scope that this needs.",
    "404": "There is no such object, or it is somebody else's.",
    "409": "It can't be done in the present state, or the Idempotency-Key was used otherwise.",
    "422": "A field is wrong; `errors` names each.",
    "429": "Too many requests; `Retry-After` says when to come back.",
}


class ApiDocs(SpectacularSwaggerSplitView):
    """Swagger with its script in a file of its own, so that the page needs no inline script."""


def add_problems(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Postprocessing hook of drf-spectacular."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["responses"] = {
        f"Problem{status}": {
            "description": meaning,
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
        for status, meaning in _MEANINGS.items()
    }
    for path, item in result.get("paths", {}).items():
        if path.startswith(PREFIX):
            for method in _METHODS:
                if method in item:
                    _add(item[method], path)
    return result


def _add(operation: dict[str, Any], path: str) -> None:
    responses = operation.setdefault("responses", {})
    for status in _statuses(operation, path):
        responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})


def _statuses(operation: Mapping[str, Any], path: str) -> list[str]:
    found = ["401", "403", "429"]
    if "{" in path:
        found.append("404")
    if "requestBody" in operation:
        found += ["400", "409", "422"]
    return sorted(found)
