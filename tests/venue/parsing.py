"""Between the scripted venue's JSON and `brokers.types`, both ways.

Pure. Raises ValueError, KeyError or TypeError for what the venue may not say; the adapter makes an
unknown outcome of it.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.types import (
    AccountState,
    FillReport,
    Instrument,
    OrderReport,
    OrderRequest,
    Quote,
    ReportStatus,
    VenuePosition,
)
from tradehub.core.money import NotANumber, plain, plain_or_none, to_decimal
from tradehub.core.words import OrderSide, OrderType, TimeInForce

Json = Mapping[str, Any]


def order_body(request: OrderRequest) -> dict[str, Any]:
    trail = request.trail
    return {
        "client_order_id": request.client_order_id,
        "symbol": request.symbol,
        "side": request.side.value,
        "type": request.order_type.value,
        "time_in_force": request.time_in_force.value,
        "quantity": plain(request.quantity),
        "limit_price": plain_or_none(request.limit_price),
        "stop_price": plain_or_none(request.stop_price),
        "trail_percent": plain_or_none(trail.percent) if trail else None,
        "trail_offset": plain_or_none(trail.offset) if trail else None,
        "reduce_only": request.reduce_only,
        "link": request.link,
    }


def order_report(found: Json) -> OrderReport:
    return OrderReport(
        client_order_id=found["client_order_id"] or "",
        venue_order_id=found["id"],
        symbol=found["symbol"],
        side=OrderSide(found["side"]),
        status=ReportStatus(found["status"]),
        quantity=to_decimal(found["quantity"]),
        filled_quantity=to_decimal(found["filled_quantity"]),
        at=datetime.fromisoformat(found["updated_at"]),
        fills=tuple(fill_report(each) for each in found["fills"]),
        code=found["code"],
        text=found["text"],
        order_type=OrderType(found["type"]),
        time_in_force=TimeInForce(found["time_in_force"]),
        limit_price=_price(found["limit_price"]),
        stop_price=_price(found["stop_price"]),
    )


def fill_report(found: Json) -> FillReport:
    return FillReport(
        venue_fill_id=found["id"],
        client_order_id=found["client_order_id"] or "",
        symbol=found["symbol"],
        side=OrderSide(found["side"]),
        quantity=to_decimal(found["quantity"]),
        price=to_decimal(found["price"]),
        fee=to_decimal(found["fee"]),
        fee_currency=found["fee_currency"],
        at=datetime.fromisoformat(found["at"]),
        venue_order_id=found["order_id"],
    )


def position(found: Json) -> VenuePosition:
    return VenuePosition(
        found["symbol"], to_decimal(found["quantity"]), to_decimal(found["average"])
    )


def account_state(found: Json) -> AccountState:
    return AccountState(
        equity=to_decimal(found["equity"]),
        cash=to_decimal(found["cash"]),
        buying_power=to_decimal(found["buying_power"]),
        currency=found["currency"],
        at=datetime.fromisoformat(found["at"]),
    )


def instrument(found: Json) -> Instrument:
    return Instrument(
        symbol=found["symbol"],
        quantity_step=to_decimal(found["step"]),
        price_tick=None if found["tick"] is None else to_decimal(found["tick"]),
        min_quantity=to_decimal(found["min_quantity"]),
        min_notional=to_decimal(found["min_notional"]),
    )


def quote(found: Json) -> Quote | None:
    """None for a price that is none (NaN, below zero)."""
    try:
        bid, ask, last = (to_decimal(found[name]) for name in ("bid", "ask", "last"))
    except NotANumber:
        return None
    if min(bid, ask, last) <= 0:
        return None
    at = datetime.fromisoformat(found["at"])
    return Quote(found["symbol"], bid, ask, last, at, "scripted")


def _price(text: str | None) -> Decimal | None:
    return None if text is None else to_decimal(text)
