"""From Alpaca's JSON to our reports. Raises ValueError, KeyError or TypeError for what is not it.

Pure. Numbers come as text, or as Decimal where Alpaca writes JSON numbers (`client` reads no
floats). Symbols lose their slash (BTC/USD is BTCUSD), times are cut to microseconds. A status
that is not in the table is that of a working order: no unknown word ends an order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.alpaca.assets import Asset
from brokers.hours import Hours
from brokers.types import (
    AccountState,
    FillReport,
    OrderReport,
    Quote,
    ReportStatus,
    VenuePosition,
)
from tradehub.core.money import EXACT, ZERO, percent_of, round_down, to_decimal
from tradehub.core.words import OrderSide, OrderType, TimeInForce

Json = Mapping[str, Any]
S = ReportStatus

STATUSES: Mapping[str, ReportStatus] = {
    "new": S.OPEN,
    "pending_new": S.OPEN,
    "accepted": S.OPEN,
    "accepted_for_bidding": S.OPEN,
    "pending_review": S.OPEN,
    "held": S.OPEN,  # a leg that waits for another order
    "stopped": S.OPEN,  # a trade is guaranteed and not yet made
    "suspended": S.OPEN,
    "calculated": S.OPEN,  # done for the day, its settlement pending
    "done_for_day": S.OPEN,  # a gtc order goes on tomorrow; one for the day will expire
    "pending_cancel": S.OPEN,  # may still fill
    "pending_replace": S.OPEN,
    "partially_filled": S.PARTIALLY_FILLED,
    "filled": S.FILLED,
    "canceled": S.CANCELED,
    "replaced": S.CANCELED,  # another order with another id took its place
    "expired": S.EXPIRED,
    "rejected": S.REJECTED,
}
ENDED = frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED})
FINEST = Decimal("1e-9")
"""As finely as Alpaca counts."""
_TIMES = ("filled_at", "canceled_at", "expired_at", "failed_at", "replaced_at")


@dataclass(frozen=True, slots=True)
class MarketClock:
    """Of US stocks; crypto never closes."""

    at: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What Alpaca lets the account do, as its account page tells."""

    account_number: str
    status: str
    crypto_status: str
    trading_blocked: bool
    account_blocked: bool
    suspended_by_user: bool
    shorting: bool
    multiplier: Decimal
    equity: Decimal
    maintenance_margin: Decimal


def symbol_of(name: str) -> str:
    return name.replace("/", "").upper()


def asset(raw: Json) -> Asset | None:
    """None for what is neither a stock nor a coin: options, perpetuals."""
    kind = raw["class"]
    if kind not in ("us_equity", "crypto"):
        return None
    borrow = raw.get("borrow_status")
    easy = borrow == "easy_to_borrow" if borrow else bool(raw.get("easy_to_borrow"))
    active = raw["status"] == "active"
    tradable = active and bool(raw["tradable"])
    return Asset(
        symbol=symbol_of(raw["symbol"]),
        name=raw["symbol"],
        crypto=kind == "crypto",
        tradable=tradable,
        fractionable=bool(raw.get("fractionable")),
        shortable=bool(raw.get("shortable")),
        easy_to_borrow=easy,
        min_quantity=_optional(raw, "min_order_size"),
        quantity_step=_optional(raw, "min_trade_increment"),
        price_step=_optional(raw, "price_increment"),
        locked_as="" if tradable else "not tradable" if active else str(raw["status"]),
    )


def order_report(raw: Json, fills: tuple[FillReport, ...] = ()) -> OrderReport:
    filled = _optional(raw, "filled_qty") or ZERO
    quantity = _optional(raw, "qty")
    status = STATUSES.get(raw["status"], S.OPEN)
    if status is S.OPEN and filled:
        status = S.PARTIALLY_FILLED
    ended_early = status in (S.CANCELED, S.EXPIRED, S.REJECTED)
    return OrderReport(
        client_order_id=str(raw.get("client_order_id") or ""),
        venue_order_id=_text(raw["id"]),
        symbol=symbol_of(raw["symbol"]),
        side=OrderSide(raw["side"]),
        status=status,
        # An order for an amount of money has no quantity until it is filled.
        quantity=filled if quantity is None else quantity,
        filled_quantity=filled,
        at=changed_at(raw),
        fills=fills,
        code=str(raw["status"]).upper() if ended_early else None,
        text=_ending(raw) if ended_early else None,
        order_type=_word(OrderType, raw.get("type")),
        time_in_force=_word(TimeInForce, raw.get("time_in_force")),
        limit_price=_optional(raw, "limit_price"),
        stop_price=_optional(raw, "stop_price"),
    )


def orders_in(raw: Sequence[Json]) -> list[Json]:
    """Each order and its legs, whether nested or not, once; those of several symbols left out."""
    found: dict[str, Json] = {}
    for each in raw:
        if each.get("symbol") and each.get("side"):
            found[each["id"]] = each
        if each.get("legs"):
            found |= {leg["id"]: leg for leg in orders_in(each["legs"])}
    return list(found.values())


def has_ended(raw: Json) -> bool:
    return STATUSES.get(raw["status"], S.OPEN) in ENDED


def changed_at(raw: Json) -> datetime:
    """When it ended, else when it last changed: `updated_at` moves on after an order's end."""
    if has_ended(raw):
        ends = [time_of(raw[name]) for name in _TIMES if raw.get(name)]
        if ends:
            return max(ends)
    return time_of(raw.get("updated_at") or raw["created_at"])


def fill_report(
    raw: Json, client_order_id: str, asset: Asset | None, fee_percent: Decimal
) -> FillReport:
    """Of a FILL activity, which names the order by Alpaca's id only and tells no fee. Stocks have
    none; of crypto Alpaca keeps `fee_percent` of what is received."""
    side = OrderSide.BUY if raw["side"] in ("buy", "buy_to_cover") else OrderSide.SELL
    quantity, price = abs(to_decimal(raw["qty"])), to_decimal(raw["price"])
    fee, kept, value, currency = ZERO, ZERO, None, "USD" if asset is None else asset.currency
    if asset is not None and asset.crypto:
        received = quantity if side is OrderSide.BUY else EXACT.multiply(quantity, price)
        fee = round_down(percent_of(received, fee_percent), FINEST)
        if side is OrderSide.BUY:
            kept, currency = fee, asset.name.partition("/")[0]
            value = round_down(EXACT.multiply(fee, price), FINEST)
    return FillReport(
        venue_fill_id=_text(raw["id"]),
        client_order_id=client_order_id,
        symbol=symbol_of(raw["symbol"]),
        side=side,
        quantity=quantity,
        price=price,
        fee=fee,
        fee_currency=currency,
        at=time_of(raw["transaction_time"]),
        venue_order_id=_text(raw["order_id"]),
        kept=kept,
        fee_value=value,
        least=least_of(asset),
    )


def least_of(asset: Asset | None) -> Decimal:
    """What is left below it can't be traded."""
    return ZERO if asset is None or not asset.crypto else asset.min_quantity or ZERO


def position(raw: Json, least: Decimal = ZERO) -> VenuePosition:
    size = abs(to_decimal(raw["qty"]))
    return VenuePosition(
        symbol_of(raw["symbol"]),
        -size if raw["side"] == "short" else size,
        to_decimal(raw["avg_entry_price"]),
        least,
    )


def account_state(raw: Json, at: datetime) -> AccountState:
    return AccountState(
        equity=to_decimal(raw["equity"]),
        cash=to_decimal(raw["cash"]),
        buying_power=max(ZERO, to_decimal(raw["buying_power"])),
        currency=_text(raw["currency"]),
        at=at,
        venue_account_id=_text(raw["id"]),
    )


def standing(raw: Json) -> Standing:
    return Standing(
        account_number=_text(raw["account_number"]),
        status=_text(raw["status"]),
        crypto_status=str(raw.get("crypto_status") or "INACTIVE"),
        trading_blocked=bool(raw["trading_blocked"]),
        account_blocked=bool(raw["account_blocked"]),
        suspended_by_user=bool(raw["trade_suspended_by_user"]),
        shorting=bool(raw["shorting_enabled"]),
        multiplier=to_decimal(raw["multiplier"]),
        equity=to_decimal(raw["equity"]),
        maintenance_margin=_optional(raw, "maintenance_margin") or ZERO,
    )


def market_clock(raw: Json) -> MarketClock:
    is_open = raw["is_open"]
    if not isinstance(is_open, bool):
        raise ValueError("neither open nor closed")
    return MarketClock(
        time_of(raw["timestamp"]),
        is_open,
        time_of(raw["next_open"]),
        time_of(raw["next_close"]),
    )


def hours_of(clock: MarketClock, left: datetime, arrived: datetime) -> Hours:
    """Of an answer that was asked for at `left`. Alpaca's time is off ours only as far as the
    answer's own way can't explain."""
    none = timedelta(0)
    ahead = max(clock.at - arrived, none) + min(clock.at - left, none)
    return Hours(clock.is_open, clock.next_open, clock.next_close, ahead)


def quote(name: str, raw: Json | None) -> Quote | None:
    """Of a snapshot. None unless it has a bid, an ask and a trade: outside of hours the one or
    other is 0, and what has no data at all has none. A crossed book is no price either."""
    if not isinstance(raw, Mapping):
        return None
    asked, traded = raw.get("latestQuote"), raw.get("latestTrade")
    if not asked or not traded:
        return None
    bid, ask, last = to_decimal(asked["bp"]), to_decimal(asked["ap"]), to_decimal(traded["p"])
    if min(bid, ask, last) <= 0 or bid > ask:
        return None
    return Quote(symbol_of(name), bid, ask, last, time_of(asked["t"]), "alpaca")


def time_of(text: Any) -> datetime:
    """RFC 3339, with nanoseconds and with New York's offset in the clock; never without one."""
    at = datetime.fromisoformat(_text(text))
    if at.tzinfo is None:
        raise ValueError("a time without its offset")
    return at.astimezone(UTC)


def _ending(raw: Json) -> str:
    why = raw.get("reject_reason")
    if isinstance(why, str) and why:
        return why[:300]
    if raw.get("replaced_by"):
        return f"Replaced by the order {raw['replaced_by']}."
    return f"Alpaca says that the order is {str(raw['status']).replace('_', ' ')}."


def _optional(raw: Json, name: str) -> Decimal | None:
    value = raw.get(name)
    return None if value is None or value == "" else to_decimal(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("not a text")
    return value


def _word(words: type[Any], text: Any) -> Any:
    try:
        return words(text)
    except ValueError:
        return None
