"""From what Binance answers to `brokers.errors`: one table of codes, and rules for what has none.

Pure. A refusal is certain only in the venue's own words: a 4xx with a body `{"code", "msg"}` whose
code is in the table. Binance says itself that a 5xx is no failure, whatever its body claims. Codes
are overloaded, so a row may ask for a text too; the first row that fits counts.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from brokers.errors import (
    BadCredentials,
    BrokerError,
    NotReplaced,
    NotSent,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)


class Meaning(StrEnum):
    """What follows from a code, beyond the class of the error."""

    REFUSED = "refused"
    FILTER = "filter"
    """Refused by a rule of the symbol: what we know of its rules may be old."""
    CLOCK = "clock"
    """Refused for its timestamp before it was looked at: our clock must be set anew."""
    EXISTS = "exists"
    """An order with this id works already: an earlier attempt. Look it up."""
    NOT_WORKING = "not_working"
    """A cancel found nothing to cancel: the order has ended, or never was."""
    NOT_REPLACED = "not_replaced"
    """Of a cancel-replace: the cancel failed, and the new order was not tried."""
    HALF_REPLACED = "half_replaced"
    """Of a cancel-replace: the old order is cancelled, and the new one was refused."""
    ABSENT = "absent"
    """The venue does not know the order."""
    NO_SYMBOL = "no_symbol"
    NO_REFERENCE = "no_reference"
    """The symbol has no reference price."""
    LIMITED = "limited"
    """For its rate; of the address."""
    LIMITED_ORDERS = "limited_orders"
    """For its rate; of the account's orders."""
    FLAT = "flat"
    """Futures: there is nothing that the order could reduce."""
    SIDES = "sides"
    """Futures: the account is in another position mode than the order was made for."""
    UNCHANGED = "unchanged"
    """Futures: a setting is as it was asked to be."""
    BUSY = "busy"
    """Futures: the venue says that it failed before anything was done."""
    KEY = "key"
    UNABLE = "unable"
    UNKNOWN = "unknown"


M = Meaning
_ERRORS: Mapping[Meaning, type[BrokerError]] = {
    M.REFUSED: OrderRejected,
    M.FILTER: OrderRejected,
    M.CLOCK: NotSent,
    M.EXISTS: OutcomeUnknown,
    M.NOT_WORKING: OrderRejected,
    M.NOT_REPLACED: NotReplaced,
    M.HALF_REPLACED: OrderRejected,
    M.ABSENT: OrderRejected,
    M.NO_SYMBOL: OrderRejected,
    M.NO_REFERENCE: OrderRejected,
    M.LIMITED: RateLimited,
    M.LIMITED_ORDERS: RateLimited,
    M.FLAT: OrderRejected,
    M.SIDES: NotSent,
    M.UNCHANGED: OrderRejected,
    M.BUSY: NotSent,
    M.KEY: BadCredentials,
    M.UNABLE: Unsupported,
    M.UNKNOWN: OutcomeUnknown,
}


@dataclass(frozen=True, slots=True)
class Row:
    code: int
    meaning: Meaning
    source: str
    """Where Binance says so: a heading of its API documents."""
    text: str = ""
    """What the message begins with; empty for any."""

    @property
    def error(self) -> type[BrokerError]:
        return _ERRORS[self.meaning]


_GENERAL = "errors.md, 10xx General Server or Network issues"
_REQUEST = "errors.md, 11xx Request issues"
_ENGINE = "errors.md, Messages for -1010, -2010, -2011"

TABLE: tuple[Row, ...] = (
    Row(-1000, M.UNKNOWN, _GENERAL),
    Row(-1001, M.UNKNOWN, _GENERAL),
    Row(-1002, M.KEY, _GENERAL),
    Row(-1003, M.LIMITED, _GENERAL),
    Row(-1006, M.UNKNOWN, _GENERAL),
    Row(-1007, M.UNKNOWN, _GENERAL),
    Row(-1008, M.UNKNOWN, _GENERAL),
    Row(-1013, M.FILTER, "errors.md, Filter failures"),
    Row(-1014, M.UNABLE, _GENERAL),
    Row(-1015, M.LIMITED_ORDERS, _GENERAL),
    Row(-1016, M.UNABLE, _GENERAL),
    Row(-1020, M.UNABLE, _GENERAL),
    Row(-1021, M.CLOCK, _GENERAL),
    Row(-1022, M.KEY, _GENERAL),
    Row(-1034, M.LIMITED, _GENERAL),
    Row(-1100, M.REFUSED, _REQUEST),
    Row(-1101, M.REFUSED, _REQUEST),
    Row(-1102, M.REFUSED, _REQUEST),
    Row(-1103, M.REFUSED, _REQUEST),
    Row(-1104, M.REFUSED, _REQUEST),
    Row(-1105, M.REFUSED, _REQUEST),
    Row(-1106, M.REFUSED, _REQUEST),
    Row(-1108, M.REFUSED, _REQUEST),
    Row(-1111, M.FILTER, _REQUEST),
    Row(-1112, M.REFUSED, _REQUEST),
    Row(-1114, M.REFUSED, _REQUEST),
    Row(-1115, M.REFUSED, _REQUEST),
    Row(-1116, M.REFUSED, _REQUEST),
    Row(-1117, M.REFUSED, _REQUEST),
    Row(-1118, M.REFUSED, _REQUEST),
    Row(-1119, M.REFUSED, _REQUEST),
    Row(-1121, M.NO_SYMBOL, _REQUEST),
    Row(-1127, M.REFUSED, _REQUEST),
    Row(-1128, M.REFUSED, _REQUEST),
    Row(-1130, M.REFUSED, _REQUEST),
    Row(-1158, M.REFUSED, _REQUEST),
    Row(-1165, M.REFUSED, _REQUEST),
    Row(-1166, M.REFUSED, _REQUEST),
    Row(-1168, M.REFUSED, _REQUEST),
    Row(-1196, M.REFUSED, _REQUEST),
    Row(-1197, M.REFUSED, _REQUEST),
    Row(-1198, M.REFUSED, _REQUEST),
    Row(-1199, M.REFUSED, _REQUEST),
    Row(-1220, M.FILTER, _REQUEST),
    Row(-2010, M.EXISTS, _ENGINE, "Duplicate order sent"),
    Row(-2010, M.FILTER, _ENGINE, "Market is closed"),
    Row(-2010, M.FILTER, _ENGINE, "Market orders are not supported"),
    Row(-2010, M.FILTER, _ENGINE, "Stop loss orders are not supported"),
    Row(-2010, M.FILTER, _ENGINE, "Stop loss limit orders are not supported"),
    Row(-2010, M.REFUSED, _ENGINE),
    Row(-2011, M.NOT_WORKING, _ENGINE),
    Row(-2013, M.ABSENT, "errors.md, -2013 NO_SUCH_ORDER"),
    Row(-2014, M.KEY, "errors.md, -2014 BAD_API_KEY_FMT"),
    Row(-2015, M.KEY, "errors.md, -2015 REJECTED_MBX_KEY"),
    Row(-2021, M.HALF_REPLACED, "errors.md, -2021 Order cancel-replace partially failed"),
    Row(-2022, M.NOT_REPLACED, "errors.md, -2022 Order cancel-replace failed"),
    Row(-2026, M.ABSENT, "errors.md, -2026 ORDER_ARCHIVED"),
    Row(-2043, M.NO_REFERENCE, "errors.md, -2043 NO_REFERENCE_PRICE"),
)
"""-2026: only an order that never filled is archived, ninety days after it ended."""

TOO_MUCH = "Account has insufficient balance"
_BAN_ENDS = re.compile(r"banned until (\d{13})")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


def of_answer(answer: Answer, now: datetime, table: tuple[Row, ...] = TABLE) -> BrokerError | None:
    """None for a 2xx. `meaning_of` tells more of what is returned."""
    if 200 <= answer.status < 300:
        return None
    said = said_by(answer)
    if said is None and answer.status == 403:
        # rest-api.md, HTTP Return Codes: the firewall before the API.
        return NotSent("Binance's firewall refused the request.", venue_code="403")
    row = None if said is None else find_row(*said, table)
    if said is None or row is None or not 400 <= answer.status < 500:
        return _unknown(answer, said)
    code, text = said
    if row.error is RateLimited:
        wait = patience_of(answer, text, now)
        return RateLimited(text, retry_after=wait, venue_code=str(code))
    return row.error(text, venue_code=str(code))


def find_row(code: int, text: str, table: tuple[Row, ...] = TABLE) -> Row | None:
    fits = (row for row in table if row.code == code and text.startswith(row.text))
    return next(fits, None)


def meaning_of(error: BrokerError, table: tuple[Row, ...] = TABLE) -> Meaning:
    """Of an error that `of_answer` made with that table; UNKNOWN for any other."""
    code = error.venue_code
    row = find_row(int(code), error.text, table) if code is not None and _is_code(code) else None
    if row is None or not isinstance(error, row.error):
        return M.UNKNOWN
    return row.meaning


def is_too_much(error: BrokerError) -> bool:
    """Spot: refused since less is free than the order would take."""
    return error.venue_code == "-2010" and error.text.startswith(TOO_MUCH)


def read_json(answer: Answer) -> Any:
    """Of a 2xx. Raises OutcomeUnknown for what can't be read. Numbers come as they are written."""
    try:
        return json.loads(answer.body, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise unreadable() from error


def unreadable() -> OutcomeUnknown:
    return OutcomeUnknown("Binance's answer can't be read.", venue_code="UNREADABLE")


def _unknown(answer: Answer, said: tuple[int, str] | None) -> OutcomeUnknown:
    words = "" if said is None else f": {said[1]} ({said[0]})"
    return OutcomeUnknown(
        f"Binance answered {answer.status}, which says nothing for certain{words}.",
        venue_code=f"HTTP {answer.status}",
    )


def said_by(answer: Answer) -> tuple[int, str] | None:
    """Code and text in the venue's own words; None where the body is something else."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    code, text = found.get("code"), found.get("msg")
    if type(code) is not int or not isinstance(text, str):
        return None
    return code, f"{text} {_within(found)}".strip()[:300]


def _within(found: Mapping[str, Any]) -> str:
    """Why one half of a cancel-replace failed."""
    data = found.get("data")
    halves = (data or {}).values() if isinstance(data, dict) else ()
    texts = (each.get("msg") for each in halves if isinstance(each, dict))
    return " ".join(each for each in texts if isinstance(each, str))


def patience_of(answer: Answer, text: str, now: datetime) -> float:
    """In seconds, as the header says; of a ban also the text does. A minute where neither does:
    that is the window in which weights are counted."""
    wait = told_patience(answer)
    if wait is not None:
        return wait
    ban = _BAN_ENDS.search(text)
    return 60.0 if ban is None else max(1.0, int(ban[1]) / 1000 - now.timestamp())


def told_patience(answer: Answer) -> float | None:
    """In seconds, of `Retry-After`."""
    try:
        return max(0.0, float(answer.headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def _is_code(text: str) -> bool:
    return re.fullmatch(r"-\d{1,5}", text) is not None
