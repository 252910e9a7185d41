"""What a dialect is. A JSON dialect reads one object; a text dialect turns text into objects,
which the JSON dialects then read, so that a field means the same in all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from signals.parsing.fields import Fields
from tradehub.core.intent import Intent


@dataclass(frozen=True, slots=True)
class ObjectDialect:
    name: str
    recognises: Callable[[Fields], bool]
    read: Callable[[Fields], Intent | None]
    """None, or an Intent that is not used, when an error was noted."""


@dataclass(frozen=True, slots=True)
class TextDialect:
    name: str
    recognises: Callable[[str], bool]
    objects: Callable[[str], list[dict[str, Any]]]
    """Raises ParseProblem."""
