"""What the futures fake checks of a new order before its engine sees it: parameters and filters.

Pure, and written apart from the adapter: the same pages read a second time.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from tests.venues.binance.books import Refused
from tests.venues.binance_futures.books import ZERO, Account, Algo, Market, Order

_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_ALWAYS = {"recvWindow", "timestamp", "signature"}
_COMMON = _ALWAYS | {"symbol", "side", "type", "positionSide", "reduceOnly", "quantity"}
_ORDINARY: Mapping[str, set[str]] = {
    "LIMIT": {"quantity", "price", "timeInForce"},
    "MARKET": {"quantity"},
}
_CONDITIONAL: Mapping[str, set[str]] = {
    "STOP": {"quantity", "price", "triggerPrice"},
    "TAKE_PROFIT": {"quantity", "price", "triggerPrice"},
    "STOP_MARKET": {"triggerPrice"},
    "TAKE_PROFIT_MARKET": {"triggerPrice"},
    "TRAILING_STOP_MARKET": {"quantity", "callbackRate"},
}
_WHOLE = ("STOP_MARKET", "TAKE_PROFIT_MARKET")
Params = Mapping[str, str]


def read_order(params: Params, market: Market, account: Account, now: datetime) -> Order:
    """Raises Refused."""
    kind = params.get("type", "")
    if kind in _CONDITIONAL:
        text = (
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
            "instead."
        )
        raise Refused(-4120, text)
    if kind not in _ORDINARY:
        raise Refused(-1116, "Invalid orderType.")
    needed = _ORDINARY[kind]
    _check_names(params, needed, _COMMON | needed | {"newClientOrderId", "newOrderRespType"})
    side = _side(params, account)
    order = Order(
        id=0,
        client_id=_name(params, "newClientOrderId"),
        symbol=market.symbol,
        side=side,
        type=kind,
        tif=_tif(params),
        quantity=_number(params, "quantity"),
        created_at=now,
        updated_at=now,
        price=_number(params, "price"),
        position_side=params.get("positionSide", "BOTH"),
        reduce_only=params.get("reduceOnly") == "true",
    )
    _check_market(market)
    _check_quantity(order.quantity, market, at_market=kind == "MARKET")
    _check_price(order.price, market)
    _check_value(order, market)
    _check_percent(order, market)
    return order


def read_algo(params: Params, market: Market, account: Account, now: datetime) -> Algo:
    """Raises Refused."""
    kind = params.get("type", "")
    if kind not in _CONDITIONAL:
        raise Refused(-1116, "Invalid orderType.")
    if params.get("algoType") != "CONDITIONAL":
        raise Refused(-1102, _missing("algoType"))
    if "reduceOnly" in params and not account.algo_reduces:
        raise Refused(-1106, "Parameter 'reduceonly' sent when not required.")
    whole = _closes_all(params, kind)
    needed = _CONDITIONAL[kind] | (set() if whole else {"quantity"})
    more = {"algoType", "clientAlgoId", "closePosition", "timeInForce", "activatePrice",
            "workingType"}  # fmt: skip
    _check_names(params, needed, _COMMON | needed | more)
    algo = Algo(
        id=0,
        client_id=_name(params, "clientAlgoId"),
        symbol=market.symbol,
        side=_side(params, account),
        type=kind,
        tif=_tif(params),
        quantity=_number(params, "quantity"),
        created_at=now,
        updated_at=now,
        trigger=_number(params, "triggerPrice"),
        price=_number(params, "price"),
        callback=_number(params, "callbackRate"),
        position_side=params.get("positionSide", "BOTH"),
        reduce_only=params.get("reduceOnly") == "true",
        close_position=whole,
    )
    if algo.callback and not Decimal("0.1") <= algo.callback <= 10:
        raise Refused(-2007, "Invalid callBack rate.")
    _check_market(market)
    if not whole:
        _check_quantity(algo.quantity, market, at_market=not algo.price)
    for price in (algo.price, algo.trigger):
        _check_price(price, market)
    return algo


def _closes_all(params: Params, kind: str) -> bool:
    if params.get("closePosition") != "true":
        return False
    if kind not in _WHOLE:
        raise Refused(-4136, "Target strategy invalid for orderType with closePosition true.")
    if "quantity" in params:
        raise Refused(-4137, "Quantity must be zero with closePosition equals true.")
    if "reduceOnly" in params:
        raise Refused(-4138, "Reduce only must be true with closePosition equals true.")
    return True


def _side(params: Params, account: Account) -> str:
    """In hedge mode every order says whose it is, and none says that it reduces."""
    side, position_side = params.get("side", ""), params.get("positionSide", "BOTH")
    if side not in ("BUY", "SELL"):
        raise Refused(-1117, "Invalid side.")
    if position_side not in ("BOTH", "LONG", "SHORT"):
        raise Refused(-4060, "Invalid position side.")
    if (position_side == "BOTH") is account.hedged:
        raise Refused(-4061, "Order's position side does not match user's setting.")
    if account.hedged and "reduceOnly" in params:
        raise Refused(-1106, "Parameter 'reduceonly' sent when not required.")
    return side


def _name(params: Params, name: str) -> str:
    given = params.get(name, "")
    if len(given) > 36:
        raise Refused(-4015, "Client order id length should not be more than 36 chars")
    if not _ID.fullmatch(given):
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'.")
    return given


def _missing(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def _check_names(params: Params, needed: set[str], known: set[str]) -> None:
    for name in sorted(needed):
        if not params.get(name):
            raise Refused(-1102, _missing(name))
    for name in sorted(set(params) - known):
        raise Refused(-1106, f"Parameter '{name}' sent when not required.")
    if params.get("reduceOnly", "true") not in ("true", "false"):
        raise Refused(-1102, _missing("reduceOnly"))


def _tif(params: Params) -> str:
    tif = params.get("timeInForce", "GTC")
    if tif not in ("GTC", "IOC", "FOK", "GTX"):
        raise Refused(-1115, "Invalid timeInForce.")
    return tif


def _number(params: Params, name: str) -> Decimal:
    if name not in params:
        return ZERO
    text = params[name]
    if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text):
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'.")
    number = Decimal(text)
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > 8:
        raise Refused(-1111, "Precision is over the maximum defined for this asset.")
    return number


def _check_market(market: Market) -> None:
    if market.status != "TRADING":
        raise Refused(-4140, "Invalid symbol status for opening position.")


def _check_quantity(quantity: Decimal, market: Market, *, at_market: bool) -> None:
    if quantity <= 0:
        raise Refused(-4003, "Quantity less than or equal to zero.")
    for name in ("LOT_SIZE", *(("MARKET_LOT_SIZE",) if at_market else ())):
        found = market.filters[name]
        low, high, step = (Decimal(str(found[x])) for x in ("minQty", "maxQty", "stepSize"))
        if quantity < low:
            raise Refused(-4004, "Quantity less than min quantity.")
        if quantity > high:
            raise Refused(-4005, "Quantity greater than max quantity.")
        if step and (quantity - low) % step:
            raise Refused(-4023, "Qty not increased by step size.")


def _check_price(price: Decimal, market: Market) -> None:
    if not price:
        return
    found = market.filters["PRICE_FILTER"]
    low, high, tick = (Decimal(str(found[x])) for x in ("minPrice", "maxPrice", "tickSize"))
    if price < low or price > high:
        raise Refused(-4002 if price > high else -4013, "Price out of its range.")
    if (price - low) % tick:
        raise Refused(-4014, "Price not increased by tick size.")


def _check_value(order: Order, market: Market) -> None:
    least = Decimal(str(market.filters["MIN_NOTIONAL"]["notional"]))
    if not order.closes and order.quantity * (order.price or market.last) < least:
        text = (
            f"Order's notional must be no smaller than {least:.1f} (unless you choose reduce only)"
        )
        raise Refused(-4164, text)


def _check_percent(order: Order, market: Market) -> None:
    """Against the mark price: a buy has no lower bound, a sell no upper one."""
    if not order.price:
        return
    price = market.last if market.mark is None else market.mark
    found = market.filters["PERCENT_PRICE"]
    up, down = (Decimal(str(found[x])) for x in ("multiplierUp", "multiplierDown"))
    if order.buys and order.price > price * up:
        raise Refused(-4016, "Limit price can't be higher than its limit.")
    if not order.buys and order.price < price * down:
        raise Refused(-4024, "Limit price can't be lower than its limit.")
