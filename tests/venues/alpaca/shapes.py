"""What the fake Alpaca shows, as the JSON that Alpaca writes. Pure.

Numbers are strings in the trading API and JSON numbers in the data API; times are RFC 3339 with
nanoseconds.
"""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from tests.venues.alpaca.books import ZERO, Account, Asset, Fill, Order, Position, Price

NEW_YORK = timezone(timedelta(hours=-5))


def stamp(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S.%f}123Z"


def text(number: Decimal | None) -> str | None:
    if number is None:
        return None
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def order(found: Order, *, fresh: bool = False, nested: bool = False) -> dict[str, Any]:
    """`fresh`: as the answer to its own POST, which tells nothing of what comes of it. `nested`:
    with its leg, which alone does not tell whose it is."""
    leg = found.other if nested and not found.is_leg else None
    status = "pending_new" if fresh else found.status
    filled = ZERO if fresh else found.filled
    ended = found.ended_at if not fresh else None
    ends = ("filled", "expired", "canceled", "failed", "replaced")
    when: dict[str, str | None] = {f"{name}_at": None for name in ends}
    if ended is not None:
        when["failed_at" if status == "rejected" else f"{status}_at"] = stamp(ended)
    return {
        "id": found.id,
        "client_order_id": found.client_order_id,
        "created_at": stamp(found.created_at),
        "updated_at": stamp(found.updated_at),
        "submitted_at": stamp(found.created_at),
        **when,
        "replaced_by": found.replaced_by,
        "replaces": found.replaces,
        "asset_id": found.asset.id,
        "symbol": found.asset.symbol,
        "asset_class": "crypto" if found.asset.crypto else "us_equity",
        "notional": None,
        "qty": text(found.qty),
        "filled_qty": text(filled),
        "filled_avg_price": text(round(found.paid / filled, 9)) if filled else None,
        "order_class": found.order_class,
        "order_type": found.type,
        "type": found.type,
        "side": found.side,
        "position_intent": found.position_intent or None,
        "time_in_force": found.time_in_force,
        "limit_price": text(found.limit_price),
        "stop_price": text(found.stop_price),
        "status": status,
        "extended_hours": found.extended_hours,
        "legs": None if leg is None else [order(leg)],
        "trail_percent": text(found.trail_percent),
        "trail_price": text(found.trail_price),
        "hwm": text(found.hwm),
        "expires_at": None,
    }


def activity(found: Fill) -> dict[str, Any]:
    """Names the order by Alpaca's own id only, and tells no fee."""
    whole = found.cum_qty >= found.order.qty
    return {
        "id": found.id,
        "activity_type": "FILL",
        "transaction_time": stamp(found.at),
        "type": "fill" if whole else "partial_fill",
        "price": text(found.price),
        "qty": text(found.qty),
        "side": found.order.side,
        "symbol": found.order.asset.symbol,
        "leaves_qty": text(found.order.qty - found.cum_qty),
        "order_id": found.order.id,
        "cum_qty": text(found.cum_qty),
        "order_status": "filled" if whole else "partially_filled",
    }


def position(found: Position, account: Account, price: Price | None) -> dict[str, Any]:
    last = found.average if price is None else price.last
    closing = "sell" if found.qty > 0 else "buy"
    available = abs(found.qty) - account.held_for_orders(found.asset, closing)
    return {
        "asset_id": found.asset.id,
        "symbol": found.asset.flat,
        "exchange": "CRYPTO" if found.asset.crypto else "NASDAQ",
        "asset_class": "crypto" if found.asset.crypto else "us_equity",
        "qty": text(found.qty),
        "qty_available": text(available),
        "side": "long" if found.qty > 0 else "short",
        "avg_entry_price": text(found.average),
        "market_value": text(found.qty * last),
        "cost_basis": text(found.qty * found.average),
        "current_price": text(last),
    }


def account(found: Account, equity: Decimal, buying_power: Decimal) -> dict[str, Any]:
    return {
        "id": found.id,
        "account_number": f"PA{found.id[:8].upper()}",
        "status": found.status,
        "crypto_status": found.crypto_status,
        "currency": "USD",
        "buying_power": text(buying_power),
        "cash": text(found.cash),
        "equity": text(equity),
        "last_equity": text(equity),
        "portfolio_value": text(equity),
        "multiplier": text(found.multiplier),
        "shorting_enabled": found.shorting_enabled,
        "trading_blocked": found.trading_blocked,
        "account_blocked": found.account_blocked,
        "transfers_blocked": False,
        "trade_suspended_by_user": found.trade_suspended_by_user,
        "maintenance_margin": text(found.maintenance_margin),
    }


def asset(found: Asset) -> dict[str, Any]:
    crypto = {
        "min_order_size": found.min_order_size,
        "min_trade_increment": found.min_trade_increment,
        "price_increment": found.price_increment,
    }
    return {
        "id": found.id,
        "class": "crypto" if found.crypto else "us_equity",
        "exchange": "CRYPTO" if found.crypto else "NASDAQ",
        "symbol": found.symbol,
        "name": found.symbol,
        "status": found.status,
        "tradable": found.tradable,
        "marginable": not found.crypto,
        "shortable": found.shortable and not found.crypto,
        # `easy_to_borrow` was removed on 2026-09-22.
        **({"borrow_status": found.borrow_status} if found.borrow_status else {}),
        "fractionable": found.fractionable,
        "attributes": [],
        **(crypto if found.crypto else {}),
    }


def clock(
    now: datetime, *, is_open: bool, opens_at: datetime | None, closes_at: datetime | None
) -> dict[str, Any]:
    """In New York's time, as Alpaca tells it; the next ones, so an open market closes first. None:
    it opens tomorrow at half past nine; and closes in some hours, or that afternoon."""
    here = now.astimezone(NEW_YORK)
    tomorrow = (here + timedelta(days=1)).replace(hour=9, minute=30, second=0, microsecond=0)
    opens = tomorrow if opens_at is None else opens_at.astimezone(NEW_YORK)
    soon = min(here + timedelta(hours=6), opens)
    afternoon = soon if is_open else opens.replace(hour=16, minute=0)
    closes = afternoon if closes_at is None else closes_at.astimezone(NEW_YORK)
    return {
        "timestamp": here.isoformat(),
        "is_open": is_open,
        "next_open": opens.isoformat(),
        "next_close": closes.isoformat(),
    }


def snapshot(price: Price, now: datetime) -> dict[str, Any]:
    at = stamp(price.at or now)
    return {
        "latestTrade": {"t": at, "x": "V", "p": float(price.last), "s": 100, "c": ["@"], "i": 1},
        "latestQuote": {
            "t": at, "ax": "V", "ap": float(price.ask), "as": 1, "bx": "V",
            "bp": float(price.bid), "bs": 1, "c": ["R"], "z": "C",
        },
        "minuteBar": None, "dailyBar": None, "prevDailyBar": None,
    }  # fmt: skip
