"""One seat for each account in a process: its client with the kept connections, and its memory.

Opened with the credentials of the row, anew when they were replaced. The seats that were not used
for longest are closed when there are too many; a request under way ends as it would have.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from django.conf import settings

from brokers.binance.client import Addresses, Timeouts, VenueClient
from brokers.binance.conditionals import StoredConditionals
from brokers.binance.futures_client import FuturesClient
from brokers.binance.futures_market import forget_futures_markets
from brokers.binance.market import forget_markets
from brokers.binance.memory import Memory
from brokers.binance.models import TradedSymbol
from brokers.binance.site import forget_sites, site_at
from brokers.binance.symbol_settings import StoredSettings
from brokers.credentials import open_key
from brokers.models import BrokerAccount
from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.db import in_write_transaction

MOST_SEATS = 512
LIVE = Addresses("https://api.binance.com", "https://fapi.binance.com")
TEST = Addresses("https://testnet.binance.vision", "https://testnet.binancefuture.com")


class StoredSymbols:
    """Of one account; read once, then only added to."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._seen: set[str] = set()

    def known(self) -> list[str]:
        """Another process may have added one: the rows are read anew."""
        rows = TradedSymbol.objects.filter(account_id=self._account_id)
        self._seen |= set(rows.values_list("symbol", flat=True))
        return sorted(self._seen)

    def add(self, symbols: list[str]) -> None:
        fresh = sorted(set(symbols) - self._seen)
        if not fresh:
            return
        rows = [TradedSymbol(account_id=self._account_id, symbol=each) for each in fresh]
        in_write_transaction(lambda: TradedSymbol.objects.bulk_create(rows, ignore_conflicts=True))
        self._seen |= set(fresh)


@dataclass(frozen=True)
class Seat:
    client: VenueClient
    memory: Memory = field(repr=False)
    symbols: StoredSymbols = field(repr=False)
    conditionals: StoredConditionals = field(repr=False)
    settings: StoredSettings = field(repr=False)
    sealed: str = field(repr=False)
    """The credentials that it was opened with, as they are stored."""
    addresses: Addresses


_seats: OrderedDict[str, Seat] = OrderedDict()
_lock = Lock()


def seat_of(account: BrokerAccount, now: Callable[[], datetime], timeouts: Timeouts) -> Seat:
    """Raises BadCredentials for an account that has none."""
    addresses = addresses_of(account.environment)
    with _lock:
        seat = _seats.get(account.pk)
        if seat is None or (seat.sealed, seat.addresses) != (account.sealed_credentials, addresses):
            if seat is not None:
                seat.client.close()
            seat = _open(account, addresses, now, timeouts)
        seat.client.now = now
        seat.client.owner.expect(account)
        _seats[account.pk] = seat
        _seats.move_to_end(account.pk)
        while len(_seats) > MOST_SEATS:
            _, oldest = _seats.popitem(last=False)
            oldest.client.close()
        return seat


def close_seats() -> None:
    """All of them, with what was known of the addresses."""
    with _lock:
        while _seats:
            _seats.popitem()[1].client.close()
    forget_markets()
    forget_futures_markets()
    forget_sites()


def addresses_of(environment: str) -> Addresses:
    """The vendor's, unless the operator set others: those serve both environments."""
    vendors = LIVE if environment == Environment.LIVE else TEST
    urls = settings.VENUE_URLS
    return Addresses(
        urls["BINANCE_SPOT_REST_URL"] or vendors.spot,
        urls["BINANCE_FUTURES_REST_URL"] or vendors.futures,
    )


def _open(
    account: BrokerAccount, addresses: Addresses, now: Callable[[], datetime], timeouts: Timeouts
) -> Seat:
    key, secret = open_key(account, "Binance")
    futures = account.kind == BrokerKind.BINANCE_FUTURES
    made = FuturesClient if futures else VenueClient
    client = made(
        key=key,
        secret=secret,
        addresses=addresses,
        site=site_at(addresses.futures if futures else addresses.spot),
        now=now,
        timeouts=timeouts,
    )
    return Seat(
        client=client,
        memory=Memory(),
        symbols=StoredSymbols(account.pk),
        conditionals=StoredConditionals(account.pk),
        settings=StoredSettings(account.pk),
        sealed=account.sealed_credentials,
        addresses=addresses,
    )
