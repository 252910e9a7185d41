"""What the Binance fake checks of a new order before its engine sees it: parameters and filters.

Pure, and written apart from `brokers.binance.filters`: the same pages read a second time.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from tests.venues.binance.books import ZERO, Market, Order, Refused

_ID = re.compile(r"[a-zA-Z0-9-_]{1,36}")
_COMMON = {"symbol", "side", "type", "newClientOrderId", "newOrderRespType", "recvWindow",
           "timestamp", "signature"}  # fmt: skip
_NEEDED: Mapping[str, set[str]] = {
    "LIMIT": {"timeInForce", "quantity", "price"},
    "MARKET": {"quantity"},
    "STOP_LOSS": {"quantity", "stopPrice"},
    "STOP_LOSS_LIMIT": {"timeInForce", "quantity", "price", "stopPrice"},
    "TAKE_PROFIT": {"quantity", "stopPrice"},
    "TAKE_PROFIT_LIMIT": {"timeInForce", "quantity", "price", "stopPrice"},
    "LIMIT_MAKER": {"quantity", "price"},
}
_KNOWN = {"timeInForce", "quantity", "price", "stopPrice"}
_TRAILING = "trailingDelta"
PLACES = 8


def read_order(params: Mapping[str, str], market: Market, now: datetime) -> Order:
    """Raises Refused."""
    client_id = params.get("newClientOrderId", "")
    if not _ID.fullmatch(client_id):
        raise Refused(
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is "
            "'^[a-zA-Z0-9-_]{1,36}$'.",
        )
    kind, side = params.get("type", ""), params.get("side", "")
    if kind not in _NEEDED:
        raise Refused(-1116, "Invalid orderType.")
    if side not in ("BUY", "SELL"):
        raise Refused(-1117, "Invalid side.")
    _check_names(params, kind)
    if params.get("timeInForce", "GTC") not in ("GTC", "IOC", "FOK"):
        raise Refused(-1115, "Invalid timeInForce.")
    numbers = {name: _number(name, params[name]) for name in _KNOWN - {"timeInForce"} & set(params)}
    order = Order(
        id=0,
        client_id=client_id,
        symbol=market.symbol,
        side=side,
        type=kind,
        tif=params.get("timeInForce", "GTC"),
        quantity=numbers["quantity"],
        created_at=now,
        updated_at=now,
        price=numbers.get("price", ZERO),
        stop_price=numbers.get("stopPrice", ZERO),
        delta=_delta(params),
    )
    _check_market(order, market)
    return order


_LEG = {"Type", "ClientOrderId", "Price", "StopPrice", "TimeInForce"}
_LEGS = {f"{place}{name}" for place in ("above", "below") for name in _LEG}
_LIST = {"symbol", "side", "quantity", "listClientOrderId", "newOrderRespType", "recvWindow",
         "timestamp", "signature"}  # fmt: skip
_STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
_TARGETS = ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def read_list(params: Mapping[str, str], market: Market, now: datetime) -> tuple[Order, Order]:
    """The stop and the target of a new OCO. Raises Refused."""
    for name in sorted(set(params) - _LEGS - _LIST):
        raise Refused(-1104, f"Not all sent parameters were read; '{name}' was not.")
    if not market.oco:
        raise Refused(-2010, "OCO orders are not supported for this symbol")
    legs = {place: _leg(params, place, market, now) for place in ("above", "below")}
    stops = {place: each for place, each in legs.items() if each.type in _STOPS}
    targets = {place: each for place, each in legs.items() if each.type in _TARGETS}
    if not stops:
        raise Refused(-1168, "At least one OCO order must be contingent.")
    if not targets:
        raise Refused(-1158, "Order type not supported in OCO.")
    ((place, stop),), (target,) = stops.items(), targets.values()
    if (place == "above") != stop.buys:
        code, text = (-1196, "must be above") if stop.buys else (-1197, "must be below")
        raise Refused(code, f"A stop loss order in a {stop.side.lower()} OCO {text}.")
    return stop, target


def _leg(params: Mapping[str, str], place: str, market: Market, now: datetime) -> Order:
    """With the checks of an order of its own."""
    names = {"Type": "type", "ClientOrderId": "newClientOrderId", "Price": "price",
             "StopPrice": "stopPrice", "TimeInForce": "timeInForce"}  # fmt: skip
    own = {names[name]: params[f"{place}{name}"] for name in _LEG if f"{place}{name}" in params}
    shared = {name: params[name] for name in ("symbol", "side", "quantity") if name in params}
    return read_order(shared | own, market, now)


def _check_names(params: Mapping[str, str], kind: str) -> None:
    needed = _NEEDED[kind]
    if _TRAILING in params and kind.startswith("STOP_LOSS"):
        needed = needed - {"stopPrice"} | {_TRAILING}
    for name in sorted(needed):
        if not params.get(name):
            text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
            raise Refused(-1102, text)
    for name in sorted(set(params) - _COMMON - needed):
        if name in (*_KNOWN, _TRAILING):
            raise Refused(-1106, f"Parameter '{name}' sent when not required.")
        read, sent = len(params) - 1, len(params)
        text = (
            f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
        )
        raise Refused(-1104, text)


def _delta(params: Mapping[str, str]) -> int:
    """Without a stop price beside it, so it follows from the moment it is placed."""
    text = params.get(_TRAILING, "0")
    if not re.fullmatch(r"[0-9]{1,20}", text):
        legal = "legal range is '^[0-9]{1,20}$'."
        raise Refused(-1100, f"Illegal characters found in parameter '{_TRAILING}'; {legal}")
    return int(text)


def _number(name: str, text: str) -> Decimal:
    malformed = Refused(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        if "e" in text.lower():
            text = (
                f"Illegal characters found in parameter '{name}'; legal range is "
                "'^([0-9]{1,20})(\\.[0-9]{1,20})?$'."
            )
            raise Refused(-1100, text)
        raise malformed
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise malformed from error
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > PLACES:
        raise Refused(-1111, f"Parameter '{name}' has too much precision.")
    return number


def _check_market(order: Order, market: Market) -> None:
    if market.status != "TRADING":
        raise Refused(-2010, "Market is closed.")
    if order.type not in market.types:
        words = order.type.replace("_", " ").capitalize()
        raise Refused(-2010, f"{words} orders are not supported for this symbol.")
    if order.delta and not market.trails:
        raise Refused(-2010, "Trailing stop orders are not supported for this symbol.")
    for name, found in market.filters.items():
        check = _CHECKS.get(name)
        if check is not None and not check(order, market, found):
            raise Refused(-1013, f"Filter failure: {name}")


def _in(number: Decimal, found: Mapping[str, object], low: str, high: str, step: str) -> bool:
    """Zero switches a bound off; steps are counted from zero."""
    least, most, each = (Decimal(str(found[name])) for name in (low, high, step))
    return (
        (not least or number >= least)
        and (not most or number <= most)
        and (not each or number == (number / each).to_integral_value() * each)
    )


def _price(order: Order, market: Market, found: Mapping[str, object]) -> bool:
    names = "minPrice", "maxPrice", "tickSize"
    return all(_in(each, found, *names) for each in (order.price, order.stop_price) if each)


def _lot(order: Order, market: Market, found: Mapping[str, object]) -> bool:
    return order.quantity > 0 and _in(order.quantity, found, "minQty", "maxQty", "stepSize")


def _market_lot(order: Order, market: Market, found: Mapping[str, object]) -> bool:
    return order.type != "MARKET" or _in(order.quantity, found, "minQty", "maxQty", "stepSize")


def _value(order: Order, market: Market) -> Decimal:
    return order.quantity * (order.price or order.stop_price or market.last)


def _notional(order: Order, market: Market, found: Mapping[str, object]) -> bool:
    value, at_market = _value(order, market), order.type == "MARKET"
    least, most = Decimal(str(found["minNotional"])), Decimal(str(found["maxNotional"]))
    low = value >= least or (at_market and not found["applyMinToMarket"])
    return low and (value <= most or (at_market and not found["applyMaxToMarket"]))


def _min_notional(order: Order, market: Market, found: Mapping[str, object]) -> bool:
    exempt = order.type == "MARKET" and not found["applyToMarket"]
    return bool(exempt) or _value(order, market) >= Decimal(str(found["minNotional"]))


def _percent(order: Order, market: Market, found: Mapping[str, object]) -> bool:
    if not order.price:
        return True
    price = measured_price(market, int(str(found["avgPriceMins"])))
    side = "bid" if order.buys else "ask"
    low = Decimal(str(found.get(f"{side}MultiplierDown") or found.get("multiplierDown")))
    high = Decimal(str(found.get(f"{side}MultiplierUp") or found.get("multiplierUp")))
    return low * price <= order.price <= high * price


def measured_price(market: Market, minutes: int) -> Decimal:
    """The reference price where there is one, else the average; of no minutes the last price."""
    if market.reference is not None:
        return market.reference
    return market.average if minutes and market.average is not None else market.last


def _trailing(order: Order, market: Market, found: Mapping[str, object]) -> bool:
    side = "Above" if order.buys else "Below"
    least, most = (int(str(found[f"{bound}Trailing{side}Delta"])) for bound in ("min", "max"))
    return not order.delta or least <= order.delta <= most


_CHECKS = {
    "TRAILING_DELTA": _trailing,
    "PRICE_FILTER": _price,
    "LOT_SIZE": _lot,
    "MARKET_LOT_SIZE": _market_lot,
    "NOTIONAL": _notional,
    "MIN_NOTIONAL": _min_notional,
    "PERCENT_PRICE": _percent,
    "PERCENT_PRICE_BY_SIDE": _percent,
}
