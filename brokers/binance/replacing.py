"""One order in the place of another, in one request (`POST /api/v3/order/cancelReplace`).

Pure. Told to stop on failure: where the cancel fails, the new order is not tried (-2022); where the
new one fails, the old one is gone (-2021). Told to cancel only an order of which nothing has filled
(`ONLY_NEW`), so the new one never asks for what the old one had. Filters are looked at before both.
"""

from collections.abc import Mapping
from typing import Any

from brokers.binance.parsing import order_params
from brokers.types import OrderRequest

Raw = Mapping[str, Any]


def replace_params(client_order_id: str, request: OrderRequest) -> dict[str, str]:
    """Of a request that `filters` lets pass."""
    return order_params(request) | {
        "cancelReplaceMode": "STOP_ON_FAILURE",
        "cancelRestrictions": "ONLY_NEW",
        "cancelOrigClientOrderId": client_order_id,
    }


def parts_of(raw: Raw) -> tuple[Raw, Raw]:
    """What is told of the old order and of the new one. Raises KeyError and ValueError."""
    if (raw["cancelResult"], raw["newOrderResult"]) != ("SUCCESS", "SUCCESS"):
        raise ValueError("an answer of success that tells of none")
    return raw["cancelResponse"], raw["newOrderResponse"]
