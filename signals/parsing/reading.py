"""Bytes of an alert to text, and text to a JSON document.

The only repairs are a byte order mark, blanks and the charset. Depth and digits are bounded by a
linear scan before the parse, since deep nesting is a RecursionError and 5,000 digits a ValueError.
Numbers with a point are Decimal; a key said twice, NaN and Infinity are refused.
"""

import codecs
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from signals.parsing.names import is_secret, squash
from signals.parsing.problems import (
    MAX_ERRORS,
    FieldError,
    ParseProblem,
    join_pointer,
    unreadable,
)

MAX_BODY = 65536
MAX_DEPTH = 32
MAX_DIGITS = 40

_CHARSETS = {
    "utf-8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "iso-8859-15", "windows-1250",
    "windows-1251", "windows-1252", "utf-16", "utf-16le", "utf-16be", "utf-32",
}  # fmt: skip
_UNMARKED = {"utf-16-be", "utf-16-le", "utf-32-be", "utf-32-le"}
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.-]{1,20})", re.IGNORECASE)
_BLANKS = re.compile(
    "[\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff\v\f\x85]"
)
_EDGES = " \t\r\n\v\f\x85\u00a0\u200b\u2060\u3000\ufeff"

# An unterminated string matches to the end of the text: nothing is ever scanned twice.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_TOKEN = re.compile(_STRING + r"|[\[{]++|[\]}]++|[-+.0-9eE]++", re.DOTALL)
_STRING_OR_PLACEHOLDER = re.compile(_STRING + r'|\{\{[^{}"\r\n]{0,100}+\}\}', re.DOTALL)
_STRING_OR_BLANK = re.compile(_STRING + "|" + _BLANKS.pattern, re.DOTALL)
_LONG_NUMBER = re.compile(rf"[-+.0-9eE]{{{MAX_DIGITS + 1}}}|[eE][-+]?[0-9]{{4}}")
_PLACEHOLDER = re.compile(r"\{\{([^{}]{0,60}+)")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_OF_STRATEGIES = "Placeholders of a strategy work only in a strategy's alert."
_OF_ALL = (
    "It fills in only those it knows, and only in what it sends itself: check the spelling; in a "
    "message that you send by hand, write the value."
)


class _Said(list[tuple[str, Any]]):
    """An object's pairs, for finding where a key was said twice."""


class _Constant(str):
    """NaN, Infinity or -Infinity, which JSON doesn't have."""


class _Refused(ValueError):
    pass


def read_text(body: bytes, content_type: str = "") -> str:
    """The text of a body, without blanks or a byte order mark around it."""
    if len(body) > MAX_BODY:
        detail = f"The body has {len(body)} bytes; {MAX_BODY} is the most. Send a shorter alert."
        raise ParseProblem([FieldError("", "BODY_TOO_LARGE", detail)])
    try:
        text = _decode(body, content_type)
    except UnicodeDecodeError as error:
        raise unreadable(
            f"Byte {error.start + 1} of the body is not {error.encoding} text. Send UTF-8."
        ) from None
    text = text.strip(_EDGES)
    if not text:
        found = "is empty" if not body.strip() else "is empty but for blanks or a byte order mark"
        raise unreadable(f"The body {found}. Send the alert as a JSON object.")
    return text


def decode_for_display(body: bytes) -> str:
    """The same text as `read_text`, whatever the bytes: what can't be decoded is replaced."""
    return body.decode(_encoding(body), "replace").lstrip("\ufeff")


def read_json(text: str) -> Any:
    """The document in a text. Raises ParseProblem."""
    _bound(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        repaired = _repair(text)
        if repaired is None:
            raise unreadable(_where(text, error)) from None
        try:
            return _DECODER.decode(repaired)
        except json.JSONDecodeError:
            raise unreadable(_where(text, error)) from None
        except _Refused:
            raise _refusal(repaired) from None
    except _Refused:
        raise _refusal(text) from None


def find_bad_text(document: Any, pointer: str) -> list[FieldError]:
    """Placeholders that TradingView left as they were, and characters that no database takes."""
    return list(islice(_bad_text(document, pointer), MAX_ERRORS))


def _encoding(body: bytes) -> str:
    """By the mark or, without one, by where the zeros stand around what JSON begins with."""
    encoding = json.detect_encoding(body)
    if encoding in _UNMARKED and body.lstrip(b"\0")[:1] not in (b"{", b"[", b" ", b"\r", b"\n"):
        return "utf-8"
    return encoding


def _decode(body: bytes, content_type: str) -> str:
    encoding = _encoding(body)
    if encoding != "utf-8":
        return body.decode(encoding)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        named = _CHARSET.search(content_type)
        charset = named.group(1).lower() if named else ""
        if charset not in _CHARSETS:
            raise
        return body.decode(codecs.lookup(charset).name)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        raise _Refused
    return said


def _constant(word: str) -> Any:
    raise _Refused


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_constant, object_pairs_hook=_pairs)
_LENIENT = json.JSONDecoder(parse_float=Decimal, parse_constant=_Constant, object_pairs_hook=_Said)


def _bound(text: str) -> None:
    """Refuses what the parser must not see. Most alerts pass by the two looks on the first line."""
    if text.count("{") + text.count("[") <= MAX_DEPTH and not _LONG_NUMBER.search(text):
        return
    depth = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        first = token[0]
        if first in "{[":
            depth += len(token)
            if depth > MAX_DEPTH:
                where = _place(text, match.start())
                raise unreadable(f"{where}: nested deeper than {MAX_DEPTH} levels.")
        elif first in "}]":
            depth -= len(token)
        elif first != '"' and _LONG_NUMBER.search(token):
            where = _place(text, match.start())
            raise unreadable(
                f"{where}: a number of more than {MAX_DIGITS} characters or too large an exponent."
            )


def _repair(text: str) -> str | None:
    """Odd blanks between tokens become spaces, bare placeholders become strings (so that the
    refusal can name them); None when there is neither."""
    repaired = text
    if _BLANKS.search(repaired):
        repaired = _STRING_OR_BLANK.sub(lambda m: m.group() if m.group()[0] == '"' else " ", text)
    if "{{" in repaired:
        repaired = _STRING_OR_PLACEHOLDER.sub(
            lambda m: m.group() if m.group()[0] == '"' else json.dumps(m.group()), repaired
        )
    return None if repaired == text else repaired


def _where(text: str, error: json.JSONDecodeError) -> str:
    if _PLACEHOLDER.match(text, max(error.pos - 1, 0)):
        return f"{_place(text, error.pos)}: a placeholder that TradingView did not fill in."
    if not error.pos and text[0].isalpha():
        return (
            f"{_place(text, error.pos)}: this is text, not JSON. Text alerts (key=value, command "
            "lines, CSV) are not read in this version. Send the alert as a JSON object."
        )
    found = text[error.pos : error.pos + 1]
    if not found:
        found_text = "the end of the body"
    elif found in "\u201c\u201d\u201e\u2018\u2019":
        found_text = f"{found}, a curly quote; JSON wants straight ones"
    else:
        found_text = json.dumps(found, ensure_ascii=not found.isprintable())
    return f"{_place(text, error.pos)}: {error.msg.lower()}, found {found_text}."


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"Line {line}, column {column}"


def _refusal(text: str) -> ParseProblem:
    """Where a key was said twice or a NaN stands; only for a text that `_DECODER` refused."""
    found = next(_refused(_LENIENT.decode(text), ""), None)
    return unreadable("A number is out of all bounds.") if found is None else found


def _refused(value: Any, pointer: str) -> Iterator[ParseProblem]:
    if isinstance(value, _Constant):
        yield unreadable(f"{value} is not a number that JSON has.", pointer)
    elif isinstance(value, _Said):
        seen: set[str] = set()
        for key, inner in value:
            here = join_pointer(pointer, key)
            if key in seen:
                yield unreadable("This key is there twice. Say each thing once.", here)
            seen.add(key)
            yield from _refused(inner, here)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _refused(inner, join_pointer(pointer, index))


def _quoted(name: str) -> str:
    return json.dumps("{{" + name.strip() + "}}")[1:-1]


def _bad_text(value: Any, pointer: str) -> Iterator[FieldError]:
    if isinstance(value, str):
        placeholder = _PLACEHOLDER.search(value)
        if placeholder:
            secret = is_secret(squash(pointer.rpartition("/")[2]))
            name = "a placeholder" if secret else _quoted(placeholder.group(1))
            of_strategies = placeholder.group(1).strip().startswith("strategy.")
            why = _OF_STRATEGIES if of_strategies else _OF_ALL
            detail = f"TradingView did not fill in {name}. {why}"
            yield FieldError(pointer, "UNRESOLVED_PLACEHOLDER", detail)
        elif _NOT_TEXT.search(value):
            yield FieldError(pointer, "INVALID_FIELD", "This has a character that is no text.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            here = join_pointer(pointer, key)
            if _NOT_TEXT.search(key):
                yield FieldError(here, "INVALID_FIELD", "A key has a character that is no text.")
            yield from _bad_text(inner, here)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _bad_text(inner, join_pointer(pointer, index))
