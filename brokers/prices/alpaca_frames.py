"""The words of Alpaca's market data streams: stocks and coins speak alike.

Pure. Everything comes in lists. Quotes tell the best bid and ask, trades the last price. A key may
have one connection to each address: a second is refused for as long as the first one lasts.
"""

import json
from collections.abc import Collection
from typing import Any

from brokers.errors import BadCredentials
from brokers.streams.protocol import Look, News, Over, Raw, Ready, Refused, Say, Told

NO_KEY, FORBIDDEN, TAKEN = 402, 409, 406
TOO_MANY = 405
"""Symbols: those beyond are not told, and all else is as ever."""
CONNECTION_TAKEN, NOT_ALLOWED = "CONNECTION_LIMIT", "NOT_SUBSCRIBED"
TAKEN_SECONDS, FORBIDDEN_SECONDS = 600.0, 3600.0


class DataDialect:
    def __init__(self, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret
        self._names: frozenset[str] = frozenset()
        self._first: frozenset[str] = frozenset()

    def begin(self, names: Collection[str]) -> list[str]:
        """What to say first; the names are told once it knows who we are."""
        self._first = frozenset(names)
        return [json.dumps({"action": "auth", "key": self._key, "secret": self._secret})]

    def turn_to(self, names: Collection[str]) -> list[str]:
        """What to say so that these are told, and no others."""
        before, self._names = self._names, frozenset(names)
        texts = []
        for action, which in (
            ("unsubscribe", before - self._names),
            ("subscribe", self._names - before),
        ):
            if which:
                listed = sorted(which)
                texts.append(json.dumps({"action": action, "quotes": listed, "trades": listed}))
        return texts

    def hear(self, frame: str | bytes) -> list[News]:
        try:
            said = json.loads(frame, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return [Look()]
        if not isinstance(said, list):
            return [Look()]
        return [news for each in said for news in self._one(each)]

    def _one(self, said: Any) -> list[News]:
        if not isinstance(said, dict):
            return [Look()]
        kind = said.get("T")
        if kind in ("q", "t"):
            return self._told(said)
        if kind == "success":
            if said.get("msg") != "authenticated":
                return []
            return [Say(text) for text in self.turn_to(self._first)]
        if kind == "subscription":
            return [Ready()]
        return [_refusal(said)] if kind == "error" and not _is_harmless(said) else []

    def _told(self, said: Raw) -> list[News]:
        try:
            name = said["S"]
            if said["T"] == "q":
                found = {"name": name, "bid": said["bp"], "ask": said["ap"], "at": said["t"]}
            else:
                found = {"name": name, "last": said["p"]}
        except KeyError:
            return [Look()]
        return [Told(found)] if name in self._names else []


def _is_harmless(said: Raw) -> bool:
    return str(said.get("code")) == str(TOO_MANY)


def _refusal(said: Raw) -> News:
    code = str(said.get("code"))
    if code == str(NO_KEY):
        return Refused(BadCredentials.code)
    if code == str(TAKEN):
        return Refused(CONNECTION_TAKEN, TAKEN_SECONDS)
    if code == str(FORBIDDEN):
        return Refused(NOT_ALLOWED, FORBIDDEN_SECONDS)
    return Over(f"error {code[:8]}")
