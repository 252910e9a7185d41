"""The budget among processes: one Redis, several `Budget`s with connections of their own."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import Context

import pytest
from redis import Redis

from brokers.budget import (
    AWAY_SECONDS,
    Budget,
    Charge,
    ahead,
    at,
    prioritised,
    scope_of,
    urgency,
)
from brokers.budgeting import Limit, Priority
from brokers.errors import RateLimited

FIRST, NORMAL, REQUIRED, LAST = Priority
SCOPE = scope_of("venue", "api.example.org")
LIMIT = Limit("weight", 200, 60)
NOW = 1_000_040.0  # forty seconds before its window ends


def ask(budget: Budget, priority: Priority = NORMAL, now: float = NOW, weight: int = 1) -> float:
    """How long it has to wait; 0: it may leave."""
    try:
        budget.ask([Charge(SCOPE, LIMIT, weight)], priority, now)
    except RateLimited as limited:
        return limited.retry_after
    return 0


def other(budget: Budget, priority: Priority, weight: int = 1) -> float:
    """The same of an undertaking of its own."""
    return Context().run(ask, budget, priority, NOW, weight)


def nobody() -> Redis:
    return Redis.from_url("unix:///nowhere/redis.sock")


@pytest.fixture
def two(redis_server: str) -> tuple[Budget, Budget]:
    one, other = Redis.from_url(redis_server), Redis.from_url(redis_server)
    return Budget(lambda: one), Budget(lambda: other)


def test_two_processes_spend_one_budget(two: tuple[Budget, Budget]) -> None:
    assert ask(two[0], weight=100) == 0
    assert ask(two[1], weight=70) == 0
    assert ask(two[0]) == ask(two[1]) == 40
    assert ask(two[0], FIRST, weight=30) == 0
    assert ask(two[1], now=NOW + 40) == 0


def test_at_once_they_spend_it_to_the_last_and_no_more(two: tuple[Budget, Budget]) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: ask(two[number % 2]), range(400)))
    assert found.count(0) == 170


def test_what_was_refused_is_not_counted(two: tuple[Budget, Budget]) -> None:
    for _ in range(50):
        assert ask(two[0], LAST, weight=150) > 0
    assert ask(two[1], NORMAL, weight=170) == 0


def test_what_is_of_no_use_without_the_next_leaves_only_with_room_for_both(
    two: tuple[Budget, Budget],
) -> None:
    assert ask(two[0], weight=100) == 0
    with at(LAST), ahead(30):
        assert ask(two[0], LAST, weight=11) == 40
        assert ask(two[0], LAST, weight=10) == 0  # 110 of 140, and 30 for the next


def test_what_was_taken_ahead_is_there_for_the_next_whoever_asks_meanwhile(
    two: tuple[Budget, Budget],
) -> None:
    """Or of several that each found room for the whole, none would come to its end."""
    with at(LAST):
        with ahead(50):
            assert ask(two[0], LAST, weight=50) == 0
        assert other(two[1], LAST, weight=40) == 0
        assert other(two[0], LAST) == other(two[1], LAST) == 40  # 100, and another's 40
        assert [ask(two[0], LAST, weight=each) for each in (20, 25, 5, 1)] == [0, 0, 0, 40]


def test_what_was_taken_ahead_and_not_asked_for_is_given_back(two: tuple[Budget, Budget]) -> None:
    with at(LAST):
        with ahead(50):
            assert ask(two[0], LAST, weight=50) == 0
        assert ask(two[0], LAST, weight=40) == 0
        assert other(two[1], LAST, weight=50) == 40
    assert ask(two[1], LAST, weight=50) == 0  # 140
    assert ask(two[1], LAST) == 40


def test_what_was_paid_ahead_leaves_though_others_have_used_the_rest(
    two: tuple[Budget, Budget],
) -> None:
    with at(LAST), ahead(50):
        assert ask(two[0], LAST, weight=50) == 0
        assert other(two[1], NORMAL, weight=70) == 0  # 170, where the last may use 140
        assert ask(two[0], LAST, weight=50) == 0


def test_what_was_taken_in_one_window_pays_for_nothing_in_the_next(
    two: tuple[Budget, Budget],
) -> None:
    with at(LAST):
        with ahead(50):
            assert ask(two[0], LAST, weight=40) == 0
        assert ask(two[0], LAST, NOW + 40, weight=60) == 0
    assert ask(two[1], LAST, NOW + 40, weight=80) == 0
    assert ask(two[1], LAST, NOW + 40) == 60


def test_what_was_paid_ahead_waits_for_a_venue_that_has_said_429(
    two: tuple[Budget, Budget],
) -> None:
    with at(LAST), ahead(50):
        assert ask(two[0], LAST, weight=40) == 0
        two[1].slow(SCOPE, 7, asked_at=NOW, now=NOW)
        assert ask(two[0], LAST, weight=20) == 7


def test_an_exit_takes_nothing_ahead(two: tuple[Budget, Budget]) -> None:
    with at(FIRST):
        with ahead(50):
            assert ask(two[0], FIRST, weight=100) == 0
        assert other(two[1], LAST, weight=40) == 0


def test_in_an_empty_window_everything_leaves_whatever_comes_next(
    two: tuple[Budget, Budget],
) -> None:
    with at(LAST), ahead(10_000):
        assert ask(two[0], LAST, weight=90) == 0
        assert ask(two[0], LAST, weight=51) == 40


def test_what_the_venue_counts_is_heard_by_the_others(two: tuple[Budget, Budget]) -> None:
    """Somebody else trades from the same address."""
    ticket = two[0].ask([Charge(SCOPE, LIMIT, 1)], NORMAL, NOW)
    two[0].told(ticket, {"weight": 180}, NOW + 1)
    assert ask(two[1]) == 40
    two[0].told(ticket, {"weight": 12}, NOW + 1)  # an older answer
    assert ask(two[1]) == 40


def test_a_count_of_the_window_before_does_not_use_up_this_one(two: tuple[Budget, Budget]) -> None:
    """Our clock goes before the venue's, which still counts the old minute. It was nearly used up,
    and so would the new one be for everybody: an account that waits lost another minute by it."""
    ticket = two[0].ask([Charge(SCOPE, LIMIT, 1)], NORMAL, NOW + 40)
    two[0].told(ticket, {"weight": 168}, NOW + 40.1)
    assert ask(two[1], now=NOW + 41) == 0
    ticket = two[0].ask([Charge(SCOPE, LIMIT, 1)], NORMAL, NOW + 43)
    two[0].told(ticket, {"weight": 168}, NOW + 43.1)
    assert ask(two[1], now=NOW + 44, weight=3) == 56


def test_an_answer_of_the_last_window_tells_nothing_of_this_one(
    two: tuple[Budget, Budget],
) -> None:
    ticket = two[0].ask([Charge(SCOPE, LIMIT, 1)], NORMAL, NOW)
    two[0].told(ticket, {"weight": 200}, NOW + 41)
    assert ask(two[1], now=NOW + 41) == 0


def test_a_429_slows_all_of_the_address_and_exits_take_turns(two: tuple[Budget, Budget]) -> None:
    two[0].slow(SCOPE, 7, asked_at=NOW - 1, now=NOW)
    assert ask(two[1]) == ask(two[1], LAST) == 7
    assert ask(two[1], FIRST) == 0
    assert 0 < ask(two[0], FIRST, NOW + 0.5) <= 0.5
    assert ask(two[0], FIRST, NOW + 1) == 0
    assert ask(two[0], NORMAL, NOW + 7) == 0


def test_one_exit_has_one_turn_for_all_that_it_asks(two: tuple[Budget, Budget]) -> None:
    """Or what it asks first would take the order's turn, again and again."""
    two[0].slow(SCOPE, 30, asked_at=NOW - 1, now=NOW)
    with at(FIRST):
        assert [ask(two[1], FIRST), ask(two[1], FIRST)] == [0, 0]
    with at(FIRST):
        assert ask(two[1], FIRST) > 0
    with at(FIRST):
        assert ask(two[1], FIRST, NOW + 1) == 0
        two[1].slow(SCOPE, 30, asked_at=NOW + 1, now=NOW + 1)  # the venue says no once more
        assert ask(two[1], FIRST, NOW + 1) > 0


def test_a_418_stops_all_of_the_address(two: tuple[Budget, Budget]) -> None:
    two[0].stop(SCOPE, 120, now=NOW)
    assert {ask(two[1], each) for each in Priority} == {120}
    other = Charge(scope_of("venue", "another.example.org"), LIMIT, 1)
    two[1].ask([other], LAST, NOW)
    assert ask(two[1], FIRST, NOW + 120) == 0


def test_a_limit_of_orders_is_of_the_account(two: tuple[Budget, Budget]) -> None:
    mine, theirs = (scope_of("venue", "api.example.org", key) for key in ("one", "other"))
    two[0].slow(mine, 5, asked_at=NOW, now=NOW)
    for scope, waits in ((mine, True), (theirs, False)):
        charges = [Charge(SCOPE, LIMIT, 1), Charge(scope, LIMIT, 0)]
        if waits:
            with pytest.raises(RateLimited):
                two[1].ask(charges, NORMAL, NOW)
        else:
            two[1].ask(charges, NORMAL, NOW)


def test_no_key_is_in_the_names_of_redis(two: tuple[Budget, Budget], redis_server: str) -> None:
    two[0].ask([Charge(scope_of("venue", "host", "PKSECRET"), LIMIT, 1)], NORMAL, NOW)
    with Redis.from_url(redis_server) as client:
        names = client.keys("*")
    assert names
    assert not any(b"PKSECRET" in name for name in names)


def test_a_ban_is_not_forgotten_for_a_later_429(
    two: tuple[Budget, Budget], redis_server: str
) -> None:
    ticket = two[0].ask([Charge(SCOPE, LIMIT, 1)], NORMAL, NOW)
    two[0].stop(SCOPE, 86_400, now=NOW)
    two[0].slow(SCOPE, 1.0, asked_at=ticket.at, now=NOW + 1)  # of a request that was away too
    with Redis.from_url(redis_server) as client:
        (name,) = client.keys("*:quiet")
        assert client.ttl(name) > 86_000


def test_all_that_is_kept_there_ends(two: tuple[Budget, Budget], redis_server: str) -> None:
    ticket = two[0].ask([Charge(SCOPE, LIMIT, 1)], NORMAL, NOW)
    two[0].told(ticket, {"weight": 250}, NOW)
    two[0].slow(SCOPE, 7, asked_at=NOW, now=NOW)
    ask(two[0], FIRST)
    with Redis.from_url(redis_server) as client:
        assert all(0 < client.ttl(name) <= 120 for name in client.keys("*"))


def test_without_redis_a_process_counts_for_itself() -> None:
    alone = Budget(nobody)
    assert ask(alone, weight=170) == 0
    assert ask(alone) == 40
    assert ask(alone, FIRST, weight=30) == 0
    alone.slow(SCOPE, 7, asked_at=NOW, now=NOW)
    assert ask(alone, LAST) == 40
    assert ask(alone, FIRST) == 0  # its turn


def test_a_redis_that_goes_away_takes_nothing_with_it(redis_server: str) -> None:
    client = Redis.from_url(redis_server)
    asked: list[Redis] = []

    def connect() -> Redis:
        asked.append(client)
        return nobody() if away else client

    away = False
    budget = Budget(connect)
    other = Budget(lambda: client)
    assert ask(other, weight=150) == 0
    assert ask(budget, weight=10) == 0
    away = True
    assert ask(budget, weight=11) == 40  # what the other spent is known
    assert ask(budget, FIRST) == 0
    tried = len(asked)
    assert ask(budget, FIRST) == 0
    assert len(asked) == tried  # it is left alone for a while
    away = False
    assert ask(budget, now=NOW + AWAY_SECONDS, weight=10) == 0
    assert len(asked) > tried


def test_all_of_it_can_be_forgotten(two: tuple[Budget, Budget], redis_server: str) -> None:
    two[0].stop(SCOPE, 120, now=NOW)
    assert ask(two[0], weight=170) == ask(two[1], weight=170) == 120
    for each in two:
        each.forget()
    assert ask(two[1], weight=170) == 0
    with Redis.from_url(redis_server) as client:
        client.set("another", "1")
        two[0].forget()
        assert client.keys("*") == [b"another"]


def test_an_emptied_redis_lifts_no_ban(two: tuple[Budget, Budget], redis_server: str) -> None:
    two[0].stop(SCOPE, 120, now=NOW)
    with Redis.from_url(redis_server) as client:
        client.flushall()
    assert ask(two[0], FIRST) == 120


@prioritised
class Desk:
    """Enough of a `Broker` to hear how urgent each of its methods is."""

    def __init__(self) -> None:
        self.heard: list[Priority] = []

    def submit(self, request: "Request") -> None:
        self._ask()
        self.positions()

    def order(self) -> None:
        self._ask()

    cancel = reports = open_orders = closed_orders = fills = positions = cash_entries = order

    def account(self) -> None:
        self._ask()

    def _ask(self) -> None:
        self.heard.append(urgency(NORMAL))


class Request:
    def __init__(self, *, reduce_only: bool) -> None:
        self.reduce_only = reduce_only


def test_an_adapter_says_how_urgent_it_is() -> None:
    desk = Desk()
    for name in ("cancel", "order", "reports", "account"):
        getattr(desk, name)()
    assert desk.heard == [FIRST, FIRST, NORMAL, NORMAL]
    desk.heard.clear()
    for name in ("open_orders", "fills", "positions", "cash_entries"):
        getattr(desk, name)()
    assert desk.heard == [LAST] * 4


def test_what_an_exit_asks_for_is_as_urgent_as_the_exit() -> None:
    desk = Desk()
    desk.submit(Request(reduce_only=False))
    desk.submit(Request(reduce_only=True))
    assert desk.heard == [NORMAL, NORMAL, FIRST, FIRST]


def test_nobody_makes_it_less_urgent_from_within() -> None:
    with at(FIRST), at(LAST):
        assert urgency(NORMAL) is FIRST
    assert urgency(LAST) is LAST
