"""What is known of each kind of account before any adapter is asked: environments, credentials,
options, and the words of the pages.

Pure. Whether a kind can be opened is `brokers.registry.BUILT`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from brokers.options import (
    ALPACA_OPTIONS,
    BINANCE_SPOT_OPTIONS,
    FUTURES_OPTIONS,
    PAPER_OPTIONS,
    Reader,
)
from tradehub.core.words import BrokerKind, Environment

_REAL = (Environment.TEST, Environment.LIVE)
_KEY_AND_SECRET = ("api_key", "api_secret")


@dataclass(frozen=True, slots=True)
class Kind:
    title: str
    venue: str
    """Its name in sentences."""
    environments: tuple[Environment, ...]
    credentials: tuple[str, ...]
    """Names of what has to be given, each; empty for none."""
    options: Mapping[str, Reader]
    test_words: str = ""
    """What the venue calls the environment `test`."""


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        BrokerKind.PAPER.value: Kind("Paper", "TradeHub", (Environment.PAPER,), (), PAPER_OPTIONS),
        BrokerKind.BINANCE_SPOT.value: Kind(
            "Binance spot", "Binance", _REAL, _KEY_AND_SECRET, BINANCE_SPOT_OPTIONS, "testnet"
        ),
        BrokerKind.BINANCE_FUTURES.value: Kind(
            "Binance USD-M futures", "Binance", _REAL, _KEY_AND_SECRET, FUTURES_OPTIONS, "testnet"
        ),
        BrokerKind.ALPACA.value: Kind(
            "Alpaca", "Alpaca", _REAL, _KEY_AND_SECRET, ALPACA_OPTIONS, "paper trading"
        ),
    }
)
