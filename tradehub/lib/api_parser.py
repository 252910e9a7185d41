"""The parser of REST bodies.

Apart from `tradehub.lib.api`, since REST framework imports its default parser before its views.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import UnreadablePostError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from tradehub.core.errors import BadInput


class DecimalJSONParser(JSONParser):
    """JSON whose numbers stay exact; NaN, Infinity and doubled keys are refused."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return json.loads(
                stream.read().decode("utf-8-sig"),
                parse_float=Decimal,
                parse_constant=_refuse_constant,
                object_pairs_hook=_without_doubles,
            )
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


def _first_line(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply."
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text."
    return str(error).splitlines()[0][:200] + "." if str(error) else "it could not be read."
