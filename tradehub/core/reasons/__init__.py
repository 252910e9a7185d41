"""The registry of reason codes: every refusal has one, and every code has a help page.

The order is the contract's and failed checks are sorted by it; a code is never renamed or reused.
A new rule adds its code here, in its place, and the page `/help/reasons/<code>` is there.
The texts lie beside this module, one file for each group. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tradehub.core.reasons import api, denied_limits, denied_rules, message, nothing, venue


class Group(StrEnum):
    """Who said no, and to what."""

    MESSAGE = "message"
    API = "api"
    DENIED = "denied"
    NOTHING = "nothing"
    VENUE = "venue"


GROUP_TITLES: Mapping[Group, str] = MappingProxyType(
    {
        Group.MESSAGE: "The message",
        Group.API: "The API",
        Group.DENIED: "Denied by your rules",
        Group.NOTHING: "Nothing to do",
        Group.VENUE: "The venue",
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """`meaning` is what happened and why; `remedy` is what to do."""

    code: str
    group: Group
    title: str
    meaning: str
    remedy: str
    http_status: int | None = None
    """The answer to a request that fails with it; None where it is no failure of a request."""


def _registry() -> dict[str, Reason]:
    grouped = [
        (Group.MESSAGE, message.TEXTS),
        (Group.API, api.TEXTS),
        (Group.DENIED, denied_rules.TEXTS + denied_limits.TEXTS),
        (Group.NOTHING, nothing.TEXTS),
        (Group.VENUE, venue.TEXTS),
    ]
    statuses = message.STATUSES | api.STATUSES
    return {
        code: Reason(code, group, title, meaning, remedy, statuses.get(code))
        for group, texts in grouped
        for code, title, meaning, remedy in texts
    }


REASONS: Mapping[str, Reason] = MappingProxyType(_registry())
_ORDER = {code: place for place, code in enumerate(REASONS)}


def reason(code: str) -> Reason:
    """Raises KeyError for a code that is not in the registry."""
    return REASONS[code]


def order_of(code: str) -> int:
    """The place of a code in the contract; sorts failed checks. Unknown ones come last."""
    return _ORDER.get(code, len(_ORDER))
