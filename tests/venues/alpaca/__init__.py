"""Alpaca's trading and data API as a venue of our own, on a socket: for tests.

Written apart from `brokers.alpaca`, from Alpaca's own documentation and what its users report, so
that a mistake of ours is never its own judge. `docs/venues/alpaca.md` says what it checks.
"""
