"""`python -m tests.chaos --venue V --faults N --seed S --engine sqlite|postgresql`: its door."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom

from benchmarks.processes import plain_environment
from tests.chaos.processes import Hub
from tests.chaos.rigs import RIGS, Rig, make_rig
from tests.servers import Postgres, free_port, postgres_binaries


def main() -> int:
    given = _flags().parse_args()
    signal.signal(signal.SIGTERM, _leave)
    seed = SystemRandom().randrange(10**6) if given.seed is None else given.seed
    with _home() as home, _database(given.engine) as database:
        environment = {
            **plain_environment(),
            **database,
            "TRADEHUB_HOME": str(home),
            "ENV_FILE": os.devnull,
        }
        rig = make_rig(given.venue, home, given.venue_port)
        environment |= {"DJANGO_SETTINGS_MODULE": rig.settings, **rig.environment()}
        flags = () if rig.streams else ("--no-stream",)
        hub = Hub(home, given.port or free_port(), environment, *flags)
        try:
            hub.start()
            hub.wait_ready()
            return _run(given, seed, hub, rig, environment)
        finally:
            hub.stop()
            rig.stop()
            if given.keep is not None:
                shutil.copytree(home, given.keep, dirs_exist_ok=True, ignore=_SOCKETS)


_SOCKETS = shutil.ignore_patterns("*.sock", "*.turn")


def _run(given: argparse.Namespace, seed: int, hub: Hub, rig: Rig, settings: dict[str, str]) -> int:
    os.environ.update(settings)
    import django

    django.setup()
    from tests.chaos import run  # it needs the settings, and they need the hub's home

    faults = given.faults if given.seconds is None else None
    rate = given.rate or rig.rate
    wanted = run.Wanted(given.venue, faults, given.seconds, seed, given.engine, rate)
    return run.main(wanted, hub, rig)


def _flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    flags.add_argument("--venue", choices=sorted(RIGS), default="scripted")
    flags.add_argument("--faults", type=int, default=3000, help="until so many are injected")
    flags.add_argument("--seconds", type=float, help="so long instead")
    flags.add_argument("--seed", type=int, help="of alerts and faults; drawn when not given")
    flags.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    flags.add_argument("--rate", type=float, help="alerts a second; the venue's own if not given")
    flags.add_argument("--port", type=int, help="of the hub")
    flags.add_argument("--venue-port", type=int)
    flags.add_argument("--keep", type=Path, help="where the hub's home is copied in the end")
    return flags


@contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="tradehub-chaos-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _database(engine: str) -> Iterator[dict[str, str]]:
    """What the hub's environment says of it."""
    if engine == "sqlite":
        yield {}
        return
    server = Postgres(postgres_binaries())
    try:
        yield {"DATABASE_URL": server.start()}
    finally:
        server.stop()


def _leave(number: int, frame: object) -> None:
    """So that every process that was started here is ended."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
