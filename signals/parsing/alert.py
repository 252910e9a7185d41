"""The bytes of an alert to what they ask for: the one door of the parser.

A list of objects is an alert with several commands, in order, for one strategy and with one
passphrase. It is taken whole or refused whole.
"""

from dataclasses import dataclass, field
from typing import Any

from signals.parsing.dialects import OBJECT_DIALECTS, TEXT_DIALECTS
from signals.parsing.fields import Fields
from signals.parsing.problems import FieldError, ParseProblem, shown, unreadable
from signals.parsing.reading import find_bad_text, read_json, read_text
from tradehub.core.intent import Intent

MAX_COMMANDS = 16


@dataclass(frozen=True, slots=True)
class ParsedAlert:
    dialect: str
    intents: tuple[Intent, ...]
    passphrase: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    strategy: str | None = None
    explicit_id: str | None = None


def parse_alert(body: bytes, *, content_type: str = "") -> ParsedAlert:
    """Raises ParseProblem, and nothing else. The content type matters for its charset only."""
    text = read_text(body, content_type)
    named, commands = _read_commands(text)
    errors: list[FieldError] = []
    several = isinstance(commands, list)
    objects = [
        Fields(each, f"/{index}" if several else "", errors)
        for index, each in enumerate(commands if several else [commands])
    ]
    passphrase = _shared([each.secret("passphrase") for each in objects])
    api_key = _shared([each.secret("api_key") for each in objects])
    if named is not None or "{{" in text or "\\u" in text:
        bad = find_bad_text(commands, "")
        if bad:
            raise ParseProblem(bad, passphrase=passphrase, api_key=api_key)
    dialect, intents = _read_intents(objects)
    _check_together(objects, intents)
    if errors:
        raise ParseProblem(errors, passphrase=passphrase, api_key=api_key)
    return ParsedAlert(
        named or dialect,
        tuple(intents),
        passphrase,
        api_key,
        strategy=_shared([each.strategy for each in intents]),
        explicit_id=_shared([each.idempotency_id for each in intents]),
    )


def _read_commands(text: str) -> tuple[str | None, Any]:
    """The name of the text dialect if it is one, and an object or a list of objects."""
    if text[0] not in "{[":
        for dialect in TEXT_DIALECTS:
            if dialect.recognises(text):
                return dialect.name, dialect.objects(text)
    document = read_json(text)
    if isinstance(document, dict):
        return None, document
    if not isinstance(document, list):
        raise unreadable(f"An alert is a JSON object; this is {shown(document)[:60]}.")
    if not 0 < len(document) <= MAX_COMMANDS:
        raise _refused("", f"A list of {len(document)} commands; there can be 1 to {MAX_COMMANDS}.")
    for index, each in enumerate(document):
        if not isinstance(each, dict):
            raise _refused(f"/{index}", "Each command of a list is an object.")
    return None, document


def _read_intents(objects: list[Fields]) -> tuple[str, list[Intent]]:
    names, intents = [], []
    for fields in objects:
        dialect = next(each for each in OBJECT_DIALECTS if each.recognises(fields))
        names.append(dialect.name)
        intent = dialect.read(fields)
        if intent is not None:
            intents.append(intent)
    return names[0], intents


def _check_together(objects: list[Fields], intents: list[Intent]) -> None:
    """Commands of one alert go to one strategy: that is how the alert is routed."""
    if len(objects) == 1:
        return
    for name in ("strategy", "passphrase", "api_key"):
        said = [(fields, fields.said[name]) for fields in objects if fields.has(name)]
        for fields, value in said[1:]:
            if value != said[0][1]:
                fields.contradiction(name, f"The commands of one alert name one `{name}`.")


def _shared(values: list[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def _refused(pointer: str, detail: str) -> ParseProblem:
    return ParseProblem([FieldError(pointer, "INVALID_FIELD", detail)])
