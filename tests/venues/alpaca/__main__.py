"""`python -m tests.venues.alpaca --port N --control-port M`: Alpaca as a process."""

import sys

from tests.venues.alpaca.control import AlpacaCommands
from tests.venues.control import main

if __name__ == "__main__":
    sys.exit(main(AlpacaCommands))
