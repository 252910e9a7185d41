"""Signs of life in Redis: that beat ticks, that a task went through a queue end to end, and when
each background duty was last done.

A Celery worker can stay alive and deaf after Redis was reset, so its being alive proves nothing:
beat sends a canary through each queue every 10 s, and the worker that runs it writes the time
here. `up` and `/readyz` read it. Keys live for a minute; a lost one means silence.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

QUEUES = ("trade", "background")
BEAT_KEY = "tradehub:beat"
CANARY_KEY = "tradehub:canary:{queue}"
DUTIES_KEY = "tradehub:duties"
"""A hash: duty -> seconds since the epoch."""
_LIFETIME = 60


@dataclass(frozen=True)
class Heartbeats:
    """When each was last heard from, in seconds since the epoch; None: not within a minute."""

    beat: float | None
    canaries: dict[str, float | None] = field(default_factory=dict)
    duties: dict[str, float] = field(default_factory=dict)
    """By name, see tradehub.lib.duties; absent: never since Redis was emptied."""


@cache
def redis_client() -> Redis:
    """Answers or fails within half a second: nobody waits for a dead Redis."""
    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    )


def beat_pulse(now: datetime) -> None:
    redis_client().set(BEAT_KEY, now.timestamp(), ex=_LIFETIME)


def canary_seen(queue: str, now: datetime) -> None:
    redis_client().set(CANARY_KEY.format(queue=queue), now.timestamp(), ex=_LIFETIME)


def stream_pulse(sign: str, now: datetime) -> None:
    redis_client().set(sign, now.timestamp(), ex=_LIFETIME)


def duty_done(duty: str, now: datetime) -> None:
    redis_client().hset(DUTIES_KEY, duty, str(now.timestamp()))


def read() -> Heartbeats:
    """Raises redis.RedisError when Redis doesn't answer."""
    keys = [BEAT_KEY, *(CANARY_KEY.format(queue=queue) for queue in QUEUES)]
    with redis_client().pipeline(transaction=False) as together:
        together.mget(keys)
        together.hgetall(DUTIES_KEY)
        values, duties = together.execute()
    found = [None if value is None else float(value) for value in values]
    return Heartbeats(
        beat=found[0],
        canaries=dict(zip(QUEUES, found[1:], strict=True)),
        duties={name.decode(): float(at) for name, at in duties.items()},
    )
