"""From what the scripted venue answers to `brokers.errors`: one table, and what is not in it.

Pure. A refusal is certain only in the venue's own words: a 4xx with a body `{"code", "text"}` whose
code is in the table. Whatever else is not a whole 2xx may come from something in between.
"""

import json
from collections.abc import Mapping
from typing import Any

from brokers.errors import (
    BadCredentials,
    BrokerError,
    NotSent,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from tests.venue.transport import Answer, NoAnswer, NotWritten

CODES: Mapping[str, type[BrokerError]] = {
    "BAD_CLIENT_ID": OrderRejected,
    "BAD_FIELD": OrderRejected,
    "BAD_KEY": BadCredentials,
    "BAD_PRICE": OrderRejected,
    "BAD_QUANTITY": OrderRejected,
    "BUYING_POWER_TOO_LOW": OrderRejected,
    "DUPLICATE_CLIENT_ID": OutcomeUnknown,  # an earlier attempt is there: look it up
    "FORBIDDEN": BadCredentials,
    "NOTHING_TO_REDUCE": OrderRejected,
    "NO_ROUTE": Unsupported,
    "ORDER_REJECTED": OrderRejected,
    "PRICE_MISSING": OrderRejected,
    "RATE_LIMITED": RateLimited,
    "SHORT_NOT_ALLOWED": OrderRejected,
    "TIMESTAMP_OUTSIDE_WINDOW": NotSent,  # refused before it was looked at
    "UNKNOWN_ORDER": OrderRejected,
    "UNKNOWN_SYMBOL": OrderRejected,
}


def of_transport(error: NotWritten | NoAnswer) -> BrokerError:
    if isinstance(error, NotWritten):
        return NotSent(f"The venue can't be reached ({error}).")
    return OutcomeUnknown(f"The venue gave no whole answer ({error}).")


def of_answer(answer: Answer, *, ordering: bool) -> BrokerError | None:
    """None for a 2xx. `ordering`: the request could place or end an order."""
    if 200 <= answer.status < 300:
        return None
    said = _said(answer)
    kind = CODES.get(said["code"]) if said is not None else None
    if said is None or kind is None or not 400 <= answer.status < 500:
        return OutcomeUnknown(
            f"The venue answered {answer.status}, which says nothing for certain.",
            venue_code=str(answer.status),
        )
    text, code = said["text"], said["code"]
    if kind is RateLimited:
        return RateLimited(text, retry_after=_retry_after(answer), venue_code=code)
    if kind is OrderRejected and not ordering:
        return OutcomeUnknown(text, venue_code=code)
    return kind(text, venue_code=code)


def read(answer: Answer) -> Any:
    """The JSON of a 2xx. Raises OutcomeUnknown for what can't be read."""
    try:
        found = json.loads(answer.body)
    except ValueError as error:
        raise unreadable() from error
    if not isinstance(found, dict):
        raise unreadable()
    return found


def unreadable() -> OutcomeUnknown:
    return OutcomeUnknown("The venue's answer can't be read.", venue_code="UNREADABLE")


def _said(answer: Answer) -> dict[str, str] | None:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    if isinstance(found, dict) and all(isinstance(found.get(k), str) for k in ("code", "text")):
        return found
    return None


def _retry_after(answer: Answer) -> float:
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "1")))
    except ValueError:
        return 1.0
