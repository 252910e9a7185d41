"""An arrival: one alert between the request and the commit that stores it.

Made by the webhook (and by a test alert), filled in by `signals.ingest`, which alone sets its
outcome.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from signals.routes import Route, StrategyRoute


class ArrivalOutcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    INVALID = "invalid"
    REROUTED = "rerouted"
    """The route changed since it was read; look it up again."""
    NOT_STORED = "not_stored"


@dataclass(slots=True)
class Arrival:
    """One alert on its way into the database."""

    id: str
    route: Route
    strategy: StrategyRoute | None
    received_at: datetime
    source_ip: str
    content_type: str
    raw: bytes
    dialect: str = ""
    intents_json: str = "[]"
    error: dict[str, Any] | None = None
    """Set for an invalid one: stored for its owner to see, never executed."""
    key: str = ""
    """The claim it needs; empty for an invalid one."""
    key_expires: bool = False
    """The key is the body's and is held for the window only."""
    fingerprint: str = ""
    outcome: ArrivalOutcome = ArrivalOutcome.NOT_STORED
    given_up: bool = False
    """Its sender was told that it is not stored, so it must not be."""
    sealed: bool = False
    """Its commit has begun: it can't be given up any more."""
    stored_id: str = ""
    """The signal that holds the claim: this one, or the first copy."""
    done: Callable[[], None] = field(default=lambda: None, repr=False)

    def give_up(self) -> bool:
        """Before its sender is told "not stored". False: too late, its commit has begun."""
        with _sealing:
            self.given_up = not self.sealed
            return self.given_up


_sealing = threading.Lock()


def seal(batch: Sequence[Arrival]) -> bool:
    """Just before the commit. False: one was given up, so this must not be committed."""
    with _sealing:
        if any(each.given_up for each in batch):
            return False
        for each in batch:
            each.sealed = True
        return True


def unseal(batch: Sequence[Arrival]) -> None:
    """A commit begins anew, or has failed."""
    with _sealing:
        for each in batch:
            each.sealed = False
