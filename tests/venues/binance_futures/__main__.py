"""`python -m tests.venues.binance_futures --port N --control-port M`: the venue as a process."""

import sys

from tests.venues.binance_futures.control import FuturesCommands
from tests.venues.control import main

if __name__ == "__main__":
    sys.exit(main(FuturesCommands))
