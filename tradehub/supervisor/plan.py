"""Which processes run, and with which command lines. Pure: builds lists.

They can be told apart by their command lines: `daphne`, `celery … worker`, `celery … beat`,
`redis-server`, `manage.py stream`.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from socket import gethostname
from socket import socket as Socket
from zlib import crc32

from tradehub.supervisor.children import Child

# Less memory: glibc otherwise keeps a heap for each thread.
LEAN = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072", "PYTHONUNBUFFERED": "1"}

# Celery would run every system check, which loads every page.
WORKER = {"TRADEHUB_ROLE": "worker", "CELERY_SKIP_CHECKS": "1"}
STREAM = {"TRADEHUB_ROLE": "stream"}
WORKER_NICENESS = 5
"""In a burst alerts are stored first: an order may be a little late, an alert may not be lost."""
BEAT_SIGN = "tradehub:beat"
WORKER_SIGN = "tradehub:canary:{queue}"
"""The keys of tradehub.lib.heartbeat, which this process doesn't load."""
STREAM_SIGN = "tradehub:stream:sign:{place}"
SIGN = "TRADEHUB_SIGN"
"""In a stream's environment: the key of the sign of life that it leaves."""
OWN_QUEUE = "only.{name}"
"""What a worker sends itself goes through a queue with this prefix (tradehub.own_canary)."""
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


def children(
    setup: Setup, wanted: Wanted, descriptor: int, doors: Sequence[Socket] = ()
) -> list[Child]:
    """In the order in which they start; they end in the reverse order. `doors` are listening
    sockets, one for each web process, where it alone answers."""
    environment = {
        **LEAN,
        # Where they count for /metrics, so that any of them can tell the sum.
        "PROMETHEUS_MULTIPROC_DIR": str(setup.home / METRICS),
    }
    planned: list[Child] = []
    if setup.redis_embedded:
        socket_path = setup.redis_url.removeprefix("unix://")
        planned.append(Child("redis", redis_command(setup), LEAN, door=socket_path))
    for name, door in zip_longest(_numbered("web", wanted.web), doors[: wanted.web]):
        planned.append(_web(name, descriptor, door, environment))
    for name in _numbered("worker", wanted.workers):
        queue = own_queue(name, setup.home)
        command = worker_command(name, setup.threads, queue)
        sign = WORKER_SIGN.format(queue=queue)
        planned.append(
            Child(name, command, environment | WORKER, sign=sign, niceness=WORKER_NICENESS)
        )
    planned.append(Child("beat", _celery("beat", "--pidfile="), environment, sign=BEAT_SIGN))
    if wanted.stream:
        sign = STREAM_SIGN.format(place=_place(setup.home))
        command = [sys.executable, "manage.py", "stream"]
        planned.append(Child("stream", command, environment | STREAM | {SIGN: sign}, sign=sign))
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


def _web(name: str, descriptor: int, door: Socket | None, environment: Mapping[str, str]) -> Child:
    if door is None:
        return Child(name, web_command(descriptor), environment, (descriptor,))
    return Child(
        name,
        web_command(descriptor, door.fileno()),
        environment,
        (descriptor, door.fileno()),
        door=door.getsockname()[:2],
    )


def web_command(descriptor: int, door: int | None = None) -> list[str]:
    own = [] if door is None else ["--endpoint", f"fd:fileno={door}"]
    # -v 0: no access log, which would print webhook tokens.
    return [
        sys.executable, "-m", "daphne", "-v", "0", "--fd", str(descriptor), *own,
        "tradehub.asgi:application",
    ]  # fmt: skip


def own_queue(name: str, home: Path) -> str:
    """Of one worker: several machines may share a Redis, and each has a `worker`."""
    return OWN_QUEUE.format(name=f"{name}.{_place(home)}")


def _place(home: Path) -> str:
    return f"{crc32(f'{gethostname()}:{home}'.encode()):08x}"


def worker_command(name: str, threads: int, queue: str) -> list[str]:
    return _celery(
        "worker", "--pool=threads", f"--concurrency={threads}",
        f"--queues=trade,background,{queue}",
        f"--hostname={name}@tradehub", "--without-gossip", "--without-mingle",
        "--without-heartbeat",
    )  # fmt: skip


def _celery(*words: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "-A", "tradehub.celery:app", *words]


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}{number}" for number in range(1, count + 1)]
