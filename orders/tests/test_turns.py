"""Turns: one account's jobs in their order, two accounts' side by side."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from orders.turns import Turns

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def turns() -> Iterator[Turns]:
    made = Turns(of_one_kind=2, most=3)
    yield made
    made.close(wait=True)


def test_one_accounts_jobs_come_one_after_another(turns: Turns) -> None:
    done: list[int] = []
    gate, last = threading.Event(), threading.Event()
    turns.put("a", "spot", lambda: gate.wait(20))
    for number in range(2):
        turns.put("a", "spot", partial(done.append, number))
    turns.put("a", "spot", last.set)
    assert done == []
    gate.set()
    assert last.wait(20)
    assert done == [0, 1]


def test_accounts_dont_wait_for_each_other_nor_venues_for_a_venue(turns: Turns) -> None:
    gate, other, elsewhere = (threading.Event() for _ in range(3))
    turns.put("a", "spot", lambda: gate.wait(20))
    turns.put("b", "spot", other.set)
    assert other.wait(20)
    turns.put("b", "spot", lambda: gate.wait(20))
    turns.put("c", "alpaca", elsewhere.set)
    assert elsewhere.wait(20)
    gate.set()


def test_a_job_that_fails_is_followed_by_the_next(turns: Turns) -> None:
    after = threading.Event()

    def fail() -> None:
        raise ValueError

    turns.put("a", "spot", fail)
    turns.put("a", "spot", after.set)
    assert after.wait(20)


def test_too_much_is_refused_and_the_closed_take_nothing(turns: Turns) -> None:
    gate, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        gate.wait(20)

    turns.put("a", "spot", wait)
    assert begun.wait(20)
    taken = [turns.put("a", "spot", lambda: None) for _ in range(5)]
    assert taken == [True, True, True, False, False]
    gate.set()
    turns.close(wait=True)
    assert not turns.put("b", "spot", lambda: None)
