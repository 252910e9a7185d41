"""The Binance fake's spot REST API: from a request to what is answered, and at which weight.

No sockets and no faults here. Whatever the venue refuses is a `Refused` in Binance's own words.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from tests.venues.binance import shapes
from tests.venues.binance.books import Account, Market, Order, Refused, working_orders
from tests.venues.binance.rules import read_list, read_order
from tests.venues.binance.security import account_of, check_signature, check_time
from tests.venues.binance.venue import Venue

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: str
    body: str
    key: str

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query) + parse_qsl(self.body))

    @property
    def operation(self) -> str | None:
        route = ROUTES.get((self.method, self.path))
        return None if route is None else route.operation


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    operation: str
    """In the words of the faults."""
    weigh: Callable[[Mapping[str, str]], int]
    serve: Callable[[Venue, Account, dict[str, str]], Any] | None = None
    """Of a signed one."""
    tell: Callable[[Venue, dict[str, str]], Any] | None = None
    """Of a public one."""


def answer(venue: Venue, request: Request) -> Reply:
    """Under the venue's lock."""
    route = ROUTES.get((request.method, request.path))
    if route is None:
        return Reply(404, {"code": -1000, "msg": "Path not found."})
    headers = venue.weigh(route.weigh(request.params))
    try:
        venue.check_rate()
        body = _served(venue, route, request)
    except Refused as error:
        return refusal(error, headers, venue)
    if route.operation == "submit":
        count = str(venue.order_count)
        headers |= {"X-MBX-ORDER-COUNT-10S": count, "X-MBX-ORDER-COUNT-1D": count}
    return Reply(200, body, headers)


def refusal(error: Refused, headers: Mapping[str, str], venue: Venue) -> Reply:
    more = {"Retry-After": str(venue.retry_after)} if error.status in (418, 429) else {}
    body = {"code": error.code, "msg": error.text}
    if error.data is not None:
        body["data"] = error.data
    return Reply(error.status, body, {**headers, **more})


def check_signed(venue: Venue, request: Request) -> Account:
    """Raises Refused."""
    account = account_of(venue.books.accounts, request.key)
    check_signature(account, request.query, request.body, request.params)
    check_time(request.params, shapes.milliseconds(venue.now()))
    return account


def _served(venue: Venue, route: Route, request: Request) -> Any:
    params = request.params
    if route.tell is not None:
        return route.tell(venue, params)
    assert route.serve is not None
    return route.serve(venue, check_signed(venue, request), params)


# ---- public ----


def _time(venue: Venue, params: dict[str, str]) -> Any:
    return {"serverTime": shapes.milliseconds(venue.now())}


def _named(venue: Venue, params: Mapping[str, str]) -> list[Market]:
    """One unknown name spoils the whole question."""
    if "symbol" in params:
        return [_market(venue, params)]
    if "symbols" in params:
        return [_market(venue, {"symbol": each}) for each in json.loads(params["symbols"])]
    return list(venue.books.markets.values())


def _exchange_info(venue: Venue, params: dict[str, str]) -> Any:
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
    return {
        "timezone": "UTC",
        "serverTime": shapes.milliseconds(venue.now()),
        "rateLimits": [{**limit, "limit": venue.weight_limit}],
        "exchangeFilters": [],
        "symbols": [shapes.market(each) for each in _named(venue, params)],
    }


def _one_or_all(
    write: Callable[[Market], Any],
) -> Callable[[Venue, dict[str, str]], Any]:
    def tell(venue: Venue, params: dict[str, str]) -> Any:
        found = [write(each) for each in _named(venue, params)]
        return found[0] if "symbol" in params else found

    return tell


def _average(venue: Venue, params: dict[str, str]) -> Any:
    market = _market(venue, params)
    price = market.last if market.average is None else market.average
    at = shapes.milliseconds(venue.now())
    return {"mins": 5, "price": shapes.number(price), "closeTime": at}


def _reference(venue: Venue, params: dict[str, str]) -> Any:
    market = _market(venue, params)
    if market.reference is None:
        raise Refused(-2043, "This symbol doesn't have a reference price.")
    at = shapes.milliseconds(venue.now())
    return {
        "symbol": market.symbol,
        "referencePrice": shapes.number(market.reference),
        "timestamp": at,
    }


# ---- signed ----


def _market(venue: Venue, params: Mapping[str, str]) -> Market:
    found = venue.books.markets.get(params.get("symbol", ""))
    if found is None:
        raise Refused(-1121, "Invalid symbol.")
    return found


def _check_permission(venue: Venue, account: Account, params: dict[str, str]) -> None:
    """To place orders: the key's, and of each set of the symbol one of the account's."""
    if not account.can_trade:
        raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
    sets = _market(venue, params).permission_sets
    if not all(set(each) & set(account.permissions) for each in sets):
        raise Refused(-2010, "This symbol is not permitted for this account.")


def _submit(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    _check_permission(venue, account, params)
    now = venue.now()  # one moment: trades are told with the time of their order
    order = read_order(params, _market(venue, params), now)
    venue.books.place(account, order, now)
    kind = "FULL" if order.type in ("MARKET", "LIMIT") else "ACK"
    response = params.get("newOrderRespType", kind)
    return shapes.answer(order, account, response, now)


def _submit_list(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    _check_permission(venue, account, params)
    now = venue.now()
    stop, target = read_list(params, _market(venue, params), now)
    venue.books.place_list(account, stop, target, now)
    response = params.get("newOrderRespType", "ACK")
    return shapes.order_list(params["listClientOrderId"], [stop, target], account, response, now)


_REPLACES = ("cancelReplaceMode", "cancelRestrictions", "cancelOrigClientOrderId")


def _replace(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    """STOP_ON_FAILURE only. What is wrong with the new order is told before anything is done."""
    _check_permission(venue, account, params)
    if params.get("cancelReplaceMode") != "STOP_ON_FAILURE":
        text = "Mandatory parameter 'cancelReplaceMode' was not sent, was empty/null, or malformed."
        raise Refused(-1102, text)
    now, market = venue.now(), _market(venue, params)
    own = {name: value for name, value in params.items() if name not in _REPLACES}
    order = read_order(own, market, now)
    old = account.find(params["symbol"], client_id=params["cancelOrigClientOrderId"])
    ended: Any = {"code": -2011, "msg": "Unknown order sent."}
    only_new = params.get("cancelRestrictions") == "ONLY_NEW"
    if old is not None and old.working and only_new and old.status != "NEW":
        ended = {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}
        old = None
    if old is None or not old.working:
        data = {
            "cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED",
            "cancelResponse": ended, "newOrderResponse": None,
        }  # fmt: skip
        raise Refused(-2022, "Order cancel-replace failed.", data=data)
    ended = _cancel(venue, account, {"symbol": market.symbol, "orderId": str(old.id)})
    try:
        venue.books.place(account, order, now)
    except Refused as error:
        data = {
            "cancelResult": "SUCCESS", "newOrderResult": "FAILURE", "cancelResponse": ended,
            "newOrderResponse": {"code": error.code, "msg": error.text},
        }  # fmt: skip
        text = "Order cancel-replace partially failed."
        raise Refused(-2021, text, status=409, data=data) from error
    placed = shapes.answer(order, account, params.get("newOrderRespType", "FULL"), now)
    return {
        "cancelResult": "SUCCESS", "newOrderResult": "SUCCESS",
        "cancelResponse": ended, "newOrderResponse": placed,
    }  # fmt: skip


def _find(venue: Venue, account: Account, params: dict[str, str]) -> Order | None:
    _market(venue, params)
    if "orderId" in params:
        return account.find(params["symbol"], order_id=int(params["orderId"]))
    if not params.get("origClientOrderId"):
        text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        raise Refused(-1102, text)
    return account.find(params["symbol"], client_id=params["origClientOrderId"])


def _query(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    found = _find(venue, account, params)
    if found is None or venue.hides(account, found):
        raise Refused(-2013, "Order does not exist.")
    return shapes.order(found)


def _cancel(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    found = _find(venue, account, params)
    if found is None or not found.working:
        raise Refused(-2011, "Unknown order sent.")
    venue.books.cancel(account, found, venue.now())
    venue.cancels += 1
    return shapes.cancelled(found, f"cancel{venue.cancels}", venue.now())


def _open_orders(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    wanted = None if "symbol" not in params else _market(venue, params).symbol
    return [
        shapes.order(each)
        for each in working_orders(account)
        if wanted in (None, each.symbol) and not venue.hides(account, each)
    ]


def _all_orders(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    symbol = _market(venue, params).symbol
    mine = sorted((each for each in account.orders if each.symbol == symbol), key=lambda o: o.id)
    if "orderId" in params:
        mine = [each for each in mine if each.id >= int(params["orderId"])]
    else:
        mine = _between(mine, params, lambda each: shapes.milliseconds(each.created_at))
    return [shapes.order(each) for each in _page(mine, params, {"orderId", "startTime"})]


def _trades(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    trades = account.trades(_market(venue, params).symbol)
    if "orderId" in params:
        trades = [each for each in trades if each.order_id == int(params["orderId"])]
    if "fromId" in params:
        if "startTime" in params or "endTime" in params:
            raise Refused(-1128, "Combination of optional parameters invalid.")
        trades = [each for each in trades if each.id >= int(params["fromId"])]
    trades = _between(trades, params, lambda each: shapes.milliseconds(each.at))
    return [shapes.trade(each) for each in _page(trades, params, {"fromId", "startTime"})]


def _between(rows: list[Any], params: Mapping[str, str], at: Callable[[Any], int]) -> list[Any]:
    start, end = int(params.get("startTime", 0)), int(params.get("endTime", 10**15))
    if "startTime" in params and "endTime" in params and end - start > DAY.total_seconds() * 1000:
        raise Refused(-1127, "More than 24 hours between startTime and endTime.")
    return [each for each in rows if start <= at(each) <= end]


def _page(rows: list[Any], params: Mapping[str, str], oldest_first: set[str]) -> list[Any]:
    """The newest, unless a beginning was named."""
    limit = int(params.get("limit", 500))
    if limit > 1000:
        raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
    return rows[:limit] if oldest_first & set(params) else rows[-limit:]


def _account(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    return shapes.account(account, omit_zero=params.get("omitZeroBalances") == "true")


def _restrictions(venue: Venue, account: Account, params: dict[str, str]) -> Any:
    return shapes.restrictions(account)


def _flat(weight: int) -> Callable[[Mapping[str, str]], int]:
    return lambda params: weight


def _by_names(one: int, many: int) -> Callable[[Mapping[str, str]], int]:
    return lambda params: one if "symbol" in params else many


_PRICE = _one_or_all(lambda each: {"symbol": each.symbol, "price": shapes.number(each.last)})
ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "/api/v3/time"): Route("time", _flat(1), tell=_time),
    ("GET", "/api/v3/exchangeInfo"): Route("instrument", _flat(20), tell=_exchange_info),
    ("GET", "/api/v3/ticker/price"): Route("prices", _by_names(2, 4), tell=_PRICE),
    ("GET", "/api/v3/ticker/24hr"): Route(
        "quotes",
        lambda params: 2 if {"symbol", "symbols"} & set(params) else 80,
        tell=_one_or_all(shapes.ticker),
    ),
    ("GET", "/api/v3/avgPrice"): Route("average", _flat(2), tell=_average),
    ("GET", "/api/v3/referencePrice"): Route("reference", _flat(2), tell=_reference),
    ("POST", "/api/v3/order"): Route("submit", _flat(0), _submit),
    ("POST", "/api/v3/order/cancelReplace"): Route("submit", _flat(0), _replace),
    ("POST", "/api/v3/orderList/oco"): Route("submit", _flat(0), _submit_list),
    ("GET", "/api/v3/order"): Route("order", _flat(4), _query),
    ("DELETE", "/api/v3/order"): Route("cancel", _flat(0), _cancel),
    ("GET", "/api/v3/openOrders"): Route("open_orders", _by_names(6, 80), _open_orders),
    ("GET", "/api/v3/allOrders"): Route("closed_orders", _flat(20), _all_orders),
    ("GET", "/api/v3/myTrades"): Route(
        "fills", lambda params: 5 if "orderId" in params else 20, _trades
    ),
    ("GET", "/api/v3/account"): Route("account", _flat(20), _account),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route("permissions", _flat(1), _restrictions),
}
