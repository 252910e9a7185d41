"""The rule of the budget, without Redis or a venue."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.budgeting import (
    GAP,
    MOST_GAP,
    SHARES,
    UNTOLD,
    Limit,
    Priority,
    Quiet,
    Use,
    Verdict,
    judge,
    slowed,
    stopped,
    together,
    untold,
)

FIRST, NORMAL, REQUIRED, LAST = Priority
LIMIT = Limit("weight", 6000, 60, "of weight")
NOW = 1_000_000.0
GO = Verdict()

times = st.floats(NOW, NOW + 10_000, allow_nan=False)
quiets = st.builds(Quiet, stopped_until=times, slow_until=times, slow_since=times)
uses = st.builds(
    Use,
    st.builds(Limit, st.just("any"), st.integers(1, 10_000), st.sampled_from([10, 60, 86_400])),
    st.integers(0, 20_000),
)


def verdict(used: int, priority: Priority, quiet: Quiet = Quiet()) -> Verdict:  # noqa: B008  # frozen
    return judge([Use(LIMIT, used)], [quiet], priority, NOW)


@pytest.mark.parametrize(
    ("priority", "most"), [(LAST, 4200), (REQUIRED, 4800), (NORMAL, 5100), (FIRST, 6000)]
)
def test_each_has_a_share(priority: Priority, most: int) -> None:
    assert verdict(most, priority) == GO
    assert verdict(most + 1, priority) != GO


def test_who_is_refused_by_a_count_waits_for_the_next_window() -> None:
    left = 60 - NOW % 60
    assert verdict(5101, NORMAL).wait == left == LIMIT.ends_in(NOW)
    assert "5101 of the 6000 of weight in 60 s are used" in verdict(5101, NORMAL).why


def test_a_window_has_begun_surely_some_seconds_after_its_begin() -> None:
    """By then clocks that differ have it in common."""
    minute, ten = Limit("minute", 100, 60), Limit("ten", 100, 10)
    assert [minute.is_beginning(600 + each) for each in (0, 2.9, 3, 59.9)] == [1, 1, 0, 0]
    assert [ten.is_beginning(600 + each) for each in (0, 0.4, 0.5, 9.9)] == [1, 1, 0, 0]


def test_an_exit_is_slowed_by_a_count_and_not_refused() -> None:
    """Counts may be wrong; the venue has the last word."""
    assert verdict(60_000, FIRST).wait == 0
    assert verdict(60_000, FIRST).gap == GAP


def test_after_a_429_exits_take_turns_and_the_others_wait_for_its_end() -> None:
    quiet = slowed(Quiet(), 7, asked_at=NOW - 1, now=NOW)
    assert verdict(0, NORMAL, quiet).wait == verdict(0, LAST, quiet).wait == 7
    assert (verdict(0, FIRST, quiet).wait, verdict(0, FIRST, quiet).gap) == (0, GAP)
    assert judge([], [quiet], NORMAL, NOW + 7) == GO


def test_turns_become_rarer_only_for_what_was_sent_in_the_slow_time() -> None:
    quiet = slowed(Quiet(), 30, asked_at=NOW - 1, now=NOW)
    for _ in range(8):  # these were on their way already
        quiet = slowed(quiet, 30, asked_at=NOW - 1, now=NOW + 0.1)
    assert quiet.gap == GAP
    quiet = slowed(quiet, 30, asked_at=NOW + 1, now=NOW + 1.1)
    assert (quiet.gap, quiet.slow_until) == (2 * GAP, NOW + 31.1)
    for _ in range(9):
        quiet = slowed(quiet, 30, asked_at=NOW + 2, now=NOW + 2)
    assert quiet.gap == MOST_GAP
    assert slowed(quiet, 30, asked_at=NOW + 99, now=NOW + 99).gap == GAP


def test_a_429_without_a_time_is_short_at_first_and_longer_while_it_goes_on() -> None:
    """A page of what stands before the venue says little: a minute for each would stand a busy
    hub still."""
    quiet, now, waits = Quiet(), NOW, []
    for _ in range(6):
        waits.append(untold(quiet, asked_at=now, passed_at=NOW - 1, now=now))
        quiet = slowed(quiet, waits[-1], asked_at=now, now=now)
        now = quiet.slow_until + 1
    assert waits == [5, 10, 20, 40, 60, 60]


def test_a_429_without_a_time_is_short_again_when_it_was_on_its_way_or_long_after() -> None:
    quiet = Quiet(slow_until=NOW + 20, slow_since=NOW, gap=GAP)
    assert untold(quiet, asked_at=NOW - 1, passed_at=0, now=NOW + 1) == UNTOLD
    assert untold(quiet, asked_at=NOW + 39, passed_at=0, now=NOW + 39.9) == 40
    assert untold(quiet, asked_at=NOW + 39, passed_at=0, now=NOW + 40) == UNTOLD


@pytest.mark.parametrize(("passed_before", "wait"), [(1, UNTOLD), (UNTOLD, UNTOLD), (6, 40)])
def test_a_429_without_a_time_is_short_while_others_come_through(
    passed_before: float, wait: float
) -> None:
    quiet = Quiet(slow_until=NOW + 20, slow_since=NOW, gap=GAP)
    asked_at = NOW + 10
    passed_at = asked_at - passed_before
    assert untold(quiet, asked_at=asked_at, passed_at=passed_at, now=asked_at) == wait


def test_a_418_stops_everybody_until_it_ends() -> None:
    quiet = stopped(Quiet(), 120, now=NOW)
    for priority in Priority:
        assert verdict(0, priority, quiet).wait == 120
        assert judge([], [quiet], priority, NOW + 120) == GO


def test_a_shorter_wait_never_ends_a_longer_one() -> None:
    quiet = stopped(slowed(Quiet(), 60, asked_at=NOW, now=NOW), 600, now=NOW)
    later = stopped(slowed(quiet, 1, asked_at=NOW, now=NOW + 1), 1, now=NOW + 1)
    assert (later.slow_until, later.stopped_until) == (NOW + 60, NOW + 600)


def test_the_gap_of_a_slow_time_ends_with_it() -> None:
    quiet = Quiet(slow_until=NOW + 5, gap=8)
    assert judge([Use(LIMIT, 9999)], [quiet], FIRST, NOW).gap == 8
    assert judge([Use(LIMIT, 9999)], [quiet], FIRST, NOW + 5).gap == GAP


def test_of_two_memories_the_later_holds() -> None:
    one = Quiet(stopped_until=9, slow_until=5, slow_since=1, gap=1)
    other = Quiet(stopped_until=3, slow_until=7, slow_since=4, gap=2)
    assert together(one, other) == together(other, one) == replace(other, stopped_until=9)


@given(st.lists(uses, max_size=4), st.lists(quiets, max_size=3), times)
def test_whoever_is_more_urgent_never_waits_longer(
    used: list[Use], said: list[Quiet], now: float
) -> None:
    waits = [judge(used, said, each, now).wait for each in Priority]
    assert waits == sorted(waits)


@given(st.lists(uses, max_size=4), st.lists(quiets, max_size=3), times)
def test_only_a_ban_makes_an_exit_wait(used: list[Use], said: list[Quiet], now: float) -> None:
    banned = any(each.stopped_until > now for each in said)
    assert (judge(used, said, FIRST, now).wait > 0) == banned


@given(st.lists(uses, min_size=1, max_size=4), times, st.sampled_from([NORMAL, LAST]))
def test_after_the_wait_a_new_window_has_begun_for_all_that_was_full(
    used: list[Use], now: float, priority: Priority
) -> None:
    found = judge(used, [], priority, now)
    full = [each for each in used if each.used > each.limit.most * SHARES[priority]]
    later = now + found.wait + 0.001
    assert all(each.limit.window(later) > each.limit.window(now) for each in full)
    assert judge([replace(each, used=0) for each in used], [], priority, later) == GO
