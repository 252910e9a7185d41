"""A worker that dies after every step of its work, one after another, over a venue's wire.

A step is a commit of the order path, or an order or cancel that the venue has heard.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from brokers.models import BrokerAccount
from brokers.registry import connect
from orders import syncing
from orders.tests.near_venue import Killed, Steps, stand_between
from tradehub.testing.hub import Hub

MOST_STEPS = 60
LOOKS = 20
LEASE = 11.0


def poll(hub: Hub, seconds: float = 2) -> None:
    hub.clock.wait(seconds)
    syncing.sync_account(hub.account, clock=hub.clock)
    hub.drain()


def die_at_every_step(
    patch: pytest.MonkeyPatch,
    hub: Hub,
    *,
    before: Callable[[], None],
    move: Callable[[], None],
    mended: Callable[[], bool],
) -> int:
    """`before` makes the world as it is, `move` gives the next poll something to do, `mended` is
    asked after each look that follows the death, and asserts what must hold by then. How many
    steps there were."""
    steps = Steps()

    def stepping(account: BrokerAccount, *, now: Callable[[], datetime]) -> Any:
        broker = connect(account, now=now)
        for name in ("submit", "submit_pair", "cancel"):
            if hasattr(broker, name):
                setattr(broker, name, _then(steps, getattr(broker, name)))
        return broker

    stand_between(patch, steps, stepping)
    for at in range(1, MOST_STEPS):
        before()
        move()
        if not _dies(hub, steps, at):
            return at
        hub.clock.wait(LEASE)
        if not any(_looks(hub, mended) for _ in range(LOOKS)):
            pytest.fail(f"not mended after step {at}")
    pytest.fail("there is no end of steps")


def _looks(hub: Hub, mended: Callable[[], bool]) -> bool:
    poll(hub, 4)
    return mended()


def _then(steps: Steps, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any) -> Any:
        answer = method(*given)
        steps.taken()
        return answer

    return call


def _dies(hub: Hub, steps: Steps, at: int) -> bool:
    with steps.interrupted(at, steps.kill):
        try:
            poll(hub)
        except Killed:
            return True
    return False


class Guard:
    """How long a position may be without its stop: a stop that left unheard is in doubt so long."""

    def __init__(self, clock: Callable[[], datetime], longest: float) -> None:
        self._clock = clock
        self._longest = timedelta(seconds=longest)
        self._bare_since: datetime | None = None

    def sees(self, stops: bool) -> bool:
        now = self._clock()
        self._bare_since = None if stops else self._bare_since or now
        bare_for = now - (self._bare_since or now)
        assert bare_for < self._longest, f"it has no stop for {bare_for}"
        return stops


def looks_until(hub: Hub, mended: Callable[[], bool]) -> None:
    for _ in range(LOOKS):
        if mended():
            return
        poll(hub, 4)
