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
from brokers.types import CashKind
from tradehub.core.words import BrokerKind, Environment

K = CashKind
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
    cash: frozenset[CashKind] = frozenset()
    """Which money its own records tell of; empty where a key that trades is told of none."""


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        BrokerKind.PAPER.value: Kind("Paper", "TradeHub", (Environment.PAPER,), (), PAPER_OPTIONS),
        BrokerKind.BINANCE_SPOT.value: Kind(
            "Binance spot", "Binance", _REAL, _KEY_AND_SECRET, BINANCE_SPOT_OPTIONS, "testnet"
        ),
        BrokerKind.BINANCE_FUTURES.value: Kind(
            "Binance USD-M futures",
            "Binance",
            _REAL,
            _KEY_AND_SECRET,
            FUTURES_OPTIONS,
            "testnet",
            frozenset({K.REALIZED_PNL, K.FEE, K.FUNDING, K.TRANSFER, K.OTHER}),
        ),
        BrokerKind.ALPACA.value: Kind(
            "Alpaca",
            "Alpaca",
            _REAL,
            _KEY_AND_SECRET,
            ALPACA_OPTIONS,
            "paper trading",
            frozenset({K.FEE, K.INTEREST, K.DIVIDEND, K.TRANSFER, K.OTHER}),
        ),
    }
)
