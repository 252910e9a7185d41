"""Every answer of Alpaca's becomes one of our errors, by the table; the rest is unknown."""

import json

import pytest

from brokers.alpaca.errors import (
    LONGEST_TEXT,
    TABLE,
    AlreadyThere,
    NotFound,
    Row,
    kind_of,
    of_answer,
    read_body,
)
from brokers.errors import (
    BadCredentials,
    BrokerError,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
)

NOW = 1_790_000_000.0


def body(code: int | None, message: str, **more: object) -> str:
    return json.dumps({"message": message, **({} if code is None else {"code": code}), **more})


def answer(
    status: int, text: str, headers: dict[str, str] | None = None, *, ordering: bool = True
) -> BrokerError:
    return of_answer(status, text, headers or {}, ordering=ordering, now=NOW)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.status}-{row.code}-{row.words}")
def test_each_row_of_the_table_on_an_order(row: Row) -> None:
    found = answer(row.status, body(row.code, row.words.upper() or "whatever it says"))
    assert type(found) is row.kind
    assert found.venue_code == str(row.code or row.status)
    assert row.source


def test_no_row_hides_another() -> None:
    for number, row in enumerate(TABLE):
        for earlier in TABLE[:number]:
            hides = earlier.fits(row.status, row.code, row.words)
            assert not hides, (earlier, row)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (500, body(50010000, "internal server error occurred")),
        (503, body(None, "service unavailable")),
        (504, "<html>Gateway Time-out</html>"),
        (400, "<html>Bad request</html>"),
        (403, "<html>Forbidden</html>"),
        (403, body(None, "something that no table has")),
        (422, body(42299999, "insufficient buying power")),
        (404, "<html>Not found</html>"),
        (429, "<html>Too many requests</html>"),
        (429, "{}"),
        (401, json.dumps({"message": 7, "code": 40110000})),
        (418, body(41810000, "I'm a teapot")),
        (307, ""),
    ],
)
def test_what_is_not_in_the_table_says_nothing_for_certain(status: int, text: str) -> None:
    assert type(answer(status, text)) is OutcomeUnknown


def test_a_refusal_keeps_the_words_of_the_venue_and_its_numbers_apart() -> None:
    held = body(
        40310000,
        "insufficient qty available for order (requested: 23, available: 0)",
        held_for_orders="23",
        existing_qty="23",
    )
    found = answer(403, held)
    assert type(found) is OrderRejected
    assert found.venue_code == "40310000"
    assert found.text == "insufficient qty available for order (requested: 23, available: 0)"


def test_why_a_wash_trade_was_one_is_said() -> None:
    why = "opposite side market/stop order exists"
    text = "potential wash trade detected. use complex orders"
    assert answer(403, body(40310000, text, reject_reason=why)).text == f"{text} ({why})"


def test_a_refused_read_is_not_a_refused_order() -> None:
    found = answer(422, body(42210000, "invalid"), ordering=False)
    assert type(found) is OutcomeUnknown
    assert found.venue_code == "42210000"
    assert type(answer(401, body(40110000, "no"), ordering=False)) is BadCredentials
    assert type(answer(404, body(40410000, "order not found"), ordering=False)) is NotFound


def test_an_id_that_is_taken_is_no_refusal() -> None:
    found = answer(422, body(40010001, "client_order_id must be unique"))
    assert type(found) is AlreadyThere
    assert isinstance(found, OutcomeUnknown)
    other = answer(422, body(40010001, "invalid order type for crypto order"))
    assert type(other) is OrderRejected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "86400"}, 60),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "soon"}, 1),
        ({"X-RateLimit-Reset": f"{NOW + 12:.0f}"}, 12),
        ({"X-RateLimit-Reset": f"{NOW - 5:.0f}"}, 1),
        ({}, 1),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float) -> None:
    found = answer(429, body(42910000, "rate limit exceeded"), headers)
    assert isinstance(found, RateLimited)
    assert found.retry_after == seconds


def test_a_long_message_is_cut() -> None:
    assert len(answer(422, body(42210000, "x" * 5000)).text) == LONGEST_TEXT


def test_a_body_without_its_code_is_read() -> None:
    said = read_body('{"message":"forbidden."}')
    assert said is not None
    assert (said.code, kind_of(403, said)) == (None, BadCredentials)
    assert read_body("[]") is None
