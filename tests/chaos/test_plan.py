"""The schedule is the same for the same seed, and every kind of fault is in it."""

from itertools import pairwise, takewhile

import pytest

from tests.chaos.plan import CYCLE_SECONDS, STORM_SECONDS, Do, Step, schedule
from tests.chaos.traffic import MARKET, Alert, alerts
from tests.venue.faults import NOT_TAKEN, CrashPoint, FaultKind

HALF_AN_HOUR = 1800


def planned(seed: int, *, streams: bool = True) -> list[Step]:
    steps = schedule(seed, accounts=6, streams=streams)
    return list(takewhile(lambda step: step.at < HALF_AN_HOUR, steps))


def test_a_seed_makes_one_schedule() -> None:
    assert planned(7) == planned(7)
    assert planned(7) != planned(8)


def test_steps_come_in_order_of_time() -> None:
    assert all(one.at <= other.at for one, other in pairwise(planned(7)))


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_every_kind_of_fault_comes_within_a_release_run(seed: int) -> None:
    steps = planned(seed)
    roles = {(step.do, step.role) for step in steps}
    for role in ("worker", "web", "beat", "redis", "up"):
        assert (Do.KILL, role) in roles
    for role in ("worker", "web", "beat", "redis"):
        assert (Do.STOP, role) in roles
    for do in (Do.KILL, Do.STOP):
        assert (do, "stream") in roles
    for kind in ("drop", "silent", "mute", "late", "copies"):
        assert (Do.SOCKETS, kind) in roles
    assert {step.point for step in steps if step.do is Do.CRASH} == set(CrashPoint)
    assert {step.do for step in steps} == set(Do)
    assert any(step.do is Do.STOP and step.seconds > 10 for step in steps)
    mixed = {kind for step in steps for kinds in step.mixes.values() for kind in kinds}
    assert mixed == set(FaultKind) - {FaultKind.ACCEPT}


def test_where_there_are_no_streams_nothing_happens_to_them() -> None:
    steps = planned(7, streams=False)
    assert not any(step.do is Do.SOCKETS or step.role == "stream" for step in steps)


def test_processes_die_in_storms_only() -> None:
    """Or `up` would pause for half a minute before each restart."""
    for step in planned(7):
        if step.do in (Do.KILL, Do.CRASH):
            assert step.at % CYCLE_SECONDS < STORM_SECONDS


def test_a_mix_leaves_room_for_requests_without_a_fault() -> None:
    for step in planned(7):
        for operation, kinds in step.mixes.items():
            assert 0 < sum(kinds.values()) < 0.6, operation
            assert not NOT_TAKEN.isdisjoint(map(FaultKind, kinds))


def first_alerts(seed: int) -> list[Alert]:
    stream = alerts(seed, accounts=6)
    return [next(stream) for _ in range(500)]


def test_a_seed_makes_one_stream_of_alerts() -> None:
    assert first_alerts(7) == first_alerts(7)
    assert first_alerts(7) != first_alerts(8)


def test_every_entry_has_a_quantity_of_its_own() -> None:
    sent = [each.as_sent("key", None) for each in first_alerts(7)]
    quantities = [each.quantity for each in sent if each.quantity is not None]
    assert len(set(quantities)) == len(quantities) > 300


def test_alerts_buy_sell_and_close_on_every_account_with_and_without_protection() -> None:
    stream = first_alerts(7)
    assert {each.account for each in stream} == set(range(6))
    assert {each.body["action"] for each in stream} == {"buy", "sell", "close"}
    shapes = {("stop_loss" in each.body, "take_profit" in each.body) for each in stream}
    assert len(shapes) == 4


def test_no_flip_waits_for_a_limit() -> None:
    """Its signal would rightly be open in the end, and be called lost."""
    limits = {each.account for each in first_alerts(7) if "limit_price" in each.body}
    assert limits
    assert not any("on_opposite" in MARKET.settings_of(account) for account in limits)
