"""What is known of each account's stream, for pages, the API and the doctor: kept in Redis.

Losing it loses nothing. What a process said that is gone counts for half a minute. No secret and no
word of a venue's is in it: an error is a reason code or the name of what went wrong.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis, RedisError

from tradehub.lib.heartbeat import redis_client

KEY = "tradehub:streams"
"""A hash: account -> its state as JSON."""
GOOD_FOR_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class StreamState:
    """Times are seconds since the epoch."""

    connected_since: float | None = None
    """None: it is not connected."""
    last_event_at: float | None = None
    last_error: str = ""
    """Why it was last lost; empty while nothing ever was."""
    last_error_at: float | None = None
    distrusted_until: float | None = None
    """It missed something: until then it saves no polling."""
    told_at: float = 0.0

    @property
    def connected(self) -> bool:
        return self.connected_since is not None

    def saves_polling(self, now: datetime) -> bool:
        return self.connected and now.timestamp() >= (self.distrusted_until or 0.0)

    @property
    def connected_at(self) -> datetime | None:
        return _moment(self.connected_since)

    @property
    def heard_at(self) -> datetime | None:
        return _moment(self.last_event_at)

    @property
    def lost_at(self) -> datetime | None:
        return _moment(self.last_error_at)


def tell(redis: Redis, states: Mapping[str, StreamState], *, now: datetime, key: str = KEY) -> None:
    """Raises RedisError."""
    if states:
        at = now.timestamp()
        told = {
            name: json.dumps(asdict(replace(each, told_at=at))) for name, each in states.items()
        }
        redis.hset(key, mapping=told)


def forget(redis: Redis, account_ids: Collection[str], *, key: str = KEY) -> None:
    """Raises RedisError."""
    if account_ids:
        redis.hdel(key, *account_ids)


def states_of(
    redis: Redis, account_ids: Collection[str], *, now: datetime
) -> dict[str, StreamState]:
    """Of those that a living process follows. Raises RedisError."""
    ids = list(account_ids)
    if not ids:
        return {}
    said = zip(ids, cast("list[Any]", redis.hmget(KEY, ids)), strict=True)
    return _living({account_id: each for account_id, each in said if each is not None}, now)


def all_states(redis: Redis, key: str, *, now: datetime) -> dict[str, StreamState]:
    """Those under another key, for which a living process speaks. Raises RedisError."""
    told = cast("dict[bytes, Any]", redis.hgetall(key))
    return _living({name.decode(): said for name, said in told.items()}, now)


def _living(told: Mapping[str, Any], now: datetime) -> dict[str, StreamState]:
    known = {name: StreamState(**json.loads(said)) for name, said in told.items()}
    at = now.timestamp()
    return {
        name: state for name, state in known.items() if abs(at - state.told_at) <= GOOD_FOR_SECONDS
    }


def states_for_pages(account_ids: Collection[str], *, now: datetime) -> dict[str, StreamState]:
    """Never raises: a page without them is a page."""
    try:
        return states_of(redis_client(), account_ids, now=now)
    except RedisError:
        return {}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
