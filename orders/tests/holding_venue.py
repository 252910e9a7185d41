"""The paper venue as one whose resting orders hold what they would sell, as most real ones do: no
links, no more to sell than is free, and no stop that would trigger at once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from brokers.errors import OrderRejected
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.types import Capabilities, OrderReport, OrderRequest
from orders import syncing, work
from orders.tests.near_venue import Steps
from tradehub.core.money import ZERO
from tradehub.core.words import OrderType
from tradehub.testing.hub import Clock, Desk, Venue


@dataclass
class HoldingVenue(Venue):
    steps: Steps = field(default_factory=Steps)
    """Each request that the venue has heard is one."""

    def connect(self, account: BrokerAccount, *, now: Callable[[], datetime]) -> "HoldingDesk":
        return HoldingDesk(self, connect(account, now=now))


class HoldingDesk(Desk):
    _venue: HoldingVenue

    def capabilities(self) -> Capabilities:
        able: Capabilities = self._broker.capabilities()
        return replace(able, linked_orders=False, holds_balance=True)

    def submit(self, request: OrderRequest) -> OrderReport:
        def heard(asked: OrderRequest) -> OrderReport:
            self._check(asked)
            return self._broker.submit(replace(asked, link=None))

        return self._asked("submit", heard, request)

    def cancel(self, name: str) -> OrderReport:
        return self._asked("cancel", self._broker.cancel, name)

    def _asked(self, name: str, method: Callable[..., Any], given: Any) -> Any:
        self._venue.calls.append((name, given))
        queue = self._venue.faults.get(name, [])
        fault = queue.pop(0) if queue else None
        if fault is not None and not fault.heard:
            raise fault.error
        answer = method(given)
        self._venue.steps.taken()
        if fault is not None:
            raise fault.error
        return answer

    def _check(self, asked: OrderRequest) -> None:
        if not asked.reduce_only:
            return
        quote = self._broker.quote(asked.symbol)
        assert quote is not None
        sign = asked.side.sign
        held = sum(x.quantity for x in self._broker.positions() if x.symbol == asked.symbol)
        resting = sum(
            (x.quantity - x.filled_quantity for x in self._broker.open_orders()
             if (x.symbol, x.side) == (asked.symbol, asked.side)),
            ZERO,
        )  # fmt: skip
        if asked.quantity + resting > -held * sign:
            raise OrderRejected("insufficient balance", venue_code="-2010")
        stop = asked.stop_price
        if asked.order_type is OrderType.STOP and stop and (quote.last - stop) * sign >= 0:
            raise OrderRejected("Order would trigger immediately.", venue_code="-2010")


def use_holding_venue(patch: pytest.MonkeyPatch, clock: Clock) -> HoldingVenue:
    """Every lane and poll speaks to this venue from now on."""
    venue = HoldingVenue(clock)
    patch.setattr(work, "connect", venue.connect)
    patch.setattr(syncing, "connect", venue.connect)
    return venue
