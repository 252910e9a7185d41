"""Every code that Binance documents for futures orders, and what may be concluded from it."""

import json
from datetime import UTC, datetime

import pytest

from brokers.binance.errors import Answer, Meaning
from brokers.binance.futures_errors import FAILED_503, TABLE, meaning_of, of_answer
from brokers.errors import (
    BadCredentials,
    BrokerError,
    NotSent,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)

# Written down apart from the table: (HTTP, code, message, what we conclude).
SAID = [
    (400, -1000, "An unknown error occurred while processing the request.", OutcomeUnknown),
    (400, -1001, "Internal error; unable to process your request.", OutcomeUnknown),
    (401, -1002, "You are not authorized to execute this request.", BadCredentials),
    (429, -1003, "Too many requests; current limit is 2400 requests per minute.", RateLimited),
    (418, -1003, "Way too many requests; IP banned until 1773846120000.", RateLimited),
    (400, -1006, "An unexpected response was received from the message bus.", OutcomeUnknown),
    (408, -1007, "Timeout waiting for response from backend server.", OutcomeUnknown),
    (400, -1008, "Request throttled by system-level protection.", NotSent),
    (400, -1011, "This IP cannot access this route.", BadCredentials),
    (400, -1013, "Invalid message.", OrderRejected),
    (400, -1014, "Unsupported order combination.", Unsupported),
    (429, -1015, "Too many new orders; current limit is 300 orders per 10 SECONDS.", RateLimited),
    (400, -1016, "This service is no longer available.", Unsupported),
    (400, -1020, "This operation is not supported.", Unsupported),
    (400, -1021, "Timestamp for this request is outside of the recvWindow.", NotSent),
    (400, -1022, "Signature for this request is not valid.", BadCredentials),
    (400, -1100, "Illegal characters found in a parameter.", OrderRejected),
    (400, -1101, "Too many parameters sent for this endpoint.", OrderRejected),
    (400, -1102, "Mandatory parameter 'timeInForce' was not sent.", OrderRejected),
    (400, -1103, "An unknown parameter was sent.", OrderRejected),
    (400, -1104, "Not all sent parameters were read.", OrderRejected),
    (400, -1105, "Parameter 'price' was empty.", OrderRejected),
    (400, -1106, "Parameter 'reduceonly' sent when not required.", OrderRejected),
    (400, -1108, "Parameter 'quantity' overflowed.", OrderRejected),
    (400, -1111, "Precision is over the maximum defined for this asset.", OrderRejected),
    (400, -1112, "No orders on book for symbol.", OrderRejected),
    (400, -1114, "TimeInForce parameter sent when not required.", OrderRejected),
    (400, -1115, "Invalid timeInForce.", OrderRejected),
    (400, -1116, "Invalid orderType.", OrderRejected),
    (400, -1117, "Invalid side.", OrderRejected),
    (400, -1118, "New client order ID was empty.", OrderRejected),
    (400, -1119, "Original client order ID was empty.", OrderRejected),
    (400, -1121, "Invalid symbol.", OrderRejected),
    (400, -1127, "Lookup interval is too big.", OrderRejected),
    (400, -1128, "Combination of optional parameters invalid.", OrderRejected),
    (400, -1130, "Invalid data sent for a parameter.", OrderRejected),
    (400, -1136, "Invalid newOrderRespType.", OrderRejected),
    (400, -2010, "NEW_ORDER_REJECTED", OrderRejected),
    (400, -2011, "Unknown order sent.", OrderRejected),
    (400, -2013, "Order does not exist.", OrderRejected),
    (401, -2014, "API-key format invalid.", BadCredentials),
    (401, -2015, "Invalid API-key, IP, or permissions for action.", BadCredentials),
    (400, -2016, "No trading window could be found for the symbol.", OrderRejected),
    (400, -2018, "Balance is insufficient.", OrderRejected),
    (400, -2019, "Margin is insufficient.", OrderRejected),
    (400, -2020, "Unable to fill.", OrderRejected),
    (400, -2021, "Order would immediately trigger.", OrderRejected),
    (400, -2022, "ReduceOnly Order is rejected.", OrderRejected),
    (400, -2023, "User in liquidation mode now.", OrderRejected),
    (400, -2024, "Position is not sufficient.", OrderRejected),
    (400, -2025, "Reach max open order limit.", OrderRejected),
    (400, -2026, "This OrderType is not supported when reduceOnly.", OrderRejected),
    (400, -2027, "Exceeded the maximum allowable position at current leverage.", OrderRejected),
    (400, -2028, "Leverage is smaller than permitted.", OrderRejected),
    (400, -4001, "Price less than 0.", OrderRejected),
    (400, -4002, "Price greater than max price.", OrderRejected),
    (400, -4003, "Quantity less than zero.", OrderRejected),
    (400, -4004, "Quantity less than min quantity.", OrderRejected),
    (400, -4005, "Quantity greater than max quantity.", OrderRejected),
    (400, -4006, "Stop price less than zero.", OrderRejected),
    (400, -4007, "Stop price greater than max price.", OrderRejected),
    (400, -4014, "Price not increased by tick size.", OrderRejected),
    (400, -4015, "Client order id length should not be more than 36 chars", OrderRejected),
    (400, -4016, "Limit price can't be higher than 110.", OrderRejected),
    (400, -4023, "Qty not increased by step size.", OrderRejected),
    (400, -4024, "Limit price can't be lower than 90.", OrderRejected),
    (400, -4028, "Leverage 200 is not valid", OrderRejected),
    (400, -4045, "Reach max stop order limit.", OrderRejected),
    (400, -4046, "No need to change margin type.", OrderRejected),
    (400, -4047, "Margin type cannot be changed if there exists open orders.", OrderRejected),
    (400, -4048, "Margin type cannot be changed if there exists position.", OrderRejected),
    (400, -4059, "No need to change position side.", OrderRejected),
    (400, -4060, "Invalid position side.", NotSent),
    (400, -4061, "Order's position side does not match user's setting.", NotSent),
    (400, -4062, "Invalid or improper reduceOnly value.", NotSent),
    (400, -4067, "Position side cannot be changed if there exists open orders.", OrderRejected),
    (400, -4068, "Position side cannot be changed if there exists position.", OrderRejected),
    (400, -4087, "User can only place reduce only order", OrderRejected),
    (400, -4088, "User can not place order currently", OrderRejected),
    (400, -4116, "ClientOrderId is duplicated.", OutcomeUnknown),
    (400, -4117, "Stop order is in triggering process.", OrderRejected),
    (400, -4118, "ReduceOnly Order Failed.", OrderRejected),
    (400, -4120, "Order type not supported for this endpoint.", Unsupported),
    (400, -4130, "An open stop order with closePosition is existing.", OrderRejected),
    (400, -4131, "The counterparty's best price does not meet the filter.", OrderRejected),
    (400, -4135, "Invalid activation price", OrderRejected),
    (400, -4136, "Target strategy invalid for orderType.", OrderRejected),
    (400, -4137, "Quantity must be zero with closePosition equals true.", OrderRejected),
    (400, -4138, "Reduce only must be true with closePosition equals true.", OrderRejected),
    (400, -4140, "Invalid symbol status for opening position.", OrderRejected),
    (400, -4141, "Symbol is closed.", OrderRejected),
    (400, -4161, "Leverage reduction is not supported in Isolated Margin Mode.", OrderRejected),
    (400, -4164, "Order's notional must be no smaller than 5.0", OrderRejected),
    (400, -4168, "Unable to adjust to isolated-margin mode.", OrderRejected),
    (400, -4183, "Price is higher than stop multiplier cap.", OrderRejected),
    (400, -4192, "Trade forbidden due to Cooling-off Period.", OrderRejected),
    (400, -4400, "Futures Trading Quantitative Rules violated.", OrderRejected),
    (400, -4531, "This mode is not supported.", OrderRejected),
    (400, -5021, "Due to the order could not be filled immediately, FOK rejected.", OrderRejected),
    (400, -5022, "Post Only order will be rejected.", OrderRejected),
    (400, -5028, "Timestamp for this request is outside of the ME recvWindow.", NotSent),
]


def said(status: int, code: int, text: str) -> BrokerError:
    body = json.dumps({"code": code, "msg": text}).encode()
    error = of_answer(Answer(status, {}, body), NOW)
    assert error is not None
    return error


def test_the_table_and_what_was_written_down_have_the_same_codes() -> None:
    assert {row.code for row in TABLE} == {code for _, code, _, _ in SAID}
    assert all(row.source for row in TABLE)


@pytest.mark.parametrize(("status", "code", "text", "expected"), SAID)
def test_every_code(status: int, code: int, text: str, expected: type[BrokerError]) -> None:
    error = said(status, code, text)
    assert type(error) is expected
    if expected is not OutcomeUnknown or code == -4116:
        assert (error.venue_code, error.text) == (str(code), text)


@pytest.mark.parametrize("text", FAILED_503)
def test_a_503_that_says_that_nothing_was_done_is_believed(text: str) -> None:
    assert type(said(503, -1008, text)) is NotSent
    assert type(said(500, -1008, text)) is OutcomeUnknown


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, '{"code": -1000, "msg": "Unknown error, please check your request or try again"}'),
        (503, "<html>Service Unavailable.</html>"),
        (503, "Service Unavailable."),
        (500, '{"code": -2019, "msg": "Margin is insufficient."}'),
        (502, ""),
        (400, '{"code": -9999, "msg": "Something new."}'),
        (400, "<html>400</html>"),
        (307, ""),
    ],
)
def test_what_is_not_known_to_be_certain_is_unknown(status: int, body: str) -> None:
    assert type(of_answer(Answer(status, {}, body.encode()), NOW)) is OutcomeUnknown


def test_codes_mean_what_they_mean_here_and_not_at_spot() -> None:
    assert meaning_of(said(400, -2022, "ReduceOnly Order is rejected.")) is Meaning.FLAT
    assert meaning_of(said(400, -4046, "No need to change margin type.")) is Meaning.UNCHANGED
    assert meaning_of(said(400, -4061, "No match.")) is Meaning.SIDES
    assert meaning_of(said(400, -4116, "ClientOrderId is duplicated.")) is Meaning.EXISTS
    assert meaning_of(said(400, -2026, "Not supported.")) is Meaning.REFUSED
    assert meaning_of(NotSent("x", venue_code="-2022")) is Meaning.UNKNOWN
