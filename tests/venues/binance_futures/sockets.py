"""The futures fake's user stream: the private route, opened by a listen key.

It tells an `ORDER_TRADE_UPDATE` for each new order, trade and end, and an `ALGO_UPDATE` for each
step of a conditional order. Only the kinds of events that were asked for are told.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.venues.binance_futures import shapes
from tests.venues.binance_futures.api import listen_key_of
from tests.venues.binance_futures.books import Account, Algo, Order, Trade
from tests.venues.binance_futures.venue import Venue
from tests.venues.sockets import Listener, SocketDoor, Watched

PATH = "/private/ws"


class Sockets(SocketDoor):
    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._told: dict[tuple[str, int], tuple[int, str]] = {}
        """By symbol and number: how many trades of an order were told, and which end."""
        self._algos: dict[int, str] = {}
        super().__init__()
        with venue.lock:
            self._watch()
            venue.lock = Watched(venue.lock, self._watch)  # type: ignore[assignment]  # it stands in for the lock

    async def welcome(self, listener: Listener) -> None:
        request = listener.connection.request
        asked = urlsplit("" if request is None else request.path)
        words = parse_qs(asked.query)
        keys = {listen_key_of(each): each.key for each in self.venue.books.accounts.values()}
        key = keys.get(words.get("listenKey", [""])[0])
        if asked.path != PATH or key is None or "ORDER_TRADE_UPDATE" not in words["events"][0]:
            await listener.connection.close(1008)
            return
        listener.key = key

    async def answer(self, listener: Listener, frame: str | bytes) -> None:
        """Nothing has to be said to it."""

    def last_words(self, key: str) -> None:
        self._tell(key, "listenKeyExpired")

    def _watch(self) -> None:
        for account in self.venue.books.accounts.values():
            for algo in account.algos:
                self._tell_of_algo(account, algo)
            for order in account.orders:
                self._tell_news(account, order)

    def _tell_of_algo(self, account: Account, algo: Algo) -> None:
        status = self.venue.books.status_of(account, algo)
        if self._algos.get(algo.id) == status:
            return
        self._algos[algo.id] = status
        said = {
            "caid": algo.client_id, "aid": algo.id, "at": "CONDITIONAL", "o": algo.type,
            "s": algo.symbol, "S": algo.side, "ps": algo.position_side, "f": algo.tif,
            "q": shapes.number(algo.quantity), "X": status,
            "ai": "" if algo.order_id is None else str(algo.order_id),
            "tp": shapes.number(algo.trigger), "p": shapes.number(algo.price),
        }  # fmt: skip
        self._tell(account.key, "ALGO_UPDATE", o=said)

    def _tell_news(self, account: Account, order: Order) -> None:
        subject = order.symbol, order.id
        before = self._told.get(subject)
        told, end = before or (0, "")
        fresh = order.trades[told:]
        ended = "" if order.working or order.status == "FILLED" else order.status
        if before is not None and not fresh and ended == end:
            return
        self._told[subject] = len(order.trades), ended
        if before is None:
            self._tell_order(account, order, "NEW", "NEW", [])
        for number in range(told + 1, len(order.trades) + 1):
            trades = order.trades[:number]
            whole = sum(each.quantity for each in trades) >= order.quantity
            status = "FILLED" if whole else "PARTIALLY_FILLED"
            self._tell_order(account, order, "TRADE", status, trades, trades[-1])
        if ended != end:
            kind = ended if ended == "CANCELED" else "EXPIRED"
            self._tell_order(account, order, kind, ended, order.trades)

    def _tell_order(
        self,
        account: Account,
        order: Order,
        kind: str,
        status: str,
        trades: list[Trade],
        trade: Trade | None = None,
    ) -> None:
        zero = Decimal(0)
        filled = sum((each.quantity for each in trades), zero)
        said: dict[str, Any] = {
            "s": order.symbol, "c": order.client_id, "S": order.side, "o": order.type,
            "f": order.tif, "q": shapes.number(order.quantity), "p": shapes.number(order.price),
            "ap": "0", "sp": "0", "x": kind, "X": status, "i": order.id,
            "l": shapes.number(trade.quantity if trade else zero), "z": shapes.number(filled),
            "L": shapes.number(trade.price if trade else zero),
            "T": shapes.milliseconds(trade.at if trade else order.updated_at),
            "t": trade.id if trade else 0, "m": bool(trade and trade.maker),
            "R": order.reduce_only, "ot": order.type, "ps": order.position_side, "cp": False,
            "rp": shapes.number(trade.realized if trade else zero),
        }  # fmt: skip
        if trade is not None:
            said |= {"N": trade.fee_asset, "n": shapes.number(trade.fee)}
        self._tell(account.key, "ORDER_TRADE_UPDATE", o=said)

    def _tell(self, key: str, kind: str, **more: Any) -> None:
        now = shapes.milliseconds(self.venue.now())
        self.say(key, json.dumps({"e": kind, "T": now, "E": now, **more}))


@contextmanager
def telling(venue: Venue) -> Iterator[Sockets]:
    door = Sockets(venue)
    try:
        yield door
    finally:
        door.close()
