"""How long the adapters under test wait for a local venue: for long, since a busy machine is no
fault of a venue's. Where one hangs on purpose the test waits `hurried`, for that one request."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.venue.faults import FaultKind

HANGS = frozenset({
    FaultKind.HANG_BEFORE, FaultKind.DELAY, FaultKind.ACCEPT_THEN_DELAY,
    FaultKind.ACCEPT_THEN_HANG,
})  # fmt: skip


@dataclass
class Patience:
    """In seconds; read anew for each request, as the time-outs of an adapter."""

    connect: float = 10.0
    read: float = 20.0
    whole: float = 30.0


patience = Patience()


@contextmanager
def hurried() -> Iterator[None]:
    read, patience.read = patience.read, 0.4
    try:
        yield
    finally:
        patience.read = read
