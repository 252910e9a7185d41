"""The words of Binance's market streams, spot's and the USD-M futures', on a combined connection.

Pure. `bookTicker` tells the best bid and ask with each change, `miniTicker` the last price once a
second. A name that does not exist is taken without a word, and tells nothing.
"""

import json
from collections.abc import Collection
from typing import Any

from brokers.streams.frames import read_frame
from brokers.streams.protocol import Look, News, Over, Raw, Ready, Told

BOOK, LAST = "bookTicker", "miniTicker"
AT_ONCE = 100
"""Streams in one message."""


class MarketDialect:
    def __init__(self, channels: Collection[str]) -> None:
        self._channels = tuple(channels)
        self._names: frozenset[str] = frozenset()
        self._asked = 0
        self._awaited = 0
        """The number of the greeting's last message."""

    def begin(self, names: Collection[str]) -> list[str]:
        """What to say first."""
        texts = self.turn_to(names)
        self._awaited = self._asked
        return texts

    def turn_to(self, names: Collection[str]) -> list[str]:
        """What to say so that these are told, and no others."""
        before, self._names = self._names, frozenset(names)
        gone = self._messages("UNSUBSCRIBE", before - self._names)
        return gone + self._messages("SUBSCRIBE", self._names - before)

    def hear(self, frame: str | bytes) -> list[News]:
        said = read_frame(frame)
        if said is None:
            return [Look()]
        if "stream" in said:
            return self._told(str(said["stream"]), said.get("data"))
        if said.get("e") == "serverShutdown":
            return [Over("serverShutdown")]
        if "error" in said or "code" in said:
            return [Over("it refused a subscription")]
        return [Ready()] if self._awaited and said.get("id") == self._awaited else []

    def _told(self, stream: str, data: Any) -> list[News]:
        if not isinstance(data, dict):
            return [Look()]
        found = _read(stream.partition("@")[2], data)
        if found is None:
            return [Look()]
        return [Told(found)] if found["name"] in self._names else []

    def _messages(self, method: str, names: Collection[str]) -> list[str]:
        streams = [f"{name.lower()}@{each}" for name in sorted(names) for each in self._channels]
        texts = []
        for start in range(0, len(streams), AT_ONCE):
            self._asked += 1
            params = streams[start : start + AT_ONCE]
            texts.append(json.dumps({"method": method, "params": params, "id": self._asked}))
        return texts


def _read(channel: str, data: Raw) -> dict[str, Any] | None:
    """None for what can't be read."""
    try:
        if channel == BOOK:
            return {"name": data["s"], "bid": data["b"], "ask": data["a"]}
        if channel == LAST:
            return {"name": data["s"], "last": data["c"]}
    except KeyError:
        pass
    return None
