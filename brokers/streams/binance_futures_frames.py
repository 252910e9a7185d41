"""The words of Binance USD-M futures' user stream, which a listen key opens.

Pure. An `ORDER_TRADE_UPDATE` is put into the shapes of REST, which
`brokers.binance.futures_parsing` reads. An `ALGO_UPDATE` says that a conditional order moved; what
it became is asked for.
"""

from typing import Any

from brokers.streams.binance_events import order_in, trade_in
from brokers.streams.frames import read_frame
from brokers.streams.protocol import Look, News, Over, Raw, Told

EVENTS = ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ALGO_UPDATE")
"""Those that are asked for."""


def hear(frame: str | bytes) -> list[News]:
    said = read_frame(frame)
    if said is None:
        return [Look()]
    kind = said.get("e")
    if kind == "ORDER_TRADE_UPDATE":
        order = said.get("o")
        return [Told(order)] if isinstance(order, dict) else [Look()]
    if kind == "ALGO_UPDATE":
        return [Look()]
    return [Over(str(kind))] if kind == "listenKeyExpired" else []


def order_of(event: Raw) -> dict[str, Any]:
    """As `GET /fapi/v1/order` tells of it. Raises KeyError."""
    return order_in(event) | {"clientOrderId": event["c"], "stopPrice": event["sp"]}


def trade_of(event: Raw) -> dict[str, Any] | None:
    """As `userTrades` tells of it; None for what is no trade. Raises KeyError and ValueError."""
    told = trade_in(event)
    return None if told is None else told | {"side": event["S"]}
