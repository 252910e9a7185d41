"""What the hub must do in the background, when each was last done, and which is late.

Whoever does one says so with `done`, when all of it went well. The times are kept in Redis, so that
every process on every machine can tell; `/readyz`, `/metrics` and `status/` do, and workers shout
in the log. To add a duty: one line in LATE_AFTER, and a `done` where its work ends.
"""

import time
from collections.abc import Mapping
from datetime import datetime

import structlog
from redis import RedisError

from tradehub.lib import heartbeat, metrics

log = structlog.get_logger(__name__)

CODE = "DUTY_LATE"
LATE_AFTER: Mapping[str, float] = {
    "sweeper": 30,
    "open_orders": 60,
    "day_starts": 120,
    "account_checks": 180,
    "snapshots": 180,
    "reconciliation": 30,
    # Signs of life of tradehub.lib.heartbeat, which are told here with the others.
    "beat": 30,
    "canary_trade": 30,
    "canary_background": 30,
}
"""Seconds without success after which a duty is late: several times as often as it is done."""

SAID_AGAIN_SECONDS = 60.0
TOLD_SECONDS = 5.0
"""A duty that is done all the time isn't told all the time."""

_told: dict[str, float] = {}


def done(duty: str, now: datetime) -> None:
    """Never raises and takes half a second at most: a dead Redis must not keep anybody from it."""
    metrics.last_success.labels(duty).set(now.timestamp())
    if abs(now.timestamp() - _told.get(duty, 0.0)) < TOLD_SECONDS:
        return
    _told[duty] = now.timestamp()
    try:
        heartbeat.duty_done(duty, now)
    except RedisError as error:
        log.warning("duty_not_told", duty=duty, error=type(error).__name__)


def last_successes() -> dict[str, float | None]:
    """Seconds since the epoch, for every duty. Raises RedisError when Redis doesn't answer."""
    heard = heartbeat.read()
    signs = {"beat": heard.beat} | {f"canary_{name}": at for name, at in heard.canaries.items()}
    known = heard.duties | {name: at for name, at in signs.items() if at is not None}
    return {duty: known.get(duty) for duty in LATE_AFTER}


def late(
    successes: Mapping[str, float | None], *, now: datetime, since: datetime
) -> dict[str, float]:
    """Late duties with their seconds of silence. One that was never done has been awaited
    `since` then."""
    found = {}
    for duty, limit in LATE_AFTER.items():
        last = successes.get(duty)
        begun = since.timestamp() if last is None else last
        silence = now.timestamp() - begun
        if silence > limit:
            found[duty] = silence
    return found


class Watch:
    """Shouts about what is late: an error in the log when it becomes so, and every minute."""

    def __init__(self, since: datetime) -> None:
        self._since = since
        self._said: dict[str, float] = {}

    def look(self, now: datetime) -> dict[str, float]:
        """Raises RedisError: whether Redis answers is for others to say."""
        found = late(last_successes(), now=now, since=self._since)
        for duty in [*self._said]:
            if duty not in found:
                del self._said[duty]
                log.info("duty_on_time_again", duty=duty)
        for duty, seconds in found.items():
            if time.monotonic() - self._said.get(duty, float("-inf")) >= SAID_AGAIN_SECONDS:
                self._said[duty] = time.monotonic()
                log.error("duty_late", code=CODE, duty=duty, seconds=round(seconds))
        return found
