"""Order type and prices: what `price` means is decided by the order type, and only by it.

It is the limit of a limit order, the trigger of a stop order, and a mere reference for all others.
"""

from dataclasses import dataclass
from decimal import Decimal

from signals.parsing.fields import PERCENT_LIMIT, Fields
from tradehub.core.intent import Trail
from tradehub.core.words import OrderType, TimeInForce

_MARKET, _LIMIT, _STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP
_STOP_LIMIT, _TRAILING = OrderType.STOP_LIMIT, OrderType.TRAILING_STOP

ORDER_TYPES = {
    **dict.fromkeys(("market", "mkt"), _MARKET),
    **dict.fromkeys(("limit", "lmt"), _LIMIT),
    **dict.fromkeys(("stop", "stop_market", "sl_m", "stp"), _STOP),
    **dict.fromkeys(("stop_limit", "sl", "stop_lmt"), _STOP_LIMIT),
    **dict.fromkeys(("trailing_stop", "trail"), _TRAILING),
}
TIMES_IN_FORCE = {
    "day": TimeInForce.DAY,
    **dict.fromkeys(
        ("gtc", "good_till_cancel", "good_till_canceled", "good_til_canceled"), TimeInForce.GTC
    ),
    **dict.fromkeys(("ioc", "immediate_or_cancel"), TimeInForce.IOC),
    **dict.fromkeys(("fok", "fill_or_kill"), TimeInForce.FOK),
    **dict.fromkeys(("opg", "at_the_open", "at_open"), TimeInForce.OPG),
    **dict.fromkeys(("cls", "at_the_close", "at_close"), TimeInForce.CLS),
}

_USES = {
    _MARKET: frozenset[str](),
    _LIMIT: frozenset({"limit_price"}),
    _STOP: frozenset({"stop_price"}),
    _STOP_LIMIT: frozenset({"limit_price", "stop_price"}),
    _TRAILING: frozenset({"trail_percent", "trail_amount"}),
}
_OWN_FIELDS = ("limit_price", "stop_price", "trail_percent", "trail_amount")


@dataclass(frozen=True, slots=True)
class Pricing:
    order_type: OrderType | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Trail | None = None
    reference_price: Decimal | None = None


def read_pricing(fields: Fields) -> Pricing:
    order_type = _order_type(fields)
    price = fields.positive("price")
    reference = fields.positive("reference_price")
    if not (order_type or any(name in fields.said for name in _OWN_FIELDS)):
        return Pricing(reference_price=price if reference is None else reference)
    limit, stop = fields.positive("limit_price"), fields.positive("stop_price")
    trail = read_trail(fields)
    order_type = order_type or _implied(fields)
    uses = _USES[order_type]
    for name in _OWN_FIELDS:
        if name in fields.said and name not in uses:
            fields.contradiction(name, f"A {_name(order_type)} order has no `{name}`.{_hint(name)}")
    if price is not None:
        if "limit_price" in uses and not fields.has("limit_price"):
            limit, price = price, None
        elif order_type is _STOP and not fields.has("stop_price"):
            stop, price = price, None
    _need(fields, order_type, limit, stop)
    return Pricing(order_type, limit, stop, trail, price if reference is None else reference)


def read_trail(fields: Fields) -> Trail | None:
    percent = fields.percent("trail_percent", below=PERCENT_LIMIT)
    offset = fields.positive("trail_amount")
    if fields.has("trail_percent") and fields.has("trail_amount"):
        fields.contradiction("trail_amount", "A trail is a percent or an amount, not both.")
    return None if percent is None and offset is None else Trail(percent, offset)


def _order_type(fields: Fields) -> OrderType | None:
    if fields.has("order_type"):
        return fields.choice("order_type", ORDER_TYPES)
    word = fields.said.get("type")  # as many things are called "type", only a known word counts
    return ORDER_TYPES.get(fields.word("type") or "") if isinstance(word, str) else None


def _implied(fields: Fields) -> OrderType:
    if fields.has("trail_percent") or fields.has("trail_amount"):
        return _TRAILING
    if fields.has("limit_price"):
        return _STOP_LIMIT if fields.has("stop_price") else _LIMIT
    return _STOP


def _need(
    fields: Fields, order_type: OrderType, limit: Decimal | None, stop: Decimal | None
) -> None:
    """Notes what the type needs and nobody said; what was said wrongly has its error already."""
    uses = _USES[order_type]
    for name, value in (("limit_price", limit), ("stop_price", stop)):
        # A `price` stands in for either; when it was wrong, its own error is noted already.
        stands = fields.has("price") and (name == "limit_price" or order_type is _STOP)
        if name in uses and value is None and not (fields.has(name) or stands):
            fields.missing(name, f"A {_name(order_type)} order needs `{name}`.")
    if order_type is _TRAILING and not (fields.has("trail_percent") or fields.has("trail_amount")):
        fields.missing("trail_percent", "A trailing stop needs `trail_percent` or `trail_amount`.")


def _name(order_type: OrderType) -> str:
    return order_type.value.replace("_", " ")


def _hint(name: str) -> str:
    return " For a protective stop say `stop_loss`." if name == "stop_price" else ""
