"""What is remembered of an account between requests, in one process: which symbol an order is of,
whose trades are whose, and fills already read. Losing it costs requests, never a fact.

`Symbols` is the part that must last: those of which the account ever had something here. Binance
tells of orders and trades one symbol at a time, so what is not in it is never looked at.
"""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, Protocol, TypeVar

from brokers.types import FillReport

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
MOST = 2000


class Symbols(Protocol):
    def known(self) -> list[str]: ...

    def add(self, symbols: list[str]) -> None:
        """Before an order of one leaves."""


class Recent(Generic[K, V]):
    """The last so many; safe among threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


class Memory:
    def __init__(self) -> None:
        self.symbol_of: Recent[str, str] = Recent()
        """By client order id."""
        self.client_id_of: Recent[str, str] = Recent()
        """By the venue's id."""
        self.fills_of: Recent[str, tuple[FillReport, ...]] = Recent(500)
        """By the venue's id."""
