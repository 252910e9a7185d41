"""`python -m tests.venues.binance --port N --control-port M`: Binance spot as a process."""

import sys

from tests.venues.binance.control import SpotCommands
from tests.venues.control import main

if __name__ == "__main__":
    sys.exit(main(SpotCommands))
