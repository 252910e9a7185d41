"""Many accounts of one address at Binance futures: who waits for the minute's weight, how long, and
what of it is thrown away."""

from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brokers.binance.futures import FuturesBroker
from brokers.binance.weights import Api, look_weight
from brokers.budget import at
from brokers.budgeting import Priority
from brokers.doctor import Look, look_at
from brokers.errors import RateLimited
from brokers.models import BrokerAccount
from orders.venue_books import read_theirs
from tests.venues.binance_futures.fixtures import FuturesVenue, make_account, make_broker
from tradehub.testing.hub import Clock

TRADED = ["BTCUSDT", "ETHUSDT", "BNBUSDT"]
NEVER_TRADED = [f"HELD{number}USDT" for number in range(40)]
AT = datetime(2026, 3, 18, 15, 0, 10, tzinfo=UTC)


class Minute:
    """Of one address, with as many accounts as are opened."""

    def __init__(self, owner: Any, there: FuturesVenue) -> None:
        self.owner, self.there = owner, there
        self.clock = Clock(AT)
        there.venue.clock = lambda: self.clock.now

    def connect(self) -> BrokerAccount:
        key = f"key{len(self.there.venue.books.accounts)}"
        self.there.open(key, f"secret of {key}")
        return make_account(self.owner, key, f"secret of {key}")

    def look(self, account: BrokerAccount) -> Look:
        return look_at(account, now=self.clock)

    def compare(
        self,
        account: BrokerAccount,
        priority: Priority = Priority.LAST,
        symbols: list[str] | None = None,
    ) -> bool:
        broker: FuturesBroker = make_broker(account, self.clock)
        since = self.clock() - timedelta(minutes=5)
        with at(priority):
            error = read_theirs(broker, account.pk, since=since, symbols=symbols)[1]
        return not error

    @property
    def used(self) -> int:
        """As the venue counts."""
        return int(self.there.venue.weigh(0)["X-MBX-USED-WEIGHT-1M"])


@pytest.fixture
def minute(alice: Any, futures_venue: FuturesVenue, redis_server: str) -> Minute:
    return Minute(alice, futures_venue)


def test_a_look_weighs_no_more_than_is_taken_for_it(minute: Minute) -> None:
    account = minute.connect()
    assert minute.look(account).complete
    assert minute.used <= look_weight(Api.FUTURES) <= minute.used + 5


@pytest.mark.parametrize(("symbols", "weight"), [(0, 85), (3, 100)])
def test_what_a_comparison_weighs(minute: Minute, symbols: int, weight: int) -> None:
    account = minute.connect()
    assert minute.look(account).complete  # which asks for the time too
    make_broker(account)._symbols.add(TRADED[:symbols])
    before = minute.used
    assert minute.compare(account)
    assert minute.used - before == weight


@pytest.mark.parametrize(
    ("in_use", "weight"), [([], 5), (TRADED[:1], 12), (TRADED, 26), (NEVER_TRADED, 85)]
)
def test_what_a_comparison_of_some_symbols_weighs(
    minute: Minute, in_use: list[str], weight: int
) -> None:
    """Of forty it is less to ask for all open orders; none has trades that was never traded."""
    account = minute.connect()
    assert minute.look(account).complete
    make_broker(account)._symbols.add(TRADED)
    before = minute.used
    assert minute.compare(account, symbols=in_use)
    assert minute.used - before == weight


def test_after_a_restart_seventy_accounts_with_three_symbols_trade_again_in_a_minute(
    minute: Minute,
) -> None:
    done = []
    for account in [minute.connect() for _ in range(80)]:
        make_broker(account)._symbols.add(TRADED)
        done.append(minute.compare(account, Priority.REQUIRED, TRADED))
    assert (done.count(True), done.index(False)) == (73, 73)


def test_ten_accounts_that_are_connected_at_once_pass_and_are_compared_in_one_minute(
    minute: Minute,
) -> None:
    for account in [minute.connect() for _ in range(10)]:
        assert minute.look(account).complete
        assert minute.compare(account, Priority.REQUIRED)


def test_comparisons_leave_room_for_the_look_of_a_new_account(minute: Minute) -> None:
    """However many there are, and though accounts wait for them."""
    accounts = [minute.connect() for _ in range(30)]
    done = [minute.compare(each, Priority.REQUIRED) for each in accounts]
    assert (done.count(True), done.index(False)) == (22, 22)
    assert minute.look(minute.connect()).complete


def test_a_look_without_room_asks_nothing_and_passes_when_the_next_minute_begins(
    minute: Minute,
) -> None:
    """Our clock goes before the venue's, as it may by half of a question's way: what is asked first
    is still answered with the count of the minute before."""
    accounts = [minute.connect() for _ in range(25)]
    looks = [minute.look(each) for each in accounts]
    passed = [each.complete for each in looks].count(True)
    assert passed == 19
    held, used = looks[-1], minute.used
    assert used == passed * 108  # with the rights of each key, and the time
    minute.there.venue.clock = lambda: minute.clock.now - timedelta(seconds=0.4)
    minute.clock.wait(held.held_for)
    now = minute.clock.now
    make_broker(accounts[0], minute.clock).client.site.set_clock(now, now, now)
    assert minute.compare(accounts[0])
    assert minute.used > used  # of the old minute still
    minute.clock.wait(1)
    assert all(minute.look(each).complete for each in accounts[passed:])


def test_no_comparison_is_begun_that_does_not_come_to_its_end(minute: Minute) -> None:
    """Also of many at once: each has paid for all that it asks."""
    begun = []
    for broker in [make_broker(minute.connect(), minute.clock) for _ in range(30)]:
        context, undertaking = Context(), at(Priority.LAST)
        context.run(undertaking.__enter__)
        try:
            context.run(broker.open_orders)
        except RateLimited:
            context.run(undertaking.__exit__, None, None, None)
        else:
            begun.append((broker, context, undertaking))
    assert len(begun) == 19
    for broker, context, undertaking in begun:
        assert context.run(broker.positions) == []
        context.run(undertaking.__exit__, None, None, None)
    assert minute.used == 19 * 85 + 1
