"""Admission: what a parsed alert becomes under the route it came by.

Pure of the database: it checks passphrase and signature in constant time, picks the strategy and
makes the key that a copy would share. Whatever is wrong becomes an error that is stored for the
owner to see; nothing is dropped.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from signals.parsing import (
    ParsedAlert,
    ParseProblem,
    alert_fingerprint,
    body_key,
    signal_key,
)
from signals.routes import Route, StrategyRoute

SIGNATURE_TOLERANCE_SECONDS = 300
"""Of Standard Webhooks' timestamp, both ways (its libraries' default)."""

Headers = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Admission:
    strategy: StrategyRoute | None
    status: int = 202
    dialect: str = ""
    intents_json: str = "[]"
    error: dict[str, Any] | None = None
    key: str = ""
    key_expires: bool = False
    fingerprint: str = ""


def admit(
    route: Route,
    parsed: ParsedAlert | ParseProblem,
    *,
    body: bytes,
    headers: Headers,
    token: str,
    now: datetime,
) -> Admission:
    """What to store. `token` is the secret the request came with."""
    if not _signature_holds(route, body, headers, now):
        detail = "The body's signature is missing or wrong."
        return _invalid(route.strategy, 401, "INVALID_SIGNATURE", detail)
    if not _passphrase_holds(route, parsed.passphrase):
        detail = "The passphrase is missing or wrong."
        return _invalid(route.strategy, 401, "INVALID_PASSPHRASE", detail)
    if isinstance(parsed, ParseProblem):
        errors = [
            {"pointer": each.pointer, "code": each.code, "detail": each.detail}
            for each in parsed.errors
        ]
        return _invalid(route.strategy, parsed.http_status, parsed.code, parsed.detail, errors)
    strategy = route.strategy_for(parsed.strategy)
    if strategy is None:
        return _unrouted(parsed)
    key = signal_key(parsed) or _delivery_key(headers)
    return Admission(
        strategy,
        dialect=parsed.dialect,
        intents_json=orjson.dumps([each.to_json() for each in parsed.intents]).decode(),
        key=key or body_key(body),
        key_expires=key is None,
        fingerprint=alert_fingerprint(parsed),
    )


def _invalid(
    strategy: StrategyRoute | None,
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
) -> Admission:
    error = {"code": code, "detail": detail, "errors": errors or []}
    return Admission(strategy, status=status, error=error)


def _unrouted(parsed: ParsedAlert) -> Admission:
    if parsed.strategy:
        detail = (
            f"There is no strategy named {parsed.strategy[:80]!r}, and the token has no default."
        )
    else:
        detail = "The token is not bound to a strategy, so the alert must name one."
    error = {"pointer": "/strategy", "code": "MISSING_FIELD", "detail": detail}
    return _invalid(None, 422, "MISSING_FIELD", detail, [error])


def _passphrase_holds(route: Route, given: str | None) -> bool:
    """Compared only when one is set for the token."""
    if not route.passphrase:
        return True
    return hmac.compare_digest(route.passphrase, (given or "").encode("utf-8", "surrogatepass"))


def _signature_holds(route: Route, body: bytes, headers: Headers, now: datetime) -> bool:
    if not route.hmac_secret:
        return True
    given = headers.get(b"x-signature", b"").removeprefix(b"sha256=")
    given = given or headers.get(b"x-tradingview-signature", b"")
    if given:
        expected = hmac.new(route.hmac_secret, body, hashlib.sha256).hexdigest().encode()
        return hmac.compare_digest(expected, given.strip().lower())
    return _standard_webhook_holds(route.hmac_secret, body, headers, now)


def _standard_webhook_holds(secret: bytes, body: bytes, headers: Headers, now: datetime) -> bool:
    """Standard Webhooks: "v1,<base64 HMAC-SHA256 of id.timestamp.body>", several allowed.

    The secret is the base64 after `whsec_`, or the text itself when it isn't of that form."""
    stamp = headers.get(b"webhook-timestamp", b"")
    if not stamp.isdigit() or len(stamp) > 12:
        return False
    if abs(now.timestamp() - int(stamp)) > SIGNATURE_TOLERANCE_SECONDS:
        return False
    signed = b".".join((headers.get(b"webhook-id", b""), stamp, body))
    digest = hmac.new(_standard_secret(secret), signed, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    offered = headers.get(b"webhook-signature", b"").split()
    return any(hmac.compare_digest(expected, each) for each in offered[:8])


def _standard_secret(secret: bytes) -> bytes:
    if not secret.startswith(b"whsec_"):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
    except binascii.Error:
        return secret


def _delivery_key(headers: Headers) -> str | None:
    """Standard Webhooks' id: the same in every resend of one delivery."""
    given = headers.get(b"webhook-id")
    return "whid:" + hashlib.sha256(given).hexdigest() if given else None
