"""What Binance's USD-M futures API says, as our reports; and an order as it wants it.

Pure. As `brokers.binance.parsing`, whose numbers for each symbol it shares. There are two kinds of
raw orders: ordinary ones, and conditional ones of the algo book (`is_conditional`), which name the
ordinary order that they became. What can't be read raises KeyError, TypeError or ValueError.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.binance.filters import Notional, Percent, Rules, read_range
from brokers.binance.parsing import (
    Context,
    Raw,
    at,
    executed,
    in_order,
    order_id_of,
    time_in_force,
)
from brokers.types import AccountState, FillReport, OrderReport, OrderRequest, Quote, ReportStatus
from tradehub.core.money import EXACT, ZERO, plain, to_decimal
from tradehub.core.words import OrderSide, OrderType, TimeInForce

S = ReportStatus
TYPES: Mapping[OrderType, str] = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_MARKET",
    OrderType.STOP_LIMIT: "STOP",
    OrderType.TRAILING_STOP: "TRAILING_STOP_MARKET",
}
"""Futures' names."""
CONDITIONAL = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
"""Those of the algo book."""
AT_MARKET = frozenset({OrderType.STOP, OrderType.TRAILING_STOP})
"""Those that become market orders."""
TIMES: Mapping[TimeInForce, str] = {
    TimeInForce.DAY: "GTC",  # the market never closes, so its day has no end
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}
ONE_WAY, LONG, SHORT = "BOTH", "LONG", "SHORT"
_KINDS: Mapping[str, OrderType] = {
    **{name: kind for kind, name in TYPES.items()},
    "TAKE_PROFIT_MARKET": OrderType.STOP,
    "TAKE_PROFIT": OrderType.STOP_LIMIT,
}
"""The last two only of orders that somebody else placed."""
_STATUSES: Mapping[str, ReportStatus] = {
    "NEW": S.OPEN,
    "NEW_INSURANCE": S.OPEN,  # Binance's own, in a liquidation
    "NEW_ADL": S.OPEN,  # as above, or in an auto-deleveraging
    "PARTIALLY_FILLED": S.PARTIALLY_FILLED,
    "FILLED": S.FILLED,
    "CANCELED": S.CANCELED,
    "REJECTED": S.REJECTED,
    "EXPIRED": S.EXPIRED,
    "EXPIRED_IN_MATCH": S.EXPIRED,
}
_ALGO_STATUSES: Mapping[str, ReportStatus] = {
    "NEW": S.OPEN,
    "TRIGGERING": S.OPEN,
    "TRIGGERED": S.OPEN,
    "FINISHED": S.CANCELED,
    "CANCELED": S.CANCELED,
    "REJECTED": S.REJECTED,
    "EXPIRED": S.EXPIRED,
}
"""While the ordinary order is not known. FINISHED is told by that: filled, or cancelled."""


# ---- orders that leave ----


def leg_of(request: OrderRequest) -> str:
    """In hedge mode: which of the two positions it opens or closes."""
    opens_long = request.side is OrderSide.BUY
    return LONG if opens_long is not request.reduce_only else SHORT


def order_params(request: OrderRequest, *, hedged: bool) -> dict[str, str]:
    """Of a market or limit order that the rules let pass."""
    params = _common(request, hedged)
    params |= {"newClientOrderId": request.client_order_id, "newOrderRespType": "RESULT"}
    return params


def algo_params(request: OrderRequest, *, hedged: bool, whole: bool) -> dict[str, str]:
    """Of a conditional order. `whole`: it closes whatever is held when it triggers."""
    params = _common(request, hedged)
    params |= {"algoType": "CONDITIONAL", "clientAlgoId": request.client_order_id}
    if request.stop_price is not None:
        params["triggerPrice"] = plain(request.stop_price)
    if request.trail is not None and request.trail.percent is not None:
        params["callbackRate"] = plain(request.trail.percent)
    if whole:
        del params["quantity"]
        params.pop("reduceOnly", None)
        params["closePosition"] = "true"
    return params


def _common(request: OrderRequest, hedged: bool) -> dict[str, str]:
    params = {
        "symbol": request.symbol,
        "side": request.side.value.upper(),
        "type": TYPES[request.order_type],
        "quantity": plain(request.quantity),
    }
    if request.limit_price is not None:
        params["price"] = plain(request.limit_price)
        params["timeInForce"] = TIMES[request.time_in_force]
    if hedged:
        params["positionSide"] = leg_of(request)
    elif request.reduce_only:
        params["reduceOnly"] = "true"
    return params


# ---- orders as they stand ----


def is_conditional(raw: Raw) -> bool:
    return "algoId" in raw


def reduces(raw: Raw) -> bool:
    """It can't open anything. In hedge mode by the position that it closes."""
    flags = (raw.get("reduceOnly"), raw.get("closePosition"))
    closing = {("BUY", SHORT), ("SELL", LONG)}
    return any(each in (True, "true") for each in flags) or (
        (raw["side"], raw.get("positionSide")) in closing
    )


def name_of(raw: Raw) -> str:
    """The client order id."""
    return str(raw["clientAlgoId"] if is_conditional(raw) else raw["clientOrderId"])


def number_of(raw: Raw) -> str:
    """The venue's own id. Those of the algo book are counted apart."""
    if is_conditional(raw):
        return f"{raw['symbol']}:algo:{int(raw['algoId'])}"
    return order_id_of(raw)


def became(raw: Raw) -> int | None:
    """The ordinary order that a conditional one has become."""
    told = raw.get("actualOrderId")
    return (int(told) or None) if told not in (None, "") else None


def is_triggering(raw: Raw) -> bool:
    """On its way to the ordinary book, and not known there yet."""
    return raw["algoStatus"] in ("TRIGGERING", "TRIGGERED") and became(raw) is None


def has_ended(raw: Raw) -> bool:
    if is_conditional(raw):
        return raw["algoStatus"] in ("FINISHED", "CANCELED", "REJECTED", "EXPIRED")
    return _STATUSES[raw["status"]] not in (S.OPEN, S.PARTIALLY_FILLED)


def order_report(raw: Raw, fills: Iterable[FillReport]) -> OrderReport:
    """Of an ordinary order. Its `avgPrice` is not read: answers to a POST don't have it any more,
    and prices are those of the fills."""
    filled, whole = executed(raw), to_decimal(raw["origQty"])
    status = _STATUSES[raw["status"]]
    if status is S.OPEN and filled:
        status = S.PARTIALLY_FILLED
    ended = status in (S.REJECTED, S.EXPIRED)
    return OrderReport(
        client_order_id=name_of(raw),
        venue_order_id=number_of(raw),
        symbol=raw["symbol"],
        side=side_of(raw),
        status=status,
        quantity=max(whole, filled),
        filled_quantity=filled,
        at=at(raw.get("updateTime") or raw["time"]),
        fills=in_order(fills),
        code=raw["status"] if ended else None,
        text="Binance ended the order." if ended else None,
        order_type=_KINDS.get(raw["type"]),
        time_in_force=time_in_force(raw.get("timeInForce")),
        limit_price=_price(raw.get("price")),
        stop_price=_price(raw.get("stopPrice")),
    )


def algo_report(raw: Raw, actual: Raw | None, fills: Iterable[FillReport]) -> OrderReport:
    """Of a conditional order, with what became of it in the ordinary book."""
    told = in_order(fills)
    filled = sum((each.quantity for each in told), ZERO)
    status, changed = _ALGO_STATUSES[raw["algoStatus"]], raw.get("updateTime") or raw["createTime"]
    if actual is not None:
        filled, status = executed(actual), _STATUSES[actual["status"]]
        changed = max(int(changed), int(actual.get("updateTime") or 0))
    whole = max(to_decimal(raw.get("quantity") or "0"), filled)
    if filled and status is S.OPEN:
        status = S.PARTIALLY_FILLED
    elif filled and filled >= whole and actual is None:
        status = S.FILLED
    ended = status in (S.REJECTED, S.EXPIRED)
    return OrderReport(
        client_order_id=name_of(raw),
        venue_order_id=number_of(raw),
        symbol=raw["symbol"],
        side=side_of(raw),
        status=status,
        quantity=whole,
        filled_quantity=filled,
        at=at(changed),
        fills=told,
        code=status.name if ended else None,
        text="Binance ended the conditional order when it triggered." if ended else None,
        order_type=_KINDS.get(raw["orderType"]),
        time_in_force=time_in_force(raw.get("timeInForce")),
        limit_price=_price(raw.get("price")),
        stop_price=_price(raw.get("triggerPrice")),
        closes_all=raw.get("closePosition") in (True, "true"),
    )


# ---- trades ----


def trade(raw: Raw, client_order_id: str, context: Context) -> FillReport:
    """One of userTrades. Fees are never taken from what is traded: that is a contract."""
    fee, asset = to_decimal(raw["commission"]), str(raw["commissionAsset"])
    value = None
    if asset != context.rules.quote:
        worth = context.worth(asset) if fee else None
        value = EXACT.multiply(fee, worth) if worth else ZERO
    price = to_decimal(raw["price"])
    return FillReport(
        venue_fill_id=f"{raw['symbol']}:{int(raw['id'])}",
        client_order_id=client_order_id,
        symbol=raw["symbol"],
        side=side_of(raw),
        quantity=to_decimal(raw["qty"]),
        price=price,
        fee=fee,
        fee_currency=asset,
        at=at(raw["time"]),
        venue_order_id=order_id_of(raw),
        fee_value=value,
        least=context.rules.lot.step,
    )


# ---- what is held ----


@dataclass(frozen=True, slots=True)
class Leg:
    """One row of positionRisk: in hedge mode a symbol has two."""

    symbol: str
    side: str
    quantity: Decimal
    """Signed, in hedge mode too."""
    entry_price: Decimal
    asset: str
    """Of its margin."""


def legs(rows: Iterable[Raw]) -> list[Leg]:
    """Those that are not empty."""
    found = []
    for raw in rows:
        amount, side = to_decimal(raw["positionAmt"]), str(raw["positionSide"])
        if side == SHORT:
            amount = -abs(amount)
        asset, price = str(raw.get("marginAsset") or ""), to_decimal(raw["entryPrice"])
        if amount:
            found.append(Leg(str(raw["symbol"]), side, amount, price, asset))
    return found


def account_state(
    raw: Raw, currency: str, leverage: int, alias: str, now: datetime
) -> AccountState:
    """`alias`: the venue's own name of the account. What the wallet doesn't have, it has none of.

    Buying power is what can be opened at the account's leverage."""
    row = next((each for each in raw["assets"] if each["asset"] == currency), None)
    wallet, margin, free = (
        to_decimal(row[name]) if row is not None else ZERO
        for name in ("walletBalance", "marginBalance", "availableBalance")
    )
    return AccountState(
        equity=margin,
        cash=wallet,
        buying_power=EXACT.multiply(max(free, ZERO), Decimal(leverage)),
        currency=currency,
        at=now,
        venue_account_id=alias,
        leverage=Decimal(leverage),
    )


# ---- the market ----


def read_rules(symbol: Raw) -> Rules:
    """One of `symbols` of exchangeInfo. Raises KeyError, ValueError or TypeError."""
    filters = {each["filterType"]: each for each in symbol["filters"]}
    notional, percent = filters.get("MIN_NOTIONAL"), filters.get("PERCENT_PRICE")
    far = None
    if percent is not None:  # a buy has no lower bound here, a sell no upper one
        low, high = to_decimal(percent["multiplierDown"]), to_decimal(percent["multiplierUp"])
        far = Percent((ZERO, high), (low, ZERO), "PERCENT_PRICE")
    return Rules(
        symbol=symbol["symbol"],
        base=symbol["baseAsset"],
        quote=symbol["marginAsset"],
        status=symbol["status"],
        types=frozenset(symbol.get("orderTypes") or symbol["OrderType"]),
        price=read_range(filters.get("PRICE_FILTER"), "minPrice", "maxPrice", "tickSize"),
        lot=read_range(filters.get("LOT_SIZE"), "minQty", "maxQty", "stepSize"),
        market_lot=read_range(filters.get("MARKET_LOT_SIZE"), "minQty", "maxQty", "stepSize"),
        notional=None
        if notional is None
        else Notional(to_decimal(notional["notional"]), name="MIN_NOTIONAL"),
        percent=far,
    )


def quote(book: Raw, last: Decimal, now: datetime) -> Quote | None:
    """Of ticker/bookTicker. None while a side of the book is empty, or the book crossed."""
    bid, ask = to_decimal(book["bidPrice"]), to_decimal(book["askPrice"])
    if min(bid, ask, last) <= 0 or bid > ask:
        return None
    return Quote(book["symbol"], bid, ask, last, now, "binance")


def side_of(raw: Raw) -> OrderSide:
    return OrderSide(raw["side"].lower())


def _price(text: Any) -> Decimal | None:
    """Zero, and nothing, are none."""
    return (to_decimal(text) or None) if text not in (None, "") else None
