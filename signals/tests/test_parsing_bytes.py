"""Bytes that are no alert: the bounds and the words of a refusal; and what a raw body may show."""

import json

import pytest

from signals.parsing import MAX_BODY, ParseProblem, mask_secrets, parse_alert
from signals.parsing.names import is_secret

ALERT = '{"ticker":"AAPL","action":"buy","comment":"caf\u00e9"}'


def problem(body: bytes, content_type: str = "") -> ParseProblem:
    with pytest.raises(ParseProblem) as caught:
        parse_alert(body, content_type=content_type)
    return caught.value


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"\xff\xfe", "byte order mark"),
        (b"hello", "Line 1, column 1"),
        (b"symbol=AAPL action=buy", "Text alerts (key=value, command lines, CSV) are not read"),
        (b"buy AAPL", "Send the alert as a JSON object"),
        (b'{"a":1,\n "b" 2}', "Line 2, column 6: expecting ':' delimiter, found \"2\""),
        (b'{"a":1', "the end of the body"),
        (b"5", "this is 5"),
        (b'"buy"', 'this is "buy"'),
        (b"null", "this is null"),
        ("{\u201cticker\u201d:1}".encode(), "curly quote"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nested deeper than 32"),
        (b"[" * 10_000, "nested deeper than 32"),
        (b'{"a":' + b"1" * 41 + b"}", "more than 40"),
        (b'{"a":1e99999}', "exponent"),
        (b'{"a":"x\x01"}', "control character"),
        (b'{"a":"\xff"}', "Byte 7"),
    ],
)
def test_a_body_that_is_no_json_is_told_where(body: bytes, found: str) -> None:
    refused = problem(body)

    assert (refused.code, refused.http_status) == ("INVALID_JSON", 400)
    assert found in refused.detail


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"qty":1,"qty":1}', "/qty"),
        (b'{"x":[{"a/b":1,"a/b":2}]}', "/x/0/a~1b"),
        (b'{"stop_loss":NaN}', "/stop_loss"),
        (b'{"stop_loss":{"price":-Infinity}}', "/stop_loss/price"),
    ],
)
def test_repeated_keys_and_what_json_lacks_are_refused_with_a_pointer(
    body: bytes, pointer: str
) -> None:
    refused = problem(body)

    assert (refused.code, refused.errors[0].pointer) == ("INVALID_JSON", pointer)


def test_digits_and_brackets_within_a_string_are_not_counted() -> None:
    text = json.dumps({"ticker": "AAPL", "action": "buy", "a": "[" * 99 + '\\"' + "1" * 99})

    assert parse_alert(text.encode()).intents[0].symbol == "AAPL"


def test_a_body_that_is_too_large() -> None:
    refused = problem(b" " * (MAX_BODY + 1))

    assert (refused.code, refused.http_status) == ("BODY_TOO_LARGE", 413)
    assert parse_alert(ALERT.encode().ljust(MAX_BODY)).intents[0].symbol == "AAPL"


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("utf-16-le", ""), ("utf-32", ""),
        ("latin-1", "text/plain; charset=ISO-8859-1"),
        ("cp1252", 'text/plain;charset="windows-1252"'),
        ("utf-8", "text/plain; charset=latin-1"), ("utf-8", "charset=nonsense"),
    ],
)  # fmt: skip
def test_charsets(encoding: str, content_type: str) -> None:
    intent = parse_alert(ALERT.encode(encoding), content_type=content_type).intents[0]

    assert intent.comment == "caf\u00e9"


def test_only_listed_charsets_are_tried() -> None:
    assert problem(ALERT.encode("latin-1")).code == "INVALID_JSON"
    assert problem(ALERT.encode("latin-1"), "text/plain; charset=cp037").code == "INVALID_JSON"


def test_blanks_from_a_web_page_are_repaired_outside_strings_only() -> None:
    body = '\ufeff{\u00a0"ticker":\u2003"AAPL","action":"buy","comment":"a\u00a0b"}\u200b'.encode()

    assert parse_alert(body).intents[0].comment == "a\u00a0b"


@pytest.mark.parametrize("escaped", ["\\u0000", "\\ud800"])
def test_characters_that_no_database_takes(escaped: str) -> None:
    value = problem(f'{{"ticker":"AAPL","action":"buy","comment":"{escaped}"}}'.encode())
    key = problem(f'{{"ticker":"AAPL","action":"buy","a{escaped}":1}}'.encode())

    assert (value.code, value.errors[0].pointer) == ("INVALID_FIELD", "/comment")
    assert key.code == "INVALID_FIELD"


def test_the_passphrase_survives_a_field_error_and_is_never_quoted() -> None:
    refused = problem(b'{"passphrase":"canary","api_key":"canary2","qty":"{{x}}"}')

    assert (refused.passphrase, refused.api_key) == ("canary", "canary2")
    assert "canary" not in f"{refused!r} {refused} {refused.errors}"
    assert "canary" not in str(problem(b'{"passphrase":"{{canary}}"}').errors)


SECRET_BODIES = [
    '{"passphrase":"CANARY","ticker":"AAPL"}',
    '{"PassPhrase" : "CANARY" , "ticker":"AAPL"}',
    '{"a":{"b":[{"api_secret":"CANARY"}]},"ticker":"AAPL"}',
    '{"token":{"x":["CANARY",{"y":"CANARY"}]},"ticker":"AAPL"}',
    '{"pin":8675309,"ticker":"AAPL"}',
    '{"pass\\u0070hrase":"CANARY","ticker":"AAPL"}',
    '{"passphrase":"x\\",CANARY","ticker":"AAPL"}',
    '{"passphrase":"x\\\\\\",CANARY","ticker":"AAPL"}',
    '{"passphrase":"x\',CANARY","ticker":"AAPL"}',
    '{"passphrase":"CANARY"',
    '{"passphrase":"CANARY',
    '{"passphrase":CANARY,"ticker":"AAPL"}',
    '{"passphrase" "CANARY","ticker":"AAPL"}',
    '{"a: 1, "passphrase":"CANARY","ticker":"AAPL"}',
    '{"passphrase":"x"CANARY","ticker":"AAPL"}',
    "{'passphrase': 'CANARY', 'ticker':'AAPL'}",
    "{\u201cpassphrase\u201d: \u201cCANARY\u201d, \u201cticker\u201d:1}",
    "passphrase=CANARY;ticker=AAPL",
    "ticker=AAPL&api_key=CANARY&x=1",
    "TOKEN=CANARY\nticker=AAPL",
    'passphrase: "two CANARY"; ticker=AAPL',
    "%7B%22passphrase%22%3A%22CANARY%22%2C%22ticker%22%3A%22AAPL%22%7D",
    '{"message":"passphrase=CANARY;ticker=AAPL"}',
    '{"message":"{\\"secret\\":\\"x\\\\\\",CANARY\\",\\"ticker\\":1}","ticker":"AAPL"}',
]


@pytest.mark.parametrize("text", SECRET_BODIES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_no_secret_is_shown(text: str, encoding: str) -> None:
    shown = mask_secrets(text.encode(encoding))

    assert "CANARY" not in shown
    assert "8675309" not in shown
    assert "***" in shown


def test_what_is_no_secret_is_shown() -> None:
    body = '{"passphrase":"","ticker":"AAPL","comment":"token","idempotency_key":"k1"}'

    assert mask_secrets(body.encode()) == body.replace('"",', '"***",')
    assert mask_secrets(b'{"api_key":"a\\"b","x":1}') == '{"api_key":"***","x":1}'
    inside = json.dumps({"message": json.dumps({"secret": 'a"b', "ticker": 1})})
    assert '\\"ticker\\": 1' in mask_secrets(inside.encode())
    assert mask_secrets(b"code=12;ticker=AAPL") == "code=***;ticker=AAPL"


def test_odd_characters_are_made_visible() -> None:
    shown = mask_secrets(b"a\x00b\x1b[31m\xff\r\nc" + "\u202e\u200b".encode())

    assert shown == "a\u2400b\u241b[31m\ufffd\u240d\nc\\u202e\\u200b"


@pytest.mark.parametrize("word", ["apikey", "webhooktoken", "clientsecret", "pin", "code", "hmac"])
def test_names_of_secrets(word: str) -> None:
    assert is_secret(word)
    assert not is_secret("barcode")
