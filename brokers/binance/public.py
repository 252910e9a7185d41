"""What Binance tells everybody, asked without a key: prices of the live market."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar

from brokers.binance.client import Addresses, Timeouts, VenueClient
from brokers.binance.futures_client import FuturesClient
from brokers.binance.futures_market import FuturesMarket
from brokers.binance.market import SpotMarket
from brokers.binance.seats import addresses_of
from brokers.binance.site import site_at
from brokers.types import Quote
from tradehub.core.words import Environment
from tradehub.lib.clock import utc_now

C = TypeVar("C", bound=VenueClient)

TIMEOUTS = Timeouts(connect=3, read=5)
"""A price that is late is asked for anew."""


def spot_quotes(names: Collection[str], now: Callable[[], datetime]) -> dict[str, Quote]:
    """Of those that have one. Raises BrokerError."""
    addresses = addresses_of(Environment.LIVE)
    client = _client(VenueClient, addresses, addresses.spot)
    client.now = now
    return SpotMarket(client).quotes(names)


def contract_quotes(names: Collection[str], now: Callable[[], datetime]) -> dict[str, Quote]:
    """As above, of USD-M futures."""
    addresses = addresses_of(Environment.LIVE)
    client = _client(FuturesClient, addresses, addresses.futures)
    client.now = now
    return FuturesMarket(client).quotes(names)


_clients: dict[tuple[type[VenueClient], Addresses], VenueClient] = {}


def _client(made: type[C], addresses: Addresses, url: str) -> C:
    """One for each address; two made at once harm nothing."""
    client = _clients.get((made, addresses))
    if not isinstance(client, made):
        client = _clients[made, addresses] = _open(made, addresses, url)
    return client


def _open(made: type[C], addresses: Addresses, url: str) -> C:
    return made(
        key="",
        secret="",
        addresses=addresses,
        site=site_at(url),
        now=utc_now,
        timeouts=TIMEOUTS,
    )
