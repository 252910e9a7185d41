"""The place in Redis where feeds put their prices, for every process that wants one.

A price lives for some seconds since it was heard, so what nobody hears again is gone. Nobody waits
for it: while Redis is away there are no prices here, and whoever wants one asks its venue as ever.
Alpaca's are for owners who have an account there: `places_at` names no place to others.
"""

import json
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import structlog
from redis import Redis, RedisError

from brokers.models import BrokerAccount
from brokers.prices.board import FRESH, Heard
from brokers.prices.places import ALPACA, Place, place_of
from brokers.streams.states import StreamState, all_states
from brokers.types import Quote
from tradehub.core.money import plain
from tradehub.core.words import BrokerKind
from tradehub.lib.heartbeat import redis_client

KEY = "tradehub:price:{feed}:{name}"
STATES = "tradehub:feeds"
"""A hash: feed and part -> the state of its connection as JSON."""
QUIET_SECONDS = 2.0
"""After a failure Redis is left alone for so long: prices are asked for meanwhile."""

log = structlog.get_logger(__name__)
_quiet_until = 0.0


def tell(redis: Redis, told: Mapping[Place, Heard], *, now: datetime) -> None:
    """Told again, a price lives no longer. Raises RedisError."""
    lives = {place: int((FRESH - (now - each.at)).total_seconds() * 1000)
             for place, each in told.items()}  # fmt: skip
    if not any(left > 0 for left in lives.values()):
        return
    with redis.pipeline(transaction=False) as together:
        for place, each in told.items():
            if lives[place] > 0:
                together.set(_key(place), _as_text(each), px=lives[place])
        together.execute()


def known_prices(places: Collection[Place], *, now: datetime) -> dict[Place, Quote]:
    """Of those that a living feed tells. Never raises."""
    global _quiet_until
    wanted = list(places)
    if not wanted or time.monotonic() < _quiet_until:
        return {}
    try:
        found = cast("list[Any]", redis_client().mget([_key(each) for each in wanted]))
    except RedisError as error:
        log.warning("prices_not_read", error=type(error).__name__)
        _quiet_until = time.monotonic() + QUIET_SECONDS
        return {}
    quotes = {}
    for place, text in zip(wanted, found, strict=True):
        quote = None if text is None else _from_text(place, text, now)
        if quote is not None:
            quotes[place] = quote
    return quotes


def streamed_quotes(
    account: BrokerAccount, symbols: Collection[str], *, now: datetime
) -> dict[str, Quote]:
    """By the account's own names, of those that a feed tells just now. Redis may be away."""
    listed = list(symbols)
    found = places_at((account, symbol) for symbol in listed)
    places = dict(zip(listed, found, strict=True))
    known = known_prices({each for each in places.values() if each is not None}, now=now)
    return {
        symbol: replace(known[place], symbol=symbol)
        for symbol, place in places.items()
        if place in known
    }


def places_at(wanted: Iterable[tuple[BrokerAccount, str]]) -> list[Place | None]:
    """Of symbols of accounts, in their order. None where no feed tells it to the owner."""
    found = []
    for account, symbol in wanted:
        place = place_of(
            account.kind, account.environment, account.options, symbol, owner_id=account.owner_id
        )
        found.append((account.owner_id, place))
    if all(place is None or place.source != ALPACA for _, place in found):
        return [place for _, place in found]
    customers = alpaca_customers()
    return [
        None if place is not None and place.source == ALPACA and owner not in customers else place
        for owner, place in found
    ]


def alpaca_customers() -> set[int]:
    """Owners of an account there whose key was seen to be good: what others' keys bring is for
    them too."""
    passed = BrokerAccount.objects.filter(
        kind=BrokerKind.ALPACA.value, enabled=True, examination__passed=True
    )
    return set(passed.values_list("owner_id", flat=True))


def feed_states(redis: Redis, *, now: datetime) -> dict[str, StreamState]:
    """Of the feeds that are held now, by feed and part. Raises RedisError."""
    return all_states(redis, STATES, now=now)


def _key(place: Place) -> str:
    return KEY.format(feed=place.feed, name=place.name)


def _as_text(heard: Heard) -> str:
    quote = heard.quote
    numbers = [plain(each) for each in (quote.bid, quote.ask, quote.last)]
    return json.dumps([*numbers, quote.at.isoformat(), heard.at.isoformat()])


def _from_text(place: Place, text: bytes, now: datetime) -> Quote | None:
    """None for one that is old by our clock."""
    bid, ask, last, at, heard = json.loads(text)
    if abs(now - datetime.fromisoformat(heard)) >= FRESH:
        return None
    return Quote(
        place.name,
        Decimal(bid),
        Decimal(ask),
        Decimal(last),
        datetime.fromisoformat(at),
        place.source,
    )
