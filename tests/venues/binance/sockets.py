"""The Binance fake's WebSocket API, as far as user streams need it: `time`, `ping`, and
`userDataStream.subscribe.signature`, with signature and timestamp checked as for REST.

It tells an `executionReport` for each new order, trade and end, then the balances.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from tests.venues.binance import shapes
from tests.venues.binance.books import Account, Order, Refused, Trade
from tests.venues.binance.security import account_of, check_time, signature
from tests.venues.binance.venue import Venue
from tests.venues.sockets import Listener, SocketDoor, Watched

PATH = "/ws-api/v3"


class Sockets(SocketDoor):
    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._told: dict[tuple[str, int], tuple[int, str]] = {}
        """By symbol and number: how many trades of an order were told, and which end."""
        self._cancels = 0
        super().__init__()
        with venue.lock:
            self._watch()
            venue.lock = Watched(venue.lock, self._watch)  # type: ignore[assignment]  # it stands in for the lock

    async def answer(self, listener: Listener, frame: str | bytes) -> None:
        asked = json.loads(frame)
        method, params = asked["method"], asked.get("params", {})
        if isinstance(params, list):  # of streams of prices, which this socket has not
            params = {"streams": params}
        self.said.append((method, {name: params[name] for name in params if name != "signature"}))
        reply: dict[str, Any] = {"id": asked["id"], "status": 200, "result": {}}
        now = shapes.milliseconds(self.venue.now())
        if listener.connection.request is None or listener.connection.request.path != PATH:
            reply |= _error(404, -1000, "Path not found.")
        elif method == "time":
            reply["result"] = {"serverTime": now}
        elif method == "userDataStream.subscribe.signature":
            try:
                listener.key = self._who(params, now)
                reply["result"] = {"subscriptionId": 0}
            except Refused as error:
                reply |= _error(error.status, error.code, error.text)
        elif method != "ping":
            reply |= _error(400, -1000, "Unknown method.")
        await listener.connection.send(json.dumps(reply))

    def last_words(self, key: str, name: str = "eventStreamTerminated") -> None:
        self._tell(key, {"e": name, "E": shapes.milliseconds(self.venue.now())})

    def _who(self, params: Mapping[str, Any], now: int) -> str:
        """Raises Refused."""
        account = account_of(self.venue.books.accounts, str(params.get("apiKey", "")))
        signed = {name: each for name, each in params.items() if name != "signature"}
        payload = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
        if params.get("signature") != signature(account.secret, payload):
            raise Refused(-1022, "Signature for this request is not valid.")
        check_time({name: str(each) for name, each in params.items()}, now)
        return account.key

    def _watch(self) -> None:
        for account in self.venue.books.accounts.values():
            for order in account.orders:
                self._tell_news(account, order)

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
            self._tell(account.key, self._report(order, "NEW", "NEW", ()))
        for number, _ in enumerate(fresh, told + 1):
            trades = order.trades[:number]
            whole = sum(each.quantity for each in trades) >= order.quantity
            status = "FILLED" if whole else "PARTIALLY_FILLED"
            self._tell(account.key, self._report(order, "TRADE", status, trades, trades[-1]))
        if ended != end:
            kind = ended if ended in ("CANCELED", "REJECTED") else "EXPIRED"
            self._tell(account.key, self._report(order, kind, ended, order.trades))
        self._tell(account.key, _balances(account, self.venue))

    def _tell(self, key: str, event: dict[str, Any]) -> None:
        self.say(key, json.dumps({"subscriptionId": 0, "event": event}))

    def _report(
        self, order: Order, kind: str, status: str, trades: Any, trade: Trade | None = None
    ) -> dict[str, Any]:
        """Of a cancel, `c` is its own id and `C` the order's."""
        cancel = kind == "CANCELED"
        self._cancels += cancel
        filled = sum((each.quantity for each in trades), Decimal(0))
        spent = sum((each.quantity * each.price for each in trades), Decimal(0))
        at = shapes.milliseconds(trade.at if trade else order.updated_at)
        zero = Decimal(0)
        more = {"d": order.delta} if order.delta else {}
        return more | {
            "e": "executionReport", "E": at, "s": order.symbol,
            "c": f"cancel{self._cancels}" if cancel else order.client_id,
            "S": order.side, "o": order.type, "f": order.tif,
            "q": shapes.number(order.quantity), "p": shapes.number(order.price),
            "P": shapes.number(order.stop_price), "F": "0.00000000", "g": order.list_id,
            "C": order.client_id if cancel else "", "x": kind, "X": status, "r": "NONE",
            "i": order.id,
            "l": shapes.number(trade.quantity if trade else zero), "z": shapes.number(filled),
            "L": shapes.number(trade.price if trade else zero),
            "n": shapes.number(trade.fee if trade else zero),
            "N": trade.fee_asset if trade else None, "T": at, "t": trade.id if trade else -1,
            "I": 8641984, "w": order.working, "m": bool(trade and trade.maker), "M": False,
            "O": shapes.milliseconds(order.created_at), "Z": shapes.number(spent),
            "Y": shapes.number(trade.quantity * trade.price if trade else zero),
            "Q": "0.00000000", "W": shapes.milliseconds(order.created_at), "V": "NONE",
        }  # fmt: skip


def _balances(account: Account, venue: Venue) -> dict[str, Any]:
    now = shapes.milliseconds(venue.now())
    held = [
        {"a": asset, "f": shapes.number(each.free), "l": shapes.number(each.locked)}
        for asset, each in account.balances.items()
    ]
    return {"e": "outboundAccountPosition", "E": now, "u": now, "B": held}


def _error(status: int, code: int, text: str) -> dict[str, Any]:
    return {"status": status, "error": {"code": code, "msg": text}, "result": None}


@contextmanager
def telling(venue: Venue) -> Iterator[Sockets]:
    door = Sockets(venue)
    try:
        yield door
    finally:
        door.close()
