"""What the stream of one account at a venue says, and what it wants to hear.

Pure. A `Stream` is made anew for each connection and knows its venue's words; sockets and waiting
are `brokers.streams.line`'s. `hear` runs in the event loop and never waits. `where`, `keep` and
`report` run in a thread and may ask the venue. A stream only makes things faster: no venue tells
again what was missed, so whatever it says is checked against what is asked for, and nothing rests
on it alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from brokers.types import OrderReport

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Say:
    """Send this."""

    text: str


@dataclass(frozen=True, slots=True)
class Ready:
    """From now on it tells of the account."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something happened to an order: `Stream.report` reads it."""

    event: Raw


@dataclass(frozen=True, slots=True)
class Look:
    """Something happened that it doesn't tell in full: ask the venue about the account."""


@dataclass(frozen=True, slots=True)
class Over:
    """It tells nothing more: connect anew."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It won't speak to us. `code` is one of our reason codes; `seconds`: not again before."""

    code: str
    seconds: float = 300.0


News = Say | Ready | Told | Look | Over | Refused


class Stream(Protocol):
    silence_seconds: float
    """Nothing at all heard for so long, not even the answer to a ping: it is dead."""
    keep_seconds: float | None
    """How often `keep` is called; None: never."""

    def where(self) -> str:
        """The address to connect to. Raises BrokerError."""

    def greeting(self) -> list[str]:
        """What to say first. Where that is nothing, it tells as soon as it is connected."""

    def hear(self, frame: str | bytes) -> list[News]: ...

    def keep(self) -> None:
        """Keep what `where` opened alive. Raises BrokerError; then the connection is made anew."""

    def report(self, event: Raw) -> OrderReport:
        """The order that an event tells of, as polling would tell it; `fills` holds those that the
        event names in full. Raises ValueError, KeyError or TypeError for what can't be read, and
        BrokerError."""
