"""A model test: whatever happens in whatever order, no order is doubled and our books end as the
venue's.

Hypothesis makes up the course of events over the real order path: alerts, workers that are killed
or overtaken at any commit or request, answers that are lost, fills that come late, hands at the
venue, a clock that jumps. `MODEL_EXAMPLES=2000 pytest orders/tests/test_model.py` looks longer.
"""

import os
import sys
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from orders import doorbell
from orders.lanes import LEASE
from orders.tests.model_world import AT_VENUE_STATUSES, PRICES, World
from orders.tests.near_venue import Trouble, stand_between
from tests.venue.books import IdPolicy

SYMBOLS = st.sampled_from(sorted(PRICES))
SIZES = st.sampled_from([1, 2, 5])
INTERRUPTIONS = st.sampled_from(
    ["kill", "stall", "reconcile", "poll", "alert", "fill", "cancel", "deny", "replace"]
)
TROUBLED = st.sampled_from(
    ["submit", "submit", "submit", "cancel", "order", "open_orders", "closed_orders", "fills",
     "positions", "account", "quotes", "instrument"]
)  # fmt: skip


class Trading(RuleBasedStateMachine):
    def __init__(self, owner: User, now: datetime) -> None:
        super().__init__()
        self.owner, self.now = owner, now
        self.patch = pytest.MonkeyPatch()
        self.saved = transaction.atomic()
        self.saved.__enter__()

    @initialize(
        fills_by_hand=st.booleans(),
        policy=st.sampled_from([IdPolicy.UNIQUE_FOREVER, IdPolicy.UNIQUE_WHILE_OPEN]),
        lag=st.sampled_from([0, 0, 3]),
        disorder=st.booleans(),
        linked=st.booleans(),
    )
    def open(
        self, fills_by_hand: bool, policy: IdPolicy, lag: int, disorder: bool, linked: bool
    ) -> None:
        rules: dict[str, Any] = {
            "fills_by_hand": fills_by_hand, "id_policy": policy.value, "order_lag": lag,
            "fill_lag": lag, "position_lag": lag, "duplicates": disorder, "shuffled": disorder,
            "leverage": "10",
        }  # fmt: skip
        options = {"client_ids": policy.value, "linked": linked}
        self.world = World(self.owner, self.now, options, **rules)
        self.patch.setattr(doorbell.doorbell, "publish", lambda account_id: None)
        stand_between(self.patch, self.world.steps, self.world.connect)
        self.world.reconcile()

    # ---- alerts and people ----

    @rule(symbol=SYMBOLS, side=st.sampled_from(["buy", "sell"]), size=SIZES,
          guarded=st.booleans(), resting=st.sampled_from([False, False, True]))  # fmt: skip
    def alert(self, symbol: str, side: str, size: int, guarded: bool, resting: bool) -> None:
        sign, price = (1 if side == "buy" else -1), PRICES[symbol]
        more: dict[str, Any] = {}
        if guarded:
            more = {"stop_loss": str(price - 10 * sign), "take_profit": str(price + 10 * sign)}
        if resting:
            more |= {"order_type": "limit", "limit_price": str(price - sign)}
        self.world.alert(symbol, action=side, quantity=size, **more)

    @rule(symbol=SYMBOLS)
    def close(self, symbol: str) -> None:
        self.world.alert(symbol, action="close")

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        rows = sorted(self.world.ours().values(), key=lambda each: each.pk)
        if rows:
            self.world.cancel(data.draw(st.sampled_from(rows[-4:])))

    @rule(data=st.data(), factor=st.sampled_from(["0.25", "1", "2"]), change=st.integers(-1, 1))
    def replace(self, data: st.DataObject, factor: str, change: int) -> None:
        rows = [each for each in self.world.ours().values() if each.status in AT_VENUE_STATUSES]
        if rows:
            rows.sort(key=lambda each: each.pk)
            self.world.replace(data.draw(st.sampled_from(rows[-4:])), factor, change)

    @rule()
    def adopt(self) -> None:
        self.world.adopt()

    # ---- workers ----

    @rule()
    def drain(self) -> None:
        self.world.drain()

    @rule(
        alert=st.none() | st.sampled_from(["buy", "sell", "close"]),
        at=st.integers(1, 16),
        then=INTERRUPTIONS,
        trouble=st.none() | st.sampled_from(Trouble),
    )
    def drain_interrupted(
        self, alert: str | None, at: int, then: str, trouble: Trouble | None
    ) -> None:
        if alert is not None:
            self.world.alert("AAPL", action=alert, quantity=2)
        if trouble is not None:
            self.world.venue.trouble("submit", trouble, 1)
        with self.world.steps.interrupted(at, getattr(self, f"_{then}")):
            self.world.drain()

    def _kill(self) -> None:
        self.world.steps.kill()

    def _stall(self) -> None:
        """The worker sleeps until its lease is gone, and another does its work meanwhile."""
        self.world.clock.wait(LEASE.total_seconds() + 1)
        self.world.drain()
        self.world.clock.wait(6)
        self.world.drain()

    def _reconcile(self) -> None:
        self.world.reconcile()

    def _poll(self) -> None:
        self.world.poll()

    def _alert(self) -> None:
        self.world.alert("AAPL", action="sell", quantity=3)

    def _fill(self) -> None:
        for order in self.world.resting()[-1:]:
            self.world.fill(order, "1")

    def _cancel(self) -> None:
        for row in sorted(self.world.ours().values(), key=lambda each: each.pk)[-1:]:
            self.world.cancel(row)

    def _replace(self) -> None:
        for row in sorted(self.world.ours().values(), key=lambda each: each.pk)[-1:]:
            self.world.replace(row, "2", 0)

    def _deny(self) -> None:
        """The venue ends what it took last."""
        for order in [each for each in self.world.resting() if each.working][-1:]:
            self.world.end(order, "rejected")

    @rule()
    def reconcile(self) -> None:
        self.world.reconcile()

    @rule()
    def poll(self) -> None:
        self.world.poll()

    # ---- the venue ----

    @rule(operation=TROUBLED, trouble=st.sampled_from(Trouble), times=st.sampled_from([1, 1, 3]))
    def trouble(self, operation: str, trouble: Trouble, times: int) -> None:
        self.world.venue.trouble(operation, trouble, times)

    @precondition(lambda self: self.world.resting())
    @rule(data=st.data(), part=st.sampled_from(["0.5", "1"]))
    def fill(self, data: st.DataObject, part: str) -> None:
        """Also of an order that has ended."""
        orders = {each.id: each for each in self.world.resting()}
        self.world.fill(orders[data.draw(st.sampled_from(sorted(orders)))], part)

    @precondition(lambda self: any(each.working for each in self.world.resting()))
    @rule(data=st.data(), status=st.sampled_from(["canceled", "expired", "rejected"]))
    def end(self, data: st.DataObject, status: str) -> None:
        orders = {each.id: each for each in self.world.resting() if each.working}
        self.world.end(orders[data.draw(st.sampled_from(sorted(orders)))], status)

    @rule(symbol=SYMBOLS, change=st.sampled_from([-3, -1, 2]), visible=st.booleans())
    def by_hand(self, symbol: str, change: int, visible: bool) -> None:
        self.world.by_hand(symbol, change, visible)

    @rule(symbol=SYMBOLS, percent=st.sampled_from([-10, -1, 0, 1, 10]))
    def price(self, symbol: str, percent: int) -> None:
        self.world.price(symbol, percent)

    # ---- time ----

    @rule(seconds=st.sampled_from([1, 3, 6, 11, 40]))
    def wait(self, seconds: int) -> None:
        self.world.clock.wait(seconds)

    @rule(seconds=st.sampled_from([0.5, 2]))
    def step_back(self, seconds: float) -> None:
        self.world.clock.wait(-seconds)

    # ---- what must be true ----

    @invariant()
    def books_are_sound(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        failed = sys.exc_info()[0] is not None
        try:
            if not failed:
                self.world.recover()
                self.world.check_recovered()
        finally:
            self.patch.undo()
            transaction.set_rollback(True)
            self.saved.__exit__(None, None, None)


def _examples(usual: int) -> int:
    return int(os.environ.get("MODEL_EXAMPLES", "0")) or usual


@pytest.mark.django_db
def test_whatever_happens_the_books_end_as_the_venue_s(alice: User, now: datetime) -> None:
    usual = 20 if connection.vendor == "postgresql" else 60
    run_state_machine_as_test(
        lambda: Trading(alice, now),  # type: ignore[arg-type]  # whatever makes one will do
        settings=settings(
            max_examples=_examples(usual),
            stateful_step_count=30,
            database=None,
            deadline=None,
            # The suite tries the same examples each time; a search for new ones asks for a number.
            derandomize="MODEL_EXAMPLES" not in os.environ,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
