"""The words of Binance spot's user stream, which is a subscription on its WebSocket API.

Pure. Its own time is asked first and signed with, so our clock plays no part. An `executionReport`
is put into the shapes of REST, which `brokers.binance.parsing` reads: of a cancel, `c` is the
cancel's own id and `C` the order's.
"""

import hashlib
import hmac
import json
from typing import Any

from brokers.binance.errors import find_row
from brokers.errors import BadCredentials, RateLimited
from brokers.streams.binance_events import order_in, trade_in
from brokers.streams.frames import read_frame
from brokers.streams.protocol import Look, News, Over, Raw, Ready, Refused, Say, Told

TIME, SUBSCRIBE = "time", "subscribe"
RECV_WINDOW = 5000
LAST_WORDS = ("eventStreamTerminated", "serverShutdown")
AGAIN_SECONDS = 60.0
"""After a refusal that says nothing of how long it lasts."""


class SpotDialect:
    def __init__(self, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret

    def greeting(self) -> list[str]:
        return [_request(TIME, "time")]

    def hear(self, frame: str | bytes) -> list[News]:
        said = read_frame(frame)
        if said is None:
            return [Look()]
        if "status" in said:
            return [self._answered(said)]
        event = said.get("event", said)
        if not isinstance(event, dict):
            return [Look()]
        kind = event.get("e")
        if kind == "executionReport":
            return [Told(event)]
        return [Over(str(kind))] if kind in LAST_WORDS else []

    def _answered(self, said: Raw) -> News:
        if said["status"] != 200:
            return refusal(said)
        if said.get("id") == SUBSCRIBE:
            return Ready()
        try:
            return Say(self._subscription(int(said["result"]["serverTime"])))
        except (KeyError, TypeError, ValueError):
            return Over("its time can't be read")

    def _subscription(self, server_time: int) -> str:
        params: dict[str, Any] = {
            "apiKey": self._key,
            "recvWindow": RECV_WINDOW,
            "timestamp": server_time,
        }
        params["signature"] = signature(self._secret, params)
        return _request(SUBSCRIBE, "userDataStream.subscribe.signature", params)


def signature(secret: str, params: Raw) -> str:
    """Over the parameters in the order of their names."""
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def refusal(said: Raw) -> Refused:
    error = said.get("error")
    if not isinstance(error, dict) or type(error.get("code")) is not int:
        return Refused("OUTCOME_UNKNOWN", AGAIN_SECONDS)
    row = find_row(error["code"], str(error.get("msg", "")))
    kind = None if row is None else row.error
    if kind is BadCredentials:
        return Refused(BadCredentials.code)
    if kind is RateLimited or said["status"] in (418, 429):
        return Refused(RateLimited.code, _patience(error))
    return Refused("VENUE_REJECTED", AGAIN_SECONDS)


def order_of(event: Raw) -> dict[str, Any]:
    """As `GET /api/v3/order` tells of it. Raises KeyError."""
    return order_in(event) | {
        "clientOrderId": event["C"] or event["c"],
        "stopPrice": event["P"],
        "trailingDelta": event.get("d"),
        "expiryReason": event.get("eR") or _reason(event),
    }


def trade_of(event: Raw) -> dict[str, Any] | None:
    """As `myTrades` tells of it; None where the event is no trade. Raises KeyError, ValueError."""
    told = trade_in(event)
    return None if told is None else told | {"isBuyer": {"BUY": True, "SELL": False}[event["S"]]}


def _reason(event: Raw) -> str | None:
    return event["r"] if event["r"] != "NONE" else None


def _patience(error: Raw) -> float:
    """`data.retryAfter` is a time in milliseconds, as is `data.serverTime`."""
    try:
        data = error["data"]
        return max(1.0, (int(data["retryAfter"]) - int(data["serverTime"])) / 1000)
    except (KeyError, TypeError, ValueError):
        return AGAIN_SECONDS


def _request(name: str, method: str, params: Raw | None = None) -> str:
    return json.dumps({"id": name, "method": method, "params": params or {}})
