"""The paper venue as one that takes a cancel and lets the order work on for a while or for good."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.types import OrderReport
from orders import syncing, work
from tradehub.testing.hub import Clock, Desk, Hub, Venue


@dataclass
class SlowVenue(Venue):
    slow: bool = False
    """From now on a cancel is only taken."""
    taken: list[str] = field(default_factory=list)
    """Cancels that are not carried out yet."""

    def connect(self, account: BrokerAccount, *, now: Callable[[], datetime]) -> "SlowDesk":
        return SlowDesk(self, connect(account, now=now))

    def carry_out(self, hub: Hub) -> None:
        broker = connect(hub.account, now=hub.clock)
        for each in self.taken:
            broker.cancel(each)
        self.taken.clear()


class SlowDesk(Desk):
    _venue: SlowVenue

    def cancel(self, name: str) -> OrderReport:
        venue = self._venue
        if not venue.slow:
            report: OrderReport = self.__getattr__("cancel")(name)
            return report
        venue.calls.append(("cancel", name))
        venue.taken.append(name)
        stands = self._broker.order(name)
        assert stands is not None
        return stands


def use_slow_venue(patch: pytest.MonkeyPatch, clock: Clock) -> SlowVenue:
    """Every lane and poll speaks to this venue from now on."""
    venue = SlowVenue(clock)
    patch.setattr(work, "connect", venue.connect)
    patch.setattr(syncing, "connect", venue.connect)
    return venue
