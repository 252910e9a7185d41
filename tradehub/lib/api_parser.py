"""The parser of REST bodies.

Apart from `tradehub.lib.api`, since REST framework imports its default parser before its views.
"""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import UnreadablePostError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from tradehub.core.errors import BadInput

MAX_DEPTH = 32
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class DecimalJSONParser(JSONParser):
    """JSON whose numbers stay exact; NaN, Infinity and doubled keys are refused, and so is what no
    resource could keep: deep nesting, and characters that no database takes."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            document = json.loads(
                stream.read().decode("utf-8-sig"),
                parse_float=Decimal,
                parse_constant=_refuse_constant,
                object_pairs_hook=_without_doubles,
            )
            _check(document)
            return document
        except RequestDataTooBig as error:
            raise BadInput("The body is too large.", code="BODY_TOO_LARGE") from error
        except (ValueError, RecursionError, UnreadablePostError) as error:
            raise ParseError(f"The body is not JSON: {_first_line(error)}") from error


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _check(document: Any) -> None:
    """Level by level, since one that is nested deeply ends a recursion."""
    level: list[tuple[str, Any]] = [("", document)]
    for _ in range(MAX_DEPTH + 1):
        level = [step for pointer, value in level for step in _inside(pointer, value)]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def _inside(pointer: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, str):
        _refuse_what_is_no_text(pointer, value)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield f"{pointer}/{place}", inner
    elif isinstance(value, dict):
        for key, inner in value.items():
            _refuse_what_is_no_text(pointer, key)
            yield f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", inner


def _refuse_what_is_no_text(pointer: str, text: str) -> None:
    if _NOT_TEXT.search(text):
        raise BadInput("This has a character that is no text.", pointer=pointer)


def _first_line(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply."
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text."
    return str(error).splitlines()[0][:200] + "." if str(error) else "it could not be read."
