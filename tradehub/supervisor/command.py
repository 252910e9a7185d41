"""`manage.py up`: everything in one terminal. The door: reads the flags, prepares, supervises.

Runs without Django, which works in a child that ends (`prepare`). Whatever keeps the hub from
starting is one sentence on stderr and exit code 2.
"""

import argparse
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from tradehub.supervisor.plan import METRICS, Setup, Wanted, children
from tradehub.supervisor.sockets import PortTaken, listen
from tradehub.supervisor.supervise import Supervisor

BROKEN = 2
PROJECT = Path(__file__).resolve().parent.parent.parent


class CannotStart(Exception):
    """A sentence for the person who starts TradeHub; empty when it has been said."""


def main(arguments: Sequence[str]) -> int:
    flags = parser().parse_args(arguments)
    os.chdir(PROJECT)
    try:
        return _up(flags)
    except (CannotStart, PortTaken) as error:
        if str(error):
            print(error, file=sys.stderr)
        return BROKEN


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="manage.py up",
        description="Runs all of TradeHub in this terminal: web, worker, beat, streams and, "
        "unless REDIS_URL is set, Redis.",
    )
    flags.add_argument("--host", help="where to listen (default: HOST, else 127.0.0.1)")
    flags.add_argument("--port", type=_port, help="default: PORT, else 8000; 0 picks a free one")
    flags.add_argument("--web", type=_count, default=1, metavar="N", help="web processes")
    flags.add_argument("--workers", type=_count, default=1, metavar="N", help="worker processes")
    flags.add_argument("--no-stream", action="store_true", help="leave the venue streams out")
    return flags


def _up(flags: argparse.Namespace) -> int:
    for name in ("host", "port"):
        if getattr(flags, name) is not None:
            os.environ[name.upper()] = str(getattr(flags, name))
    preparation = _start_preparation()
    setup = _setup(preparation)
    with _lock(setup.home) as lock:
        listener = listen(setup.host, setup.port)
        host, port = listener.getsockname()[:2]
        # So that links made outside of a request name the port that was picked.
        os.environ |= {"HOST": setup.host, "PORT": str(port)}
        welcome = _migrate(preparation)
        url = f"http://{host}:{port}"
        _prepare_redis_folder(setup)
        _empty_metrics_folder(setup)
        wanted = Wanted(flags.web, flags.workers, not flags.no_stream)
        doors = [listen("127.0.0.1", 0) for _ in range(wanted.web)]
        planned = children(setup, wanted, listener.fileno(), doors)
        if welcome:
            _print_welcome(setup.public_url or url.replace("//0.0.0.0:", "//localhost:"), welcome)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        Supervisor(setup, planned, url, _probe(host, port)).run()
        for each in (listener, *doors):
            each.close()
    return 0


def _start_preparation() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tradehub.supervisor.prepare"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _setup(preparation: subprocess.Popen[str]) -> Setup:
    said = _next_line(preparation)
    return Setup(**{**said, "home": Path(said["home"])})


def _migrate(preparation: subprocess.Popen[str]) -> str | None:
    assert preparation.stdin is not None
    preparation.stdin.write("go\n")
    preparation.stdin.flush()
    said = _next_line(preparation)
    preparation.communicate()
    welcome: str | None = said["welcome"]
    return welcome


def _next_line(preparation: subprocess.Popen[str]) -> dict[str, Any]:
    assert preparation.stdout is not None
    line = preparation.stdout.readline()
    if not line:
        code = preparation.wait()
        # It has said why, unless it fell over something nobody foresaw.
        raise CannotStart(
            ""
            if code == BROKEN
            else f"TradeHub can't start: preparing it failed, see above ({code})."
        )
    return dict(json.loads(line))


def _lock(home: Path) -> IO[str]:
    """Held while this hub runs; the kernel lets go of it however we end."""
    lock = (home / "up.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise CannotStart(
            f"TradeHub already runs with TRADEHUB_HOME={home} ({_running(home)}). Stop it first."
        ) from error
    lock.truncate(0)
    return lock


def _running(home: Path) -> str:
    try:
        note = json.loads((home / "up.json").read_text(encoding="utf-8"))
        return f"process {note['pid']}, {note['url']}"
    except (OSError, ValueError, KeyError):
        return "it is starting"


def _prepare_redis_folder(setup: Setup) -> None:
    if not setup.redis_embedded:
        return
    folder = Path(setup.redis_url.removeprefix("unix://")).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise CannotStart(f"TradeHub can't start: {folder} belongs to somebody else.")


def _empty_metrics_folder(setup: Setup) -> None:
    """Numbers of processes that ended: a counter that starts anew is what Prometheus expects."""
    folder = setup.home / METRICS
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()


def _print_welcome(base: str, path: str) -> None:
    print(f"\nCreate the first operator here (valid for 15 minutes, once):\n  {base}{path}\n")


def _probe(host: str, port: int) -> tuple[str, int]:
    return ("127.0.0.1" if host == "0.0.0.0" else host, port)  # noqa: S104  # compared, not bound


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 64")
    return int(text)
