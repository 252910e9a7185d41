"""The futures fake's REST API: from a request to what is answered, and at which weight.

No sockets and no faults here. Whatever the venue refuses is a `Refused` in Binance's own words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeVar

from tests.venues.binance.api import Reply, Request, refusal
from tests.venues.binance.books import Refused
from tests.venues.binance.security import account_of, check_signature, check_time
from tests.venues.binance_futures import income, shapes
from tests.venues.binance_futures.books import Account, Algo, Market, Order, working_orders
from tests.venues.binance_futures.rules import read_algo, read_order
from tests.venues.binance_futures.venue import Venue

WINDOW = timedelta(days=7)
UNKNOWN = Refused(-2013, "Order does not exist.")
Params = dict[str, str]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Route:
    operation: str
    """In the words of the faults."""
    weight: int
    serve: Callable[[Venue, Account, Params], Any] | None = None
    """Of a signed one."""
    tell: Callable[[Venue, Params], Any] | None = None
    """Of a public one."""
    unnamed: int | None = None
    """What it weighs without a symbol."""
    key_only: bool = False
    """It needs the key, and no signature."""


def operation_of(request: Request) -> str:
    route = ROUTES.get((request.method, request.path))
    return "none" if route is None else route.operation


def answer(venue: Venue, request: Request) -> Reply:
    """Under the venue's lock."""
    route = ROUTES.get((request.method, request.path))
    if route is None:
        return Reply(404, {"code": -1000, "msg": "Path not found."})
    params = request.params
    named = "symbol" in params or route.unnamed is None
    headers = venue.weigh(route.weight if named else int(route.unnamed or 0))
    try:
        venue.check_rate()
        if route.tell is not None:
            body = route.tell(venue, params)
        else:
            assert route.serve is not None
            account = _who(venue, request, route)
            if "algo" in request.path.lower() and not account.has_algos:
                raise Refused(-4120, "Order type not supported for this endpoint.")
            body = route.serve(venue, account, params)
    except Refused as error:
        return refusal(error, headers, venue)
    if route.operation == "submit":
        count = str(venue.order_count)
        headers |= {"X-MBX-ORDER-COUNT-10S": count, "X-MBX-ORDER-COUNT-1M": count}
    return Reply(200, body, headers)


def _who(venue: Venue, request: Request, route: Route) -> Account:
    if route.key_only:
        return account_of(venue.books.accounts, request.key)
    return _signed(venue, request)


def _signed(venue: Venue, request: Request) -> Account:
    account = account_of(venue.books.accounts, request.key)
    check_signature(account, request.query, request.body, request.params)
    check_time(request.params, shapes.milliseconds(venue.now()))
    return account


def _market(venue: Venue, params: Mapping[str, str]) -> Market:
    found = venue.books.markets.get(params.get("symbol", ""))
    if found is None:
        raise Refused(-1121, "Invalid symbol.")
    return found


# ---- public ----


def _time(venue: Venue, params: Params) -> Any:
    return {"serverTime": shapes.milliseconds(venue.now())}


def _exchange_info(venue: Venue, params: Params) -> Any:
    """Of all contracts; it can't be asked for one."""
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
    return {
        "timezone": "UTC",
        "serverTime": shapes.milliseconds(venue.now()),
        "rateLimits": [{**limit, "limit": venue.weight_limit}],
        "exchangeFilters": [],
        "assets": [],
        "symbols": [shapes.market(each) for each in venue.books.markets.values()],
    }


def _one_or_all(write: Callable[[Market], Any]) -> Callable[[Venue, Params], Any]:
    def tell(venue: Venue, params: Params) -> Any:
        if "symbol" in params:
            return write(_market(venue, params))
        return [write(each) for each in venue.books.markets.values()]

    return tell


# ---- orders ----


def _may_trade(account: Account) -> None:
    if not account.can_trade:
        raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


def _submit(venue: Venue, account: Account, params: Params) -> Any:
    _may_trade(account)
    order = read_order(params, _market(venue, params), account, venue.now())
    venue.books.place(account, order, venue.now())
    return shapes.answer(order, with_average=venue.with_average)


def _submit_algo(venue: Venue, account: Account, params: Params) -> Any:
    _may_trade(account)
    algo = read_algo(params, _market(venue, params), account, venue.now())
    venue.books.place_algo(account, algo)
    return shapes.algo(venue.books, account, algo, asked=False)


def _hides(venue: Venue, account: Account, each: Order | Algo) -> bool:
    return venue.now() - each.created_at < timedelta(seconds=account.order_lag)


def _find(venue: Venue, account: Account, params: Params) -> Order | None:
    symbol = _market(venue, params).symbol
    if "orderId" in params:
        return account.find(symbol, order_id=int(params["orderId"]))
    if not params.get("origClientOrderId"):
        text = "Either orderId or origClientOrderId must be sent."
        raise Refused(-1102, text)
    return account.find(symbol, name=params["origClientOrderId"])


def _find_algo(account: Account, params: Params) -> Algo | None:
    if "algoId" in params:
        return account.find_algo(algo_id=int(params["algoId"]))
    if not params.get("clientAlgoId"):
        raise Refused(-1102, "Either algoId or clientAlgoId must be sent.")
    return account.find_algo(name=params["clientAlgoId"])


def _query(venue: Venue, account: Account, params: Params) -> Any:
    found = _find(venue, account, params)
    if found is None or _hides(venue, account, found):
        raise UNKNOWN
    return shapes.order(found)


def _query_algo(venue: Venue, account: Account, params: Params) -> Any:
    found = _find_algo(account, params)
    if found is None or _hides(venue, account, found):
        raise UNKNOWN
    return shapes.algo(venue.books, account, found)


def _cancel(venue: Venue, account: Account, params: Params) -> Any:
    found = _find(venue, account, params)
    if found is None or not found.working:
        raise Refused(-2011, "Unknown order sent.")
    venue.books.end(found, "CANCELED", venue.now())
    return shapes.answer(found, with_average=venue.with_average)


def _cancel_algo(venue: Venue, account: Account, params: Params) -> Any:
    found = _find_algo(account, params)
    if found is not None and found.status == "TRIGGERING":
        text = "Stop order is in triggering process. Please try again later."
        raise Refused(-4117, text)
    if found is None or not found.working:
        raise Refused(-2011, "Unknown order sent.")
    found.status, found.updated_at = "CANCELED", venue.now()
    return shapes.cancelled(found)


def _wanted(venue: Venue, params: Params) -> str | None:
    return None if "symbol" not in params else _market(venue, params).symbol


def _open_orders(venue: Venue, account: Account, params: Params) -> Any:
    wanted = _wanted(venue, params)
    found = [each for each in working_orders(account) if wanted in (None, each.symbol)]
    return [shapes.order(each) for each in found if not _hides(venue, account, each)]


def _open_algos(venue: Venue, account: Account, params: Params) -> Any:
    wanted = _wanted(venue, params)
    return [
        shapes.algo(venue.books, account, each)
        for each in account.algos
        if each.status in ("NEW", "TRIGGERING") and wanted in (None, each.symbol)
        if not _hides(venue, account, each)
    ]


def _all_orders(venue: Venue, account: Account, params: Params) -> Any:
    symbol = _market(venue, params).symbol
    mine = [each for each in account.orders if each.symbol == symbol]
    found = _past(mine, params, lambda each: shapes.milliseconds(each.created_at), 1000)
    return [shapes.order(each) for each in found]


def _all_algos(venue: Venue, account: Account, params: Params) -> Any:
    symbol = _market(venue, params).symbol
    mine = [each for each in account.algos if each.symbol == symbol]
    found = _past(mine, params, lambda each: shapes.milliseconds(each.created_at), 100)
    return [shapes.algo(venue.books, account, each) for each in found]


def _trades(venue: Venue, account: Account, params: Params) -> Any:
    trades = [] if account.trades_lag else account.trades(_market(venue, params).symbol)
    if "orderId" in params:
        trades = [each for each in trades if each.order_id == int(params["orderId"])]
    found = _past(trades, params, lambda each: shapes.milliseconds(each.at), 1000)
    return [shapes.trade(each) for each in found]


def _past(rows: list[R], params: Params, at: Callable[[R], int], most: int) -> list[R]:
    """Of a span of seven days at most; the newest of it, when there are more than fit."""
    start, end = int(params.get("startTime", 0)), int(params.get("endTime", 10**15))
    if {"startTime", "endTime"} <= set(params) and end - start > WINDOW.total_seconds() * 1000:
        raise Refused(-4166, "Search window is restricted to recent 90 days only.")
    limit = int(params.get("limit", min(500, most)))
    if limit > most:
        raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
    return [each for each in rows if start <= at(each) <= end][-limit:]


# ---- the account ----


def _account(venue: Venue, account: Account, params: Params) -> Any:
    return shapes.account(venue.books, account)


def _positions(venue: Venue, account: Account, params: Params) -> Any:
    wanted = _wanted(venue, params)
    return [
        shapes.position(venue.books, symbol, side, each)
        for (symbol, side), each in account.positions.items()
        if each.amount and wanted in (None, symbol)
    ]


def _setting(venue: Venue, account: Account, params: Params) -> Any:
    return [shapes.setting(account, _market(venue, params).symbol)]


def _busy(account: Account, symbol: str) -> bool:
    return any(each.amount for (held, _), each in account.positions.items() if held == symbol)


def _leverage(venue: Venue, account: Account, params: Params) -> Any:
    symbol, leverage = _market(venue, params).symbol, int(params["leverage"])
    setting = account.setting(symbol)
    if not 1 <= leverage <= 125:
        raise Refused(-4028, f"Leverage {leverage} is not valid")
    if setting.margin == "ISOLATED" and leverage < setting.leverage and _busy(account, symbol):
        text = "Leverage reduction is not supported in Isolated Margin Mode with open positions."
        raise Refused(-4161, text)
    setting.leverage = leverage
    return {"leverage": leverage, "maxNotionalValue": "1000000", "symbol": symbol}


def _margin_type(venue: Venue, account: Account, params: Params) -> Any:
    symbol, wanted = _market(venue, params).symbol, params["marginType"]
    if account.setting(symbol).margin == wanted:
        raise Refused(-4046, "No need to change margin type.")
    if account.multi_assets and wanted == "ISOLATED":
        raise Refused(
            -4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode."
        )
    if any(each.symbol == symbol for each in working_orders(account)):
        raise Refused(-4047, "Margin type cannot be changed if there exists open orders.")
    if _busy(account, symbol):
        raise Refused(-4048, "Margin type cannot be changed if there exists position.")
    account.setting(symbol).margin = wanted
    return {"code": 200, "msg": "success"}


def _config(venue: Venue, account: Account, params: Params) -> Any:
    return shapes.config(account)


def _balance(venue: Venue, account: Account, params: Params) -> Any:
    return shapes.balances(account)


def _income(venue: Venue, account: Account, params: Params) -> Any:
    return income.listed(venue.books, account, venue.booked, params, venue.now())


def _restrictions(venue: Venue, account: Account, params: Params) -> Any:
    return shapes.restrictions(account)


def _price(each: Market) -> Any:
    return {"symbol": each.symbol, "price": shapes.number(each.last), "time": 0}


def _mark(each: Market) -> Any:
    price = each.last if each.mark is None else each.mark
    return {"symbol": each.symbol, "markPrice": shapes.number(price), "time": 0}


F = "/fapi/v1"


def _listen_key(venue: Venue, account: Account, params: Params) -> Any:
    return {"listenKey": listen_key_of(account)}


def listen_key_of(account: Account) -> str:
    """What opens the user stream (`sockets`)."""
    return sha256(account.key.encode()).hexdigest()


ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", f"{F}/listenKey"): Route("listen_key", 1, _listen_key, key_only=True),
    ("PUT", f"{F}/listenKey"): Route("listen_key", 1, _listen_key, key_only=True),
    ("GET", f"{F}/time"): Route("time", 1, tell=_time),
    ("GET", f"{F}/exchangeInfo"): Route("instrument", 1, tell=_exchange_info),
    ("GET", "/fapi/v2/ticker/price"): Route("prices", 1, tell=_one_or_all(_price), unnamed=2),
    ("GET", f"{F}/ticker/bookTicker"): Route("quotes", 2, tell=_one_or_all(shapes.book), unnamed=5),
    ("GET", f"{F}/premiumIndex"): Route("mark", 1, tell=_one_or_all(_mark), unnamed=10),
    ("POST", f"{F}/order"): Route("submit", 0, _submit),
    ("GET", f"{F}/order"): Route("order", 1, _query),
    ("DELETE", f"{F}/order"): Route("cancel", 1, _cancel),
    ("POST", f"{F}/algoOrder"): Route("submit", 0, _submit_algo),
    ("GET", f"{F}/algoOrder"): Route("order", 1, _query_algo),
    ("DELETE", f"{F}/algoOrder"): Route("cancel", 1, _cancel_algo),
    ("GET", f"{F}/openOrders"): Route("open_orders", 1, _open_orders, unnamed=40),
    ("GET", f"{F}/openAlgoOrders"): Route("open_orders", 1, _open_algos, unnamed=40),
    ("GET", f"{F}/allOrders"): Route("closed_orders", 5, _all_orders),
    ("GET", f"{F}/allAlgoOrders"): Route("closed_orders", 5, _all_algos),
    ("GET", f"{F}/userTrades"): Route("fills", 5, _trades),
    ("GET", "/fapi/v3/account"): Route("account", 5, _account),
    ("GET", "/fapi/v3/balance"): Route("balance", 5, _balance),
    ("GET", "/fapi/v3/positionRisk"): Route("positions", 5, _positions),
    ("GET", f"{F}/symbolConfig"): Route("setting", 5, _setting),
    ("POST", f"{F}/leverage"): Route("leverage", 1, _leverage),
    ("POST", f"{F}/marginType"): Route("margin", 1, _margin_type),
    ("GET", f"{F}/income"): Route("income", 30, _income),
    ("GET", f"{F}/accountConfig"): Route("config", 5, _config),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route("permissions", 1, _restrictions),
}
