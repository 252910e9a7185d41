"""Where Redis is: the address a process uses, in the form that each library wants.

The embedded one listens at a unix socket. The kernel cuts a socket's path silently beyond 107
bytes, so for a long TRADEHUB_HOME it lies in a short temporary folder, whose path is kept in the
home for all processes to find.
"""

import tempfile
from pathlib import Path

from tradehub.keys import write_once

LONGEST_SOCKET_PATH = 100


def embedded_socket(home: Path) -> Path:
    folder = home / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    direct = folder / "redis.sock"
    if len(str(direct).encode()) <= LONGEST_SOCKET_PATH:
        return direct
    note = folder / "socket_folder"
    if not note.exists():
        write_once(note, tempfile.mkdtemp(prefix="tradehub-"))
    return Path(note.read_text(encoding="utf-8")) / "redis.sock"


def embedded_url(home: Path) -> str:
    return f"unix://{embedded_socket(home)}"


def broker_url(redis_url: str) -> str:
    """Celery's form: kombu calls a unix socket `redis+socket://`, its database `virtual_host`."""
    if not redis_url.startswith("unix://"):
        return redis_url
    address, _, query = redis_url.removeprefix("unix://").partition("?")
    query = query.replace("db=", "virtual_host=")
    return f"redis+socket://{address}" + (f"?{query}" if query else "")
