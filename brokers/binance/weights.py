"""What a request to Binance weighs, of which limits, and how urgent it is: tables, with sources.

Pure. Weights are counted by address and minute, orders by account; each API has counters of its
own. Orders count while they are unfilled, so of them only the venue's own count is believed. A path
that is not in a table weighs `UNLISTED`: rather too much than too little.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from brokers.budgeting import Limit, Priority

# Where the numbers are from. Spot: rest-api.md of binance-spot-api-docs, LIMITS and each endpoint's
# weight; CHANGELOG, 2026-04-02: orders and cancels weigh 0 when they succeed;
# faqs/order_count_decrement.md. Futures: each method's weight in binance-connector-python,
# derivatives_trading_usds_futures; 2400 a minute, 300 orders in 10 s and 1200 a minute in the
# general information. Wallet: the developers' site, wallet endpoints, 12000 a minute for each
# address.

UNLISTED = 40


class Api(StrEnum):
    SPOT = "spot"
    FUTURES = "futures"
    WALLET = "wallet"


@dataclass(frozen=True, slots=True)
class Counter:
    limit: Limit
    header: str
    """In which an answer says how much of it is used; in lower case."""


_LENGTHS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}
_MINUTE = "x-mbx-used-weight-1m"
WEIGHTS: Mapping[Api, Counter] = {
    Api.SPOT: Counter(Limit("weight", 6000, 60, "of weight"), _MINUTE),
    Api.FUTURES: Counter(Limit("weight", 2400, 60, "of weight"), _MINUTE),
    Api.WALLET: Counter(Limit("weight", 12000, 60, "of weight"), "x-sapi-used-ip-weight-1m"),
}
ORDERS: Mapping[Api, tuple[Counter, ...]] = {
    Api.SPOT: (
        Counter(Limit("orders-10s", 100, 10, "orders"), "x-mbx-order-count-10s"),
        Counter(Limit("orders-1d", 160_000, 86_400, "orders"), "x-mbx-order-count-1d"),
    ),
    Api.FUTURES: (
        Counter(Limit("orders-10s", 300, 10, "orders"), "x-mbx-order-count-10s"),
        Counter(Limit("orders-1m", 1200, 60, "orders"), "x-mbx-order-count-1m"),
    ),
    Api.WALLET: (),
}


@dataclass(frozen=True, slots=True)
class Row:
    weight: int
    listed: int | None = None
    """With a list of symbols, where that is another."""
    unnamed: int | None = None
    """Without any, where that is another."""
    of_order: int | None = None
    """With an order's number, where that is another."""
    priority: Priority = Priority.NORMAL
    places: bool = False
    """It counts as an order."""


_FIRST, _LAST = Priority.FIRST, Priority.LAST
_PLACES = Row(0, places=True)
_CANCELS = Row(0, priority=_FIRST)
_CANCELS_FUTURES = Row(1, priority=_FIRST)

TABLES: Mapping[Api, Mapping[str, Row]] = {
    Api.SPOT: {
        "GET ping": Row(1),
        "GET time": Row(1),
        "GET exchangeInfo": Row(20),
        "GET ticker/price": Row(2, listed=4, unnamed=4),
        "GET ticker/bookTicker": Row(2, listed=4, unnamed=4),
        "GET ticker/24hr": Row(2, unnamed=80),
        "GET avgPrice": Row(2),
        "GET referencePrice": Row(2),
        "GET account": Row(20),
        "GET order": Row(4, priority=_FIRST),
        "GET orderList": Row(4, priority=_FIRST),
        "GET openOrders": Row(6, unnamed=80, priority=_LAST),
        "GET openOrderList": Row(6, priority=_LAST),
        "GET allOrders": Row(20, priority=_LAST),
        "GET allOrderList": Row(20, priority=_LAST),
        "GET myTrades": Row(20, of_order=5, priority=_LAST),
        "POST order": _PLACES,
        "POST order/cancelReplace": _PLACES,
        "POST order/test": Row(1),
        "POST orderList/oco": _PLACES,
        "POST orderList/oto": _PLACES,
        "POST orderList/otoco": _PLACES,
        "POST orderList/opo": _PLACES,
        "POST orderList/opoco": _PLACES,
        "DELETE order": _CANCELS,
        "DELETE openOrders": _CANCELS,
        "DELETE orderList": _CANCELS,
    },
    Api.FUTURES: {
        "GET ping": Row(1),
        "GET time": Row(1),
        "GET exchangeInfo": Row(1),
        "GET premiumIndex": Row(1, unnamed=10),
        "GET ticker/price": Row(1, unnamed=2),
        "GET ticker/bookTicker": Row(2, unnamed=5),
        "GET ticker/24hr": Row(1, unnamed=40),
        "GET account": Row(5),
        "GET balance": Row(5),
        "GET accountConfig": Row(5),
        "GET symbolConfig": Row(5),
        "GET leverageBracket": Row(1),
        "GET positionSide/dual": Row(30),
        "GET multiAssetsMargin": Row(30),
        "GET positionRisk": Row(5),
        "GET order": Row(1, priority=_FIRST),
        "GET algoOrder": Row(1, priority=_FIRST),
        "GET openOrders": Row(1, unnamed=40, priority=_LAST),
        "GET openAlgoOrders": Row(1, unnamed=40, priority=_LAST),
        "GET allOrders": Row(5, priority=_LAST),
        "GET allAlgoOrders": Row(5, priority=_LAST),
        "GET userTrades": Row(5, priority=_LAST),
        "GET income": Row(30, priority=_LAST),
        "POST order": _PLACES,
        "POST algoOrder": _PLACES,
        "POST order/test": Row(1),
        "POST leverage": Row(1),
        "POST marginType": Row(1),
        "POST positionSide/dual": Row(1),
        "POST listenKey": Row(1),
        "PUT listenKey": Row(1),
        "DELETE listenKey": Row(1),
        "DELETE order": _CANCELS_FUTURES,
        "DELETE algoOrder": _CANCELS_FUTURES,
        "DELETE allOpenOrders": _CANCELS_FUTURES,
        "DELETE algoOpenOrders": _CANCELS_FUTURES,
    },
    Api.WALLET: {
        "GET account/apiRestrictions": Row(1),
    },
}
LOOKS: Mapping[Api, Mapping[str, int]] = {
    Api.SPOT: {
        "GET time": 1,
        "GET exchangeInfo": 2,
        "GET account": 4,
        "GET openOrders": 1,
        "GET ticker/price": 5,
    },
    Api.FUTURES: {
        "GET time": 1,
        "GET exchangeInfo": 1,
        "GET account": 1,
        "GET balance": 1,
        "GET openOrders": 1,
        "GET openAlgoOrders": 1,
        "GET positionRisk": 2,
        "GET accountConfig": 1,
    },
}
"""How often the account doctor asks what, at most, without naming a symbol."""
LOOKS_NAMED: Mapping[Api, Mapping[str, int]] = {
    Api.SPOT: {},
    Api.FUTURES: {"GET openAlgoOrders": 1},
}
"""And how often with one."""
_VERSION = re.compile(r"^/?v\d+/")
_MOST_NAMES = 20
"""A longer list is taken for none at all."""


def row_of(api: Api, method: str, path: str) -> Row:
    """`path`: what follows the address of the API, with its version."""
    name = f"{method.upper()} {_VERSION.sub('', path)}"
    return TABLES[api].get(name) or Row(UNLISTED)


def weight_of(row: Row, params: Mapping[str, object]) -> int:
    if row.of_order is not None and "orderId" in params:
        return row.of_order
    if params.get("symbol"):
        return row.weight
    names = json.loads(str(params.get("symbols") or "[]"))
    given = row.listed if 0 < len(names) <= _MOST_NAMES else row.unnamed
    return row.weight if given is None else given


def cheaper_by_name(api: Api, symbols: Collection[str] | None) -> list[str] | None:
    """These, where their open orders weigh less asked for one symbol after another than all at
    once; else None."""
    row = TABLES[api]["GET openOrders"]
    if symbols is None or len(symbols) * row.weight >= (row.unnamed or row.weight):
        return None
    return sorted(symbols)


def after_open_orders(api: Api, symbols: int, named: Sequence[str] | None = None) -> int:
    """What the rest of a comparison weighs, once the first request for open orders was made.
    `symbols`: how many have trades; `named`: those whose open orders are asked for by name."""
    rows = TABLES[api]
    row = rows["GET openOrders"]
    of_one, times = (row.unnamed or row.weight, 1) if named is None else (row.weight, len(named))
    if api is Api.FUTURES:
        others = (2 * times - 1) * of_one  # the algo orders are a list of their own
        trades = symbols * rows["GET userTrades"].weight
        return max(others, 0) + rows["GET positionRisk"].weight + trades
    others = (times - 1) * of_one
    prices = rows["GET ticker/price"].listed or 0
    trades = symbols * rows["GET myTrades"].weight
    return max(others, 0) + rows["GET account"].weight + prices + trades


def look_weight(api: Api) -> int:
    """Of the account doctor's look."""
    asked = ((TABLES[api][name], times) for name, times in LOOKS[api].items())
    named = sum(times * TABLES[api][name].weight for name, times in LOOKS_NAMED[api].items())
    return named + sum(times * (row.unnamed or row.weight) for row, times in asked)


def counters(api: Api) -> tuple[Counter, ...]:
    return WEIGHTS[api], *ORDERS[api]


def limits_told(api: Api, rows: Iterable[Mapping[str, object]]) -> dict[str, Limit]:
    """By name, those of exchangeInfo's `rateLimits` that are counted here: what it says holds."""
    kinds = {"REQUEST_WEIGHT": (WEIGHTS[api],), "ORDERS": ORDERS[api]}
    found: dict[str, Limit] = {}
    for row in rows:
        seconds = _LENGTHS.get(str(row["interval"]), 0) * int(str(row["intervalNum"]))
        for counter in kinds.get(str(row["rateLimitType"]), ()):
            if counter.limit.seconds == seconds:
                most = int(str(row["limit"]))
                found[counter.limit.name] = replace(counter.limit, most=most)
    return found
