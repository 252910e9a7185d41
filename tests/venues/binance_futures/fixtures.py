"""For tests: the fixture `futures_venue`, and accounts, brokers and hubs that trade at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import pytest

from accounts.models import User
from brokers.binance.client import Timeouts
from brokers.binance.futures import FuturesBroker, read_options
from brokers.binance.seats import close_seats, seat_of
from brokers.budget import budget
from brokers.credentials import seal_credentials
from brokers.models import BrokerAccount
from brokers.types import OrderReport, OrderRequest
from tests.venues.binance_futures.books import Account
from tests.venues.binance_futures.server import Server, serving
from tests.venues.binance_futures.venue import Number, Venue
from tests.venues.contract.desk import order
from tests.venues.patience import patience
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import make_profile, make_strategy, make_token
from tradehub.testing.hub import Clock, Hub

KEY, SECRET = "apikey1", "secret-of-apikey1"
PATIENT = cast(Timeouts, patience)


@dataclass(frozen=True)
class FuturesVenue:
    venue: Venue
    server: Server

    def open(self, key: str = KEY, secret: str = SECRET, **wallets: Number) -> Account:
        return self.venue.open_account(key, secret, **(wallets or {"USDT": "30000"}))


def make_account(
    owner: User, key: str = KEY, secret: str = SECRET, **options: Any
) -> BrokerAccount:
    account = BrokerAccount(
        owner=owner, kind="binance_futures", environment="test", label=key, options=options
    )
    account.sealed_credentials = seal_credentials(account, {"api_key": key, "api_secret": secret})
    account.save(force_insert=True)
    return account


def make_broker(account: BrokerAccount, now: Callable[[], datetime] = utc_now) -> FuturesBroker:
    """As `open_futures`, with time-outs that a test can shorten (`hurried`)."""
    return FuturesBroker(seat_of(account, now, PATIENT), read_options(account))


@pytest.fixture
def futures_venue(settings: Any) -> Iterator[FuturesVenue]:
    """A venue of this test's own, with contracts of BTC at 100, ETH and BNB."""
    venue = Venue()
    venue.add_market("BTC", "USDT", "100")
    venue.add_market("ETH", "USDT", "10")
    venue.add_market("BNB", "USDT", "500")
    venue.add_market("BTC", "USDC", "100")
    with serving(venue) as server:
        urls = {"BINANCE_FUTURES_REST_URL": server.url, "BINANCE_SPOT_REST_URL": server.url}
        settings.VENUE_URLS = {**settings.VENUE_URLS, **urls}
        close_seats()
        budget.forget()
        try:
            yield FuturesVenue(venue, server)
        finally:
            close_seats()


def make_futures_hub(
    owner: User,
    there: FuturesVenue,
    limits: dict[str, Any] | None = None,
    *,
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> Hub:
    """As `tradehub.testing.hub.make_hub`, at the venue, which follows the hub's clock."""
    now = utc_now()
    clock = Clock(now)
    there.venue.clock = lambda: clock.now
    there.open()
    account = make_account(owner, **(options or {}))
    profile = make_profile(owner, now, **(limits or {}))
    strategy = make_strategy(owner, account, profile, **settings)
    return Hub(owner, account, profile, strategy, make_token(strategy), clock)


class Desk:
    """One account there: enough of a desk for `contract.desk.order`."""

    symbol = "BTCUSDT"

    def __init__(self, there: FuturesVenue, account: BrokerAccount) -> None:
        self.venue = there.venue
        self.account = account
        self.broker = make_broker(account)

    @property
    def books(self) -> Account:
        return self.venue.books.accounts[KEY]

    def place(self, side: str, quantity: str, kind: str = "market", **more: Any) -> OrderReport:
        return self.broker.submit(self.ask(side, quantity, kind, **more))

    def ask(self, side: str, quantity: str, kind: str = "market", **more: Any) -> OrderRequest:
        return order(self, side, quantity, kind, **more)

    def sent(self, client_order_id: str) -> dict[str, str]:
        """The parameters of the only request to place it."""
        names = ("newClientOrderId", "clientAlgoId")
        found = [each.params for each in self.venue.asked("submit")]
        (params,) = [
            each for each in found if client_order_id in [each.get(name) for name in names]
        ]
        return params

    def reopen(self) -> FuturesBroker:
        """As another process has it."""
        close_seats()
        self.broker = make_broker(self.account)
        return self.broker
