"""ScriptedBroker: the Broker protocol over real HTTP to the scripted venue. For tests only.

As an adapter of a real venue should be: one attempt each, time-outs of its own, every error by the
table of `mapping`. With the option `crash_points` it asks the venue, before each submit, whether
to kill its own process, and where. Options of its account: the fields of `Options`.
"""

import json
import os
import re
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote as escaped
from urllib.parse import urlencode

from brokers.errors import BrokerError, OutcomeUnknown, Unsupported
from brokers.models import BrokerAccount
from brokers.types import (
    AccountState,
    Capabilities,
    CashPage,
    ClientIds,
    FillReport,
    Instrument,
    OrderReport,
    OrderRequest,
    Quote,
    VenuePosition,
)
from tests.venue import mapping, parsing
from tests.venue.faults import CrashPoint
from tests.venue.transport import NoAnswer, NotWritten, Wire
from tradehub.core.words import OrderType, TimeInForce

T = TypeVar("T")
TIMES = frozenset({TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})
_VENUE_ID = re.compile(r"V[0-9]+")


@dataclass(frozen=True, slots=True)
class Options:
    url: str
    api_key: str
    client_ids: str = ClientIds.UNIQUE_FOREVER.value
    """As the account's rule `id_policy` at the venue."""
    settle_seconds: int = 5
    linked: bool = True
    shorts: bool = True
    connect_seconds: float = 2
    read_seconds: float = 5
    recv_window: int = 60_000
    """Milliseconds during which the venue takes a request."""
    crash_points: bool = False


def open_scripted(account: BrokerAccount, now: Callable[[], datetime]) -> "ScriptedBroker":
    return ScriptedBroker(Options(**account.options), now)


class ScriptedBroker:
    def __init__(self, options: Options, now: Callable[[], datetime]) -> None:
        self._options = options
        self._now = now
        self._wire = Wire(options.url, options.connect_seconds, options.read_seconds)

    def __repr__(self) -> str:
        return f"ScriptedBroker({self._options.url})"

    def capabilities(self) -> Capabilities:
        return Capabilities(
            order_types=frozenset(OrderType),
            times_in_force=TIMES,
            shorts=self._options.shorts,
            linked_orders=self._options.linked,
            client_ids=ClientIds(self._options.client_ids),
            settle_seconds=self._options.settle_seconds,
        )

    def account(self) -> AccountState:
        return self._read(parsing.account_state, "/v1/account")

    def instrument(self, symbol: str) -> Instrument | None:
        try:
            return self._read(parsing.instrument, f"/v1/instruments/{escaped(symbol, safe='')}")
        except OutcomeUnknown as error:
            if error.venue_code == "UNKNOWN_SYMBOL":
                return None
            raise

    def quote(self, symbol: str) -> Quote | None:
        return self.quotes([symbol]).get(symbol)

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        if not symbols:
            return {}
        query = urlencode({"symbols": ",".join(symbols)})
        found = self._read(lambda said: said["quotes"], f"/v1/quotes?{query}")
        read = [parsing.quote(each) for each in found]
        return {each.symbol: each for each in read if each is not None}

    def observe(self, symbol: str, price: object, at: datetime) -> None:
        """The venue has prices of its own."""

    def submit(self, request: OrderRequest) -> OrderReport:
        if request.time_in_force not in TIMES:
            raise Unsupported(f"The scripted venue has no {request.time_in_force} orders.")
        point = self._crash_point(request.client_order_id)
        _crash(point, CrashPoint.BEFORE_SEND)
        try:
            found = self._call(
                "POST",
                "/v1/orders",
                parsing.order_body(request),
                written=lambda: _crash(point, CrashPoint.IN_SEND),
            )
        except OutcomeUnknown as error:
            if error.venue_code != "DUPLICATE_CLIENT_ID":
                raise
            return self._earlier(request.client_order_id, error)
        finally:
            _crash(point, CrashPoint.AFTER_REPLY)
        report = _parsed(parsing.order_report, found)
        if self._knows_client_ids:
            return report
        return _named(report, request.client_order_id)

    def cancel(self, client_order_id: str) -> OrderReport:
        target = self._order_path(client_order_id)
        return _parsed(parsing.order_report, self._call("DELETE", target))

    def order(self, client_order_id: str) -> OrderReport | None:
        try:
            return self._read(parsing.order_report, self._order_path(client_order_id))
        except OutcomeUnknown as error:
            if error.venue_code == "UNKNOWN_ORDER":
                return None
            raise

    def reports(self, client_order_ids: Sequence[str]) -> list[OrderReport]:
        found = [self.order(each) for each in client_order_ids]
        return [each for each in found if each is not None]

    def open_orders(self, symbols: Collection[str] | None = None) -> list[OrderReport]:
        return self._orders("/v1/open-orders")

    def closed_orders(
        self, since: datetime, symbols: Collection[str] | None = None
    ) -> list[OrderReport]:
        return self._orders(f"/v1/closed-orders?{urlencode({'since': since.isoformat()})}")

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        target = f"/v1/fills?{urlencode({'since': since.isoformat()})}"
        return self._read(lambda said: [parsing.fill_report(x) for x in said["fills"]], target)

    def positions(self) -> list[VenuePosition]:
        return self._read(
            lambda said: [parsing.position(each) for each in said["positions"]], "/v1/positions"
        )

    def cash_entries(self, since: datetime, until: datetime) -> CashPage:
        return CashPage((), until)

    @property
    def _knows_client_ids(self) -> bool:
        return self._options.client_ids != ClientIds.NONE

    def _order_path(self, order_id: str) -> str:
        """Raises Unsupported where the venue could deny an order only since it ignores its id."""
        if not self._knows_client_ids and not _VENUE_ID.fullmatch(order_id):
            raise Unsupported("This venue can't be asked by client order id.")
        return f"/v1/orders/{escaped(order_id, safe='')}"

    def _orders(self, target: str) -> list[OrderReport]:
        return self._read(lambda said: [parsing.order_report(x) for x in said["orders"]], target)

    def _earlier(self, client_order_id: str, error: OutcomeUnknown) -> OrderReport:
        """The order that holds the id: ours, from an attempt whose answer was lost."""
        try:
            found = self.order(client_order_id)
        except BrokerError:
            found = None
        if found is None:
            raise error
        return found

    def _read(self, parse: Callable[[Any], T], target: str) -> T:
        return _parsed(parse, self._call("GET", target))

    def _call(
        self,
        method: str,
        target: str,
        body: Mapping[str, Any] | None = None,
        *,
        written: Callable[[], None] = lambda: None,
    ) -> Any:
        headers = {
            "X-Api-Key": self._options.api_key,
            "X-Timestamp": self._now().isoformat(),
            "X-Recv-Window": str(self._options.recv_window),
            "Content-Type": "application/json",
        }
        sent = None if body is None else json.dumps(body).encode()
        try:
            answer = self._wire.call(method, target, headers, sent, written=written)
        except (NotWritten, NoAnswer) as error:
            raise mapping.of_transport(error) from error
        refused = mapping.of_answer(answer, ordering=method != "GET")
        if refused is not None:
            raise refused
        return mapping.read(answer)

    def _crash_point(self, client_order_id: str) -> str | None:
        if not self._options.crash_points:
            return None
        asked = {"account": self._options.api_key, "client_order_id": client_order_id}
        try:
            answer = self._wire.call("GET", f"/control/crash-point?{urlencode(asked)}", {})
        except (NotWritten, NoAnswer):
            return None
        point: str | None = json.loads(answer.body)["result"]
        return point


def _parsed(parse: Callable[[Any], T], found: Any) -> T:
    try:
        return parse(found)
    except (ValueError, KeyError, TypeError) as error:
        raise mapping.unreadable() from error


def _named(report: OrderReport, client_order_id: str) -> OrderReport:
    """The venue has forgotten the id that we sent; here we still know it."""
    fills = tuple(replace(each, client_order_id=client_order_id) for each in report.fills)
    return replace(report, client_order_id=client_order_id, fills=fills)


def _crash(asked: str | None, here: CrashPoint) -> None:
    """As if the machine had failed: nothing is flushed, nobody is told."""
    if asked == here:
        os.kill(os.getpid(), signal.SIGKILL)
