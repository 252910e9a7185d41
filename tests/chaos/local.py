"""The local venues in a chaos run: each in its own process, spoken to by the real adapters.

A venue that goes down loses its door and its connections; its books stay. Their ids are those that
our adapters make of the venue's, their statuses ours, so that the verdict compares like with like.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.traffic import Market
from tests.chaos.verdict import TheirBooks, TheirOrder
from tests.venue.faults import CrashPoint, FaultKind
from tests.venues.process import LocalVenue

SECRET = "sesame"
LONG_ONLY: Sequence[Mapping[str, Any]] = ({"max_adds": 1_000_000}, {})


@dataclass(frozen=True, slots=True)
class Kind:
    kind: str
    """Of the accounts."""
    module: str
    """What is run with `-m`."""
    urls: Sequence[str]
    """Settings that are the venue's address."""
    stream_urls: Sequence[str]
    """Settings that are the address of its sockets."""
    market: Market
    accounts: int = 10
    rate: float = 1.5
    """So that an account whose answer was lost, which waits for the venue's settle time, is not
    covered with alerts meanwhile."""


BINANCE_SPOT = Kind(
    "binance_spot",
    "tests.venues.binance",
    ("BINANCE_SPOT_REST_URL",),
    ("BINANCE_SPOT_WS_API_URL", "BINANCE_SPOT_STREAM_URL"),
    Market(
        {"AAAUSDT": 100, "BBBUSDT": 50, "CCCUSDT": 20, "DDDUSDT": 200, "EEEUSDT": 10},
        step=Decimal("0.00001"),
        actions={"buy": 55, "sell": 20, "close": 25},
        settings=LONG_ONLY,
    ),
)
ALPACA = Kind(
    "alpaca",
    "tests.venues.alpaca",
    ("ALPACA_TRADING_URL", "ALPACA_DATA_URL"),
    ("ALPACA_STREAM_URL", "ALPACA_DATA_STREAM_URL"),
    Market(
        {"AAA": 100, "BBB": 50, "CCC": 20, "DDD": 200, "EEE": 10},
        step=Decimal(1),
        first=Decimal(1000),
    ),
)
BINANCE_FUTURES = Kind(
    "binance_futures",
    "tests.venues.binance_futures",
    ("BINANCE_FUTURES_REST_URL",),
    ("BINANCE_FUTURES_STREAM_URL",),
    Market(
        {"AAAUSDT": 100, "BBBUSDT": 50, "CCCUSDT": 20, "DDDUSDT": 200, "EEEUSDT": 10},
        step=Decimal("0.001"),
    ),
)


KINDS = (BINANCE_SPOT, BINANCE_FUTURES, ALPACA)


class LocalRig:
    settings = "tests.chaos.settings"
    may_shout = False
    streams = True

    def __init__(self, kind: Kind, port: int | None) -> None:
        self._kind = kind
        self._venue = LocalVenue(kind.module, port)
        self._tell = self._venue.hand.tell
        self.market = kind.market
        self.rate = kind.rate
        self.keys = [f"chaos{number}" for number in range(kind.accounts)]

    def environment(self) -> Mapping[str, str]:
        urls = dict.fromkeys(self._kind.urls, self._venue.url)
        urls |= dict.fromkeys(self._kind.stream_urls, str(self._tell("sockets_url")))
        return {**urls, "CHAOS_CONTROL_URL": self._venue.hand.url}

    def open_accounts(self) -> None:
        for symbol, price in self.market.prices.items():
            self.set_price(symbol, price)
        for key in self.keys:
            self._tell("open_account", key=key, secret=SECRET)

    def make_account(self, owner: Any, key: str) -> Any:
        """As a user's: it is traded when the account doctor has passed it."""
        from brokers.services import create_account  # it needs the settings
        from tradehub.lib.clock import utc_now

        return create_account(
            owner=owner,
            kind=self._kind.kind,
            environment="test",
            label=key,
            credentials={"api_key": key, "api_secret": SECRET},
            now=utc_now(),
        )

    def limits(self) -> Mapping[str, Any]:
        return {"on_unprotected": "close"}

    def set_price(self, symbol: str, price: Any) -> None:
        self._tell("set_price", symbol=symbol, price=str(price))

    def read_books(self) -> TheirBooks:
        orders: list[TheirOrder] = []
        fills: dict[tuple[str, str], Decimal] = {}
        positions: dict[tuple[str, str], Decimal] = {}
        steps: dict[str, Decimal] = {}
        for key in self.keys:
            books = self._tell("books", key=key)
            orders += [_order(key, each) for each in books["orders"]]
            fills |= {(key, each["id"]): Decimal(each["quantity"]) for each in books["fills"]}
            held = {symbol: Decimal(text) for symbol, text in books["positions"].items()}
            positions |= {(key, symbol): each for symbol, each in held.items() if each}
            steps |= {symbol: Decimal(text) for symbol, text in books["steps"].items()}
        return TheirBooks(tuple(orders), fills, positions, steps)

    def heard_of(self, account: str, client_order_id: str) -> list[str]:
        return list(self._tell("heard_of", key=account, client_order_id=client_order_id))

    def mix(
        self,
        operation: str,
        chances: Mapping[FaultKind | str, float],
        *,
        seed: int,
        seconds: float,
    ) -> None:
        plain = {FaultKind(kind).value: chance for kind, chance in chances.items()}
        self._tell("mix", operation=operation, chances=plain, seed=seed, seconds=seconds)

    def crash(self, point: CrashPoint) -> None:
        self._tell("crash", point=point.value)

    def crashes(self) -> list[str]:
        return list(self._tell("crashes"))

    def lag(self, key: str, *, lags: bool) -> None:
        self._tell("lag", key=key, lags=lags)

    def socket_fault(self, kind: str) -> int:
        return int(self._tell("socket_fault", kind=kind))

    def end_socket_fault(self, kind: str, seed: int) -> None:
        self._tell("end_socket_fault", kind=kind, seed=seed)

    def sockets_seen(self) -> Mapping[str, int]:
        return dict(self._tell("sockets_seen"))

    def go_down(self) -> None:
        self._tell("go_down")

    def come_up(self) -> None:
        self._tell("come_up")

    def faults_met(self) -> Counter[str]:
        return Counter(self._tell("faults_met"))

    def calm(self) -> None:
        self._tell("clear_faults")
        self._tell("clear_crashes")

    def stop(self) -> None:
        self._venue.stop()


def binance_spot(home: Path, port: int | None) -> LocalRig:
    return LocalRig(BINANCE_SPOT, port)


def binance_futures(home: Path, port: int | None) -> LocalRig:
    return LocalRig(BINANCE_FUTURES, port)


def alpaca(home: Path, port: int | None) -> LocalRig:
    return LocalRig(ALPACA, port)


def _order(key: str, row: Mapping[str, Any]) -> TheirOrder:
    return TheirOrder(
        id=row["id"],
        account=key,
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=row["side"],
        type=row["type"],
        quantity=Decimal(row["quantity"]),
        filled=Decimal(row["filled"]),
        status=row["status"],
        reduce_only=row["reduce_only"],
    )
