"""Reading an Alpaca account: orders, fills and positions, whole lists and with every fill told.

Reads only; safe to repeat. Alpaca's lists are paged and its fills name no client order id, so both
are joined here. What can't be read is an error, never an empty answer.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote as escaped

from brokers.alpaca import parsing
from brokers.alpaca.connection import Connection
from brokers.alpaca.errors import NotFound, unreadable
from brokers.alpaca.pairs import has_leg, is_nameless_leg, stop_leg, with_named_leg
from brokers.errors import BrokerError, OutcomeUnknown
from brokers.pairs import target_id_of
from brokers.types import FillReport, OrderReport, VenuePosition
from tradehub.core.money import ZERO

T = TypeVar("T")
Json = dict[str, Any]

ORDERS_PAGE = 500
FILLS_PAGE = 100
MOST_PAGES = 200
LISTED_BEFORE = timedelta(days=1)
"""Alpaca lists orders by when they were placed: those that ended since some time are looked for
among what was placed up to a day before."""
SINGLE_LOOKS = 50
"""Orders asked for one by one, for the fills of one look, or back from one leg to the first."""


class Reader:
    def __init__(
        self, connection: Connection, now: Callable[[], datetime], fee_percent: Decimal
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self._now = now
        self._fee_percent = fee_percent

    def order(self, client_order_id: str) -> Json | None:
        """None only by Alpaca's own 404."""
        try:
            found = self._client.get("/orders:by_client_order_id", client_order_id=client_order_id)
        except NotFound:
            target_id = target_id_of(client_order_id)
            target = self.order(target_id) if target_id else None
            return self.leg_of(target) if target else None
        return self._order(found)

    def leg_of(self, target: Json) -> Json | None:
        """The stop that rests as one with it."""
        leg = self.read(stop_leg, target)
        if leg is None:
            path = f"/orders/{escaped(target['id'], safe='')}"
            leg = self.read(stop_leg, self._object(self._client.get(path, nested="true")))
        return None if leg is None else self._order(leg)

    def order_of(self, venue_order_id: str) -> Json:
        return self._order(self._client.get(f"/orders/{escaped(venue_order_id, safe='')}"))

    def orders(self, status: str, *, after: datetime | None = None) -> list[Json]:
        """All of them, legs beside their parents; oldest first."""
        found: dict[str, Json] = {}
        query = {"status": status, "limit": str(ORDERS_PAGE), "direction": "asc", "nested": "true"}
        if after is not None:
            query["after"] = after.isoformat()
        for _ in range(MOST_PAGES):
            page = self._objects(self._client.get("/orders", **query))
            fresh = [each for each in page if each.get("id") not in found]
            found |= {each["id"]: each for each in fresh}
            if len(page) < ORDERS_PAGE:
                break
            if not fresh:
                raise OutcomeUnknown("Alpaca's list of orders has no end.")
            # A little earlier than the last one, as `after` leaves out what is not later.
            last = self.read(parsing.time_of, page[-1]["submitted_at"])
            query["after"] = (last - timedelta(microseconds=1)).isoformat()
        named = [self.read(with_named_leg, each) for each in found.values()]
        listed = self.read(parsing.orders_in, named)
        return [self._order(dict(each)) for each in listed]

    def told(self, orders: Iterable[Json]) -> list[OrderReport]:
        """Each with its fills."""
        return [self.report(each) for each in orders]

    def report(self, order: Json) -> OrderReport:
        """With the fills that Alpaca tells by now; the rest comes with the next look."""
        plain = self.read(parsing.order_report, order)
        if not plain.filled_quantity:
            return plain
        try:
            fills = self._fills_of(plain)
        except BrokerError:
            return plain
        return self.read(lambda raw: parsing.order_report(raw, fills), order)

    def fills(self, since: datetime) -> list[FillReport]:
        raws = self._activities(after=since - timedelta(seconds=1))
        unknown = {each["order_id"] for each in raws} - self._known(raws)
        if len(unknown) > 5:
            self.orders("all", after=since - LISTED_BEFORE)
        for order_id in sorted(unknown)[:SINGLE_LOOKS]:
            if self._connection.client_ids.get(order_id) is None:
                self._look_up(order_id)
        return [each for each in map(self._fill, raws) if each.at >= since]

    def fills_known_since(self, since: datetime) -> None:
        """Learn in one list what would be asked order by order."""
        by_order: dict[str, list[FillReport]] = {}
        for raw in self._activities(after=since):
            fill = self._fill(raw)
            if fill.client_order_id:
                by_order.setdefault(fill.venue_order_id, []).append(fill)
        for order_id, fills in by_order.items():
            self._connection.fills.put(order_id, tuple(fills))

    def positions(self) -> list[VenuePosition]:
        return [self._position(each) for each in self._objects(self._client.get("/positions"))]

    def held(self, symbol: str) -> Decimal | None:
        """Signed; None when Alpaca knows of no position."""
        try:
            raw = self._client.get(f"/positions/{escaped(symbol, safe='')}")
        except NotFound:
            return None
        return self.read(parsing.position, self._object(raw)).quantity

    def read(self, parse: Callable[[Any], T], found: Any) -> T:
        """Raises OutcomeUnknown for what can't be read."""
        try:
            return parse(found)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise unreadable() from error

    def _order(self, found: Any) -> Json:
        """One that can be read; its client order id is known from now on."""
        order = self._object(found)
        if is_nameless_leg(order):
            order = self._named(order)
        report = self.read(parsing.order_report, order)
        # One that still has Alpaca's name only is looked for again: kept, it would hide ours.
        if report.client_order_id and not is_nameless_leg(order):
            self._connection.client_ids.put(report.venue_order_id, report.client_order_id)
        return order

    def _named(self, leg: Json) -> Json:
        """Under our name, which is known or found with the order that it belongs to: that was
        placed at one time with the first of its legs. As it is where that can't be told."""
        line = self._line_of(leg)
        name = self._connection.client_ids.get(str(line[-1].get("id")))
        if name is None:
            name = self._name_beside(line)
        if name is None:
            return leg
        for each in line:
            self._connection.client_ids.put(str(each.get("id")), name)
        return {**leg, "client_order_id": name}

    def _line_of(self, leg: Json) -> list[Json]:
        """The leg and those whose place it took, back to one whose name is known, or the first."""
        line = [leg]
        while len(line) <= SINGLE_LOOKS:
            known = self._connection.client_ids.get(str(line[-1].get("id")))
            before = line[-1].get("replaces")
            if known is not None or not before:
                break
            try:
                found = self._client.get(f"/orders/{escaped(str(before), safe='')}")
            except NotFound:
                break
            line.append(self._object(found))
        return line

    def _name_beside(self, line: list[Json]) -> str | None:
        placed_at = self.read(parsing.time_of, line[-1].get("created_at"))
        beside = timedelta(seconds=5)
        query = {"status": "all", "limit": str(ORDERS_PAGE), "nested": "true"}
        query |= {"after": (placed_at - beside).isoformat()}
        query |= {"until": (placed_at + beside).isoformat()}
        for each in self._objects(self._client.get("/orders", **query)):
            if self.read(lambda raw: has_leg(raw, line), each):
                found = self.read(stop_leg, each)
                return None if found is None else str(found["client_order_id"])
        return None

    def _known(self, raws: Iterable[Json]) -> set[str]:
        ids = {each["order_id"] for each in raws}
        return {each for each in ids if self._connection.client_ids.get(each) is not None}

    def _look_up(self, order_id: str) -> None:
        """Whose it is; somebody's may be told without a name."""
        try:
            self.order_of(order_id)
        except NotFound:
            return

    def _fills_of(self, order: OrderReport) -> tuple[FillReport, ...]:
        order_id, filled = order.venue_order_id, order.filled_quantity
        kept = self._connection.fills.get(order_id)
        if kept is not None and sum((each.quantity for each in kept), ZERO) == filled:
            return kept
        raws = self._activities(order_id=order_id)
        fills = tuple(self._fill(each) for each in raws if each["order_id"] == order_id)
        self._connection.keep_fills(order_id, fills, filled)
        return fills

    def _activities(self, *, after: datetime | None = None, order_id: str = "") -> list[Json]:
        """FILL activities, oldest first, each once."""
        found: dict[str, Json] = {}
        query = {"direction": "asc", "page_size": str(FILLS_PAGE)}
        if after is not None:
            query["after"] = after.isoformat()
        if order_id:
            query["order_id"] = order_id
        for _ in range(MOST_PAGES):
            page = self._objects(self._client.get("/account/activities/FILL", **query))
            found |= {each["id"]: each for each in page}
            if len(page) < FILLS_PAGE:
                return list(found.values())
            query["page_token"] = page[-1]["id"]
        raise OutcomeUnknown("Alpaca's list of fills has no end.")

    def _fill(self, raw: Json) -> FillReport:
        client_order_id = self._connection.client_ids.get(raw["order_id"]) or ""
        symbol = self.read(parsing.symbol_of, raw["symbol"])
        asset = self._connection.asset(symbol, self._now())
        return self.read(
            lambda fill: parsing.fill_report(fill, client_order_id, asset, self._fee_percent), raw
        )

    def _position(self, raw: Json) -> VenuePosition:
        least = ZERO
        if raw.get("asset_class") == "crypto":
            symbol = self.read(parsing.symbol_of, raw["symbol"])
            least = parsing.least_of(self._connection.asset(symbol, self._now()))
        return self.read(lambda found: parsing.position(found, least), raw)

    def _object(self, found: Any) -> Json:
        if not isinstance(found, dict):
            raise unreadable()
        return found

    def _objects(self, found: Any) -> list[Json]:
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise unreadable()
        return found
