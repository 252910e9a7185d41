"""From our order request to the body that Alpaca's `POST /v2/orders` takes.

Pure. Every number is a plain string: alpaca-py's own request models would make floats of them. An
order that may only reduce says so by its `position_intent`, which Alpaca checks against the
position when it takes the order, so it can't open the other side.
"""

from decimal import Decimal

from brokers.alpaca.assets import (
    CRYPTO_COLLAR,
    Asset,
    in_extended_hours,
    price_step,
    time_in_force_of,
)
from brokers.types import OrderRequest
from tradehub.core.money import EXACT, ONE, plain, round_nearest
from tradehub.core.words import OrderSide, OrderType

Body = dict[str, str | bool]


def order_body(asset: Asset, request: OrderRequest, quantity: Decimal) -> Body:
    """`quantity`: as it is sent; less than asked when an exit was cut to what is held."""
    body: Body = {
        "symbol": asset.name,
        "qty": plain(quantity),
        "side": request.side.value,
        "type": request.order_type.value,
        "time_in_force": time_in_force_of(asset, request).value,
        "client_order_id": request.client_order_id,
    }
    if in_extended_hours(asset, request):
        body["extended_hours"] = True
    if request.reduce_only and not asset.crypto:
        body["position_intent"] = f"{request.side.value}_to_close"
    return body | _prices(asset, request)


def _prices(asset: Asset, request: OrderRequest) -> Body:
    prices: Body = {}
    if request.limit_price is not None:
        prices["limit_price"] = on_step(asset, request.limit_price)
    if request.stop_price is not None:
        prices["stop_price"] = on_step(asset, request.stop_price)
    if request.trail is not None and request.trail.percent is not None:
        prices["trail_percent"] = plain(request.trail.percent)
    elif request.trail is not None and request.trail.offset is not None:
        prices["trail_price"] = plain(request.trail.offset)
    if asset.crypto and request.order_type is OrderType.STOP and request.stop_price is not None:
        away = CRYPTO_COLLAR if request.side is OrderSide.BUY else -CRYPTO_COLLAR
        limit = EXACT.multiply(request.stop_price, ONE + away)
        prices |= {"type": OrderType.STOP_LIMIT.value, "limit_price": on_step(asset, limit)}
    return prices


def on_step(asset: Asset, price: Decimal) -> str:
    step = price_step(asset, price)
    if step is None:
        return plain(price)
    return plain(max(round_nearest(price, step), step))
