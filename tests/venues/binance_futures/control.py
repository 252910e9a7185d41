"""Binance futures as a process: its world and its books on the control port."""

from typing import Any

from tests.venues.binance.control import NEVER_LIMITED, QUOTE, STATUSES, BinanceCommands
from tests.venues.binance_futures.books import Account, Algo, Order
from tests.venues.binance_futures.server import Server
from tests.venues.binance_futures.sockets import Sockets
from tests.venues.binance_futures.venue import Venue, filters

CENTS = {"minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"}
ALGO_STATUSES = {**STATUSES, "TRIGGERING": "open", "TRIGGERED": "open", "FINISHED": "filled"}


class FuturesCommands(BinanceCommands):
    def __init__(self, port: int) -> None:
        venue = Venue(weight_limit=NEVER_LIMITED)
        super().__init__(venue, lambda number: Server(venue, number), port, lambda: Sockets(venue))

    def _list(self, base: str, price: str) -> None:
        self._venue.add_market(base, QUOTE, price, filters=filters(PRICE_FILTER=CENTS))

    def _standing(self, account: Account) -> dict[str, Any]:
        held, markets = account.positions.items(), self._venue.books.markets.values()
        return {
            "orders": _orders(account),
            "positions": {symbol: str(each.amount) for (symbol, _), each in held},
            "steps": {each.symbol: each.filters["LOT_SIZE"]["stepSize"] for each in markets},
        }


def _orders(account: Account) -> list[dict[str, Any]]:
    """What a conditional order became is told as that order, as the adapter tells it."""
    became = {(each.symbol, each.order_id) for each in account.algos if each.order_id is not None}
    plain = [each for each in account.orders if (each.symbol, each.id) not in became]
    return [*map(_order, plain), *(_algo(account, each) for each in account.algos)]


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": f"{order.symbol}:{order.id}",
        "client_order_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side.lower(),
        "type": order.type.lower(),
        "quantity": str(order.quantity),
        "filled": str(order.filled),
        "status": STATUSES.get(order.status, order.status.lower()),
        "reduce_only": order.closes,
    }


def _algo(account: Account, algo: Algo) -> dict[str, Any]:
    order = None
    if algo.order_id is not None:
        order = account.find(algo.symbol, order_id=algo.order_id)
    status = ALGO_STATUSES.get(algo.status, algo.status.lower())
    return {
        "id": f"{algo.symbol}:algo:{algo.id}",
        "client_order_id": algo.client_id,
        "symbol": algo.symbol,
        "side": algo.side.lower(),
        "type": "stop" if algo.type.startswith("STOP") else algo.type.lower(),
        "quantity": str(algo.quantity),
        "filled": str(order.filled if order is not None else 0),
        "status": _order(order)["status"] if order is not None else status,
        "reduce_only": True,
    }
