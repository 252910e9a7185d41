"""Plain typed builders for tests of the venues."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from brokers.paper.matching import VenueOrder
from brokers.types import OrderRequest, Quote
from tradehub.core.words import OrderSide, OrderType, TimeInForce

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
_ids = count(1)


def request(
    side: str = "buy",
    quantity: str = "10",
    order_type: str = "market",
    *,
    tif: str = "gtc",
    symbol: str = "AAPL",
    **more: Any,
) -> OrderRequest:
    named = {"limit_price", "stop_price"} & more.keys()
    prices: dict[str, Any] = {name: Decimal(more.pop(name)) for name in named}
    return OrderRequest(
        client_order_id=more.pop("id", f"order{next(_ids)}"),
        symbol=symbol,
        side=OrderSide(side),
        order_type=OrderType(order_type),
        time_in_force=TimeInForce(tif),
        quantity=Decimal(quantity),
        **prices,
        **more,
    )


def resting(*args: Any, created_at: datetime = NOW, **more: Any) -> VenueOrder:
    asked = request(*args, **more)
    return VenueOrder(asked, asked.quantity, created_at, created_at)


def quote(
    last: str, *, bid: str | None = None, ask: str | None = None, at: datetime = NOW
) -> Quote:
    return Quote("AAPL", Decimal(bid or last), Decimal(ask or last), Decimal(last), at, "signal")
