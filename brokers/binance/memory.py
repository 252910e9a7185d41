"""What is remembered of an account between requests, in one process: which symbol an order is of,
whose trades are whose, and fills already read. Losing it costs requests, never a fact.

`Symbols` is the part that must last: those of which the account ever had something here. Binance
tells of orders and trades one symbol at a time, so what is not in it is never looked at.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
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


class Conditionals(Protocol):
    """The conditional orders of an account at futures, whoever placed them, and which ordinary
    orders they became. This lasts too: whose fill it is depends on it."""

    def add(self, client_order_id: str, symbol: str, now: datetime) -> None:
        """Before it leaves, or when it is seen."""

    def knows(self, client_order_id: str) -> bool: ...

    def waiting(self, symbol: str) -> list[str]:
        """Those that may still become an ordinary order."""

    def name_of(self, symbol: str, order_id: int) -> str | None: ...

    def note(self, client_order_id: str, order_id: int | None, *, ended: bool) -> None:
        """What the venue says of one that was added."""

    def absent(self, client_order_id: str, now: datetime) -> None:
        """The venue does not know it: after some time it never will."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How an account at futures trades a symbol."""

    leverage: int
    margin_mode: str


class Settings(Protocol):
    """Of an account's symbols at futures. Shared by all processes: each order may ask for another
    leverage."""

    def known(self, symbol: str, now: datetime) -> Setting | None:
        """As the venue has it; None when that is not known, or not any more."""

    def note(self, symbol: str, setting: Setting, now: datetime) -> None:
        """The venue has said so."""

    def forget(self, symbol: str) -> None:
        """Before it is changed there."""

    def forget_all(self) -> None:
        """The owner may have changed them."""


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
        # Of futures:
        self.ordinary: Recent[str, bool] = Recent()
        """Client order ids that are surely of the ordinary book."""
        self.looked_at: Recent[str, datetime] = Recent(500)
        """By symbol: when all conditional orders that wait were looked at, by the venue's clock."""
        self.hedged: tuple[bool, datetime] | None = None
        """The position mode, and since when we know."""
        self.alias: str | None = None
        self.algo_reduces = True
        """Whether the algo book takes reduce-only orders, until it says otherwise."""
