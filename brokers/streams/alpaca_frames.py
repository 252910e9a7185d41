"""The words of Alpaca's `trade_updates`.

Pure. An event carries the order as REST tells of it, but names its fill by an id that the list of
fills doesn't: so an event never carries a fill here, and what filled is asked for. A word that is
not known means that something happened.
"""

import json

from brokers.errors import BadCredentials
from brokers.streams.frames import read_frame
from brokers.streams.protocol import Look, News, Over, Raw, Ready, Refused, Say, Told

UPDATES = "trade_updates"


class AlpacaDialect:
    def __init__(self, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret

    def greeting(self) -> list[str]:
        data = {"key_id": self._key, "secret_key": self._secret}
        return [json.dumps({"action": "authenticate", "data": data})]

    def hear(self, frame: str | bytes) -> list[News]:
        said = read_frame(frame)
        data = said.get("data") if said is not None else None
        if said is None or not isinstance(data, dict):
            return [Look()]
        stream = said.get("stream")
        if stream == "authorization":
            return [_authorized(data)]
        if stream == "listening":
            return [_listening(data)]
        if stream != UPDATES:
            return [Look()]
        return [Told(data)] if isinstance(data.get("order"), dict) else [Look()]


def order_of(event: Raw) -> Raw:
    """Raises KeyError and TypeError."""
    order = event["order"]
    if not isinstance(order, dict):
        raise TypeError("not an order")
    return order


def _authorized(data: Raw) -> News:
    if data.get("status") != "authorized":
        return Refused(BadCredentials.code)
    return Say(json.dumps({"action": "listen", "data": {"streams": [UPDATES]}}))


def _listening(data: Raw) -> News:
    streams = data.get("streams")
    if isinstance(streams, list) and UPDATES in streams:
        return Ready()
    return Over("it does not listen")
