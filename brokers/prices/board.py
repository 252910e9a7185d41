"""What the feeds of this process told last, until it is old.

Pure but for a lock: a loop writes, threads read. Numbers stay as they were told until somebody
wants them, for most are overtaken before. A quote is whole when book and last price are both known
from living connections, and its book is fresh; else there is none.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple

from brokers.prices.places import Place
from brokers.types import Quote
from tradehub.core.money import NotANumber, to_decimal

FRESH = timedelta(seconds=5)
"""A price says nothing when it was told longer ago: it is asked for."""


class Heard(NamedTuple):
    quote: Quote
    at: datetime
    """When its book was told, by our clock."""


@dataclass(slots=True)
class _Told:
    bid: Any = None
    ask: Any = None
    at: Any = None
    """By the venue's clock, where it names a time."""
    heard: datetime | None = None
    """When the book was told, by ours."""
    book_part: str = ""
    last: Any = None
    last_part: str = ""


class Board:
    def __init__(self) -> None:
        self._lock = Lock()
        self._told: dict[Place, _Told] = {}
        self._news: set[Place] = set()

    def put(self, place: Place, part: str, event: Mapping[str, Any], heard: datetime) -> None:
        with self._lock:
            told = self._told.setdefault(place, _Told())
            if "last" in event:
                told.last, told.last_part = event["last"], part
            if "bid" in event:
                told.bid, told.ask, told.at = event["bid"], event["ask"], event.get("at")
                told.heard, told.book_part = heard, part
            self._news.add(place)

    def take(self) -> set[Place]:
        """Those that were told since the last take."""
        with self._lock:
            news, self._news = self._news, set()
            return news

    def again(self, places: Collection[Place]) -> None:
        """Let the next take have them too."""
        with self._lock:
            self._news |= self._told.keys() & set(places)

    def forget(self, feed: str, part: str) -> None:
        """The connection is over: what it told may have changed unheard."""
        with self._lock:
            for place, told in self._told.items():
                if place.feed == feed:
                    if told.book_part == part:
                        told.heard = None
                    if told.last_part == part:
                        told.last = None

    def keep(self, places: Collection[Place]) -> None:
        """And drop all others."""
        with self._lock:
            for place in self._told.keys() - set(places):
                del self._told[place]
                self._news.discard(place)

    def quote(self, place: Place, now: datetime) -> Quote | None:
        found = self.heard(place, now)
        return None if found is None else found.quote

    def heard(self, place: Place, now: datetime) -> Heard | None:
        with self._lock:
            told = self._told.get(place)
            if told is None or told.heard is None or told.last is None:
                return None
            heard, given = told.heard, (told.bid, told.ask, told.last)
            at = told.at
        if not timedelta() <= now - heard < FRESH:
            return None
        try:
            bid, ask, last = (to_decimal(each) for each in given)
            when = heard if at is None else _time(at)
        except (NotANumber, ValueError, TypeError):
            return None
        if min(bid, ask, last) <= 0 or bid > ask:
            return None  # a side of the book is empty, or the two are of different times
        return Heard(Quote(place.name, bid, ask, last, min(when, now), place.source), heard)


def _time(text: Any) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError("a time without its offset")
    return at.astimezone(UTC)
