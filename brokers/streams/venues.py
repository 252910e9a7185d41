"""Which kinds of account have a stream, and who speaks it. A new one is a module and a line here.

A module is imported when an account needs it, in the stream process: some load a vendor's SDK.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from types import MappingProxyType

from django.db.models import QuerySet

from brokers.models import BrokerAccount
from brokers.streams.protocol import Stream
from tradehub.core.words import BrokerKind

Factory = Callable[[BrokerAccount, Callable[[], datetime]], Stream]


@dataclass(frozen=True, slots=True)
class Venue:
    module: str
    """Its `open_stream(account, now)` makes a `Stream`, and makes no request."""
    at_once: int
    """So many connections may be opened in a row,"""
    per_second: float
    """and so many a second after that."""


STREAMS: Mapping[str, Venue] = MappingProxyType(
    {
        # Binance closes its door to an address that connects more than 300 times in five minutes.
        BrokerKind.BINANCE_SPOT.value: Venue("brokers.streams.binance_spot", 100, 0.6),
        BrokerKind.BINANCE_FUTURES.value: Venue("brokers.streams.binance_futures", 100, 0.6),
        BrokerKind.ALPACA.value: Venue("brokers.streams.alpaca", 50, 5),
    }
)


def followed_accounts() -> QuerySet[BrokerAccount]:
    """Enabled, at a venue with a stream, and the account doctor has let them pass."""
    return BrokerAccount.objects.filter(
        enabled=True, kind__in=list(STREAMS), examination__passed=True
    )


def open_stream(account: BrokerAccount, *, now: Callable[[], datetime]) -> Stream:
    """Opens the account's credentials. Raises BrokerError."""
    factory: Factory = import_module(STREAMS[account.kind].module).open_stream
    return factory(account, now)
