"""The hub's doctor: what keeps alerts from becoming orders here, line by line, each with its cure.

Small checks that look and change nothing; each answers within seconds and quotes no secret. A check
that breaks is a failed line, and the others go on. Nobody is asked but the hub's own database,
Redis, venues and PUBLIC_URL.
"""

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from redis import RedisError

from brokers.doctor import Line, examine
from brokers.models import BrokerAccount
from brokers.prices.shared import feed_states
from brokers.streams.states import StreamState, states_of
from brokers.streams.venues import followed_accounts
from tradehub.assets import missing_assets
from tradehub.lib import duties
from tradehub.lib.clock import utc_now
from tradehub.lib.heartbeat import redis_client

SKEW_WARNS, SKEW_FAILS = timedelta(seconds=1), timedelta(seconds=10)
DISK_WARNS, DISK_FAILS = 1_000_000_000, 100_000_000
TRADINGVIEW_PORTS = (80, 443)
REACH_SECONDS = 5
MILD = ("enabled", "balance")
"""Lines of an account's own doctor that keep nobody from closing a position."""


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    level: Level
    text: str
    what_to_do: str = ""


Check = Callable[[], Iterable[Finding]]


def examine_hub(examinations: Sequence[tuple[str, Check]] | None = None) -> list[Finding]:
    """Every line of every check, in their order."""
    found: list[Finding] = []
    for name, check in CHECKS if examinations is None else examinations:
        try:
            found += check()
        except Exception as error:  # whatever it is: a line of its own, and the others go on
            text = f"The check itself broke ({type(error).__name__})."
            found.append(Finding(name, Level.FAIL, text, "Look into the hub's log."))
    return found


def exit_code(findings: Iterable[Finding]) -> int:
    """0: all well, 1: warnings, 2: failures."""
    levels = {each.level for each in findings}
    return 2 if Level.FAIL in levels else 1 if Level.WARN in levels else 0


def check_config() -> Iterable[Finding]:
    yield from settings_findings(checks.run_checks(include_deployment_checks=False))
    if settings.DEBUG:
        fix = "Unset DEBUG: error pages show what nobody else should see."
        yield Finding("config", Level.WARN, "DEBUG is on.", fix)
    if settings.SIGN_UP == "open":
        fix = "Set SIGN_UP=closed unless strangers are welcome."
        yield Finding("config", Level.WARN, "Anybody who reaches this hub may sign up.", fix)


def settings_findings(messages: Sequence[checks.CheckMessage]) -> list[Finding]:
    """The assets have a line of their own."""
    serious = [
        each for each in messages if each.level >= checks.WARNING and each.id != "tradehub.E001"
    ]
    if not serious:
        return [Finding("config", Level.OK, "The settings are sound.")]
    return [
        Finding(
            "config",
            Level.FAIL if each.level >= checks.ERROR else Level.WARN,
            f"{each.msg} ({each.id})",
            each.hint or "",
        )
        for each in serious
    ]


def check_database() -> Iterable[Finding]:
    engine = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (Error, ImproperlyConfigured) as error:
        text = f"{engine} does not answer ({type(error).__name__})."
        fix = "Start it, and see that DATABASE_URL names it."
        yield Finding("database", Level.FAIL, text, fix)
        return
    if waiting:
        text = f"{engine} answers; {len(waiting)} migrations are not applied."
        yield Finding("database", Level.FAIL, text, "Run `manage.py migrate`, or start `up`.")
    else:
        yield Finding("database", Level.OK, f"{engine} answers and is up to date.")
    if connection.vendor == "sqlite":
        folder = Path(str(connection.settings_dict["NAME"])).parent
        yield disk_finding(shutil.disk_usage(folder).free)


def disk_finding(free: int) -> Finding:
    text = f"{free / 1e9:.1f} GB are free where the database lies."
    if free >= DISK_WARNS:
        return Finding("disk", Level.OK, text)
    fix = "Make room: with a full disk no alert can be stored."
    return Finding("disk", Level.FAIL if free < DISK_FAILS else Level.WARN, text, fix)


def check_redis() -> Iterable[Finding]:
    try:
        said = cast("dict[str, Any]", redis_client().info("memory"))
    except RedisError as error:
        yield _no_redis(error)
        return
    policy = said.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        yield Finding("redis", Level.OK, "Redis answers and forgets nothing.")
    else:
        text = f"Redis answers, and forgets what it likes when it is full ({policy})."
        yield Finding("redis", Level.WARN, text, "Set its maxmemory-policy to noeviction.")
    yield duties_finding(duties.last_successes(), now=utc_now())


def _no_redis(error: RedisError) -> Finding:
    if settings.REDIS_EMBEDDED and not (settings.TRADEHUB_HOME / "up.json").exists():
        text = "Redis is not there, since TradeHub does not run."
        return Finding("redis", Level.WARN, text, "Start it with `manage.py up`.")
    text = f"Redis does not answer ({type(error).__name__}): orders are up to 2 s late."
    fix = "Restart `manage.py up`." if settings.REDIS_EMBEDDED else "Start what REDIS_URL names."
    return Finding("redis", Level.FAIL, text, fix)


def duties_finding(successes: dict[str, float | None], *, now: datetime) -> Finding:
    """A doctor who just came has not waited: what was never done is late."""
    late = duties.late(successes, now=now, since=datetime.fromtimestamp(0, UTC))
    if not late:
        return Finding("duties", Level.OK, "Worker, beat and their duties are on time.")
    named = ", ".join(
        f"{duty} (never)" if successes.get(duty) is None else f"{duty} ({seconds:.0f} s ago)"
        for duty, seconds in late.items()
    )
    fix = "See that worker and beat run: `manage.py up` runs both. Their log says more."
    return Finding("duties", Level.FAIL, f"Not done in time: {named}.", fix)


def check_clock() -> Iterable[Finding]:
    """Against the clocks that we use anyway; no stranger is asked for the time."""
    if connection.vendor == "postgresql":
        yield _clock_of("the database", _database_time)
    yield _clock_of("Redis", _redis_time)


def _clock_of(whose: str, ask: Callable[[], datetime]) -> Finding:
    before = utc_now()
    try:
        theirs = ask()
    except (Error, RedisError):
        return Finding("clock", Level.OK, f"Not compared with {whose}, which does not answer.")
    return clock_finding(whose, before=before, theirs=theirs, after=utc_now())


def clock_finding(whose: str, *, before: datetime, theirs: datetime, after: datetime) -> Finding:
    """What the way there and back may explain is no difference."""
    off = max(before - theirs, theirs - after, timedelta(0))
    text = f"This machine's clock and that of {whose} differ by {off.total_seconds():.1f} s."
    if off < SKEW_WARNS:
        return Finding("clock", Level.OK, text)
    fix = "Let both follow a time server: age limits, windows and signatures depend on it."
    return Finding("clock", Level.FAIL if off >= SKEW_FAILS else Level.WARN, text, fix)


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cast(datetime, cursor.fetchone()[0])


def _redis_time() -> datetime:
    seconds, micros = cast("tuple[int, int]", redis_client().time())
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)


def check_venues() -> Iterable[Finding]:
    """The account doctor on every account that takes orders."""
    enabled = BrokerAccount.objects.filter(enabled=True).select_related("owner")
    try:
        accounts = list(enabled.order_by("pk"))
    except Error:
        text = "Not examined: the database doesn't tell which accounts there are."
        yield Finding("venue", Level.WARN, text, "Mend the database first.")
        return
    for account in accounts:
        yield venue_finding(f"{account.label} of {account.owner.username}", examine(account))
    if not accounts:
        yield Finding("venue", Level.OK, "There is no account yet.")


def venue_finding(account: str, lines: Sequence[Line]) -> Finding:
    """One line for an account: what is wrong with it, else that nothing is."""
    wrong = [line for line in lines if not line.ok]
    if not wrong:
        return Finding("venue", Level.OK, f"{account}: ready for orders.")
    level = Level.WARN if all(line.name in MILD for line in wrong) else Level.FAIL
    text = " ".join(line.text for line in wrong)
    return Finding("venue", level, f"{account}: {text}", wrong[0].what_to_do)


def check_streams() -> Iterable[Finding]:
    """Which accounts' streams are connected; polling works without."""
    try:
        ids = list(followed_accounts().values_list("pk", flat=True))
        known = states_of(redis_client(), ids, now=utc_now())
    except (Error, RedisError) as error:
        text = f"Not looked at, as {type(error).__name__} came of it."
        yield Finding("streams", Level.WARN, text, "Mend what the other lines name first.")
        return
    yield streams_finding(len(ids), known.values())


def streams_finding(followed: int, known: Collection[StreamState]) -> Finding:
    if not followed:
        return Finding("streams", Level.OK, "No account has a stream of its venue's.")
    up = sum(each.connected for each in known)
    text = f"{up} of {followed} accounts are connected to their venue's stream."
    if up == followed:
        return Finding("streams", Level.OK, text)
    why = ", ".join(sorted({each.last_error for each in known if not each.connected} - {""}))
    fix = "See that `manage.py stream` runs; `manage.py up` does, unless told --no-stream."
    if why:
        text, fix = f"{text} The others were lost: {why}.", "The log of `stream` says more."
    return Finding("streams", Level.WARN, f"{text} Until then orders are polled.", fix)


def check_feeds() -> Iterable[Finding]:
    """Which connections tell prices; without, prices are asked for."""
    try:
        known = feed_states(redis_client(), now=utc_now())
    except RedisError as error:
        text = f"Not looked at, as {type(error).__name__} came of it."
        yield Finding("prices", Level.WARN, text, "Mend what the other lines name first.")
        return
    yield feeds_finding(known)


def feeds_finding(known: Mapping[str, StreamState]) -> Finding:
    """By feed and part: those that a process holds."""
    if not known:
        return Finding("prices", Level.OK, "No feed of prices is open: none is needed just now.")
    lost = sorted(
        f"{name} ({each.last_error})" for name, each in known.items() if not each.connected
    )
    if not lost:
        return Finding("prices", Level.OK, f"Prices are told by {', '.join(sorted(known))}.")
    text = f"Not connected: {', '.join(lost)}. Until then these prices are asked for."
    return Finding("prices", Level.WARN, text, "The log of `stream` says more.")


def check_assets() -> Iterable[Finding]:
    missing = missing_assets(settings.ASSETS_DIR)
    if missing:
        text = f"{len(missing)} front-end files are missing, such as {missing[0]}."
        yield Finding("assets", Level.FAIL, text, "Run `manage.py assets` or `make assets`.")
    else:
        yield Finding("assets", Level.OK, "The front-end files are there.")


def check_reachability() -> Iterable[Finding]:
    if not settings.PUBLIC_URL:
        text = "PUBLIC_URL is not set: nobody outside of this machine is known to reach it."
        fix = "Put a proxy with https in front, and set PUBLIC_URL to its address."
        yield Finding("reachability", Level.WARN, text, fix)
        return
    yield address_finding(settings.PUBLIC_URL)
    yield answer_finding(_ask_for_life(settings.PUBLIC_URL))


def address_finding(url: str) -> Finding:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if port not in TRADINGVIEW_PORTS:
        text = f"PUBLIC_URL has port {port}; TradingView sends to 80 and 443 only."
        return Finding("address", Level.WARN, text, "Serve it at one of those two.")
    if parts.scheme != "https":
        text = "PUBLIC_URL is not https: whoever is on the way can read the webhook's token."
        return Finding("address", Level.WARN, text, "Have the proxy serve https.")
    return Finding("address", Level.OK, "PUBLIC_URL is one that TradingView can send to.")


def answer_finding(said: str) -> Finding:
    """`said`: what `/livez` answered at PUBLIC_URL; empty when it was us."""
    if not said:
        return Finding("reachability", Level.OK, "This hub answers at PUBLIC_URL, seen from here.")
    fix = "See that the hub runs, that the name leads here, and that the proxy passes it on."
    return Finding("reachability", Level.FAIL, f"At PUBLIC_URL {said}.", fix)


def _ask_for_life(url: str) -> str:
    try:
        # PUBLIC_URL is http or https, as the settings see to.
        with urllib.request.urlopen(f"{url}/livez", timeout=REACH_SECONDS) as answer:  # noqa: S310  # see above
            return (
                ""
                if json.loads(answer.read(1000)) == {"status": "ok"}
                else "something else answers"
            )
    except urllib.error.HTTPError as error:
        error.close()
        return f"a {error.code} is answered"
    except OSError as error:
        return f"nobody answers ({type(error).__name__})"
    except ValueError:
        return "something else answers"


CHECKS: Sequence[tuple[str, Check]] = (
    ("config", check_config),
    ("database", check_database),
    ("redis", check_redis),
    ("clock", check_clock),
    ("venue", check_venues),
    ("streams", check_streams),
    ("prices", check_feeds),
    ("assets", check_assets),
    ("reachability", check_reachability),
)
