"""Binance spot as a process: its world and its books on the control port."""

from abc import abstractmethod
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.venues.binance.books import Account, Order
from tests.venues.binance.server import Server
from tests.venues.binance.sockets import Sockets
from tests.venues.binance.venue import STEP, Venue
from tests.venues.control import Commands, OpenDoor
from tests.venues.sockets import SocketDoor

QUOTE = "USDT"
MONEY = 1_000_000_000
NEVER_LIMITED = 1_000_000
LAG_SECONDS = 2.0
STATUSES = {
    "NEW": "open",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "EXPIRED": "expired",
}


class BinanceCommands(Commands):
    """Of spot and futures alike; each adds its markets, and what is held in its own way."""

    def __init__(
        self, venue: Venue, open_door: OpenDoor, port: int, open_sockets: Callable[[], SocketDoor]
    ) -> None:
        self._venue = venue
        super().__init__(open_door, port, open_sockets)
        venue.script = self._script

    def open_account(self, key: str, secret: str) -> None:
        self._venue.open_account(key, secret, **{QUOTE: MONEY})

    def set_price(self, symbol: str, price: str) -> None:
        if symbol not in self._venue.books.markets:
            self._list(symbol.removesuffix(QUOTE), price)
        self._venue.set_price(symbol, price)

    def lag(self, key: str, lags: bool) -> None:
        self._venue.books.accounts[key].order_lag = LAG_SECONDS if lags else 0

    def books(self, key: str) -> dict[str, Any]:
        with self._venue.lock:
            account = self._venue.books.accounts[key]
            return {
                "fills": [
                    {"id": f"{trade.symbol}:{trade.id}", "quantity": str(trade.quantity)}
                    for each in account.orders
                    for trade in each.trades
                ],
                **self._standing(account),
            }

    def heard_of(self, key: str, client_order_id: str) -> list[str]:
        with self._venue.lock:
            return [
                f"{each.operation} taken {each.taken} {each.params}"
                for each in self._venue.notes
                if each.key == key and client_order_id in each.params.values()
            ]

    @abstractmethod
    def _list(self, base: str, price: str) -> None: ...

    @abstractmethod
    def _standing(self, account: Any) -> dict[str, Any]:
        """`orders`, `positions` and `steps`, under the venue's lock."""


class SpotCommands(BinanceCommands):
    def __init__(self, port: int) -> None:
        venue = Venue(weight_limit=NEVER_LIMITED)
        super().__init__(venue, lambda number: Server(venue, number), port, lambda: Sockets(venue))

    def _list(self, base: str, price: str) -> None:
        self._venue.add_market(base, QUOTE, price)

    def _standing(self, account: Account) -> dict[str, Any]:
        markets = self._venue.books.markets.values()
        return {
            "orders": [_order(each) for each in account.orders],
            "positions": {each.symbol: str(_held(account, each.base)) for each in markets},
            "steps": {each.symbol: STEP for each in markets},
        }


def _held(account: Account, asset: str) -> Decimal:
    found = account.balance(asset)
    return found.free + found.locked


def _order(order: Order) -> dict[str, Any]:
    """Nothing can be short here, so what sells reduces."""
    return {
        "id": f"{order.symbol}:{order.id}",
        "client_order_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side.lower(),
        "type": "stop" if order.type.startswith("STOP_LOSS") else order.type.lower(),
        "quantity": str(order.quantity),
        "filled": str(order.filled),
        "status": STATUSES.get(order.status, order.status.lower()),
        "reduce_only": not order.buys,
    }
