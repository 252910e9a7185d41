"""Orders and trades as Binance's user streams tell of them, in the shapes of REST.

Pure. What spot and futures name alike; each adds what it names in its own way.
"""

from typing import Any

from brokers.streams.protocol import Raw


def order_in(event: Raw) -> dict[str, Any]:
    """Without its client order id and its stop price. Raises KeyError."""
    return {
        "symbol": event["s"],
        "orderId": event["i"],
        "origQty": event["q"],
        "executedQty": event["z"],
        "status": event["X"],
        "type": event["o"],
        "side": event["S"],
        "timeInForce": event["f"],
        "price": event["p"],
        "updateTime": event["T"],
    }


def trade_in(event: Raw) -> dict[str, Any] | None:
    """Without its side; None for what is no trade. Raises KeyError and ValueError."""
    if event["x"] != "TRADE":
        return None
    if not event.get("N"):
        raise ValueError("a trade without the asset of its fee")
    return {
        "symbol": event["s"],
        "id": event["t"],
        "orderId": event["i"],
        "price": event["L"],
        "qty": event["l"],
        "commission": event["n"],
        "commissionAsset": event["N"],
        "time": event["T"],
    }
