"""For tests: the fixture `scripted_venue`, and accounts and hubs that trade at it.

A test module imports the fixture by name, or a conftest does; it takes the database with it only
where accounts are made (`make_scripted_account`, `make_scripted_hub`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from brokers.models import BrokerAccount
from tests.venue.adapter import Options, ScriptedBroker
from tests.venue.control import Control
from tests.venue.server import Server, serving
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import make_profile, make_strategy, make_token
from tradehub.testing.hub import Clock, Hub

KEY = "scripted-1"
ADAPTERS = {"scripted": "tests.venue.adapter:open_scripted"}


@dataclass(frozen=True, slots=True)
class ScriptedVenue:
    url: str
    control: Control
    server: Server | None = None
    """Where it runs in this process."""

    def follow(self, clock: Callable[[], datetime]) -> None:
        """Let the venue's time be that of a test, lags included; hangs and delays stay real."""
        assert self.server is not None
        self.server.venue.clock = clock

    def open(self, key: str = KEY, *, cash: str = "100000", **rules: Any) -> str:
        """An account there; its key."""
        self.control.open_account(key, cash=cash, **rules)
        return key

    def broker(
        self, key: str = KEY, now: Callable[[], datetime] = utc_now, **options: Any
    ) -> ScriptedBroker:
        """`options`: the fields of `adapter.Options`."""
        return ScriptedBroker(Options(url=self.url, api_key=key, **options), now)


@pytest.fixture
def scripted_venue(tmp_path: Path, settings: Any) -> Iterator[ScriptedVenue]:
    """A venue of this test's own on a free port, whose kind `scripted` every account may have."""
    settings.BROKER_ADAPTERS = {**settings.BROKER_ADAPTERS, **ADAPTERS}
    with serving(tmp_path / "venue") as server:
        yield ScriptedVenue(server.url, Control(server.url), server)


def make_scripted_account(
    owner: User, url: str, *, key: str = KEY, label: str = "Scripted", **options: Any
) -> BrokerAccount:
    """A row of a kind that no user can choose; the account at the venue is opened apart."""
    return BrokerAccount.objects.create(
        owner=owner,
        kind="scripted",
        environment="test",
        label=label,
        options={"url": url, "api_key": key, **options},
    )


def make_scripted_hub(
    owner: User,
    venue: ScriptedVenue,
    limits: dict[str, Any] | None = None,
    *,
    key: str = KEY,
    rules: dict[str, Any] | None = None,
    now: datetime | None = None,
    **settings: Any,
) -> Hub:
    """As `tradehub.testing.hub.make_hub`, at the venue. `rules` are the account's there, `options`
    the adapter's, the rest the strategy's. The venue follows the hub's clock."""
    now = now or utc_now()
    clock = Clock(now)
    venue.follow(lambda: clock.now)
    venue.open(key, **(rules or {}))
    options = settings.pop("options", {})
    account = make_scripted_account(owner, venue.url, key=key, **options)
    profile = make_profile(owner, now, **(limits or {}))
    strategy = make_strategy(owner, account, profile, **settings)
    return Hub(owner, account, profile, strategy, make_token(strategy), clock)
