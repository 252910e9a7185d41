"""Admission: passphrase and signature in their forms, and which key a copy would share."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from signals.admission import Admission, admit
from signals.parsing import ParsedAlert, ParseProblem, body_key, parse_alert
from signals.routes import Route, StrategyRoute

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
BOUND = StrategyRoute("str_1", (("acc_1", "{}"),))
ALERT = {"symbol": "AAPL", "action": "buy", "quantity": 1, "price": 150}


def route(**more: Any) -> Route:
    return Route(
        **{
            "version": 1,
            "token_id": "whk_1",
            "owner_id": 1,
            "strategy": BOUND,
            "default_strategy": None,
            "by_name": {},
            "networks": (),
            "requests_per_minute": 60,
            "wait_seconds": 0.0,
            "expires_at": None,
            **more,
        }
    )


def offer(where: Route, alert: Any = ALERT, headers: dict[bytes, bytes] | None = None) -> Admission:
    body = alert if isinstance(alert, bytes) else orjson.dumps(alert)
    parsed: ParsedAlert | ParseProblem
    try:
        parsed = parse_alert(body)
    except ParseProblem as problem:
        parsed = problem
    return admit(where, parsed, body=body, headers=headers or {}, token="thw_x", now=NOW)


def code(admission: Admission) -> str | None:
    return None if admission.error is None else admission.error["code"]


# ---- passphrase ----


@pytest.mark.parametrize("given", [None, "", "wrong", "Right", "right "])
def test_a_wrong_passphrase_is_a_401(given: str | None) -> None:
    refused = offer(route(passphrase=b"right"), ALERT | {"passphrase": given})
    assert (refused.status, code(refused)) == (401, "INVALID_PASSPHRASE")
    assert refused.strategy is BOUND  # for its owner's log


def test_a_passphrase_of_no_character_at_all_is_only_wrong() -> None:
    half = b'{"symbol": "AAPL", "action": "buy", "passphrase": "\\ud800"}'
    assert code(offer(route(passphrase=b"right"), half)) == "INVALID_PASSPHRASE"
    assert code(offer(route(passphrase=b"XXXX"))) == "INVALID_PASSPHRASE"


def test_the_right_one_passes_and_none_is_compared_where_none_is_set() -> None:
    assert offer(route(passphrase=b"right"), ALERT | {"passphrase": "right"}).error is None
    assert offer(route(), ALERT | {"passphrase": "whatever"}).error is None


def test_a_body_that_can_not_be_read_does_not_pass_the_passphrase_by() -> None:
    assert code(offer(route(passphrase=b"right"), b"{")) == "INVALID_PASSPHRASE"


# ---- signature ----

SECRET = b"s3cret"
BODY = orjson.dumps(ALERT)
HEX = hmac.new(SECRET, BODY, hashlib.sha256).hexdigest().encode()


def standard(
    secret: bytes = SECRET, stamp: int | bytes | None = None, body: bytes = BODY
) -> dict[bytes, bytes]:
    given = int(NOW.timestamp()) if stamp is None else stamp
    when = given if isinstance(given, bytes) else str(given).encode()
    signed = hmac.new(secret, b".".join((b"msg_1", when, body)), hashlib.sha256).digest()
    return {
        b"webhook-id": b"msg_1",
        b"webhook-timestamp": when,
        b"webhook-signature": b"v1,other v1," + base64.b64encode(signed),
    }


@pytest.mark.parametrize(
    "headers",
    [
        {b"x-signature": b"sha256=" + HEX},
        {b"x-signature": b"sha256=" + HEX.upper()},
        {b"x-tradingview-signature": HEX},
        standard(),
        standard(stamp=int(NOW.timestamp()) - 299),
    ],
)
def test_a_signature_in_each_of_its_forms(headers: dict[bytes, bytes]) -> None:
    assert offer(route(hmac_secret=SECRET), BODY, headers).error is None


def test_a_secret_of_standard_webhooks_is_base64() -> None:
    secret = b"whsec_" + base64.b64encode(SECRET)
    assert offer(route(hmac_secret=secret), BODY, standard()).error is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"x-signature": HEX[:-1] + b"0"},
        {b"x-signature": b"sha256="},
        {b"x-signature": "sha256=é".encode("latin-1")},
        {b"x-tradingview-signature": b"0" * 64},
        standard(secret=b"other"),
        standard(stamp=int(NOW.timestamp()) - 301),
        standard(stamp=int(NOW.timestamp()) + 301),
        standard(body=b"{}"),
        standard() | {b"webhook-timestamp": b"soon"},
        standard() | {b"webhook-timestamp": b"9" * 400},
        standard() | {b"webhook-id": b"msg_2"},
    ],
)
def test_a_missing_or_wrong_signature_is_a_401(headers: dict[bytes, bytes]) -> None:
    refused = offer(route(hmac_secret=SECRET), BODY, headers)
    assert (refused.status, code(refused)) == (401, "INVALID_SIGNATURE")


def test_only_the_first_of_two_headers_is_looked_at() -> None:
    wrong = {b"x-signature": b"0" * 64, b"x-tradingview-signature": HEX, **standard()}
    assert code(offer(route(hmac_secret=SECRET), BODY, wrong)) == "INVALID_SIGNATURE"
    right = {b"x-signature": b" " + HEX + b" ", b"x-tradingview-signature": b"0" * 64}
    assert offer(route(hmac_secret=SECRET), BODY, right).error is None


@pytest.mark.parametrize(
    ("offset", "holds"), [(-301, False), (-300, True), (300, True), (301, False)]
)
def test_a_standard_webhook_may_be_five_minutes_off(offset: int, holds: bool) -> None:
    headers = standard(stamp=int(NOW.timestamp()) + offset)
    assert (offer(route(hmac_secret=SECRET), BODY, headers).error is None) is holds


def test_a_time_of_twelve_digits_is_read_and_of_thirteen_is_not() -> None:
    """Milliseconds have thirteen."""
    later = datetime(9999, 12, 31, tzinfo=UTC)
    stamp = int(later.timestamp())
    for padded, holds in ((f"{stamp:012}", True), (f"{stamp:013}", False)):
        headers = standard(stamp=padded.encode())
        admission = admit(
            route(hmac_secret=SECRET),
            parse_alert(BODY),
            body=BODY,
            headers=headers,
            token="thw_x",
            now=later,
        )
        assert (admission.error is None) is holds


def test_of_many_signatures_the_first_eight_are_looked_at() -> None:
    headers = standard()
    right = headers[b"webhook-signature"].split()[1]
    for others, holds in ((7, True), (8, False)):
        headers[b"webhook-signature"] = b" ".join([b"v1,other"] * others + [right])
        assert (offer(route(hmac_secret=SECRET), BODY, headers).error is None) is holds


@pytest.mark.parametrize("secret", [b"whsec_A", b"whsec_abcd!", b"plain"])
def test_a_secret_of_another_form_is_taken_as_it_is(secret: bytes) -> None:
    assert offer(route(hmac_secret=secret), BODY, standard(secret=secret)).error is None


@pytest.mark.parametrize("missing", [b"webhook-id", b"webhook-timestamp", b"webhook-signature"])
def test_a_standard_webhook_without_one_of_its_headers_is_refused(missing: bytes) -> None:
    headers = standard()
    del headers[missing]
    assert code(offer(route(hmac_secret=SECRET), BODY, headers)) == "INVALID_SIGNATURE"


def test_a_missing_id_is_signed_as_an_empty_one() -> None:
    when = str(int(NOW.timestamp())).encode()
    signed = hmac.new(SECRET, b"." + when + b"." + BODY, hashlib.sha256).digest()
    headers = {
        b"webhook-timestamp": when,
        b"webhook-signature": b"v1," + base64.b64encode(signed),
    }
    assert offer(route(hmac_secret=SECRET), BODY, headers).error is None


# ---- what its owner reads ----


def test_each_refusal_says_what_happened() -> None:
    locked = route(passphrase=b"right")
    assert offer(locked).error == {
        "code": "INVALID_PASSPHRASE",
        "detail": "The passphrase is missing or wrong.",
        "errors": [],
    }
    signed = offer(route(hmac_secret=SECRET))
    assert signed.error == {
        "code": "INVALID_SIGNATURE",
        "detail": "The body's signature is missing or wrong.",
        "errors": [],
    }
    assert signed.strategy is BOUND


def test_a_problem_is_passed_on_whole() -> None:
    refused = offer(route(), ALERT | {"stop_loss": 0})
    with pytest.raises(ParseProblem) as problem:
        parse_alert(orjson.dumps(ALERT | {"stop_loss": 0}))
    said = problem.value
    (one,) = said.errors
    assert refused.strategy is BOUND
    assert refused.status == said.http_status
    assert refused.error == {
        "code": said.code,
        "detail": said.detail,
        "errors": [{"pointer": one.pointer, "code": one.code, "detail": one.detail}],
    }


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({}, "The token is not bound to a strategy, so the alert must name one."),
        (
            {"strategy": "N" * 81},
            f"There is no strategy named {'N' * 80!r}, and the token has no default.",
        ),
    ],
)
def test_an_alert_that_finds_no_strategy_is_told_why(more: dict[str, str], detail: str) -> None:
    lost = offer(route(strategy=None), ALERT | more)
    error = {"pointer": "/strategy", "code": "MISSING_FIELD", "detail": detail}
    assert (lost.strategy, lost.status) == (None, 422)
    assert lost.error == {"code": "MISSING_FIELD", "detail": detail, "errors": [error]}


# ---- routing and keys ----


def test_an_unbound_token_needs_a_name() -> None:
    nowhere = offer(route(strategy=None))
    assert (nowhere.status, code(nowhere)) == (422, "MISSING_FIELD")
    assert nowhere.error is not None
    assert nowhere.error["errors"][0]["pointer"] == "/strategy"
    unknown = offer(route(strategy=None), ALERT | {"strategy": "Nope"})
    assert code(unknown) == "MISSING_FIELD"
    named = route(strategy=None, by_name={"breakout": BOUND})
    assert offer(named, ALERT | {"strategy": "BreakOut"}).strategy is BOUND


def test_an_invalid_alert_keeps_its_pointers_and_takes_no_key() -> None:
    refused = offer(route(), ALERT | {"stop_loss": 0})
    assert refused.status == 422
    assert refused.error is not None
    assert refused.error["errors"][0]["pointer"] == "/stop_loss"
    assert (refused.key, refused.intents_json) == ("", "[]")
    assert (refused.key_expires, refused.fingerprint, refused.dialect) == (False, "", "")


def test_an_id_makes_a_key_for_ever_with_symbol_verb_and_side() -> None:
    first = offer(route(), ALERT | {"alert_id": "bar 1"})
    assert not first.key_expires
    assert offer(route(), ALERT | {"alert_id": "bar 1", "comment": "again"}).key == first.key
    for other in ({"action": "sell"}, {"action": "close"}, {"symbol": "MSFT"}, {"alert_id": "2"}):
        assert offer(route(), ALERT | {"alert_id": "bar 1"} | other).key != first.key


@pytest.mark.parametrize(
    "other", [{"quantity": 2}, {"order_type": "limit"}, {"price": 151}, {"stop_loss": 140}]
)
def test_another_size_type_price_or_protection_has_another_fingerprint(
    other: dict[str, Any],
) -> None:
    first = offer(route(), ALERT | {"alert_id": "x"})
    second = offer(route(), ALERT | {"alert_id": "x"} | other)
    assert second.key == first.key
    assert second.fingerprint != first.fingerprint


@pytest.mark.parametrize("other", [{"comment": "hello"}, {"time": "2026-03-18T15:00:00Z"}])
def test_another_time_or_comment_is_a_copy(other: dict[str, Any]) -> None:
    first = offer(route(), ALERT | {"alert_id": "x"})
    assert offer(route(), ALERT | {"alert_id": "x"} | other).fingerprint == first.fingerprint


def test_what_is_taken_carries_what_it_asks_for() -> None:
    taken = offer(route(), ALERT | {"alert_id": "x"})
    parsed = parse_alert(orjson.dumps(ALERT | {"alert_id": "x"}))
    assert (taken.status, taken.strategy, taken.error) == (202, BOUND, None)
    assert taken.dialect == parsed.dialect
    assert orjson.loads(taken.intents_json) == [each.to_json() for each in parsed.intents]


def test_without_an_id_the_body_is_the_key_for_a_while() -> None:
    first = offer(route())
    assert first.key_expires
    assert offer(route()).key == first.key
    assert offer(route(), ALERT | {"comment": "other"}).key != first.key


def test_a_delivery_s_own_id_is_a_key_for_ever() -> None:
    first = offer(route(), headers={b"webhook-id": b"msg_1"})
    assert not first.key_expires
    assert offer(route(), headers={b"webhook-id": b"msg_2"}).key != first.key
    assert first.key == "whid:" + hashlib.sha256(b"msg_1").hexdigest()
    assert offer(route(), headers={b"webhook-id": b""}).key_expires
    named = offer(route(), ALERT | {"alert_id": "x"}, headers={b"webhook-id": b"msg_1"})
    assert named.key == offer(route(), ALERT | {"alert_id": "x"}).key


def test_a_key_says_what_it_was_made_of() -> None:
    """Keys are kept for ever: a changed one would let a copy from before the change pass."""
    assert offer(route()).key == body_key(BODY)
