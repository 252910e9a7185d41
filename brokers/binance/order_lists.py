"""A stop and a target as one order list of Binance spot (`POST /api/v3/orderList/oco`).

Pure. The venue's own words for what ends what: the first part of the target that fills ends the
stop, and the stop, as it triggers, ends the target; to cancel one cancels both. The target is a
LIMIT_MAKER, since a list takes no plain limit order: it is refused where it would fill at once.
"""

from collections.abc import Mapping
from typing import Any

from brokers.binance.filters import TYPES, Rules
from brokers.types import OrderRequest
from tradehub.core.money import plain
from tradehub.core.words import OrderSide, OrderType

Raw = Mapping[str, Any]
STOP, TARGET = TYPES[OrderType.STOP], "LIMIT_MAKER"
_LIST = "-list"


def pair_params(stop: OrderRequest, target: OrderRequest) -> dict[str, str]:
    """Of two requests of one side and quantity that `filters` lets pass."""
    assert stop.stop_price is not None
    assert target.limit_price is not None
    sells = target.side is OrderSide.SELL
    target_leg = {
        "Type": TARGET,
        "Price": plain(target.limit_price),
        "ClientOrderId": target.client_order_id,
    }
    stop_leg = {
        "Type": STOP,
        "StopPrice": plain(stop.stop_price),
        "ClientOrderId": stop.client_order_id,
    }
    above, below = (target_leg, stop_leg) if sells else (stop_leg, target_leg)
    return {
        "symbol": target.symbol,
        "side": target.side.value.upper(),
        "quantity": plain(target.quantity),
        "listClientOrderId": target.client_order_id + _LIST,
        "newOrderRespType": "RESULT",
        **{f"above{name}": value for name, value in above.items()},
        **{f"below{name}": value for name, value in below.items()},
    }


def refusal_of_pair(rules: Rules) -> tuple[str, str] | None:
    """Which words the venue would use, and our sentence."""
    if takes_pairs(rules):
        return None
    return "OCO", f"Binance takes no stop and target of {rules.symbol} in one order list."


def takes_pairs(rules: Rules) -> bool:
    return rules.oco and {STOP, TARGET} <= rules.types


def legs_of(raw: Raw) -> dict[str, Raw]:
    """The orders of an answer about a list, by their client order ids. Raises KeyError and
    TypeError."""
    return {str(_own_id(each)): each for each in raw["orderReports"]}


def leg_of(raw: Raw, client_order_id: str) -> Raw:
    """Of an answer that may be about an order or about the list that it is in."""
    return legs_of(raw)[client_order_id] if "orderReports" in raw else raw


def _own_id(raw: Raw) -> Any:
    """A cancel has an id of its own, and the order's beside it."""
    return raw.get("origClientOrderId") or raw["clientOrderId"]
