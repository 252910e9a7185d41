"""What Binance's spot API says, as our reports; and an order as it wants it.

Pure. Numbers stay decimal, times become aware. What can't be read raises KeyError, TypeError or
ValueError: an answer that is not understood says nothing. Ids of orders and trades are counted for
each symbol, so the symbol is part of ours.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from brokers.binance.filters import TYPES, Rules
from brokers.binance.spot_trailing import NAMES, delta_of, follows
from brokers.errors import OutcomeUnknown
from brokers.types import FillReport, OrderReport, OrderRequest, Quote, ReportStatus
from tradehub.core.money import EXACT, ZERO, plain, to_decimal
from tradehub.core.words import OrderSide, OrderType, TimeInForce

S = ReportStatus
Raw = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES: Mapping[str, ReportStatus] = {
    "NEW": S.OPEN,
    "PENDING_NEW": S.OPEN,
    "PARTIALLY_FILLED": S.PARTIALLY_FILLED,
    "PENDING_CANCEL": S.OPEN,
    "FILLED": S.FILLED,
    "CANCELED": S.CANCELED,
    "REJECTED": S.REJECTED,
    "EXPIRED": S.EXPIRED,
    "EXPIRED_IN_MATCH": S.EXPIRED,
}
_KINDS: Mapping[str, OrderType] = {
    **{name: kind for kind, name in TYPES.items()},
    "LIMIT_MAKER": OrderType.LIMIT,
    "TAKE_PROFIT": OrderType.STOP,
    "TAKE_PROFIT_LIMIT": OrderType.STOP_LIMIT,
}
"""A LIMIT_MAKER is the target of a pair (`order_lists`); the last two are only of orders that
somebody else placed."""
_TIMES: Mapping[TimeInForce, str] = {
    TimeInForce.DAY: "GTC",  # the market never closes, so its day has no end
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}
Worth = Callable[[str], Decimal | None]
"""The price of an asset in the account's currency."""


def order_params(request: OrderRequest) -> dict[str, str]:
    """Of a request that `filters` lets pass."""
    params = {
        "symbol": request.symbol,
        "side": request.side.value.upper(),
        "type": NAMES[request.order_type],
        "quantity": plain(request.quantity),
        "newClientOrderId": request.client_order_id,
        "newOrderRespType": "FULL",
    }
    if request.limit_price is not None:
        params["price"] = plain(request.limit_price)
        params["timeInForce"] = _TIMES[request.time_in_force]
    if request.stop_price is not None:
        params["stopPrice"] = plain(request.stop_price)
    if request.order_type is OrderType.TRAILING_STOP:
        params["trailingDelta"] = delta_of(request)
    return params


@dataclass(frozen=True, slots=True)
class Context:
    """What a trade alone does not say: its symbol's rules, and what its fee is worth."""

    rules: Rules
    worth: Worth


def context_of(symbol: str, rules: Rules | None, worth: Worth) -> Context:
    """Raises OutcomeUnknown where there are no rules."""
    if rules is None:
        raise OutcomeUnknown(f"Binance does not tell what {symbol} is.", venue_code="NO_RULES")
    return Context(rules, cache(worth))


def client_id_of(raw: Raw) -> str:
    """The answer to a cancel has an id of its own, and the order's beside it."""
    return str(raw.get("origClientOrderId") or raw["clientOrderId"])


def order_id_of(raw: Raw) -> str:
    return f"{raw['symbol']}:{int(raw['orderId'])}"


def is_working(raw: Raw) -> bool:
    return _STATUSES[raw["status"]] in (S.OPEN, S.PARTIALLY_FILLED)


def executed(raw: Raw) -> Decimal:
    return to_decimal(raw["executedQty"])


def order_report(raw: Raw, fills: Iterable[FillReport]) -> OrderReport:
    """A quantity that filled counts, whatever the status: a market order may expire with some."""
    filled, whole = executed(raw), to_decimal(raw["origQty"])
    status = _STATUSES[raw["status"]]
    if status is S.OPEN and filled:
        status = S.PARTIALLY_FILLED
    kind = OrderType.TRAILING_STOP if follows(raw) else _KINDS.get(raw["type"])
    ended = status in (S.REJECTED, S.EXPIRED)
    return OrderReport(
        client_order_id=client_id_of(raw),
        venue_order_id=order_id_of(raw),
        symbol=raw["symbol"],
        side=_side(raw["side"]),
        status=status,
        quantity=max(whole, filled),
        filled_quantity=filled,
        at=at(raw.get("updateTime") or raw.get("transactTime") or raw["time"]),
        fills=in_order(fills),
        code=raw["status"] if ended else None,
        text=str(raw.get("expiryReason") or "Binance ended the order.") if ended else None,
        order_type=kind,
        time_in_force=time_in_force(raw.get("timeInForce")),
        limit_price=_price(raw.get("price")),
        stop_price=_price(raw.get("stopPrice")),
    )


def fills_of_answer(raw: Raw, context: Context) -> tuple[FillReport, ...]:
    """The trades that the answer to an order carries; none but in FULL ones."""
    told = {"symbol": raw["symbol"], "orderId": raw["orderId"], "isBuyer": raw["side"] == "BUY"}
    return tuple(
        trade(told | each | {"id": each["tradeId"], "time": raw["transactTime"]},
              client_id_of(raw), context)
        for each in raw.get("fills", ())
    )  # fmt: skip


def trade(raw: Raw, client_order_id: str, context: Context) -> FillReport:
    """One of myTrades."""
    price, quantity = to_decimal(raw["price"]), to_decimal(raw["qty"])
    fee, asset = to_decimal(raw["commission"]), str(raw["commissionAsset"])
    rules = context.rules
    return FillReport(
        venue_fill_id=f"{raw['symbol']}:{int(raw['id'])}",
        client_order_id=client_order_id,
        symbol=raw["symbol"],
        side=OrderSide.BUY if raw["isBuyer"] else OrderSide.SELL,
        quantity=quantity,
        price=price,
        fee=fee,
        fee_currency=asset,
        at=at(raw["time"]),
        venue_order_id=order_id_of(raw),
        kept=fee if asset == rules.base else ZERO,
        fee_value=_fee_value(fee, asset, price, context),
        least=rules.least(price),
    )


def quote(raw: Raw, at: datetime) -> Quote | None:
    """Of ticker/24hr. None while a side of the book is empty, or the book crossed."""
    bid, ask = to_decimal(raw["bidPrice"]), to_decimal(raw["askPrice"])
    last = to_decimal(raw["lastPrice"])
    if min(bid, ask, last) <= 0 or bid > ask:
        return None
    return Quote(raw["symbol"], bid, ask, last, at, "binance")


@dataclass(frozen=True, slots=True)
class Balance:
    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return EXACT.add(self.free, self.locked)


def balances(raw: Raw) -> dict[str, Balance]:
    """Those that are not zero."""
    found = (
        Balance(str(each["asset"]), to_decimal(each["free"]), to_decimal(each["locked"]))
        for each in raw["balances"]
    )
    return {each.asset: each for each in found if each.total}


def milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def at(milliseconds: Any) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def time_in_force(text: Any) -> TimeInForce | None:
    known = {each.value for each in TimeInForce}
    return TimeInForce(text.lower()) if isinstance(text, str) and text.lower() in known else None


def in_order(fills: Iterable[FillReport]) -> tuple[FillReport, ...]:
    return tuple(sorted(fills, key=lambda each: (each.at, each.venue_fill_id)))


def _fee_value(fee: Decimal, asset: str, price: Decimal, context: Context) -> Decimal | None:
    """In the account's currency, which the symbol is quoted in. An asset whose price nobody knows
    counts as nothing: the fee itself is kept all the same."""
    if asset == context.rules.quote:
        return None
    worth = price if asset == context.rules.base else context.worth(asset) if fee else ZERO
    return EXACT.multiply(fee, worth) if worth else ZERO


def _side(text: str) -> OrderSide:
    return OrderSide(text.lower())


def _price(text: Any) -> Decimal | None:
    """Zero is none."""
    return (to_decimal(text) or None) if text is not None else None
