"""Which processes run, and with which command lines. Pure: builds lists.

They can be told apart by their command lines: `daphne`, `celery … worker`, `celery … beat`,
`redis-server`, `manage.py stream`.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tradehub.supervisor.children import Child

# Less memory: glibc otherwise keeps a heap for each thread.
LEAN = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072", "PYTHONUNBUFFERED": "1"}

# Celery would run every system check, which loads every page.
WORKER = {"TRADEHUB_ROLE": "worker", "CELERY_SKIP_CHECKS": "1"}
STREAM = {"TRADEHUB_ROLE": "stream"}
METRICS = "metrics"
"""The folder of the numbers for /metrics, in the home; emptied at every start."""


@dataclass(frozen=True)
class Setup:
    """What the settings say, as `prepare` reports it."""

    home: Path
    host: str
    port: int
    public_url: str
    redis_url: str
    redis_embedded: bool
    redis_binary: str
    threads: int


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    web: int = 1
    workers: int = 1
    stream: bool = True


def children(setup: Setup, wanted: Wanted, descriptor: int) -> list[Child]:
    """In the order in which they start; they end in the reverse order."""
    environment = {
        **LEAN,
        "DJANGO_SETTINGS_MODULE": "tradehub.settings",
        # Where they count for /metrics, so that any of them can tell the sum.
        "PROMETHEUS_MULTIPROC_DIR": str(setup.home / METRICS),
    }
    planned: list[Child] = []
    if setup.redis_embedded:
        planned.append(Child("redis", redis_command(setup), LEAN))
    planned += [
        Child(name, web_command(descriptor), environment, (descriptor,))
        for name in _numbered("web", wanted.web)
    ]
    planned += [
        Child(name, worker_command(name, setup.threads), environment | WORKER)
        for name in _numbered("worker", wanted.workers)
    ]
    planned.append(Child("beat", _celery("beat", "--pidfile="), environment))
    if wanted.stream:
        planned.append(
            Child("stream", [sys.executable, "manage.py", "stream"], environment | STREAM)
        )
    return planned


def redis_command(setup: Setup) -> list[str]:
    socket = setup.redis_url.removeprefix("unix://")
    options: Mapping[str, str] = {
        "--port": "0",
        "--unixsocket": socket,
        "--unixsocketperm": "700",
        "--dir": str(setup.home / "redis"),
        "--pidfile": str(setup.home / "redis" / "redis.pid"),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--maxmemory": "256mb",
        "--maxmemory-policy": "noeviction",
        "--loglevel": "warning",
    }
    return [setup.redis_binary, *(part for option in options.items() for part in option)]


def web_command(descriptor: int) -> list[str]:
    # -v 0: no access log, which would print webhook tokens.
    return [
        sys.executable, "-m", "daphne", "-v", "0", "--fd", str(descriptor),
        "tradehub.asgi:application",
    ]  # fmt: skip


def worker_command(name: str, threads: int) -> list[str]:
    return _celery(
        "worker", "--pool=threads", f"--concurrency={threads}", "--queues=trade,background",
        f"--hostname={name}@tradehub", "--without-gossip", "--without-mingle",
        "--without-heartbeat",
    )  # fmt: skip


def _celery(*words: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "-A", "tradehub.celery:app", *words]


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}{number}" for number in range(1, count + 1)]
