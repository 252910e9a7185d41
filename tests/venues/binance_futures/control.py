"""Binance futures as a process: its world and its books on the control port."""

from typing import Any

from tests.venues.binance.control import LAG_SECONDS, MONEY, NEVER_LIMITED, QUOTE, STATUSES
from tests.venues.binance_futures.books import Account, Algo, Order
from tests.venues.binance_futures.server import Server
from tests.venues.binance_futures.sockets import Sockets
from tests.venues.binance_futures.venue import Venue, filters
from tests.venues.control import Commands

CENTS = {"minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"}
ALGO_STATUSES = {**STATUSES, "TRIGGERING": "open", "TRIGGERED": "open", "FINISHED": "filled"}


class FuturesCommands(Commands):
    def __init__(self, port: int) -> None:
        self._venue = Venue(weight_limit=NEVER_LIMITED)
        super().__init__(
            lambda number: Server(self._venue, number), port, lambda: Sockets(self._venue)
        )
        self._venue.script = self._script

    def open_account(self, key: str, secret: str) -> None:
        self._venue.open_account(key, secret, **{QUOTE: MONEY})

    def set_price(self, symbol: str, price: str) -> None:
        if symbol not in self._venue.books.markets:
            base = symbol.removesuffix(QUOTE)
            self._venue.add_market(base, QUOTE, price, filters=filters(PRICE_FILTER=CENTS))
        self._venue.set_price(symbol, price)

    def lag(self, key: str, lags: bool) -> None:
        self._venue.books.accounts[key].order_lag = LAG_SECONDS if lags else 0

    def books(self, key: str) -> dict[str, Any]:
        with self._venue.lock:
            account = self._venue.books.accounts[key]
            markets = self._venue.books.markets.values()
            return {
                "orders": _orders(account),
                "fills": [
                    {"id": f"{trade.symbol}:{trade.id}", "quantity": str(trade.quantity)}
                    for each in account.orders
                    for trade in each.trades
                ],
                "positions": {
                    symbol: str(each.amount) for (symbol, _), each in account.positions.items()
                },
                "steps": {each.symbol: each.filters["LOT_SIZE"]["stepSize"] for each in markets},
            }

    def heard_of(self, key: str, client_order_id: str) -> list[str]:
        with self._venue.lock:
            return [
                f"{each.operation} taken {each.taken} {each.params}"
                for each in self._venue.notes
                if each.key == key and client_order_id in each.params.values()
            ]


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
