"""Alpaca as a process: its world and its books on the control port."""

from typing import Any

from brokers.pairs import stop_id_of
from tests.venues.alpaca.books import Asset, Order
from tests.venues.alpaca.server import Server
from tests.venues.alpaca.sockets import Sockets
from tests.venues.alpaca.venue import Venue
from tests.venues.control import Commands

MONEY = 1_000_000_000
NEVER_LIMITED = 1_000_000
LAGS = {"order_lag": 2.0, "fill_lag": 3.0, "position_lag": 3.0}
STATUSES = {
    "new": "open",
    "accepted": "open",
    "pending_new": "open",
    "held": "open",
    "pending_cancel": "open",
}


class AlpacaCommands(Commands):
    def __init__(self, port: int) -> None:
        self._venue = Venue(most=NEVER_LIMITED, remaining=NEVER_LIMITED)
        super().__init__(
            lambda number: Server(self._venue, number), port, lambda: Sockets(self._venue)
        )
        self._venue.script = self._script

    def open_account(self, key: str, secret: str) -> None:
        self._venue.open_account(key, secret, cash=MONEY, multiplier=4)

    def set_price(self, symbol: str, price: str) -> None:
        self._venue.assets.setdefault(symbol, Asset(symbol))
        self._venue.set_price(symbol, price)

    def lag(self, key: str, lags: bool) -> None:
        self._venue.change(key, **(LAGS if lags else dict.fromkeys(LAGS, 0)))

    def books(self, key: str) -> dict[str, Any]:
        with self._venue.lock:
            account = self._venue.accounts[key]
            return {
                "orders": [_order(each) for each in account.orders.values()],
                "fills": [{"id": each.id, "quantity": str(each.qty)} for each in account.fills],
                "positions": {name: str(each.qty) for name, each in account.positions.items()},
                "steps": dict.fromkeys(self._venue.prices, "1"),
            }

    def heard_of(self, key: str, client_order_id: str) -> list[str]:
        with self._venue.lock:
            order = self._venue.accounts[key].by_client_id(client_order_id)
            names = [client_order_id, *([order.id] if order else [])]
            return [
                f"{each.operation} fault {each.fault} taken {each.taken} {each.status} {each.body}"
                for each in self._venue.asked
                if each.key == key and any(x in f"{each.path} {each.body}" for x in names)
            ]


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "client_order_id": _name(order),
        "symbol": order.asset.flat,
        "side": order.side,
        "type": "stop" if order.type.startswith("stop") else order.type,
        "quantity": str(order.qty),
        "filled": str(order.filled),
        "status": STATUSES.get(order.status, order.status),
        "reduce_only": order.position_intent.endswith("_to_close") or order.order_class == "oco",
    }


def _name(order: Order) -> str:
    """A leg has an id of the venue's own; ours is made from that of its order."""
    if order.is_leg and order.other is not None:
        return stop_id_of(order.other.client_order_id)
    return order.client_order_id
