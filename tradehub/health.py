"""Liveness and readiness: what a proxy, `up` and a monitor ask.

`/readyz/ingest` is the one that a proxy should obey: an alert that can be stored must be taken,
whatever else is down. What may hang is asked in a thread of its own, one at a time, so that every
answer comes within two seconds. A detail never names an address, nor quotes an error.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import RedisError

from signals.ingest import writer
from signals.models import RouteVersion
from tradehub.assets import missing_assets
from tradehub.lib import duties, heartbeat
from tradehub.lib.clock import utc_now
from tradehub.lib.db import write_transaction

ANSWER_SECONDS = 1.5
CACHE_SECONDS = 1.0
STUCK_SECONDS = 2.0
SILENT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str


class Probe:
    """One question to something that may hang. An answer is good for a second."""

    def __init__(self, names: Sequence[str], ask: Callable[[], Sequence[Check]]) -> None:
        self._names = names
        self._ask = ask
        self._condition = threading.Condition()
        self._found: Sequence[Check] = ()
        self._found_at = float("-inf")
        self._asking = False

    def begin(self) -> None:
        """Ask, unless somebody just did or still waits for an answer."""
        with self._condition:
            if self._asking or time.monotonic() - self._found_at < CACHE_SECONDS:
                return
            self._asking = True
        threading.Thread(target=self._run, name=f"probe {self._names[0]}", daemon=True).start()

    def result(self, deadline: float) -> Sequence[Check]:
        with self._condition:
            while self._asking and time.monotonic() < deadline:
                self._condition.wait(max(0.0, deadline - time.monotonic()))
            if self._asking:
                return [Check(name, False, "does not answer") for name in self._names]
            return self._found

    def _run(self) -> None:
        try:
            found = self._ask()
        except Exception as error:  # whatever it is, it is not ready, and the next one may ask
            found = [Check(name, False, type(error).__name__) for name in self._names]
        with self._condition:
            self._found, self._found_at, self._asking = found, time.monotonic(), False
            self._condition.notify_all()


def look_at_database() -> Sequence[Check]:
    """A real write, committed: a full disk or a read-only replica shows at nothing less."""
    began = time.monotonic()
    try:
        _bound_waiting()
        with write_transaction():
            RouteVersion.objects.create().delete()
    except Error as error:
        return [Check("database", False, f"does not take writes ({type(error).__name__})")]
    finally:
        connection.close()
    return [Check("database", True, f"took a write in {_milliseconds(began)} ms")]


def _bound_waiting() -> None:
    limit = int(ANSWER_SECONDS * 1000)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"PRAGMA busy_timeout = {limit}")
        else:
            cursor.execute(f"SET statement_timeout = {limit}")


def look_at_redis() -> Sequence[Check]:
    """Redis itself, and the signs of life that beat and the workers leave there."""
    began = time.monotonic()
    try:
        heard = heartbeat.read()
    except RedisError as error:
        silent = [Check(name, False, "unknown while Redis is away") for name in _REDIS[1:]]
        return [Check("redis", False, f"does not answer ({type(error).__name__})"), *silent]
    now = utc_now().timestamp()
    return [
        Check("redis", True, f"answered in {_milliseconds(began)} ms"),
        _sign_of_life("beat", heard.beat, now),
        *(_sign_of_life(f"worker_{queue}", heard.canaries[queue], now) for queue in _QUEUES),
        _duties(),
    ]


def _duties() -> Check:
    late = _watch.look(utc_now())
    named = ", ".join(f"{duty} {seconds:.0f} s" for duty, seconds in late.items())
    return Check("duties", not late, f"late: {named}" if late else "on time")


def _sign_of_life(name: str, at: float | None, now: float) -> Check:
    if at is None:
        return Check(name, False, "not heard from")
    age = max(0.0, now - at)
    return Check(name, age <= SILENT_SECONDS, f"heard from {age:.0f} s ago")


_QUEUES = heartbeat.QUEUES
_REDIS = ["redis", "beat", *(f"worker_{queue}" for queue in _QUEUES), "duties"]
_watch = duties.Watch(utc_now())
_database = Probe(["database"], look_at_database)
_redis = Probe(_REDIS, look_at_redis)


def check_ingest_writer(*, now: datetime) -> Check:
    """Stuck: an alert waits for its commit for longer than any commit takes."""
    oldest = writer.oldest_waiting()
    age = 0.0 if oldest is None else (now - oldest).total_seconds()
    detail = "nothing waits" if oldest is None else f"the oldest alert waits for {age:.1f} s"
    return Check("ingest", age <= STUCK_SECONDS, detail)


def check_assets() -> Check:
    missing = missing_assets(settings.ASSETS_DIR)
    detail = f"{len(missing)} missing; run `manage.py assets`" if missing else "present"
    return Check("assets", not missing, detail)


@never_cache
@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz_ingest(request: HttpRequest) -> JsonResponse:
    """Can an alert be stored?"""
    deadline = time.monotonic() + ANSWER_SECONDS
    _database.begin()
    return _answer([*_database.result(deadline), check_ingest_writer(now=utc_now())])


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """All that it takes from an alert to an order."""
    deadline = time.monotonic() + ANSWER_SECONDS
    _database.begin()
    _redis.begin()
    checks = [*_database.result(deadline), check_ingest_writer(now=utc_now())]
    return _answer([*checks, *_redis.result(deadline), check_assets()])


def _answer(checks: Sequence[Check]) -> JsonResponse:
    ok = all(check.ok for check in checks)
    body = {"status": "ok" if ok else "unavailable", "checks": [asdict(each) for each in checks]}
    answer = JsonResponse(body, status=200 if ok else 503)
    # A 503 is the answer here and no error: `up` asks five times a second while it starts.
    answer._has_been_logged = True  # type: ignore[attr-defined]  # what Django's log_response asks
    return answer


def _milliseconds(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
