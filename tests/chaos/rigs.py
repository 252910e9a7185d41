"""What a chaos run needs of a venue: its world, its faults and its books. One entry for each kind.

The run itself knows no venue. A rig starts its venue when it is made; `stop` it in the end. What it
raises while the venue is down is OSError or an AssertionError, and means that nothing was done.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from tests.chaos.traffic import Market
from tests.chaos.verdict import TheirBooks
from tests.venue.faults import CrashPoint, FaultKind

AWAY = (OSError, AssertionError)

RIGS: Mapping[str, str] = {
    "scripted": "tests.chaos.scripted:ScriptedRig",
    "binance_spot": "tests.chaos.local:binance_spot",
    "binance_futures": "tests.chaos.local:binance_futures",
    "alpaca": "tests.chaos.local:alpaca",
}


class Rig(Protocol):
    settings: str
    """The hub's settings module."""
    market: Market
    keys: Sequence[str]
    """Of the accounts there."""
    rate: float
    """Alerts a second, unless the command says another."""
    may_shout: bool
    """Whether a position without its stop is excused by its alarm."""
    streams: bool
    """Whether it has any: then the hub runs its stream process."""

    def environment(self) -> Mapping[str, str]:
        """What the hub's own has besides."""

    def open_accounts(self) -> None:
        """At the venue, with prices; before `make_account`."""

    def make_account(self, owner: Any, key: str) -> Any:
        """The hub's row of one. Needs Django set up."""

    def limits(self) -> Mapping[str, Any]:
        """Of the risk profile of all."""

    def set_price(self, symbol: str, price: Any) -> None: ...

    def read_books(self) -> TheirBooks: ...

    def heard_of(self, account: str, client_order_id: str) -> list[str]:
        """The requests about an order, a line each."""

    def mix(
        self,
        operation: str,
        chances: Mapping[FaultKind | str, float],
        *,
        seed: int,
        seconds: float,
    ) -> None: ...

    def crash(self, point: CrashPoint) -> None:
        """A worker kills itself there, at its next order."""

    def crashes(self) -> list[str]:
        """The points that were handed out, since the venue came up."""

    def lag(self, key: str, *, lags: bool) -> None: ...

    def go_down(self) -> None: ...

    def come_up(self) -> None:
        """With the books it had; mixes and crashes may be forgotten."""

    def socket_fault(self, kind: str) -> int:
        """See `tests.venues.control`; how many connections it concerns."""

    def end_socket_fault(self, kind: str, seed: int) -> None: ...

    def sockets_seen(self) -> Mapping[str, int]:
        """How often somebody connected, and how many frames were told."""

    def faults_met(self) -> Counter[str]:
        """How many requests met which fault, ever."""

    def calm(self) -> None:
        """No more faults and crashes."""

    def stop(self) -> None: ...


def make_rig(name: str, home: Path, port: int | None) -> Rig:
    return maker_of(name)(home, port)


def maker_of(name: str) -> Callable[[Path, int | None], Rig]:
    module, _, maker = RIGS[name].partition(":")
    return cast("Callable[[Path, int | None], Rig]", getattr(import_module(module), maker))
