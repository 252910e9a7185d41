"""`python -m tests.venue --port N --state DIR`: the scripted venue as a process of its own."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from tests.venue.server import Server
from tests.venue.venue import Venue


def main() -> int:
    flags = argparse.ArgumentParser(prog="python -m tests.venue", description=__doc__)
    flags.add_argument("--port", type=int, default=0, help="0 picks a free one")
    flags.add_argument(
        "--state", type=Path, required=True, help="where ledger and journal are kept"
    )
    given = flags.parse_args()
    server = Server(Venue(given.state), given.port)
    signal.signal(signal.SIGTERM, _end)
    sys.stdout.write(f"The scripted venue listens: {server.url}\n")
    sys.stdout.flush()
    try:
        server.serve_forever(0.05)
    except KeyboardInterrupt:
        server.stopping.set()
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
