"""Idempotency-Key: the same request, sent again, gets the same answer and does nothing.

The answer is written in the transaction of what the request did, so there is no moment at which
one exists without the other, and a crash leaves the key free. Of two at once the second waits for
the first one's commit. A request that fails leaves nothing: it may be mended and sent again.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import IdempotencyRecord, User
from accounts.requests import user_of
from tradehub.core.errors import BadInput, Conflict
from tradehub.core.money import plain
from tradehub.lib.db import in_write_transaction

Answer = tuple[int, Any]
"""HTTP status and JSON data."""

_REPEATED = "Idempotent-Replayed"


def answer_once(
    *, owner: User, key: str, request_digest: str, now: datetime, work: Callable[[], Answer]
) -> tuple[Answer, bool]:
    """The answer, and whether it is an earlier one. `work` runs inside the transaction: it may
    write, but neither call a venue nor sleep."""

    def claim_and_work() -> Answer:
        with transaction.atomic():  # a savepoint, so that losing the claim leaves a usable one
            record = IdempotencyRecord.objects.create(
                owner=owner, key=key, request_digest=request_digest, created_at=now
            )
        status, data = work()
        record.status, record.response = status, data
        record.save(update_fields=["status", "response"])
        return status, data

    earlier = _earlier(owner, key, request_digest)
    if earlier is not None:
        return earlier, True
    try:
        return in_write_transaction(claim_and_work), False
    except IntegrityError:
        earlier = _earlier(owner, key, request_digest)
        if earlier is None:  # the error was not about the key
            raise
        return earlier, True


def respond_once(request: Request, *, now: datetime, work: Callable[[], Response]) -> Response:
    """`work`'s response, or the one that the same Idempotency-Key got before."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return work()
    if len(key) > 255 or not key.isascii() or not key.isprintable():
        raise BadInput("An Idempotency-Key is up to 255 plain ASCII characters.")

    def answer() -> Answer:
        response = work()
        return response.status_code, json.loads(JSONRenderer().render(response.data))

    (status, data), repeated = answer_once(
        owner=user_of(request), key=key, request_digest=_digest(request), now=now, work=answer
    )
    response = Response(data, status=status)
    if repeated:
        response[_REPEATED] = "true"
    return response


def _earlier(owner: User, key: str, request_digest: str) -> Answer | None:
    found = IdempotencyRecord.objects.filter(owner=owner, key=key).first()
    if found is None:
        return None
    if found.request_digest != request_digest:
        raise Conflict(
            "This Idempotency-Key was used for another request, which stands. Use a new key.",
            code="IDEMPOTENCY_CONFLICT",
        )
    return found.status, found.response


def _digest(request: Request) -> str:
    """Of method, path and body; the order of fields and the form of a number don't matter."""
    body = json.dumps(request.data, sort_keys=True, default=plain)
    text = f"{request.method} {request.path}\n{body}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
