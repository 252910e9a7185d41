"""The fake Alpaca's `trade_updates`: authentication, then an event for each thing that happens to
an order, as JSON in binary frames.

A fill's `execution_id` is not the id that the list of fills gives it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import uuid4

from tests.venues.alpaca import shapes
from tests.venues.alpaca.books import Account, Fill, Order
from tests.venues.alpaca.venue import Venue
from tests.venues.sockets import Listener, SocketDoor, Watched

PATH = "/stream"
ENDED = ("filled", "canceled", "expired", "rejected", "replaced")


class Sockets(SocketDoor):
    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._told: dict[str, tuple[int, str]] = {}
        """By order: how many fills were told, and which status."""
        self._over: set[str] = set()
        """Orders of which nothing more will be told."""
        super().__init__()
        with venue.lock:
            self._watch()
            venue.lock = Watched(venue.lock, self._watch)

    async def answer(self, listener: Listener, frame: str | bytes) -> None:
        asked = json.loads(frame)
        action, data = asked.get("action"), asked.get("data", {})
        self.said.append((action, {name: data[name] for name in data if name != "secret_key"}))
        request = listener.connection.request
        if request is None or request.path != PATH:
            await listener.connection.close(1008)
        elif action == "authenticate":
            account = self.venue.accounts.get(data.get("key_id", ""))
            good = account is not None and data.get("secret_key") == account.secret
            listener.known_as = data["key_id"] if good else ""
            said = {"status": "authorized" if good else "unauthorized", "action": "authenticate"}
            await _answer(listener, "authorization", said)
        elif action == "listen":
            listener.key = listener.known_as
            known = [each for each in data["streams"] if each == "trade_updates"]
            await _answer(listener, "listening", {"streams": known if listener.key else []})

    def _watch(self) -> None:
        for account in self.venue.accounts.values():
            for order in list(account.orders.values()):
                if order.id not in self._over:
                    self._tell_news(account, order)

    def _tell_news(self, account: Account, order: Order) -> None:
        before = self._told.get(order.id)
        fills, status = before or (0, "")
        known = [each for each in account.fills if each.order is order]
        if before == (len(known), order.status):
            return
        self._told[order.id] = len(known), order.status
        if before is None:
            waits = order.status in ("accepted", "held", "pending_new")
            self._tell(account, order, order.status if waits else "new", Decimal(0))
        for each in known[fills:]:
            whole = each.cum_qty >= order.qty
            name = "filled" if whole else "partially_filled"
            self._tell(account, order, name, each.cum_qty, each)
        if order.status in ENDED:
            self._over.add(order.id)
        silent = ("new", "accepted", "held", "pending_new", "partially_filled", "filled")
        if order.status != status and order.status not in silent:
            self._tell(account, order, order.status, order.filled)

    def _tell(
        self,
        account: Account,
        order: Order,
        status: str,
        filled: Decimal,
        fill: Fill | None = None,
    ) -> None:
        shown = shapes.order(order) | {"status": status, "filled_qty": shapes.text(filled)}
        names = {"filled": "fill", "partially_filled": "partial_fill"}
        now = shapes.stamp(self.venue.now())
        data: dict[str, Any] = {
            "event": names.get(status, status),
            "order": shown,
            "timestamp": now,
        }
        data |= {"event_id": uuid4().hex, "at": now}
        if fill is not None:
            data |= {
                "execution_id": str(uuid4()),
                "price": shapes.text(fill.price),
                "qty": shapes.text(fill.qty),
                "position_qty": shapes.text(account.held(order.asset)),
            }
        self.say(account.key, json.dumps({"stream": "trade_updates", "data": data}).encode())


async def _answer(listener: Listener, stream: str, data: dict[str, Any]) -> None:
    await listener.connection.send(json.dumps({"stream": stream, "data": data}).encode())


@contextmanager
def telling(venue: Venue) -> Iterator[Sockets]:
    door = Sockets(venue)
    try:
        yield door
    finally:
        door.close()
