"""The futures fake on a socket: the door and the misbehaviour of the spot one."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.venues.binance.api import Reply, Request
from tests.venues.binance.server import Handler as SpotHandler
from tests.venues.binance_futures import api
from tests.venues.binance_futures.venue import Venue
from tests.venues.door import Door


class Server(Door[Venue]):
    def __init__(self, venue: Venue, port: int = 0) -> None:
        super().__init__(venue, Handler, port)


class Handler(SpotHandler):
    server: Server  # type: ignore[assignment]  # of its own venue

    def operation_of(self, request: Request) -> str:
        return api.operation_of(request)

    def reply_to(self, request: Request) -> Reply:
        return api.answer(self.server.venue, request)


@contextmanager
def serving(venue: Venue) -> Iterator[Server]:
    server = Server(venue)
    try:
        yield server
    finally:
        server.close_door()
