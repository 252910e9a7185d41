"""StubBroker: one account at the stub venue, found by its api_key."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.credentials import open_credentials
from brokers.models import BrokerAccount
from brokers.types import AccountState, Instrument, Line, Quote, VenuePosition

PATH = "brokers.tests.stub_venue.adapter:open_stub"


@dataclass
class Script:
    """What the venue says of the account behind a key."""

    venue_account_id: str = ""
    error: Exception | None = None
    equity: str = "1000"
    lines: list[Line] = field(default_factory=list)
    symbols: set[str] = field(default_factory=lambda: {"BTCUSDT"})


scripts: dict[str, Script] = {}


def open_stub(account: BrokerAccount, now: Callable[[], datetime]) -> "StubBroker":
    return StubBroker(scripts[open_credentials(account)["api_key"]], now)


class StubBroker:
    def __init__(self, script: Script, now: Callable[[], datetime]) -> None:
        self.script = script
        self._now = now

    def account(self) -> AccountState:
        if self.script.error is not None:
            raise self.script.error
        worth = Decimal(self.script.equity)
        return AccountState(worth, worth, worth, "USDT", self._now(), self.script.venue_account_id)

    def instrument(self, symbol: str) -> Instrument | None:
        return Instrument(symbol, Decimal(1)) if symbol in self.script.symbols else None

    def quote(self, symbol: str) -> Quote | None:
        if symbol not in self.script.symbols:
            return None
        bid, ask = Decimal("9.5"), Decimal("10.5")
        return Quote(symbol, bid, ask, Decimal(10), self._now(), "stub")

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        return {each: found for each in symbols if (found := self.quote(each)) is not None}

    def open_orders(self, symbols: Collection[str] | None = None) -> list[Any]:
        return []

    def positions(self) -> list[VenuePosition]:
        return [VenuePosition("BTCUSDT", Decimal("0.10"), Decimal(50_000))]
