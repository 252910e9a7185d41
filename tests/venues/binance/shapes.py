"""The books as Binance's spot API writes them: eight places, milliseconds, its own names."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.venues.binance.books import Account, Market, Order, Trade


def number(value: Decimal) -> str:
    return f"{value:.8f}"


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def answer(order: Order, account: Account, response: str, now: datetime) -> dict[str, Any]:
    """To a new order: ACK, RESULT or FULL."""
    found: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": milliseconds(now),
    }
    if response == "ACK":
        return found
    found |= _core(order)
    if response == "FULL":
        found["fills"] = [] if account.lean_answers else [_part(each) for each in order.trades]
    return found


def order_list(
    name: str, orders: list[Order], account: Account, response: str, now: datetime
) -> dict[str, Any]:
    first = orders[0]
    return {
        "orderListId": first.list_id,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED",
        "listOrderStatus": "EXECUTING",
        "listClientOrderId": name,
        "transactionTime": milliseconds(now),
        "symbol": first.symbol,
        "orders": [
            {"symbol": each.symbol, "orderId": each.id, "clientOrderId": each.client_id}
            for each in orders
        ],
        "orderReports": [answer(each, account, response, now) for each in orders],
    }


def cancelled(order: Order, cancel_id: str, now: datetime) -> dict[str, Any]:
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": order.list_id,
        "clientOrderId": cancel_id,
        "transactTime": milliseconds(now),
        **_core(order),
    }


def order(order: Order) -> dict[str, Any]:
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        **_core(order),
        "icebergQty": number(Decimal(0)),
        "time": milliseconds(order.created_at),
        "updateTime": milliseconds(order.updated_at),
        "isWorking": not order.conditional or order.triggered,
    }


def trade(each: Trade) -> dict[str, Any]:
    return {
        "symbol": each.symbol,
        "id": each.id,
        "orderId": each.order_id,
        "orderListId": -1,
        "price": number(each.price),
        "qty": number(each.quantity),
        "quoteQty": number(each.price * each.quantity),
        "commission": number(each.fee),
        "commissionAsset": each.fee_asset,
        "time": milliseconds(each.at),
        "isBuyer": each.buyer,
        "isMaker": each.maker,
        "isBestMatch": True,
    }


def account(account: Account, *, omit_zero: bool) -> dict[str, Any]:
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "canTrade": account.can_trade,
        "canWithdraw": True,
        "canDeposit": True,
        "accountType": "SPOT",
        "updateTime": 0,
        "balances": [
            {"asset": asset, "free": number(each.free), "locked": number(each.locked)}
            for asset, each in account.balances.items()
            if each.free or each.locked or not omit_zero
        ],
        "permissions": list(account.permissions),
        "uid": account.uid,
    }


def restrictions(account: Account) -> dict[str, Any]:
    return {
        "ipRestrict": account.ip_restricted,
        "createTime": 1698645219000,
        "enableReading": True,
        "enableWithdrawals": account.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableSpotAndMarginTrading": account.can_trade,
    }


def market(each: Market) -> dict[str, Any]:
    return {
        "symbol": each.symbol,
        "status": each.status,
        "baseAsset": each.base,
        "baseAssetPrecision": 8,
        "quoteAsset": each.quote,
        "quoteAssetPrecision": 8,
        "orderTypes": list(each.types),
        "icebergAllowed": True,
        "ocoAllowed": each.oco,
        "otoAllowed": True,
        "allowTrailingStop": each.trails,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "filters": [{"filterType": name, **found} for name, found in each.filters.items()],
        "permissionSets": [list(names) for names in each.permission_sets],
    }


def ticker(each: Market) -> Mapping[str, Any]:
    return {
        "symbol": each.symbol,
        "priceChange": number(Decimal(0)),
        "lastPrice": number(each.last),
        "bidPrice": number(each.bid),
        "bidQty": number(Decimal(1)),
        "askPrice": number(each.ask),
        "askQty": number(Decimal(1)),
        "count": each.trades,
    }


def _core(order: Order) -> dict[str, Any]:
    found: dict[str, Any] = {
        "price": number(order.price),
        "origQty": number(order.quantity),
        "executedQty": number(order.filled),
        "origQuoteOrderQty": number(Decimal(0)),
        "cummulativeQuoteQty": number(order.spent),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.type,
        "side": order.side,
        "selfTradePreventionMode": "NONE",
    }
    if order.stop_price:
        found["stopPrice"] = number(order.stop_price)
    if order.delta:
        found |= {"trailingDelta": order.delta, "trailingTime": milliseconds(order.created_at)}
    if order.status == "EXPIRED":
        found["expiryReason"] = _expiry(order)
    return found


def _part(each: Trade) -> dict[str, Any]:
    return {
        "price": number(each.price),
        "qty": number(each.quantity),
        "commission": number(each.fee),
        "commissionAsset": each.fee_asset,
        "tradeId": each.id,
    }


def _expiry(order: Order) -> str:
    if order.list_id >= 0:
        return "CONTINGENCY"
    ioc, fok = "UNFILLED_IOC_QUANTITY_EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED"
    return {"IOC": ioc, "FOK": fok}.get(order.tif, "INSUFFICIENT_LIQUIDITY")
