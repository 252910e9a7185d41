"""Leases over accounts: each is one process's, shared evenly, and moves on when a process dies."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast

import pytest
from redis import Redis

from brokers.streams import states
from brokers.streams.leases import KEY, LEASE_SECONDS, Leases
from brokers.streams.states import StreamState

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
ACCOUNTS = ["acc_1", "acc_2", "acc_3", "acc_4"]


@pytest.fixture
def redis(redis_server: str) -> Redis:
    return Redis.from_url(redis_server)


def test_who_comes_first_holds_all_and_gives_half_to_the_second(redis: Redis) -> None:
    one, two = Leases(redis, "one"), Leases(redis, "two")
    assert one.share(4, now=NOW) == 4
    assert one.hold(ACCOUNTS, [], 4) == set(ACCOUNTS)
    assert two.share(4, now=NOW) == 2
    assert two.hold(ACCOUNTS, [], 2) == set()
    kept = one.hold(ACCOUNTS, ACCOUNTS, one.share(4, now=NOW))
    assert len(kept) == 2
    assert two.hold(ACCOUNTS, [], 2) == set(ACCOUNTS) - kept
    # What is held stays where it is.
    assert one.hold(ACCOUNTS, kept, 2) == kept


def test_the_odd_one_goes_to_somebody(redis: Redis) -> None:
    many = [Leases(redis, name) for name in ("one", "two", "three")]
    for each in many:
        each.share(4, now=NOW)
    held = [each.hold(ACCOUNTS, [], each.share(4, now=NOW)) for each in many]
    assert sorted(account for each in held for account in each) == ACCOUNTS
    assert max(map(len, held)) == 2


def test_a_process_that_dies_lets_go_by_itself(redis: Redis) -> None:
    dead, alive = Leases(redis, "dead"), Leases(redis, "alive")
    dead.share(4, now=NOW)
    dead.hold(ACCOUNTS, [], 4)
    alive.share(4, now=NOW)
    assert alive.hold(ACCOUNTS, [], 2) == set()
    for key in [KEY.format(subject=each) for each in ACCOUNTS]:
        assert 0 < cast(int, redis.pttl(key)) <= LEASE_SECONDS * 1000
        redis.delete(key)  # as Redis does when that is over
    later = NOW + timedelta(seconds=LEASE_SECONDS)
    assert alive.share(4, now=later) == 4
    assert alive.hold(ACCOUNTS, [], 4) == set(ACCOUNTS)
    # The dead one was only asleep: what it held is another's now.
    assert dead.hold(ACCOUNTS, ACCOUNTS, 4) == set()
    dead.let_go(ACCOUNTS)
    assert alive.hold(ACCOUNTS, ACCOUNTS, 4) == set(ACCOUNTS)


def test_who_leaves_makes_room_at_once(redis: Redis) -> None:
    one, two = Leases(redis, "one"), Leases(redis, "two")
    for each in (one, two):
        each.share(4, now=NOW)
    one.hold(ACCOUNTS, [], 4)
    one.leave(ACCOUNTS)
    assert two.share(4, now=NOW) == 4
    assert two.hold(ACCOUNTS, [], 4) == set(ACCOUNTS)


def test_nothing_wanted_is_nothing_held(redis: Redis) -> None:
    assert Leases(redis, "one").hold([], [], 1) == set()


def test_states_are_kept_for_whoever_asks(redis: Redis) -> None:
    known = StreamState(connected_since=5.0, last_error="BAD_CREDENTIALS", last_error_at=4.0)
    states.tell(redis, {"acc_1": known}, now=NOW)
    read = partial(states.states_of, redis, ["acc_1", "acc_2"])
    (found,) = read(now=NOW).items()
    assert found[0] == "acc_1"
    assert (found[1].connected_since, found[1].last_error) == (5.0, "BAD_CREDENTIALS")
    # Whoever told it is gone.
    assert read(now=NOW + timedelta(seconds=31)) == {}
    states.forget(redis, ["acc_1"])
    assert read(now=NOW) == {}
    assert states.states_of(redis, [], now=NOW) == {}
