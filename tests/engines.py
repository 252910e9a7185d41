"""The suite's engines: which database it runs on, and the private servers that it needs.

Loaded before Django's settings (`-p tests.engines`): puts TRADEHUB_HOME, DATABASE_URL and REDIS_URL
of this session into the environment, whatever the machine's own say. `--engine=postgresql` runs
what touches the database, on a server of its own; a server that can't be had fails the run.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.servers import Postgres, RedisServer, postgres_binaries

ENGINES = ("sqlite", "postgresql")
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server"}
MARKERS = {
    "browser": "drives a real Chromium",
    "processes": "starts TradeHub's real processes",
    "testnet": "needs a key and a network; deselected unless asked for with -m testnet",
}
# Variables that a run must not take over from the machine.
OURS = {
    "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "INSTALL_KEY", "DATABASE_URL", "REDIS_URL", "ENV_FILE",
    "TRADEHUB_HOME", "PUBLIC_URL", "ALLOWED_HOSTS", "TRUSTED_PROXY_COUNT", "SIGN_UP", "EMAIL_URL",
    "LOG_LEVEL", "DEBUG", "HOST", "PORT", "METRICS_ALLOWED", "DATABASE_POOL_SIZE",
    "WORKER_THREADS", "TRADEHUB_ROLE", "DJANGO_SETTINGS_MODULE",
}  # fmt: skip
_session: dict[str, object] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=ENGINES, default="sqlite", help="the database to run on")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    engine = early_config.known_args_namespace.engine
    home = Path(tempfile.mkdtemp(prefix="tradehub-tests-"))
    _session["home"] = home
    # Not pytest_unconfigure: it is not called when what follows fails.
    atexit.register(_end_servers)
    for name in list(os.environ):
        if name.removesuffix("_FILE") in OURS:
            del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "tradehub.settings_test",
        "ENV_FILE": os.devnull,
        "TRADEHUB_HOME": str(home),
        # Nothing listens there: a test that needs Redis asks for the fixture.
        "REDIS_URL": f"unix://{home}/redis.sock",
    }
    if engine == "postgresql":
        server = Postgres(postgres_binaries())
        _session["postgres"] = server
        os.environ["DATABASE_URL"] = server.start()


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    engine = config.getoption("--engine")
    wanted = config.getoption("-m") or ""
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        belongs = "testnet" in wanted or item.get_closest_marker("testnet") is None
        if engine == "postgresql":
            belongs = belongs and _touches_database(item)
        (kept if belongs else dropped).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def _touches_database(item: pytest.Item) -> bool:
    if any(item.get_closest_marker(name) for name in ("browser", "processes")):
        return False
    if item.get_closest_marker("django_db"):
        return True
    return bool(DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())))


def pytest_report_header(config: pytest.Config) -> str:
    return f"engine: {config.getoption('--engine')}"


def _end_servers() -> None:
    server = _session.pop("postgres", None)
    if isinstance(server, Postgres):
        server.stop()
    home = _session.pop("home", None)
    if isinstance(home, Path):
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a Redis that this session started; it ends with it."""
    server = RedisServer(Path(os.environ["TRADEHUB_HOME"]))
    yield server.start()
    server.stop()


@pytest.fixture
def redis_server(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Settings' REDIS_URL answers while the test runs, and holds nothing at first nor in the end.
    It is waited for: on a busy machine half a second says nothing."""
    from tradehub.lib.heartbeat import redis_client

    pool = redis_client().connection_pool
    monkeypatch.setitem(pool.connection_kwargs, "socket_timeout", 20.0)
    pool.disconnect()
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        yield redis_url
        client.flushall()
