"""The hub's doctor: each line's level and cure, and exit codes for scripts."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.checks import Error, Warning
from django.core.management import call_command
from django.db import OperationalError, connection
from redis import Redis

from accounts.models import User
from brokers.doctor import Line
from brokers.models import BrokerAccount, Examination
from brokers.prices.shared import STATES
from brokers.streams import states
from brokers.streams.states import StreamState
from brokers.tests.builders import open_stub_account
from tradehub import doctor
from tradehub.doctor import Finding, Level
from tradehub.lib import duties, heartbeat
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import make_account

FINE = Finding("it", Level.OK, "Fine.")
ODD = Finding("it", Level.WARN, "Odd.", "Look.")
BAD = Finding("it", Level.FAIL, "Bad.", "Mend it.")


def levels(findings: Any) -> list[Level]:
    return [each.level for each in findings]


@pytest.mark.parametrize(
    ("findings", "code"),
    [([], 0), ([FINE], 0), ([FINE, ODD], 1), ([ODD, BAD, FINE], 2), ([BAD], 2)],
)
def test_the_worst_line_is_the_exit_code(findings: list[Finding], code: int) -> None:
    assert doctor.exit_code(findings) == code


def test_a_check_that_breaks_is_a_line_and_the_others_go_on() -> None:
    def breaks() -> list[Finding]:
        raise OSError("redis://user:hunter2@host")

    found = doctor.examine_hub([("first", breaks), ("second", lambda: [FINE])])
    assert [(each.name, each.level) for each in found] == [("first", "fail"), ("it", "ok")]
    assert "hunter2" not in found[0].text


def test_messages_of_the_settings_keep_their_level_and_cure() -> None:
    assert levels(doctor.settings_findings([])) == [Level.OK]
    assert levels(doctor.settings_findings([Error("x", id="tradehub.E001")])) == [Level.OK]
    found = doctor.settings_findings([Warning("odd", hint="look", id="a.W1"), Error("bad")])
    assert found[0] == Finding("config", Level.WARN, "odd (a.W1)", "look")
    assert found[1].level is Level.FAIL


def test_debug_and_open_sign_up_are_named(settings: Any) -> None:
    assert levels(doctor.check_config()) == [Level.OK]
    settings.DEBUG, settings.SIGN_UP = True, "open"
    named = [each.text for each in doctor.check_config() if each.level is Level.WARN]
    assert named == ["DEBUG is on.", "Anybody who reaches this hub may sign up."]


@pytest.mark.django_db
def test_a_database_that_is_up_to_date() -> None:
    found = list(doctor.check_database())
    assert set(levels(found)) == {Level.OK}
    assert found[0].name == "database"


@pytest.mark.django_db
def test_migrations_that_wait_are_a_failure() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'signals'")
    found = next(iter(doctor.check_database()))
    assert found.level is Level.FAIL
    assert "not applied" in found.text
    assert "migrate" in found.what_to_do


@pytest.mark.parametrize(
    ("free", "level"),
    [(10**9, Level.OK), (10**9 - 1, Level.WARN), (10**8, Level.WARN), (10**8 - 1, Level.FAIL)],
)
def test_room_on_the_disk(free: int, level: Level) -> None:
    assert doctor.disk_finding(free).level is level


@pytest.fixture
def busy(redis_server: str) -> str:
    now = utc_now()
    heartbeat.beat_pulse(now)
    for queue in heartbeat.QUEUES:
        heartbeat.canary_seen(queue, now)
    for duty in duties.LATE_AFTER:
        heartbeat.duty_done(duty, now)
    return redis_server


def test_a_redis_that_answers_and_a_hub_at_work(busy: str) -> None:
    assert levels(doctor.check_redis()) == [Level.OK, Level.OK]


def test_a_redis_that_may_forget_is_named(busy: str) -> None:
    with Redis.from_url(busy) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = list(doctor.check_redis())
        finally:
            redis.config_set("maxmemory-policy", "noeviction")
    assert levels(found) == [Level.WARN, Level.OK]
    assert "allkeys-lru" in found[0].text


@pytest.mark.usefixtures("no_redis")
def test_an_embedded_redis_is_missed_only_while_up_runs(settings: Any, tmp_path: Path) -> None:
    settings.REDIS_EMBEDDED, settings.TRADEHUB_HOME = True, tmp_path
    assert levels(doctor.check_redis()) == [Level.WARN]
    (tmp_path / "up.json").touch()
    assert levels(doctor.check_redis()) == [Level.FAIL]
    settings.REDIS_EMBEDDED = False
    found = list(doctor.check_redis())
    assert levels(found) == [Level.FAIL]
    assert "nowhere" not in found[0].text


def test_duties_that_are_late_or_were_never_done_are_named(now: datetime) -> None:
    seconds = now.timestamp()
    on_time: dict[str, float | None] = dict.fromkeys(duties.LATE_AFTER, seconds)
    assert doctor.duties_finding(on_time, now=now).level is Level.OK
    bad = on_time | {"sweeper": seconds - 45, "beat": None}
    found = doctor.duties_finding(bad, now=now)
    assert found.level is Level.FAIL
    assert "sweeper (45 s ago)" in found.text
    assert "beat (never)" in found.text


@pytest.mark.parametrize(
    ("off", "level"), [(0.9, Level.OK), (1, Level.WARN), (9.9, Level.WARN), (10, Level.FAIL)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_clocks_that_differ(now: datetime, off: float, sign: int, level: Level) -> None:
    """A slow answer is no difference."""
    after = now + timedelta(seconds=2)
    theirs = (after if sign > 0 else now) + sign * timedelta(seconds=off)
    found = doctor.clock_finding("Redis", before=now, theirs=theirs, after=after)
    assert found.level is level
    assert f"{off:.1f} s" in found.text


@pytest.mark.django_db
def test_the_clocks_of_database_and_redis_are_asked(redis_server: str) -> None:
    found = list(doctor.check_clock())
    assert set(levels(found)) == {Level.OK}
    assert "differ by" in found[-1].text
    assert len(found) == (2 if connection.vendor == "postgresql" else 1)


@pytest.mark.parametrize(
    ("wrong", "level"),
    [([], Level.OK), (["balance"], Level.WARN), (["balance", "connection"], Level.FAIL)],
)
def test_an_account_is_one_line(wrong: list[str], level: Level) -> None:
    lines = [Line("holdings", True, "Two."), *(Line(each, False, each, "Mend.") for each in wrong)]
    found = doctor.venue_finding("Paper of alice", lines)
    assert found.level is level
    assert found.text.startswith("Paper of alice: ")
    assert all(each in found.text for each in wrong)


@pytest.mark.django_db
def test_every_account_that_takes_orders_is_examined(alice: User, now: datetime) -> None:
    assert levels(doctor.check_venues()) == [Level.OK]
    account = make_account(alice, now)
    found = list(doctor.check_venues())
    assert [each.text for each in found] == [f"{account.label} of alice: ready for orders."]
    BrokerAccount.objects.update(kind="no_such_venue")
    assert levels(doctor.check_venues()) == [Level.FAIL]


@pytest.mark.django_db
def test_without_a_database_accounts_are_not_examined() -> None:
    def refuse(*_: Any) -> Any:
        raise OperationalError

    with connection.execute_wrapper(refuse):
        assert levels(doctor.check_venues()) == [Level.WARN]


@pytest.mark.parametrize(
    ("followed", "known", "level", "words"),
    [
        (0, [], Level.OK, "No account"),
        (2, [StreamState(1.0), StreamState(2.0)], Level.OK, "2 of 2"),
        (2, [StreamState(1.0)], Level.WARN, "1 of 2"),
        (2, [StreamState(1.0), StreamState(last_error="BAD_CREDENTIALS")], Level.WARN, "BAD_CRED"),
    ],
)
def test_streams_are_one_line(
    followed: int, known: list[StreamState], level: Level, words: str
) -> None:
    found = doctor.streams_finding(followed, known)
    assert found.level is level
    assert words in found.text
    assert bool(found.what_to_do) is (level is not Level.OK)


@pytest.mark.django_db
@pytest.mark.usefixtures("no_redis")
def test_streams_are_not_looked_at_without_redis() -> None:
    assert levels(doctor.check_streams()) == [Level.OK]


@pytest.mark.django_db
def test_who_is_followed_and_told_of_by_nobody_is_a_warning(alice: User, redis_server: str) -> None:
    account = open_stub_account(alice)
    Examination.objects.filter(account=account).delete()
    assert levels(doctor.check_streams()) == [Level.OK]
    Examination.objects.create(account=account, passed=True)
    assert levels(doctor.check_streams()) == [Level.WARN]
    states.tell(heartbeat.redis_client(), {account.pk: StreamState(1.0)}, now=utc_now())
    assert levels(doctor.check_streams()) == [Level.OK]


@pytest.mark.parametrize(
    ("known", "level", "words"),
    [
        ({}, Level.OK, "none is needed"),
        ({"binance_spot:live/all": StreamState(1.0)}, Level.OK, "binance_spot:live/all"),
        (
            {"alpaca:iex/all": StreamState(last_error="CONNECTION_LIMIT")},
            Level.WARN,
            "alpaca:iex/all (CONNECTION_LIMIT)",
        ),
    ],
)
def test_feeds_of_prices_are_one_line(
    known: dict[str, StreamState], level: Level, words: str, redis_server: str
) -> None:
    states.tell(heartbeat.redis_client(), known, now=utc_now(), key=STATES)
    (found,) = doctor.check_feeds()
    assert (found.level, words in found.text) == (level, True)
    assert bool(found.what_to_do) is (level is not Level.OK)


def test_assets_that_are_missing_are_a_failure(settings: Any, tmp_path: Path) -> None:
    settings.ASSETS_DIR = tmp_path
    assert levels(doctor.check_assets()) == [Level.FAIL]


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("https://hub.example.org", Level.OK),
        ("http://hub.example.org", Level.WARN),
        ("https://hub.example.org:8443", Level.WARN),
    ],
)
def test_an_address_that_tradingview_can_send_to(url: str, level: Level) -> None:
    assert doctor.address_finding(url).level is level


@pytest.fixture
def proxy() -> Iterator[http.server.ThreadingHTTPServer]:
    """Answers `said` to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        said = (200, b'{"status": "ok"}')

        def do_GET(self) -> None:
            code, body = self.said
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("said", "level", "words"),
    [
        ((200, b'{"status": "ok"}'), Level.OK, "This hub answers"),
        ((200, b"<html>parked</html>"), Level.FAIL, "something else answers"),
        ((200, b'{"other": 1}'), Level.FAIL, "something else answers"),
        ((502, b""), Level.FAIL, "a 502 is answered"),
    ],
)
def test_whoever_answers_at_public_url(
    proxy: Any, settings: Any, said: tuple[int, bytes], level: Level, words: str
) -> None:
    proxy.RequestHandlerClass.said = said
    settings.PUBLIC_URL = f"http://127.0.0.1:{proxy.server_port}"
    found = list(doctor.check_reachability())[-1]
    assert found.level is level
    assert words in found.text


def test_nobody_at_public_url_and_no_public_url(settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:1"
    assert list(doctor.check_reachability())[-1].level is Level.FAIL
    settings.PUBLIC_URL = ""
    assert levels(doctor.check_reachability()) == [Level.WARN]


@pytest.mark.parametrize(("findings", "code"), [([FINE], 0), ([ODD], 1), ([ODD, BAD], 2)])
def test_the_command_prints_and_ends_with_the_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    findings: list[Finding],
    code: int,
) -> None:
    checks = [("it", lambda: findings)]
    monkeypatch.setattr(doctor, "CHECKS", checks)
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == code
    said = capsys.readouterr().out
    assert all(each.text in said and each.what_to_do in said for each in findings)
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json")
    assert ended.value.code == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["exit_code"] == code
    assert [each["level"] for each in answer["findings"]] == levels(findings)
    assert set(answer["findings"][0]) == {"name", "level", "text", "what_to_do"}


def test_a_setting_that_can_not_be_used_ends_with_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=django_settings.BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "TRADEHUB_HOME": str(tmp_path),
            "ENV_FILE": os.devnull,
            "SIGN_UP": "sometimes",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "SIGN_UP" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
