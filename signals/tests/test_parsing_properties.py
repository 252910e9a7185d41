"""Whatever the bytes: an alert, or a problem with known codes and pointers; no secret is shown."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from signals.parsing import (
    MAX_COMMANDS,
    ParsedAlert,
    ParseProblem,
    alert_fingerprint,
    mask_secrets,
    parse_alert,
    signal_key,
)
from signals.parsing.actions import ACTIONS
from signals.parsing.names import PART_SPELLINGS, SPELLINGS
from tradehub.core.intent import Intent

CODES = {
    "INVALID_JSON", "INVALID_FIELD", "MISSING_FIELD", "UNRESOLVED_PLACEHOLDER",
    "CONTRADICTORY_FIELDS", "BODY_TOO_LARGE", "UNKNOWN_ACTION", "UNSUPPORTED_FIELD",
}  # fmt: skip
WORDS = [
    *ACTIONS, "flat", "long", "market", "limit", "stop", "stop_limit", "trailing_stop", "gtc",
    "AAPL", "BTC/USDT", "NASDAQ_DLY:AAPL", "LOW", "5%", "0", "-1", "NaN", "1e400", "sNaN", "1_0",
    "\u0661", "true", "{{close}}", "{{", "\u0000", "\ud800", "2024-01-01T00:00:00Z", "9999-12-31",
    "0001-01-01T00:00:00+23:59", "1704110400000", "1" * 70, "x" * 300, "%", ":", "percent_equity",
]  # fmt: skip
KEYS = [word for words in (SPELLINGS | PART_SPELLINGS).values() for word in words.split()]

keys = st.sampled_from([*KEYS, "stopLoss", "Stop_Loss", "amount", "tp1", "token", "~/", "zzz"])
numbers = st.integers() | st.decimals(allow_nan=False).map(float) | st.floats()
scalars = st.none() | st.booleans() | numbers | st.sampled_from(WORDS) | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
plausible = st.fixed_dictionaries(
    {"symbol": st.sampled_from(["AAPL", "BTCUSDT.P"]), "action": st.sampled_from(list(ACTIONS))},
    optional={
        "quantity": st.decimals(min_value="0.001", max_value=100, places=3).map(str),
        "price": st.integers(1, 1000),
        "order_type": st.sampled_from(["market", "limit", "stop", "sl"]),
        "stop_loss": st.sampled_from(["2%", 5, {"trail_percent": 2}, {"offset": "0.5"}]),
        "take_profit": st.sampled_from([9, [{"price": 1, "fraction": 0.25}]]),
        "sentiment": st.sampled_from(["long", "short", "flat"]),
        "prev_market_position": st.sampled_from(["long", "short", "flat"]),
        "market_position_size": st.integers(0, 9),
        "timenow": st.datetimes().map(lambda at: at.isoformat()),
        "alert_id": st.text(max_size=20),
        "rsi": st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    },
)


def check(body: bytes, content_type: str = "") -> ParsedAlert | None:
    """Parses, and checks what holds for every outcome."""
    mask_secrets(body)
    try:
        parsed = parse_alert(body, content_type=content_type)
    except ParseProblem as problem:
        check_problem(problem)
        return None
    assert 1 <= len(parsed.intents) <= MAX_COMMANDS
    alert_fingerprint(parsed)
    signal_key(parsed)
    for intent in parsed.intents:
        check_intent(intent)
    return parsed


def check_problem(problem: ParseProblem) -> None:
    assert problem.code == problem.errors[0].code
    assert problem.http_status in (400, 413, 422)
    for error in problem.errors:
        assert error.code in CODES
        assert error.pointer == "" or error.pointer.startswith("/")
        (error.pointer + error.detail).encode()


def check_intent(intent: Intent) -> None:
    text = json.dumps(intent.to_json(), allow_nan=False, ensure_ascii=False)
    assert "\x00" not in text
    assert Intent.from_json(json.loads(text.encode().decode())) == intent
    numbers: list[Any] = [
        intent.size.value,
        intent.limit_price,
        intent.stop_price,
        intent.reference_price,
    ]
    if intent.stop_loss is not None:
        stop = intent.stop_loss
        distances = [stop.price, stop.percent, stop.offset, stop.trail]
        assert sum(each is not None for each in distances) == 1
        numbers += distances[:3]
    assert all(number is None or number > 0 for number in numbers)
    assert sum(target.fraction for target in intent.take_profits) <= 1


@given(st.binary(max_size=200), st.sampled_from(["", "text/plain; charset=utf-16", "charset=x"]))
def test_any_bytes(body: bytes, content_type: str) -> None:
    check(body, content_type)


@given(st.text(alphabet='{}[]",:\\ \u00a0\u201c01.eE-+"ntu{}key=', max_size=80))
def test_any_text_that_looks_like_json(text: str) -> None:
    check(text.encode())


@settings(max_examples=300)
@given(values | st.dictionaries(keys, values, max_size=12))
def test_any_document_of_known_names(document: Any) -> None:
    check(json.dumps(document).encode())


@settings(max_examples=300)
@given(plausible, st.dictionaries(keys, values, max_size=2))
def test_a_plausible_alert_with_something_hostile(alert: dict[str, Any], more: Any) -> None:
    check(json.dumps({**more, **alert}).encode())


@given(plausible)
def test_plausible_alerts_read_the_same_twice(alert: dict[str, Any]) -> None:
    body = json.dumps(alert).encode()
    parsed = check(body)

    if parsed is not None:
        assert parse_alert(b"\xef\xbb\xbf " + body, content_type="text/plain") == parsed


SECRETS = ["passphrase", "api_key", "apiSecret", "TOKEN", "password", "pin", "code", "hmac"]
canaries = st.text(max_size=6).map(lambda text: text + "CANARY" + text)


@given(
    st.recursive(
        st.dictionaries(st.sampled_from(SECRETS), canaries, min_size=1, max_size=2),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.text(max_size=6) | st.sampled_from(SECRETS), inner, max_size=2)
        ),
        max_leaves=4,
    ),
    st.booleans(),
    st.integers(0, 3),
)
def test_no_canary_is_shown_in_json_at_any_depth(document: Any, ascii_: bool, cut: int) -> None:
    text = json.dumps(document, ensure_ascii=ascii_, indent=cut or None)
    body = text.encode("utf-8", "replace")

    assert "CANARY" not in mask_secrets(body)
    assert "CANARY" not in mask_secrets(body[: len(body) - cut])
    assert "CANARY" not in mask_secrets(json.dumps({"message": text}).encode())
