"""The webhook: a plain ASGI callable in front of Django's handler.

No session, no middleware, one look at a cached route, the parse, then the group commit: an answer
in the 200s means that the alert is stored. Host check, method, limits and logging are done here,
since Django's are passed by. Refusals that concern the token are one answer (404) at one cost.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.db import DatabaseError, OperationalError, close_old_connections
from django.http.request import split_domain_port, validate_host

from signals import waiting
from signals.admission import Admission, admit
from signals.arrivals import Arrival, ArrivalOutcome
from signals.ingest import writer
from signals.parsing import MAX_BODY, ParsedAlert, ParseProblem, parse_alert
from signals.progress import Progress, Watch
from signals.routes import Route, routes
from tradehub.lib import metrics
from tradehub.lib.client_ip import client_ip
from tradehub.lib.clock import utc_now
from tradehub.lib.ids import new_id
from tradehub.lib.problems import FieldError, problem_body
from tradehub.lib.ratelimit import Throttle
from tradehub.lib.tokens import digest_of

log = structlog.get_logger(__name__)

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

ANSWER_SECONDS = 2.5
"""Senders hang up after 3 s. What is not stored by then never will be: the answer is a 503."""
COMMIT_SECONDS = 7.5
"""More for an alert whose own commit hangs: nobody knows yet whether it is stored."""

JSON = b"application/json"
PROBLEM = b"application/problem+json"

# One thread reads routes: its connection is its own, and a flood of unknown tokens waits in line
# here and not in the event loop.
_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="routes")
_reading = Progress()
_reads = Watch(_reading)
_commits = Watch(writer.progress)
_throttle = Throttle()


@dataclass(slots=True)
class Request:
    """What the answer needs of the HTTP request."""

    id: str
    host: str
    scheme: str
    headers: Mapping[bytes, bytes]
    address: str
    body: bytes
    received_at: datetime
    """When the last byte was here."""
    began: float
    deadline: float
    """Of the event loop's clock: when the answer is due."""


class Refused(Exception):
    """The answer is a problem."""

    def __init__(
        self,
        code: str,
        *,
        status: int,
        detail: str = "",
        errors: tuple[FieldError, ...] = (),
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers


async def webhook_app(scope: Scope, receive: Receive, send: Send) -> None:
    """`POST /webhook/<token>` and `POST /webhook`, with or without a final slash."""
    request_id = new_id("req")
    began = time.perf_counter()
    try:
        request = await _read(scope, receive, request_id, began)
        status, body, kind, headers = await _answer(request, _token_in(scope["path"]))
    except _HungUp:
        return
    except Refused as refused:
        status, kind, headers = refused.status, PROBLEM, refused.headers
        body = _problem(refused, request_id)
    except Exception as error:  # the last line: no trace leaves the server, and TradingView resends
        log.error("webhook_failed", request_id=request_id, error=type(error).__name__)
        status, kind, headers = 503, PROBLEM, ((b"retry-after", b"5"),)
        body = _problem(Refused("NOT_STORED", status=503), request_id)
    metrics.webhook_answers.labels(str(status)).inc()
    metrics.webhook_ack_seconds.observe(time.perf_counter() - began)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", kind),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
                (b"x-request-id", request_id.encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


class _HungUp(Exception):
    """The client is gone before its body was here."""


async def _read(scope: Scope, receive: Receive, request_id: str, began: float) -> Request:
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1")
    if not _is_our_host(host):
        raise Refused("INVALID_FIELD", status=400, detail="This host name is not served here.")
    if scope["method"] != "POST":
        raise Refused("METHOD_NOT_ALLOWED", status=405, headers=((b"allow", b"POST"),))
    body = await _body(receive)
    peer = scope["client"][0] if scope.get("client") else ""
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    return Request(
        id=request_id,
        host=host,
        scheme=scope.get("scheme", "http"),
        headers=headers,
        address=client_ip(peer, forwarded, settings.TRUSTED_PROXY_COUNT)[:45],
        body=body,
        received_at=utc_now(),
        began=began,
        deadline=asyncio.get_running_loop().time() + ANSWER_SECONDS,
    )


async def _body(receive: Receive) -> bytes:
    """The body, read no further than one byte past the limit: enough to know and to log it."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _HungUp
        part = message.get("body", b"")
        if size <= MAX_BODY:
            parts.append(part)
            size += len(part)
        if not message.get("more_body"):
            return b"".join(parts)[: MAX_BODY + 1]


async def _answer(
    request: Request, token: str
) -> tuple[int, bytes, bytes, tuple[tuple[bytes, bytes], ...]]:
    content_type = request.headers.get(b"content-type", b"").decode("latin-1")[:80]
    parsed: ParsedAlert | ParseProblem
    try:
        parsed = parse_alert(request.body, content_type=content_type)
    except ParseProblem as problem:
        parsed = problem
    if not token:
        token = _token_of_body(parsed)
    route = await _route(token, request)
    _throttle_or_refuse(route)
    for _ in range(3):
        admission = admit(
            route,
            parsed,
            body=request.body,
            headers=request.headers,
            token=token,
            now=request.received_at,
        )
        arrival = _arrival(request, route, admission, content_type)
        await _store(arrival, request.deadline)
        if arrival.outcome is not ArrivalOutcome.REROUTED:
            return await _result(request, route, arrival, admission)
        route = await _route(token, request)
    raise _not_stored()


def _not_stored() -> Refused:
    return Refused("NOT_STORED", status=503, headers=((b"retry-after", b"5"),))


def _token_of_body(parsed: ParsedAlert | ParseProblem) -> str:
    """`POST /webhook`: the token is the body's `api_key`, else its `passphrase`."""
    token = parsed.api_key or parsed.passphrase
    if token:
        return token
    if isinstance(parsed, ParseProblem):
        raise Refused(
            parsed.code,
            status=400 if parsed.code == "INVALID_JSON" else parsed.http_status,
            detail=parsed.detail,
        )
    raise Refused(
        "MISSING_FIELD",
        status=422,
        detail="Without a token in the URL, the body needs it as `api_key`.",
        errors=(FieldError("/api_key", "MISSING_FIELD", "The webhook token is missing."),),
    )


async def _route(token: str, request: Request) -> Route:
    """The token's route. Every refusal has looked at the database, in the same way."""

    def admits(route: Route) -> bool:
        return route.admits(request.address, request.received_at)

    digest = digest_of(token)
    route = routes.cached(digest)
    if route is not None and admits(route):
        return route

    def look() -> Route | None:
        # Those who wait in line for a new token ask the database once, not each.
        known = routes.cached(digest)
        if known is not None and admits(known):
            return known
        return routes.look_up(digest, admits)

    route = await _in_reader(look, request.deadline)
    if route is None:
        raise Refused("NOT_FOUND", status=404)
    return route


def _throttle_or_refuse(route: Route) -> None:
    wait = _throttle.take(route.token_id, route.requests_per_minute)
    if wait:
        metrics.webhook_throttled.inc()
        writer.count_throttled(route.token_id)
        raise Refused("RATE_LIMITED", status=429, headers=((b"retry-after", str(wait).encode()),))


async def _in_reader(look: Callable[[], Route | None], deadline: float) -> Route | None:
    asked = time.monotonic()

    def read() -> Route | None:
        if _reading.failed_slowly_since(asked):
            raise OperationalError("as for the one before")
        with _reading.at_work():
            try:
                close_old_connections()
                return look()
            except DatabaseError:
                _reading.has_failed()
                raise

    found = asyncio.get_running_loop().run_in_executor(_reader, read)
    try:
        if await _reads.finished(found, due=deadline, give_up=lambda: True):
            return found.result()
    except DatabaseError as error:
        log.error("route_lookup_failed", error=type(error).__name__)
        raise _not_stored() from error
    log.error("route_lookup_too_slow")
    raise _not_stored()


def _arrival(request: Request, route: Route, admission: Admission, content_type: str) -> Arrival:
    return Arrival(
        id=new_id("sig"),
        route=route,
        strategy=admission.strategy,
        received_at=request.received_at,
        source_ip=request.address,
        content_type=content_type,
        raw=request.body[:MAX_BODY],
        dialect=admission.dialect,
        intents_json=admission.intents_json,
        error=admission.error,
        key=admission.key,
        key_expires=admission.key_expires,
        fingerprint=admission.fingerprint,
    )


async def _store(arrival: Arrival, deadline: float) -> None:
    """Wait for the commit. A client that hangs up cancels the wait, not the commit; one that is
    told "not stored" cancels both."""
    loop = asyncio.get_running_loop()
    stored = loop.create_future()

    def wake() -> None:
        if not stored.done():
            stored.set_result(None)

    def done() -> None:
        loop.call_soon_threadsafe(wake)

    arrival.done = done
    if not writer.put(arrival):
        raise _not_stored()
    last = deadline + COMMIT_SECONDS
    if not await _commits.finished(
        stored, due=deadline, give_up=lambda: arrival.give_up() or loop.time() > last
    ):
        log.error("ingest_too_slow", signal=arrival.id, commit_begun=arrival.sealed)
        raise _not_stored()


async def _result(
    request: Request, route: Route, arrival: Arrival, admission: Admission
) -> tuple[int, bytes, bytes, tuple[tuple[bytes, bytes], ...]]:
    outcome = arrival.outcome
    if outcome is ArrivalOutcome.NOT_STORED:
        raise _not_stored()
    if outcome is ArrivalOutcome.CONFLICT:
        assert arrival.error is not None
        raise Refused("IDEMPOTENCY_CONFLICT", status=409, detail=arrival.error["detail"])
    if outcome is ArrivalOutcome.INVALID:
        assert arrival.error is not None
        errors = tuple(FieldError(**each) for each in arrival.error["errors"])
        raise Refused(
            arrival.error["code"],
            status=admission.status,
            detail=arrival.error["detail"],
            errors=errors,
        )
    seconds = waiting.seconds_asked(request.headers.get(b"prefer"), route.wait_seconds)
    if seconds and outcome is ArrivalOutcome.ACCEPTED:
        final = await waiting.final_signal(arrival.id, route.owner_id, seconds)
        if final is not None:
            return 200, orjson.dumps(final), JSON, ((b"preference-applied", b"wait"),)
    body = {
        "status": "accepted" if outcome is ArrivalOutcome.ACCEPTED else "duplicate",
        "signal_id": arrival.stored_id,
        "request_id": request.id,
        "url": f"{_base_url(request)}/signals/{arrival.stored_id}/",
    }
    return (202 if outcome is ArrivalOutcome.ACCEPTED else 200), orjson.dumps(body), JSON, ()


def _problem(refused: Refused, request_id: str) -> bytes:
    body = problem_body(
        refused.code,
        request_id=request_id,
        detail=refused.detail,
        status=refused.status,
        errors=refused.errors,
    )
    return orjson.dumps(body)


def _token_in(path: str) -> str:
    return path.removeprefix("/webhook").strip("/")


def _base_url(request: Request) -> str:
    return settings.PUBLIC_URL or f"{request.scheme}://{request.host}"


@lru_cache(maxsize=256)
def _is_our_host(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
