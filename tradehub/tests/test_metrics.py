import os
import subprocess
import sys
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import User
from orders.models import Order, Position
from orders.work import drain_lane
from tradehub.figures import WORKING, signals_since, work_now
from tradehub.lib import heartbeat, metrics
from tradehub.lib.clock import utc_now
from tradehub.lib.version import VERSION
from tradehub.supervisor.command import _empty_metrics_folder
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token

COUNT = "from tradehub.lib import metrics; metrics.decisions.labels('denied').inc({})"
DONE = "from tradehub.lib import metrics; metrics.last_success.labels('sweeper').set({})"
TELL = """
from prometheus_client import generate_latest
from tradehub.lib import metrics
class All:
    collect = staticmethod(metrics.families)
print(generate_latest(All()).decode())
"""
BUY = {"ticker": "AAPL", "action": "buy", "quantity": 5, "price": 150, "stop_loss": 145}


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    metrics.last_success.clear()


@pytest.fixture
def traded(alice: User, now: datetime) -> str:
    """A filled entry with a working stop, and an alert that waits since two seconds."""
    account = make_account(alice, now)
    token = make_token(make_strategy(alice, account, make_profile(alice, now)))
    deliver(token, BUY, now)
    drain_lane(account.pk, clock=lambda: now)
    deliver(token, BUY | {"ticker": "MSFT"}, now)
    return account.pk


def samples(text: str) -> dict[str, float]:
    """Values by name, with the values of their labels."""
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read(client: Client, **environ: Any) -> dict[str, float]:
    response = client.get("/metrics", **environ)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    return samples(response.content.decode())


@pytest.mark.django_db
def test_what_the_database_says(client: Client, traded: str) -> None:
    Position.objects.update(protected=False)
    found = read(client)
    assert found["tradehub_database_up"] == 1
    assert found["tradehub_lane_items_due"] == 1
    assert found["tradehub_lane_oldest_due_seconds"] > 0
    assert found["tradehub_orders_working/open"] == 1
    assert found["tradehub_orders_working/queued"] == 0
    assert found["tradehub_positions_unprotected"] == 1
    assert found["tradehub_ingest_waiting"] == 0
    assert all(name.startswith("tradehub_") for name in found)


@pytest.mark.django_db
def test_the_figures(traded: str, now: datetime) -> None:
    later = now + timedelta(seconds=2)
    work = work_now(now=later)
    assert (work.items_due, work.oldest_due_seconds, work.orders_working) == (1, 2.0, 1)
    assert work_now(now=now - timedelta(seconds=1)).items_due == 0
    today = utc_now() - timedelta(hours=1)
    assert signals_since(since=today).received == 2
    assert signals_since(since=utc_now() + timedelta(hours=1)).received == 0


@pytest.mark.django_db
def test_working_orders_are_found_by_their_index(traded: str) -> None:
    """Or a scrape would read the whole ledger."""
    rows = Order.objects.filter(status__in=[each.value for each in WORKING]).order_by()
    if connection.vendor == "sqlite":
        assert "orders_by_status" in rows.values_list("status").explain()
    index = next(each for each in Order._meta.indexes if each.name == "orders_by_status")
    assert index.fields == ["status", "account"]


@pytest.mark.django_db
def test_signs_of_life(client: Client, redis_server: str) -> None:
    heartbeat.canary_seen("trade", utc_now() - timedelta(seconds=7))
    found = read(client)
    assert found["tradehub_redis_up"] == 1
    assert 7 <= found["tradehub_heartbeat_age_seconds/worker_trade"] < 60


@pytest.mark.django_db
def test_duties_are_told_over_processes(client: Client, redis_server: str) -> None:
    """The worker does them, web tells: the later of what lies in Redis and on this machine."""
    now = utc_now()
    heartbeat.duty_done("sweeper", now - timedelta(seconds=3))
    heartbeat.duty_done("open_orders", now - timedelta(seconds=5))
    heartbeat.canary_seen("trade", now - timedelta(seconds=7))
    metrics.last_success.labels("sweeper").set(now.timestamp() - 1)
    metrics.last_success.labels("open_orders").set(now.timestamp() - 60)
    found = read(client)
    ages = {
        name.rpartition("/")[2]: round(now.timestamp() - at)
        for name, at in found.items()
        if name.startswith("tradehub_last_success_timestamp_seconds/")
    }
    assert ages == {"sweeper": 1, "open_orders": 5, "canary_trade": 7}


@pytest.mark.usefixtures("no_redis")
@pytest.mark.django_db
def test_without_redis_this_machine_s_duties_are_told(client: Client) -> None:
    metrics.last_success.labels("sweeper").set(1_700_000_000)
    assert read(client)["tradehub_last_success_timestamp_seconds/sweeper"] == 1_700_000_000


def test_the_latest_success_of_several_workers_counts(tmp_path: Path) -> None:
    for at in (30, 50, 40):
        run(DONE.format(at), tmp_path)
    assert samples(run(TELL, tmp_path))["tradehub_last_success_timestamp_seconds/sweeper"] == 50


@pytest.mark.django_db
@pytest.mark.parametrize(
    "environ",
    [
        {"REMOTE_ADDR": "198.51.100.7"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "198.51.100.7"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"REMOTE_ADDR": "unknown"},
    ],
)
def test_there_is_no_such_page_for_others(client: Client, environ: Any) -> None:
    response = client.get("/metrics", **environ)
    assert response.status_code == 404
    assert b"tradehub_" not in response.content


@pytest.mark.django_db
def test_listed_addresses_may_read(client: Client, settings: Any) -> None:
    settings.METRICS_ALLOWED = ["198.51.100.0/24", "2001:db8::1"]
    assert read(client, REMOTE_ADDR="198.51.100.7")
    assert read(client, REMOTE_ADDR="2001:db8::1")
    assert read(client, REMOTE_ADDR="::1")
    assert client.get("/metrics", REMOTE_ADDR="198.51.101.7").status_code == 404


@pytest.mark.django_db
def test_behind_a_known_proxy_the_sender_counts(client: Client, settings: Any) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    environ: Any = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "198.51.100.7"}
    assert client.get("/metrics", **environ).status_code == 404
    settings.METRICS_ALLOWED = ["198.51.100.7"]
    assert read(client, **environ)


def run(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=django_settings.BASE_DIR,
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_any_process_tells_the_sum_of_all(tmp_path: Path) -> None:
    run(COUNT.format(2), tmp_path)
    run(COUNT.format(3), tmp_path)
    assert samples(run(TELL, tmp_path))["tradehub_decisions_total/denied"] == 5


def test_a_start_forgets_what_ended(tmp_path: Path) -> None:
    setup: Any = SimpleNamespace(home=tmp_path)
    _empty_metrics_folder(setup)
    run(COUNT.format(2), tmp_path / "metrics")
    _empty_metrics_folder(setup)
    assert "tradehub_decisions_total" not in run(TELL, tmp_path / "metrics").replace("# ", "")


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((django_settings.BASE_DIR / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
