"""What is wrong with an alert: coded, with a JSON pointer, never a secret.

Every error that can be found is reported at once, so that a sender mends all of them in one go.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_ERRORS = 32
MAX_POINTER = 200

_HTTP_STATUS = {"INVALID_JSON": 400, "BODY_TOO_LARGE": 413}


@dataclass(frozen=True, slots=True)
class FieldError:
    pointer: str
    """RFC 6901; empty for the whole document."""
    code: str
    detail: str


class ParseProblem(Exception):
    """The alert can't be used. `passphrase` and `api_key` are what the body said, where it could be
    read that far, so that the owner can still be checked; they are in no text of this."""

    def __init__(
        self,
        errors: Sequence[FieldError],
        *,
        passphrase: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self.errors = tuple(errors[:MAX_ERRORS])
        self.code = self.errors[0].code
        self.detail = self.errors[0].detail
        self.passphrase = passphrase
        self.api_key = api_key
        super().__init__(self.code, self.detail)

    @property
    def http_status(self) -> int:
        return _HTTP_STATUS.get(self.code, 422)


def unreadable(detail: str, pointer: str = "") -> ParseProblem:
    return ParseProblem([FieldError(pointer, "INVALID_JSON", detail)])


def join_pointer(base: str, key: str | int) -> str:
    """`base` and one more step; cut, since a hostile key may be as long as the body."""
    step = str(key).replace("~", "~0").replace("/", "~1")
    if not step.isascii():
        step = step.encode("utf-8", "replace").decode()
    return f"{base}/{step}"[:MAX_POINTER]


def shown(value: Any) -> str:
    """A value as an error may quote it: short, escaped, on one line."""
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 40 else value[:40] + "…")
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return text if len(text) <= 40 else text[:40] + "…"
