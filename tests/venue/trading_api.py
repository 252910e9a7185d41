"""The trading API of the scripted venue, `/v1/…`: routes, and what each does without a fault.

All decimals are strings. A refusal is `{"code", "text"}` and a status; faults are the server's.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.venue import views
from tests.venue.books import Refused
from tests.venue.venue import Venue

MOST_AHEAD = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def key(self) -> str:
        return self.headers.get("X-Api-Key", "")

    def json(self) -> dict[str, Any]:
        try:
            read = json.loads(self.body or b"{}")
        except ValueError as error:
            raise Refused("BAD_FIELD", "The body is not JSON.") from error
        if not isinstance(read, dict):
            raise Refused("BAD_FIELD", "The body is no object.")
        return read


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, understood."""

    operation: str
    subject: str = ""
    """The order or symbol that the path names."""


_ROUTES = (
    ("POST", re.compile(r"/v1/orders"), "submit"),
    ("DELETE", re.compile(r"/v1/orders/([^/]+)"), "cancel"),
    ("GET", re.compile(r"/v1/orders/([^/]+)"), "order"),
    ("GET", re.compile(r"/v1/open-orders"), "open_orders"),
    ("GET", re.compile(r"/v1/closed-orders"), "closed_orders"),
    ("GET", re.compile(r"/v1/fills"), "fills"),
    ("GET", re.compile(r"/v1/positions"), "positions"),
    ("GET", re.compile(r"/v1/account"), "account"),
    ("GET", re.compile(r"/v1/instruments/([^/]+)"), "instrument"),
    ("GET", re.compile(r"/v1/quotes"), "quotes"),
    ("GET", re.compile(r"/v1/time"), "time"),
)


def understand(request: Request) -> Call | None:
    for method, pattern, operation in _ROUTES:
        found = pattern.fullmatch(request.path)
        if found and method == request.method:
            return Call(operation, *(unquote(each) for each in found.groups()))
    return None


def check_time(request: Request, now: datetime) -> None:
    """Raises Refused for a request from another time than the venue's."""
    stamp = request.headers.get("X-Timestamp")
    if stamp is None:
        return
    sent = datetime.fromisoformat(stamp)
    window = timedelta(milliseconds=int(request.headers.get("X-Recv-Window", "5000")))
    if sent > now + MOST_AHEAD or now - sent > window:
        raise Refused("TIMESTAMP_OUTSIDE_WINDOW", f"The venue's time is {now.isoformat()}.")


def act(venue: Venue, call: Call, request: Request) -> Reply:
    """Raises Refused."""
    with venue.lock:
        venue.exchange.books(request.key)
        return Reply(200, _ACTS[call.operation](venue, call, request))


def refusal(error: Refused) -> Reply:
    return Reply(error.status, {"code": error.code, "text": error.text, **error.more})


def _submit(venue: Venue, call: Call, request: Request) -> Any:
    order_id = venue.do("submit", key=request.key, order=request.json())
    order = venue.exchange.find(request.key, order_id)
    return views.order_json(order, venue.exchange.books(request.key).rules)


def _cancel(venue: Venue, call: Call, request: Request) -> Any:
    _order(venue, call, request)  # one that can't be seen can't be cancelled
    order_id = venue.do("cancel", key=request.key, order_id=call.subject)
    order = venue.exchange.find(request.key, order_id)
    return views.order_json(order, venue.exchange.books(request.key).rules)


def _order(venue: Venue, call: Call, request: Request) -> Any:
    return views.one_order(venue.exchange, request.key, call.subject, venue.now())


def _open_orders(venue: Venue, call: Call, request: Request) -> Any:
    books = venue.exchange.books(request.key)
    return {"orders": views.order_list(books, venue.now(), status="open")}


def _closed_orders(venue: Venue, call: Call, request: Request) -> Any:
    books = venue.exchange.books(request.key)
    found = views.order_list(books, venue.now(), status="closed", since=_since(request))
    return {"orders": found}


def _fills(venue: Venue, call: Call, request: Request) -> Any:
    books = venue.exchange.books(request.key)
    return {"fills": views.fill_list(books, venue.now(), since=_since(request))}


def _positions(venue: Venue, call: Call, request: Request) -> Any:
    books = venue.exchange.books(request.key)
    return {"positions": views.position_list(books, venue.now())}


def _account(venue: Venue, call: Call, request: Request) -> Any:
    books = venue.exchange.books(request.key)
    return views.account_json(venue.exchange, books, venue.now())


def _instrument(venue: Venue, call: Call, request: Request) -> Any:
    return views.instrument_json(venue.exchange, call.subject)


def _quotes(venue: Venue, call: Call, request: Request) -> Any:
    now = venue.now()
    asked = request.query.get("symbols", "").split(",")
    found = [venue.exchange.quote(symbol) for symbol in asked]
    return {"quotes": [views.quote_json(each, now) for each in found if each is not None]}


def _time(venue: Venue, call: Call, request: Request) -> Any:
    return {"now": venue.now().isoformat()}


def _since(request: Request) -> datetime | None:
    since = request.query.get("since")
    return None if since is None else datetime.fromisoformat(since)


_ACTS = {
    "submit": _submit,
    "cancel": _cancel,
    "order": _order,
    "open_orders": _open_orders,
    "closed_orders": _closed_orders,
    "fills": _fills,
    "positions": _positions,
    "account": _account,
    "instrument": _instrument,
    "quotes": _quotes,
    "time": _time,
}
