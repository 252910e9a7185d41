"""One request to a plain ASGI callable, as a server would make it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


def request(
    app: Any,
    path: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    client: str = "203.0.113.7",
) -> Answer:
    given = {"host": "localhost", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "scheme": "http",
        "client": (client, 50_000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }
    return asyncio.run(_call(app, scope, [body[:10], body[10:]]))


async def _call(app: Any, scope: dict[str, Any], parts: list[bytes]) -> Answer:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(each["body"] for each in rest))
