"""The books as Binance's futures API writes them: texts of numbers, milliseconds, its own names.

The average price is not in answers to orders since 2026-07-15; a question about one still has it.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.venues.binance_futures.books import (
    ZERO,
    Account,
    Algo,
    Books,
    Market,
    Order,
    Position,
    Trade,
)


def number(value: Decimal) -> str:
    return f"{value:.8f}"


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def answer(order: Order, *, with_average: bool = False) -> dict[str, Any]:
    """To an order or a cancel."""
    found = {
        "clientOrderId": order.client_id,
        "cumQty": number(order.filled),
        "executedQty": number(order.filled),
        "orderId": order.id,
        "origQty": number(order.quantity),
        "price": number(order.price),
        "reduceOnly": order.reduce_only,
        "side": order.side,
        "positionSide": order.position_side,
        "status": order.status,
        "stopPrice": "0",
        "closePosition": False,
        "symbol": order.symbol,
        "timeInForce": order.tif,
        "type": order.type,
        "origType": order.type,
        "updateTime": milliseconds(order.updated_at),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
    }
    if with_average:
        average = order.spent / order.filled if order.filled else ZERO
        found |= {"avgPrice": number(average), "cumQuote": number(order.spent)}
    return found


def order(order: Order) -> dict[str, Any]:
    return {**answer(order, with_average=True), "time": milliseconds(order.created_at)}


def algo(books: Books, account: Account, each: Algo, *, asked: bool = True) -> dict[str, Any]:
    """`asked`: what only a question tells."""
    found = {
        "algoId": each.id,
        "clientAlgoId": each.client_id,
        "algoType": "CONDITIONAL",
        "orderType": each.type,
        "symbol": each.symbol,
        "side": each.side,
        "positionSide": each.position_side,
        "timeInForce": each.tif,
        "quantity": number(each.quantity),
        "algoStatus": books.status_of(account, each),
        "triggerPrice": number(each.trigger),
        "price": number(each.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": each.close_position,
        "priceProtect": False,
        "reduceOnly": each.reduce_only,
        "activatePrice": "",
        "callbackRate": number(each.callback) if each.callback else "",
        "createTime": milliseconds(each.created_at),
        "updateTime": milliseconds(each.updated_at),
        "triggerTime": 0 if each.triggered_at is None else milliseconds(each.triggered_at),
        "goodTillDate": 0,
    }
    if asked:
        found |= {"actualOrderId": "" if each.order_id is None else str(each.order_id)}
        found |= {"actualPrice": "0", "actualType": "", "actualQty": "0"}
    return found


def cancelled(each: Algo) -> dict[str, Any]:
    return {
        "algoId": each.id,
        "clientAlgoId": each.client_id,
        "code": "200",
        "msg": "success",
    }


def trade(each: Trade) -> dict[str, Any]:
    return {
        "buyer": each.buyer,
        "commission": number(each.fee),
        "commissionAsset": each.fee_asset,
        "id": each.id,
        "maker": each.maker,
        "orderId": each.order_id,
        "price": number(each.price),
        "qty": number(each.quantity),
        "quoteQty": number(each.price * each.quantity),
        "realizedPnl": number(each.realized),
        "side": "BUY" if each.buyer else "SELL",
        "positionSide": each.position_side,
        "symbol": each.symbol,
        "time": milliseconds(each.at),
    }


def account(books: Books, account: Account) -> dict[str, Any]:
    assets = []
    for asset, wallet in account.wallets.items():
        unrealized = books.unrealized(account, asset)
        assets.append(
            {
                "asset": asset,
                "walletBalance": number(wallet),
                "unrealizedProfit": number(unrealized),
                "marginBalance": number(wallet + unrealized),
                "availableBalance": number(books.available(account, asset)),
                "crossWalletBalance": number(wallet),
                "crossUnPnl": number(unrealized),
                "updateTime": 0,
            }
        )
    return {"assets": assets, "positions": []}


def balances(account: Account) -> list[dict[str, Any]]:
    return [
        {"accountAlias": account.alias, "asset": asset, "balance": number(wallet)}
        for asset, wallet in account.wallets.items()
    ]


def position(books: Books, symbol: str, side: str, each: Position) -> dict[str, Any]:
    market = books.markets[symbol]
    return {
        "symbol": symbol,
        "positionSide": side,
        "positionAmt": number(each.amount),
        "entryPrice": number(each.entry),
        "breakEvenPrice": number(each.entry),
        "markPrice": number(market.last),
        "unRealizedProfit": number(each.amount * (market.last - each.entry)),
        "liquidationPrice": "0",
        "notional": number(each.amount * market.last),
        "marginAsset": market.quote,
        "updateTime": 0,
    }


def setting(account: Account, symbol: str) -> dict[str, Any]:
    found = account.setting(symbol)
    return {
        "symbol": symbol,
        "marginType": found.margin,
        "isAutoAddMargin": False,
        "leverage": found.leverage,
        "maxNotionalValue": "1000000",
    }


def config(account: Account) -> dict[str, Any]:
    return {
        "feeTier": 0,
        "canTrade": account.can_trade,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": account.hedged,
        "updateTime": 0,
        "multiAssetsMargin": account.multi_assets,
        "tradeGroupId": -1,
    }


def restrictions(account: Account) -> dict[str, Any]:
    return {
        "ipRestrict": account.ip_restricted,
        "createTime": 1698645219000,
        "enableReading": True,
        "enableWithdrawals": account.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": account.can_trade,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableSpotAndMarginTrading": False,
    }


def market(each: Market) -> dict[str, Any]:
    return {
        "symbol": each.symbol,
        "pair": each.symbol,
        "contractType": "PERPETUAL",
        "status": each.status,
        "baseAsset": each.base,
        "quoteAsset": each.quote,
        "marginAsset": each.quote,
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "filters": [{"filterType": name, **found} for name, found in each.filters.items()],
        "orderTypes": list(each.types),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def book(each: Market) -> Mapping[str, Any]:
    one = number(Decimal(1))
    return {
        "symbol": each.symbol,
        "bidPrice": number(each.bid),
        "bidQty": one,
        "askPrice": number(each.ask),
        "askQty": one,
        "time": 0,
    }
