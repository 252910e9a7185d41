"""A whole hub that really runs, and the scripted venue that its accounts trade at: processes.

Every case takes a desk of its own (`World.desk`), so that none sees another's orders or faults. The
counts of a case are smaller here than in the catalogue; CASES_FULL=1 runs its own numbers.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.hub import PATIENCE, ROOT, Answer, RunningHub
from tests.servers import Postgres, postgres_binaries
from tests.venue.control import Control, VenueBooks
from tests.venue.server import serving

FLAGS = ("--web", "2", "--workers", "2", "--no-stream")
SETTINGS = "tests.venue.settings"
ENGINES = ("sqlite", "postgresql")
DESKS = [f"desk-{number}" for number in range(6)]
FINAL = {"processed", "stale", "failed", "invalid"}
ENDED = {"filled", "canceled", "rejected", "expired", "denied"}


def many(few: int, all_of_them: int) -> int:
    """How often: a few, or what the catalogue says."""
    return all_of_them if os.environ.get("CASES_FULL") else few


@dataclass(frozen=True, slots=True)
class Desk:
    """An account there with a strategy and a webhook here."""

    key: str
    token: str
    hub: RunningHub
    control: Control
    api_key: str

    def alert(self, **alert: Any) -> Answer:
        body = {"symbol": "AAPL", "action": "buy", "quantity": 1, **alert}
        return self.hub.alert(self.token, body)

    def books(self) -> VenueBooks:
        return self.control.books(self.key)

    def signals(self) -> dict[str, dict[str, Any]]:
        """Of all desks, by id."""
        return {each["id"]: each for each in self._all("signals")}

    def orders(self) -> list[dict[str, Any]]:
        """Of this desk: those whose client ids its account has had posted, or has none of yet."""
        ours = {each.client_order_id for each in self.control.posts(self.key)}
        return [each for each in self._all("orders") if each["client_order_id"] in ours]

    def _all(self, resource: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: str | None = f"/api/v1/{resource}/?page_size=500"
        while page:
            answer = self.hub.get(page, key=self.api_key)
            if answer.status != 200:
                return []
            found += answer.json["results"]
            following = answer.json["next"]
            page = following and "/api" + following.partition("/api")[2]
        return found

    def all_final(self, ids: set[str]) -> bool:
        stored = self.signals()
        return ids <= stored.keys() and all(stored[each]["status"] in FINAL for each in ids)

    def _ended(self, ids: set[str]) -> list[dict[str, Any]]:
        """The orders, once each of the signals has one and none is at work."""
        orders = self.orders()
        whole = ids <= {each["signal"] for each in orders}
        return orders if whole and {each["status"] for each in orders} <= ENDED else []

    def assert_books_agree(self, ids: set[str]) -> None:
        """One order each, taken once, filled here as there (I1, I2, I4)."""
        orders = self.hub.until(partial(self._ended, ids), what="orders that have ended")
        books = self.books()
        assert sorted(each["signal"] for each in orders) == sorted(ids)
        assert {each["status"] for each in orders} <= {"filled"}
        ours = [each["client_order_id"] for each in orders]
        assert sorted(books.client_ids) == sorted(ours)
        taken = [each.client_order_id for each in self.control.posts(self.key) if each.taken]
        assert len(taken) == len(set(taken))


@dataclass
class World:
    hub: RunningHub
    control: Control
    desks: list[Desk]
    _given: Iterator[Desk] = field(init=False)

    def __post_init__(self) -> None:
        self._given = iter(self.desks)

    def desk(self) -> Desk:
        return next(self._given)

    def children(self, role: str) -> list[int]:
        found = self.hub.children().items()
        return [pid for name, pid in found if name.rstrip("0123456789") == role]

    def kill(self, pid: int) -> None:
        """-9, one of its own."""
        if pid in self.hub.children().values():
            with suppress(ProcessLookupError):  # it has ended since that was noted
                os.kill(pid, signal.SIGKILL)


@contextmanager
def running(folder: Path, engine: str) -> Iterator[World]:
    """Folder must be short: there is a socket in it."""
    with _database(engine) as database, serving(folder / "venue") as server:
        control = Control(server.url)
        control.set_default_price("100")
        for key in DESKS:
            control.open_account(key, cash="100000000")
        hub = RunningHub(folder / "home", *FLAGS, DJANGO_SETTINGS_MODULE=SETTINGS, **database)
        try:
            hub.wait_ready()
            yield World(hub, control, _desks(hub, control))
        finally:
            hub.stop()


def _desks(hub: RunningHub, control: Control) -> list[Desk]:
    command = [sys.executable, "-m", "tests.cases.desks", control.url, *DESKS]
    done = subprocess.run(
        command, cwd=ROOT, env=hub.environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    return [
        Desk(key, token, hub, control, made["api_key"]) for key, token in made["tokens"].items()
    ]


@contextmanager
def _database(engine: str) -> Iterator[dict[str, str]]:
    if engine == "sqlite":
        yield {}
        return
    server = Postgres(postgres_binaries())
    try:
        yield {"DATABASE_URL": server.start()}
    finally:
        server.stop()
