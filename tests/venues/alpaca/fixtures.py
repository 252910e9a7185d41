"""For tests: the fixture `alpaca`, brokers that speak to it, and hubs that trade there.

Takes the database with it only where accounts are made (`make_alpaca_hub`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from accounts.models import User
from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.client import Client, Timeouts
from brokers.alpaca.connection import Connection, connections
from brokers.budget import budget
from brokers.credentials import seal_credentials
from brokers.models import BrokerAccount
from brokers.types import OrderReport, OrderRequest
from tests.venues.alpaca.server import Server, serving
from tests.venues.alpaca.venue import Venue
from tests.venues.patience import patience
from tradehub.core.words import OrderSide, OrderType, TimeInForce
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import make_profile, make_strategy, make_token
from tradehub.testing.hub import Clock, Hub

KEY, SECRET = "PKFAKE", "sesame"
PATIENT = cast(Timeouts, patience)


@dataclass
class Alpaca:
    """The venue of a test, with one account at it."""

    venue: Venue
    server: Server
    opened: list[Client]

    @property
    def url(self) -> str:
        return self.server.url

    def broker(
        self, now: Callable[[], datetime] = utc_now, *, key: str = KEY, secret: str = SECRET,
        timeouts: Timeouts = PATIENT, **options: Any,
    ) -> AlpacaBroker:  # fmt: skip
        """That remembers nothing yet."""
        client = Client(
            api_key=key, api_secret=secret, trading_url=self.url, data_url=self.url,
            timeouts=timeouts, now=now,
        )  # fmt: skip
        self.opened.append(client)
        return AlpacaBroker(Connection(client), now, options)

    def asked(self, operation: str) -> int:
        return sum(each.operation == operation for each in self.venue.asked)


@contextmanager
def opened_alpaca() -> Iterator[Alpaca]:
    """With prices of 100 for two stocks and a coin."""
    budget.forget()
    with serving() as server:
        found = Alpaca(server.venue, server, [])
        server.venue.open_account(KEY, SECRET)
        for symbol in ("AAPL", "MSFT", "BTCUSD"):
            server.venue.set_price(symbol, "100")
        yield found
        for client in found.opened:
            client.close()
        connections.close()


@pytest.fixture
def alpaca() -> Iterator[Alpaca]:
    with opened_alpaca() as found:
        yield found


def request(
    side: str = "buy", quantity: str = "2", kind: str = "market", *, symbol: str = "AAPL",
    tif: str = "day", **more: Any,
) -> OrderRequest:  # fmt: skip
    named = {"limit_price", "stop_price"} & more.keys()
    prices: dict[str, Any] = {name: Decimal(more.pop(name)) for name in named}
    return OrderRequest(
        client_order_id=more.pop("id", "order1"),
        symbol=symbol,
        side=OrderSide(side),
        order_type=OrderType(kind),
        time_in_force=TimeInForce(tif),
        quantity=Decimal(quantity),
        **prices,
        **more,
    )


def now_of(broker: AlpacaBroker, client_order_id: str) -> OrderReport:
    found = broker.order(client_order_id)
    assert found is not None
    return found


def make_alpaca_hub(
    owner: User,
    alpaca: Alpaca,
    settings: Any,
    limits: dict[str, Any] | None = None,
    **strategy: Any,
) -> Hub:
    """As `tradehub.testing.hub.make_hub`, at the fake, which follows the hub's clock."""
    urls = {"ALPACA_TRADING_URL": alpaca.url, "ALPACA_DATA_URL": alpaca.url}
    settings.VENUE_URLS = {**settings.VENUE_URLS, **urls}
    clock = Clock(utc_now())
    alpaca.venue.clock = lambda: clock.now
    account = BrokerAccount(owner=owner, kind="alpaca", environment="test", label="Alpaca")
    account.sealed_credentials = seal_credentials(account, {"api_key": KEY, "api_secret": SECRET})
    account.save()
    profile = make_profile(owner, clock.now, **(limits or {}))
    made = make_strategy(owner, account, profile, **strategy)
    return Hub(owner, account, profile, made, make_token(made), clock)
