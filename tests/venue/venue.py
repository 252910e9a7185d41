"""The scripted venue as one thing: the exchange, its journal, the ledger, the scripts, the clock.

Every command goes through `do`: journal first, then the books, under one lock; so the books of a
killed venue are the same when it is started again with the same folder. Scripts, crashes and the
clock's skew are not kept: whoever scripts says so again.
"""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.venue.books import Refused
from tests.venue.exchange import Exchange
from tests.venue.faults import Crashes, Script
from tests.venue.ledger import Ledger, Lines


class Venue:
    def __init__(self, state: Path, clock: Callable[[], datetime] | None = None) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.clock = clock or (lambda: datetime.now(UTC))
        self._journal = Lines(state / "journal.jsonl")
        self.ledger = Ledger(state / "ledger.jsonl")
        self.lock = threading.RLock()
        self.exchange = Exchange()
        self.script = Script()
        self.crashes = Crashes()
        self.skew = timedelta(0)
        for line in self._journal.kept:
            self._replay(line)

    def now(self) -> datetime:
        """The venue's own clock, which may be wrong."""
        return self.clock() + self.skew

    def do(self, command: str, **arguments: Any) -> Any:
        """Raises Refused."""
        with self.lock:
            now = self.now()
            line = {"do": command, "at": now.isoformat(), "with": arguments}
            self._journal.write(line)
            # As it will be read back, so that a replay can't differ.
            return self.exchange.apply(command, json.loads(json.dumps(arguments)), now)

    def reset(self) -> None:
        with self.lock:
            self._journal.clear()
            self.ledger.clear()
            self.exchange = Exchange()
            self.script = Script()
            self.crashes = Crashes()
            self.skew = timedelta(0)

    def close(self) -> None:
        self._journal.close()
        self.ledger.close()

    def _replay(self, line: dict[str, Any]) -> None:
        try:
            self.exchange.apply(line["do"], line["with"], datetime.fromisoformat(line["at"]))
        except Refused:
            return  # as it was refused then
