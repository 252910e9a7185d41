"""Every code that Binance documents for orders, and what may be concluded from it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from brokers.binance.errors import (
    TABLE,
    Answer,
    Meaning,
    find_row,
    meaning_of,
    of_answer,
    read_json,
)
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

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)

# Written down apart from the table: (HTTP, code, message, what we conclude).
SAID = [
    (400, -1013, "Filter failure: LOT_SIZE", OrderRejected),
    (400, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS", OrderRejected),
    (400, -1014, "Unsupported order combination.", Unsupported),
    (400, -1016, "This service is no longer available.", Unsupported),
    (400, -1020, "This operation is not supported.", Unsupported),
    (400, -1021, "Timestamp for this request is outside of the recvWindow.", NotSent),
    (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.", NotSent),
    (400, -1022, "Signature for this request is not valid.", BadCredentials),
    (401, -1002, "You are not authorized to execute this request.", BadCredentials),
    (401, -2014, "API-key format invalid.", BadCredentials),
    (401, -2015, "Invalid API-key, IP, or permissions for action.", BadCredentials),
    (400, -1100, "Illegal characters found in parameter 'newClientOrderId'.", OrderRejected),
    (400, -1101, "Too many parameters sent for this endpoint.", OrderRejected),
    (400, -1102, "Mandatory parameter 'price' was not sent.", OrderRejected),
    (400, -1103, "An unknown parameter was sent.", OrderRejected),
    (400, -1104, "Not all sent parameters were read.", OrderRejected),
    (400, -1105, "Parameter 'price' was empty.", OrderRejected),
    (400, -1106, "Parameter 'timeInForce' sent when not required.", OrderRejected),
    (400, -1108, "Parameter 'quantity' overflowed.", OrderRejected),
    (400, -1111, "Parameter 'quantity' has too much precision.", OrderRejected),
    (400, -1112, "No orders on book for symbol.", OrderRejected),
    (400, -1114, "TimeInForce parameter sent when not required.", OrderRejected),
    (400, -1115, "Invalid timeInForce.", OrderRejected),
    (400, -1116, "Invalid orderType.", OrderRejected),
    (400, -1117, "Invalid side.", OrderRejected),
    (400, -1118, "New client order ID was empty.", OrderRejected),
    (400, -1119, "Original client order ID was empty.", OrderRejected),
    (400, -1121, "Invalid symbol.", OrderRejected),
    (400, -1127, "More than 24 hours between startTime and endTime.", OrderRejected),
    (400, -1128, "Combination of optional parameters invalid.", OrderRejected),
    (400, -1130, "Invalid data sent for a parameter.", OrderRejected),
    (400, -1158, "Order type not supported in OCO.", OrderRejected),
    (400, -1165, "A limit order in a buy OCO must be below.", OrderRejected),
    (400, -1166, "A limit order in a sell OCO must be above.", OrderRejected),
    (400, -1168, "At least one OCO order must be contingent.", OrderRejected),
    (400, -1196, "A stop loss order in a buy OCO must be above.", OrderRejected),
    (400, -1197, "A stop loss order in a sell OCO must be below.", OrderRejected),
    (400, -1198, "A take profit order in a buy OCO must be below.", OrderRejected),
    (400, -1199, "A take profit order in a sell OCO must be above.", OrderRejected),
    (400, -1220, "The symbol's status does not match.", OrderRejected),
    (400, -2010, "Account has insufficient balance for requested action.", OrderRejected),
    (400, -2010, "Market is closed.", OrderRejected),
    (400, -2010, "Market orders are not supported for this symbol.", OrderRejected),
    (400, -2010, "Stop loss orders are not supported for this symbol.", OrderRejected),
    (400, -2010, "Stop loss limit orders are not supported for this symbol.", OrderRejected),
    (400, -2010, "Order would trigger immediately.", OrderRejected),
    (400, -2010, "Order would immediately match and take.", OrderRejected),
    (400, -2010, "The relationship of the prices for the orders is not correct.", OrderRejected),
    (400, -2010, "OCO orders are not supported for this symbol", OrderRejected),
    (400, -2010, "Duplicate order sent.", OutcomeUnknown),
    (400, -2011, "Unknown order sent.", OrderRejected),
    (400, -2013, "Order does not exist.", OrderRejected),
    (400, -2026, "Order was canceled or expired with no executed qty.", OrderRejected),
    (429, -1003, "Too much request weight used.", RateLimited),
    (418, -1003, "Way too much request weight used; IP banned until 1.", RateLimited),
    (429, -1015, "Too many new orders.", RateLimited),
    (429, -1034, "Too many concurrent connections.", RateLimited),
    (400, -1000, "An unknown error occurred.", OutcomeUnknown),
    (400, -1001, "Internal error; unable to process your request.", OutcomeUnknown),
    (400, -1006, "An unexpected response was received.", OutcomeUnknown),
    (400, -1007, "Timeout waiting for response from backend server.", OutcomeUnknown),
    (400, -1008, "Server is currently overloaded.", OutcomeUnknown),
    (400, -2043, "This symbol doesn't have a reference price.", OrderRejected),
    (400, -9999, "A code of tomorrow.", OutcomeUnknown),
    (400, -2022, "Order cancel-replace failed.", NotReplaced),
    (409, -2021, "Order cancel-replace partially failed.", OrderRejected),
]  # fmt: skip


def answer(status: int, body: Any, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, raw)


def said(status: int, code: int, text: str) -> BrokerError:
    error = of_answer(answer(status, {"code": code, "msg": text}), NOW)
    assert error is not None
    return error


@pytest.mark.parametrize(("status", "code", "text", "concluded"), SAID)
def test_each_code_means_what_is_written_down(
    status: int, code: int, text: str, concluded: type[BrokerError]
) -> None:
    error = said(status, code, text)
    assert type(error) is concluded
    assert text in error.text
    assert error.venue_code in (str(code), f"HTTP {status}")


def test_no_row_of_the_table_is_left_out_and_each_has_its_source() -> None:
    reached = {id(find_row(code, text)) for _, code, text, _ in SAID}
    assert [row for row in TABLE if id(row) not in reached] == []
    assert all(row.source.split(",")[0] in ("errors.md", "rest-api.md") for row in TABLE)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.code}{row.text[:12]}")
def test_a_5xx_is_never_certain_whatever_its_body_says(status: int, row: Any) -> None:
    assert type(said(status, row.code, row.text)) is OutcomeUnknown


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"code": -2010}', b'{"code":"x"}',
                                  b'{"code": true, "msg": "no"}', b"[" * 100_000])  # fmt: skip
@pytest.mark.parametrize("status", [307, 400, 401, 404, 409, 418, 429])
def test_what_is_not_in_the_venues_own_words_is_not_certain(status: int, body: bytes) -> None:
    assert type(of_answer(answer(status, body), NOW)) is OutcomeUnknown


def test_the_firewall_stands_before_the_venue() -> None:
    assert type(of_answer(answer(403, b"<html>Request blocked"), NOW)) is NotSent


def test_a_2xx_is_no_error_and_is_read_or_says_nothing() -> None:
    assert of_answer(answer(200, b"{"), NOW) is None
    assert read_json(answer(200, b'{"a": 0.10}')) == {"a": "0.10"}
    for body in (b"", b"{", b"[" * 100_000):
        with pytest.raises(OutcomeUnknown):
            read_json(answer(200, body))


def test_how_long_to_wait_is_the_venues_word() -> None:
    told = answer(429, {"code": -1003, "msg": "Too much."}, retry_after="7")
    ban = {"code": -1003, "msg": f"IP banned until {int(NOW.timestamp() + 90) * 1000}. Please"}
    for each, seconds in ((told, 7), (answer(418, ban), 90)):
        error = of_answer(each, NOW)
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds
    silent = said(429, -1015, "Too many new orders.")
    assert isinstance(silent, RateLimited)
    assert silent.retry_after == 60


def test_what_an_error_means_can_be_asked_of_it() -> None:
    assert meaning_of(said(400, -2010, "Duplicate order sent.")) is Meaning.EXISTS
    assert meaning_of(said(400, -2010, "Account has insufficient balance.")) is Meaning.REFUSED
    assert meaning_of(said(400, -2013, "Order does not exist.")) is Meaning.ABSENT
    assert meaning_of(said(400, -2011, "Unknown order sent.")) is Meaning.NOT_WORKING
    assert meaning_of(said(400, -1121, "Invalid symbol.")) is Meaning.NO_SYMBOL
    assert meaning_of(said(400, -1013, "Filter failure: LOT_SIZE")) is Meaning.FILTER
    for error in (
        said(500, -2013, "x"),
        OutcomeUnknown("x", venue_code="UNREADABLE"),
        NotSent("x"),
    ):
        assert meaning_of(error) is Meaning.UNKNOWN
