"""From what Alpaca answers to `brokers.errors`: one table, each row with where it is known from.

Pure. Alpaca's code is the status and a class of reasons (40310000 is any business refusal), its
message the reason, so rows match both; the first that fits counts. A refusal is certain only as a
4xx in Alpaca's own words, JSON with a message. Everything else may come from something in between:
on an order that is OutcomeUnknown. The venue's words are passed on, never anything of the request.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from brokers.errors import (
    BadCredentials,
    BrokerError,
    NotSent,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
)

LONGEST_TEXT = 300
TOO_MUCH = ("insufficient qty available for order", "insufficient balance for ")


class AlreadyThere(OutcomeUnknown):
    """An order with this client order id exists: it is looked up, never sent again."""


class NotFound(OutcomeUnknown):
    """Alpaca's own 404, not that of something in between."""


@dataclass(frozen=True, slots=True)
class Row:
    status: int
    code: int | None
    """None: Alpaca sends none with it."""
    words: str
    """In the message, whatever its case; empty: any message."""
    kind: type[BrokerError]
    source: str

    def fits(self, status: int, code: int | None, message: str) -> bool:
        same = status == self.status and code == self.code
        return same and self.words.lower() in message.lower()


_API = "API reference, orders"
_SEEN = "reported by users of the paper API, 2026"
TABLE: tuple[Row, ...] = (
    Row(401, 40110000, "", BadCredentials, "API reference, authentication"),
    Row(401, None, "unauthorized", BadCredentials, _SEEN),
    Row(403, None, "forbidden", BadCredentials, "API reference, authentication"),
    Row(429, 42910000, "", RateLimited, "API reference, rate limit"),
    Row(429, None, "too many requests", RateLimited, _SEEN),
    Row(429, None, "rate limit", RateLimited, _SEEN),
    Row(422, 40010001, "client_order_id must be unique", AlreadyThere, "alpaca-py#260"),
    Row(422, 40010001, "client order id must be unique", AlreadyThere, _SEEN),
    Row(422, 40010001, "", OrderRejected, "API reference, invalid field or order type"),
    Row(422, 42210000, "", OrderRejected, "API reference; options page, error responses"),
    Row(403, 40310000, "insufficient buying power", OrderRejected, _API),
    Row(403, 40310000, "insufficient qty available", OrderRejected, _API),
    Row(403, 40310000, "insufficient balance for", OrderRejected, _SEEN),
    Row(403, 40310000, "potential wash trade detected", OrderRejected, "user protection page"),
    Row(403, 40310000, "cost basis must be >= minimal amount of order", OrderRejected, _SEEN),
    Row(403, 40310000, "account is not allowed to short", OrderRejected, _SEEN),
    Row(403, 40310000, "new orders are rejected by user request", OrderRejected, _API),
    Row(403, 40310000, "", OrderRejected, "API reference, forbidden by a rule of the venue"),
    Row(403, 40310100, "", OrderRejected, "pattern day trading, until 2026-07-06"),
    Row(404, 40410000, "", NotFound, "API reference, order, position or asset not found"),
    Row(400, 40010000, "", OrderRejected, "API reference, malformed request"),
    Row(400, 40010001, "", OrderRejected, "API reference, malformed request"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What an error body tells."""

    code: int | None
    message: str


def of_answer(
    status: int, body: str, headers: Mapping[str, str], *, ordering: bool, now: float
) -> BrokerError:
    """Of an answer that is not 2xx. `ordering`: the request could place or end an order; `now`:
    seconds since 1970, against which the venue names the end of a rate limit."""
    said = read_body(body)
    if said is None:
        text = f"Alpaca, or something before it, answered {status}, which says nothing for certain."
        return OutcomeUnknown(text, venue_code=str(status))
    kind = kind_of(status, said)
    text, code = said.message[:LONGEST_TEXT], str(said.code or status)
    if kind is RateLimited:
        return RateLimited(text, retry_after=retry_after(headers, now), venue_code=code)
    if kind is OrderRejected and not ordering:
        return OutcomeUnknown(text, venue_code=code)
    return kind(text, venue_code=code)


def kind_of(status: int, said: Said) -> type[BrokerError]:
    fitting = (row.kind for row in TABLE if row.fits(status, said.code, said.message))
    return next(fitting, OutcomeUnknown)


def is_too_much(error: BrokerError) -> bool:
    """Refused since less is there than the order would take."""
    return error.venue_code == "40310000" and error.text.startswith(TOO_MUCH)


def read_body(body: str) -> Said | None:
    """None for what is not in Alpaca's own words."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("message"), str):
        return None
    code = found.get("code")
    why = found.get("reject_reason")
    message = found["message"]
    if isinstance(why, str) and why:
        message = f"{message} ({why})"
    return Said(code if isinstance(code, int) else None, message)


def not_reached(what: str) -> NotSent:
    return NotSent(f"Alpaca can't be reached ({what}).")


def no_answer(what: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"Alpaca gave no whole answer ({what}).")


def unreadable() -> OutcomeUnknown:
    return OutcomeUnknown("Alpaca's answer can't be read.", venue_code="UNREADABLE")


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """`Retry-After` in seconds, else `X-RateLimit-Reset` as a time; a minute at most, as that is
    how long Alpaca counts."""
    try:
        if "Retry-After" in headers:
            return min(60.0, max(0.0, float(headers["Retry-After"])))
        return min(60.0, max(1.0, float(headers["X-RateLimit-Reset"]) - now))
    except (KeyError, ValueError):
        return 1.0
