"""The routes of the fake Alpaca: what each request does when nothing goes wrong.

`/v2` for trading and stock prices, `/v1beta3` for crypto prices; one socket serves both.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.venues.alpaca import rules, shapes
from tests.venues.alpaca.books import Account, Order, Refused
from tests.venues.alpaca.venue import Venue


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
        return self.headers.get("APCA-API-KEY-ID", "")

    def json(self) -> dict[str, Any]:
        try:
            read = json.loads(self.body)
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise Refused(400, 40010000, "request body format is invalid")
        return read


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    operation: str
    act: Callable[[Venue, Account, Request, str], Reply]
    subject: str = ""


def understand(request: Request) -> Call | None:
    for method, pattern, operation, act in _ROUTES:
        found = re.fullmatch(pattern, request.path)
        if found and method == request.method:
            subject = unquote(found.group(1)) if found.groups() else ""
            return Call(_operation(operation, request), act, subject)
    return None


def answer(venue: Venue, call: Call, request: Request) -> Reply:
    """Raises nothing: a refusal is an answer too."""
    try:
        with venue.lock:
            account = venue.accounts.get(request.key)
            if account is None or request.headers.get("APCA-API-SECRET-KEY") != account.secret:
                raise Refused(401, 40110000, "request is not authorized")
            venue.advance()
            return call.act(venue, account, request, call.subject)
    except Refused as error:
        return Reply(error.status, error.body)


def _operation(name: str, request: Request) -> str:
    if name == "orders":
        return "open_orders" if request.query.get("status", "open") == "open" else "closed_orders"
    return name


def _submit(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    order = venue.submit(account, request.json())
    return Reply(200, shapes.order(order, fresh=True, nested=account.tells_legs))


def _cancel(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    order = _seen(venue, account, account.orders.get(subject), subject)
    if not order.working:
        raise Refused(422, 42210000, f'order is already in "{order.status}" state')
    venue.cancel(account, order)
    return Reply(204, None)


def _by_client_id(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    asked = request.query.get("client_order_id", "")
    return Reply(200, shapes.order(_seen(venue, account, account.by_client_id(asked), asked)))


def _by_id(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    found = _seen(venue, account, account.orders.get(subject), subject)
    return Reply(200, shapes.order(found, nested=request.query.get("nested") == "true"))


def _seen(venue: Venue, account: Account, order: Order | None, asked: str) -> Order:
    if order is None or not _visible(order.created_at, account.order_lag, venue.now()):
        raise Refused(404, 40410000, f"order not found for {asked}")
    return order


def _visible(at: datetime, lag: float, now: datetime) -> bool:
    return not lag or at + timedelta(seconds=lag) <= now


def _orders(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    """Newest first unless asked otherwise; `after` and `until` are of when they were placed."""
    status = request.query.get("status", "open")
    after, until = (_time(request, name) for name in ("after", "until"))
    limit = int(request.query.get("limit", "50"))
    if not 1 <= limit <= 500:
        raise Refused(422, 40010001, "limit must be between 1 and 500")
    wanted = [
        each
        for each in account.orders.values()
        if (status == "all" or each.working == (status == "open"))
        and (after is None or each.created_at > after)
        and (until is None or each.created_at < until)
        and _visible(each.created_at, account.order_lag, venue.now())
    ]
    nested = request.query.get("nested") == "true"
    if nested:  # a leg is told within its order, if that is told
        wanted = [each for each in wanted if not (each.is_leg and each.other in wanted)]
    newest_first = request.query.get("direction", "desc") == "desc"
    wanted.sort(key=lambda each: each.created_at, reverse=newest_first)
    return Reply(200, [shapes.order(each, nested=nested) for each in wanted[:limit]])


def _activities(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    """Those that are no trades, by their day; a size, and pages by the last one's id."""
    after, until = (_time(request, name) for name in ("after", "until"))
    size = int(request.query.get("page_size", "100"))
    if request.query.get("category") != "non_trade_activity" or not 1 <= size <= 100:
        raise Refused(422, 40010001, "this fake knows only pages of non_trade_activity")
    wanted = [
        each
        for each in account.activities
        if (after is None or _day(each.day) > after) and (until is None or _day(each.day) < until)
    ]
    wanted.sort(key=lambda each: each.day, reverse=request.query.get("direction") != "asc")
    token = request.query.get("page_token")
    if token is not None:
        ids = [each.id for each in wanted]
        wanted = wanted[ids.index(token) + 1 :] if token in ids else []
    return Reply(200, [{"id": x.id, "date": x.day, **x.words} for x in wanted[:size]])


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _fills(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    after, until = (_time(request, name) for name in ("after", "until"))
    size = int(request.query.get("page_size", "100"))
    if not 1 <= size <= 100:
        raise Refused(422, 40010001, "page_size must be between 1 and 100")
    of_order = request.query.get("order_id")
    wanted = [
        each
        for each in account.fills
        if (after is None or each.at > after)
        and (until is None or each.at < until)
        and of_order in (None, each.order.id)
        and _visible(each.at, account.fill_lag, venue.now())
    ]
    if request.query.get("direction", "desc") == "desc":
        wanted.reverse()
    token = request.query.get("page_token")
    if token is not None:
        ids = [each.id for each in wanted]
        wanted = wanted[ids.index(token) + 1 :] if token in ids else []
    return Reply(200, [shapes.activity(each) for each in wanted[:size]])


def _time(request: Request, name: str) -> datetime | None:
    given = request.query.get(name)
    return None if given is None else datetime.fromisoformat(given)


def _positions(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    shown = [
        shapes.position(each, account, venue.prices.get(name))
        for name, each in account.positions.items()
        if _visible(account.moved[name], account.position_lag, venue.now())
    ]
    return Reply(200, shown)


def _position(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    found = account.positions.get(subject)
    if found is None or not _visible(account.moved[subject], account.position_lag, venue.now()):
        raise Refused(404, 40410000, "position does not exist")
    return Reply(200, shapes.position(found, account, venue.prices.get(subject)))


def _account(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    worth = rules.equity(account, venue.prices)
    return Reply(200, shapes.account(account, worth, rules.buying_power(account, venue.prices)))


def _asset(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    """By its symbol; of a pair without the slash."""
    found = venue.assets.get(subject)
    if found is None:
        raise Refused(404, 40410000, f"asset not found for {subject}")
    return Reply(200, shapes.asset(found))


def _clock(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    times = {"opens_at": venue.opens_at, "closes_at": venue.closes_at}
    return Reply(200, shapes.clock(venue.now(), is_open=venue.is_open, **times))


def _stocks(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    if request.query.get("feed", "sip") != "iex":
        raise Refused(403, 42210000, "subscription does not permit querying recent SIP data")
    return Reply(200, _snapshots(venue, request, crypto=False))


def _coins(venue: Venue, account: Account, request: Request, subject: str) -> Reply:
    return Reply(200, {"snapshots": _snapshots(venue, request, crypto=True)})


def _snapshots(venue: Venue, request: Request, *, crypto: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in request.query.get("symbols", "").split(","):
        asset = venue.assets.get(name.replace("/", ""))
        if asset is None or asset.symbol != name or asset.crypto is not crypto:
            raise Refused(400, None, f"invalid symbol: {name}")
        price = venue.prices.get(asset.flat)
        # Without data it is named all the same (alpaca-py#157).
        found[name] = None if price is None else shapes.snapshot(price, venue.now())
    return found


_ROUTES = (
    ("POST", r"/v2/orders", "submit", _submit),
    ("GET", r"/v2/orders", "orders", _orders),
    ("GET", r"/v2/orders:by_client_order_id", "order", _by_client_id),
    ("GET", r"/v2/orders/([^/]+)", "order", _by_id),
    ("DELETE", r"/v2/orders/([^/]+)", "cancel", _cancel),
    ("GET", r"/v2/account/activities/FILL", "fills", _fills),
    ("GET", r"/v2/account/activities", "activities", _activities),
    ("GET", r"/v2/account", "account", _account),
    ("GET", r"/v2/positions", "positions", _positions),
    ("GET", r"/v2/positions/([^/]+)", "positions", _position),
    ("GET", r"/v2/assets/([^/]+)", "instrument", _asset),
    ("GET", r"/v2/clock", "time", _clock),
    ("GET", r"/v2/stocks/snapshots", "quotes", _stocks),
    ("GET", r"/v1beta3/crypto/us/snapshots", "quotes", _coins),
)
