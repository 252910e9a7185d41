"""For tests: the fixture `spot_venue`, and accounts, brokers and hubs that trade at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import pytest

from accounts.models import User
from brokers.binance.client import Timeouts
from brokers.binance.seats import close_seats, seat_of
from brokers.binance.spot import SpotBroker
from brokers.budget import budget
from brokers.credentials import seal_credentials
from brokers.models import BrokerAccount
from brokers.types import OrderReport, OrderRequest
from tests.venues.binance.books import Account
from tests.venues.binance.server import Server, serving
from tests.venues.binance.venue import Number, Venue
from tests.venues.contract.desk import order
from tests.venues.patience import patience
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import make_profile, make_strategy, make_token
from tradehub.testing.hub import Clock, Hub

KEY, SECRET = "apikey1", "secret-of-apikey1"
PATIENT = cast(Timeouts, patience)


@dataclass(frozen=True)
class SpotVenue:
    venue: Venue
    server: Server

    def open(self, key: str = KEY, secret: str = SECRET, **balances: Number) -> Account:
        return self.venue.open_account(key, secret, **(balances or {"USDT": "30000"}))


def make_account(
    owner: User, key: str = KEY, secret: str = SECRET, **options: Any
) -> BrokerAccount:
    account = BrokerAccount(
        owner=owner, kind="binance_spot", environment="test", label=key, options=options
    )
    account.sealed_credentials = seal_credentials(account, {"api_key": key, "api_secret": secret})
    account.save(force_insert=True)
    return account


def make_broker(account: BrokerAccount, now: Callable[[], datetime] = utc_now) -> SpotBroker:
    """As `open_spot`, with time-outs that a test can shorten (`hurried`)."""
    return SpotBroker(seat_of(account, now, PATIENT), "USDT")


@pytest.fixture
def spot_venue(settings: Any) -> Iterator[SpotVenue]:
    """A venue of this test's own, with markets of BTC at 100, BNB and ETH."""
    venue = Venue()
    venue.add_market("BTC", "USDT", "100")
    venue.add_market("ETH", "USDT", "10")
    venue.add_market("BNB", "USDT", "500")
    venue.add_market("ETH", "BTC", "0.1")
    with serving(venue) as server:
        settings.VENUE_URLS = {**settings.VENUE_URLS, "BINANCE_SPOT_REST_URL": server.url}
        close_seats()
        budget.forget()
        try:
            yield SpotVenue(venue, server)
        finally:
            close_seats()


def make_spot_hub(
    owner: User,
    there: SpotVenue,
    limits: dict[str, Any] | None = None,
    *,
    now: datetime | None = None,
    **settings: Any,
) -> Hub:
    """As `tradehub.testing.hub.make_hub`, at the venue, which follows the hub's clock."""
    now = now or utc_now()
    clock = Clock(now)
    there.venue.clock = lambda: clock.now
    if KEY not in there.venue.books.accounts:
        there.open()
    account = make_account(owner)
    profile = make_profile(owner, now, **(limits or {}))
    strategy = make_strategy(owner, account, profile, **settings)
    return Hub(owner, account, profile, strategy, make_token(strategy), clock)


class Desk:
    """One account there: enough of a desk for `contract.desk.order`."""

    symbol = "BTCUSDT"

    def __init__(self, there: SpotVenue, account: BrokerAccount) -> None:
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

    def reopen(self) -> SpotBroker:
        """As another process has it."""
        close_seats()
        self.broker = make_broker(self.account)
        return self.broker
