"""What the fake Alpaca refuses, in Alpaca's words. Pure; the order of the checks is our guess.

Each message was seen by users of the paper API or stands in the documentation. The numbers that a
refusal carries beside its message are those that Alpaca sends.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from tests.venues.alpaca.books import ZERO, Account, Asset, Order, Price, Refused

ONE = Decimal(1)
TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop")
TIMES = ("day", "gtc", "ioc", "fok", "opg", "cls")
_PRICES = {"limit": {"limit_price"}, "stop": {"stop_price"},
           "stop_limit": {"limit_price", "stop_price"}}  # fmt: skip


def read_order(
    account: Account,
    body: Mapping[str, Any],
    assets: Mapping[str, Asset],
    prices: Mapping[str, Price],
    now: datetime,
) -> Order:
    """The new order, taken by nobody yet. Raises Refused."""
    if body.get("order_class") not in (None, "", "simple"):
        raise Refused(422, 42210000, "complex orders are not supported here")
    symbol = str(body.get("symbol", ""))
    asset = assets.get(symbol.replace("/", ""))
    if asset is None:
        raise Refused(422, 42210000, f'asset "{symbol}" not found')
    order = Order(
        client_order_id=_client_id(account, body),
        asset=asset,
        qty=_number(body, "qty") or ZERO,
        side=str(body.get("side")),
        type=str(body.get("type")),
        time_in_force=str(body.get("time_in_force")),
        created_at=now,
        updated_at=now,
        limit_price=_number(body, "limit_price"),
        stop_price=_number(body, "stop_price"),
        trail_percent=_number(body, "trail_percent"),
        trail_price=_number(body, "trail_price"),
        extended_hours=bool(body.get("extended_hours", False)),
        position_intent=str(body.get("position_intent") or ""),
    )
    for check in (_words, _prices, _account, _asset, _crypto if asset.crypto else _stock, _intent):
        check(account, order)
    _holdings(account, order)
    if not asset.crypto:
        _wash_trade(account, order)
    _money(account, order, prices)
    return order


def read_oco(
    account: Account,
    body: Mapping[str, Any],
    assets: Mapping[str, Asset],
    prices: Mapping[str, Price],
    now: datetime,
) -> tuple[Order, Order]:
    """The target and, as its leg, the stop. Raises Refused."""
    target, stop = (dict(body.get(name) or {}) for name in ("take_profit", "stop_loss"))
    if body.get("type") != "limit":
        raise Refused(422, 40010001, "oco orders must be limit orders")
    if "limit_price" not in target:
        raise Refused(422, 40010001, "oco orders require take_profit.limit_price")
    if "stop_price" not in stop:
        raise Refused(422, 40010001, "oco orders require stop_loss.stop_price")
    if body.get("time_in_force") not in ("day", "gtc"):
        raise Refused(422, 42210000, "complex orders only support DAY or GTC")
    if body.get("extended_hours"):
        raise Refused(422, 42210000, "extended hours are not supported for complex orders")
    plain = {"order_class", "take_profit", "stop_loss"}
    simple = {name: value for name, value in body.items() if name not in plain}
    parent = read_order(
        account, simple | {"limit_price": target["limit_price"]}, assets, prices, now
    )
    leg = _stop_leg(parent, stop)
    _pair(account, parent, leg, prices)
    for each, other in ((parent, leg), (leg, parent)):
        each.order_class, each.other = "oco", other
    return parent, leg


def _stop_leg(parent: Order, stop: Mapping[str, Any]) -> Order:
    """With an id of the venue's making, whatever was asked for."""
    leg = Order(
        client_order_id=str(uuid4()),
        asset=parent.asset,
        qty=parent.qty,
        side=parent.side,
        type="stop_limit" if "limit_price" in stop else "stop",
        time_in_force=parent.time_in_force,
        created_at=parent.created_at,
        updated_at=parent.created_at,
        limit_price=_number(stop, "limit_price"),
        stop_price=_number(stop, "stop_price"),
        status="held",
        is_leg=True,
    )
    assert leg.stop_price is not None
    _price_step(leg, "stop_loss.stop_price", leg.stop_price)
    return leg


def _pair(account: Account, parent: Order, leg: Order, prices: Mapping[str, Price]) -> None:
    if parent.asset.crypto:
        raise Refused(422, 42210000, "crypto orders do not support complex orders")
    if parent.qty % ONE:
        raise Refused(422, 42210000, "fractional orders must be simple orders")
    if account.held(parent.asset) * parent.sign >= 0:
        raise Refused(403, 40310000, "oco orders must be exit orders")
    price = prices.get(parent.asset.flat)
    bases = [parent.limit_price, None if price is None else price.last]
    for base in (each for each in bases if each is not None):
        assert leg.stop_price is not None
        if (leg.stop_price - base) * leg.sign < Decimal("0.01"):
            way = "<= base_price - 0.01" if leg.side == "sell" else ">= base_price + 0.01"
            text = f"stop_loss.stop_price must be {way}"
            raise Refused(422, 42210000, text, base_price=f"{base:f}")


def _client_id(account: Account, body: Mapping[str, Any]) -> str:
    given = body.get("client_order_id")
    if given is None:
        return str(uuid4())
    if not isinstance(given, str) or not re.fullmatch(r"[ -~]{1,128}", given):
        raise Refused(422, 40010001, "client_order_id must be no more than 128 characters")
    if account.by_client_id(given) is not None:
        raise Refused(422, 40010001, "client_order_id must be unique")
    return given


def _number(body: Mapping[str, Any], name: str) -> Decimal | None:
    given = body.get(name)
    if given is None:
        return None
    try:
        read = Decimal(str(given))
    except InvalidOperation as error:
        raise Refused(400, 40010000, "request body format is invalid") from error
    if not read.is_finite() or read <= 0:
        raise Refused(422, 40010001, f"{name} must be > 0")
    return read


def _words(account: Account, order: Order) -> None:
    if not order.qty:
        raise Refused(422, 40010001, "qty or notional is required")
    if order.side not in ("buy", "sell"):
        raise Refused(422, 40010001, f"invalid side: {order.side}")
    if order.type not in TYPES:
        raise Refused(422, 40010001, f"invalid order type: {order.type}")
    if order.time_in_force not in TIMES:
        raise Refused(422, 40010001, f"invalid time_in_force: {order.time_in_force}")


def _prices(account: Account, order: Order) -> None:
    wanted = _PRICES.get(order.type, set())
    given = {name for name in ("limit_price", "stop_price") if getattr(order, name) is not None}
    if given != wanted:
        words = " and ".join(sorted(wanted)) or "no stop or limit price"
        raise Refused(422, 40010001, f"{order.type} orders require {words}")
    trails = [each for each in (order.trail_percent, order.trail_price) if each is not None]
    if len(trails) != (order.type == "trailing_stop"):
        raise Refused(422, 40010001, "trailing stop orders require one of trail_price or percent")
    for name in given:
        _price_step(order, name, getattr(order, name))


def _price_step(order: Order, name: str, price: Decimal) -> None:
    if order.asset.crypto:
        step = Decimal(order.asset.price_increment or "1e-9")
    else:
        step = Decimal("0.01") if price >= ONE else Decimal("0.0001")
    if price % step:
        text = "sub-penny increment does not fulfill minimum pricing criteria"
        raise Refused(422, 42210000, f"invalid {name} {price}. {text}")


def _account(account: Account, order: Order) -> None:
    if account.trade_suspended_by_user:
        raise Refused(403, 40310000, "new orders are rejected by user request")
    if account.trading_blocked or account.account_blocked or account.status != "ACTIVE":
        raise Refused(403, 40310000, "account is not authorized to trade")
    if order.asset.crypto and account.crypto_status != "ACTIVE":
        raise Refused(403, 40310000, "account is not authorized to trade crypto")


def _asset(account: Account, order: Order) -> None:
    if order.asset.status != "active":
        raise Refused(422, 42210000, f'asset "{order.asset.symbol}" is not active')
    if not order.asset.tradable:
        raise Refused(422, 42210000, f'asset "{order.asset.symbol}" is not tradable')


def _crypto(account: Account, order: Order) -> None:
    if order.type not in ("market", "limit", "stop_limit"):
        raise Refused(422, 40010001, "invalid order type for crypto order")
    if order.time_in_force not in ("gtc", "ioc"):
        raise Refused(422, 42210000, "invalid crypto time_in_force")
    if order.extended_hours or order.position_intent:
        raise Refused(422, 42210000, "invalid field for crypto order")
    step = Decimal(order.asset.min_trade_increment or "1e-9")
    if order.qty % step:
        raise Refused(422, 42210000, f"qty must be a multiple of {step}")
    if order.qty < Decimal(order.asset.min_order_size or "0"):
        raise Refused(403, 40310000, "qty must be >= minimal qty of order")


def _stock(account: Account, order: Order) -> None:
    if order.qty % ONE:
        _fraction(account, order)
    if order.extended_hours and (order.type, order.time_in_force) != ("limit", "day"):
        raise Refused(422, 42210000, "extended hours order must be DAY limit orders")
    resting = order.type in ("stop", "stop_limit", "trailing_stop")
    if resting and order.time_in_force not in ("day", "gtc"):
        raise Refused(422, 42210000, f"invalid time_in_force for a {order.type} order")
    if order.side == "sell" and account.held(order.asset) <= 0:
        _short(account, order.asset)


def _fraction(account: Account, order: Order) -> None:
    if order.qty % Decimal("1e-9"):
        raise Refused(422, 42210000, "qty increment must be >= 1e-9")
    if not order.asset.fractionable:
        raise Refused(403, 40310000, f'asset "{order.asset.symbol}" is not fractionable')
    if order.type == "trailing_stop":
        raise Refused(422, 42210000, "fractional orders must be market, limit, stop or stop_limit")
    if order.time_in_force != "day":
        raise Refused(422, 42210000, "fractional orders must be DAY orders")
    if order.side == "sell" and account.held(order.asset) <= 0:
        raise Refused(422, 42210000, "fractional orders cannot be sold short")


def _short(account: Account, asset: Asset) -> None:
    if not account.shorting_enabled:
        raise Refused(403, 40310000, "account is not allowed to short")
    if not asset.shortable:
        raise Refused(422, 42210000, f'asset "{asset.symbol}" cannot be sold short')
    if asset.borrow_status == "hard_to_borrow":
        raise Refused(422, 42210000, f'asset "{asset.symbol}" requires a locate')


def _intent(account: Account, order: Order) -> None:
    if not order.position_intent:
        return
    closes = account.held(order.asset) * order.sign < 0
    inferred = f"{order.side}_to_{'close' if closes else 'open'}"
    if order.position_intent != inferred:
        words = f"inferred: {inferred}, specified: {order.position_intent}"
        raise Refused(422, 42210000, f"position intent mismatch, {words}")


def _holdings(account: Account, order: Order) -> None:
    """What works already holds its part of the position; and no order crosses zero."""
    asset, held = order.asset, account.held(order.asset)
    if held * order.sign >= 0:
        if asset.crypto and order.side == "sell":
            _too_few_coins(order, ZERO)
        return
    on_hold = account.held_for_orders(asset, order.side)
    available = max(ZERO, abs(held) - on_hold)
    if order.qty <= available:
        return
    if asset.crypto:
        _too_few_coins(order, available)
    raise Refused(
        403,
        40310000,
        f"insufficient qty available for order (requested: {order.qty:f}, "
        f"available: {available:f})",
        available=f"{available:f}",
        existing_qty=f"{abs(held):f}",
        held_for_orders=f"{on_hold:f}",
        related_orders=[e.id for e in account.open_of(asset) if e.side == order.side],
        symbol=asset.symbol,
    )


def _too_few_coins(order: Order, available: Decimal) -> None:
    coin = order.asset.symbol.partition("/")[0]
    numbers = f"(requested: {order.qty:f}, available: {available:f})"
    raise Refused(403, 40310000, f"insufficient balance for {coin} {numbers}")


def _wash_trade(account: Account, order: Order) -> None:
    for other in account.open_of(order.asset):
        if other.side == order.side:
            continue
        why = _crosses(order, other)
        if why:
            text = "potential wash trade detected. use complex orders"
            raise Refused(403, 40310000, text, existing_order_id=other.id, reject_reason=why)


def _crosses(order: Order, other: Order) -> str:
    if other.limit_price is None:
        return "opposite side market/stop order exists"
    if order.limit_price is None:
        return "opposite side limit order exists"
    if (order.limit_price - other.limit_price) * order.sign >= 0:
        return "opposite side limit order exists"
    return ""


def _money(account: Account, order: Order, prices: Mapping[str, Price]) -> None:
    opening = order.qty if account.held(order.asset) * order.sign >= 0 else ZERO
    cost = opening * _valued_at(order, prices)
    least = 10 if order.asset.crypto else 1 if order.qty % ONE else 0
    if opening and cost < least:
        raise Refused(403, 40310000, f"cost basis must be >= minimal amount of order {least}")
    there = buying_power(account, prices, crypto=order.asset.crypto)
    if cost <= there:
        return
    if order.asset.crypto:
        numbers = f"(requested: {cost:f}, available: {there:f})"
        raise Refused(403, 40310000, f"insufficient balance for USD {numbers}")
    more = {"buying_power": f"{there:f}", "cost_basis": f"{cost:f}"}
    raise Refused(403, 40310000, "insufficient buying power", **more)


def _valued_at(order: Order, prices: Mapping[str, Price]) -> Decimal:
    price = prices.get(order.asset.flat)
    market = ZERO if price is None else price.ask
    if order.side == "sell":
        return max(order.limit_price or ZERO, market * Decimal("1.03"))
    return order.limit_price or order.stop_price or market


def equity(account: Account, prices: Mapping[str, Price]) -> Decimal:
    return account.cash + sum((_worth(account, each, prices) for each in account.positions), ZERO)


def buying_power(account: Account, prices: Mapping[str, Price], *, crypto: bool = False) -> Decimal:
    """Of crypto there is no margin: only cash that no order has taken."""
    taken = sum(
        (
            each.remaining * _valued_at(each, prices)
            for each in account.orders.values()
            if each.working and account.held(each.asset) * each.sign >= 0
        ),
        ZERO,
    )
    if crypto:
        return max(ZERO, account.cash - taken)
    held = sum((abs(_worth(account, each, prices)) for each in account.positions), ZERO)
    return max(ZERO, equity(account, prices) * account.multiplier - held - taken)


def _worth(account: Account, flat: str, prices: Mapping[str, Price]) -> Decimal:
    position = account.positions[flat]
    price = prices.get(flat)
    return position.qty * (position.average if price is None else price.last)


Check = Callable[[Account, Order], None]
