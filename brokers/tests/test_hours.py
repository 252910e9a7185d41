"""When a market counts as open, by what its venue told some time ago. Pure."""

from datetime import UTC, datetime, timedelta

import pytest

from brokers.alpaca.parsing import MarketClock, hours_of
from brokers.hours import Hours

DAY = datetime(2026, 11, 23, tzinfo=UTC)
OPENS, CLOSES = DAY.replace(hour=14, minute=30), DAY.replace(hour=21)
NIGHT = Hours(False, OPENS, CLOSES)
"""Told before the open."""
NOON = Hours(True, OPENS + timedelta(days=1), CLOSES)
"""Told in the session."""
MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("hours", "now", "is_open", "turned"),
    [
        (NIGHT, OPENS - timedelta(hours=9), False, False),
        (NIGHT, OPENS - MOMENT, False, False),
        (NIGHT, OPENS, True, True),
        (NIGHT, CLOSES - MOMENT, True, True),
        (NIGHT, CLOSES, False, True),
        (NOON, CLOSES - MOMENT, True, False),
        (NOON, CLOSES, False, True),
        (NOON, OPENS + timedelta(days=1) - MOMENT, False, True),
        (NOON, OPENS + timedelta(days=1), False, True),
        (Hours(), OPENS, False, True),
    ],
)
def test_a_copy_is_right_on_either_side_of_what_it_tells(
    hours: Hours, now: datetime, is_open: bool, turned: bool
) -> None:
    """Where it tells nothing any more, the market counts as closed."""
    assert (hours.open_at(now), hours.has_turned(now)) == (is_open, turned)


def test_why_it_is_closed() -> None:
    unknown = "The venue did not tell when its market opens and closes."
    assert NIGHT.why_closed(OPENS - MOMENT) == "The market is closed until 2026-11-23 14:30 UTC."
    assert NOON.why_closed(CLOSES) == "The market is closed until 2026-11-24 14:30 UTC."
    assert [NIGHT.why_closed(CLOSES), Hours().why_closed(OPENS)] == [unknown] * 2


@pytest.mark.parametrize(
    ("told", "ahead"),
    [(0, 0), (2, 0), (4, 0), (9, 5), (-3, -3)],
)
def test_the_venue_s_time_counts_where_it_is_surely_another(told: int, ahead: int) -> None:
    """Asked at 0, answered after 4 s: what the answer's own way explains is no difference."""
    left = OPENS - timedelta(seconds=4)
    clock = MarketClock(left + timedelta(seconds=told), False, OPENS, CLOSES)
    hours = hours_of(clock, left, left + timedelta(seconds=4))
    assert hours.ahead == timedelta(seconds=ahead)
    shifted = OPENS - hours.ahead
    assert (hours.open_at(shifted - MOMENT), hours.open_at(shifted)) == (False, True)
    assert (hours.has_turned(shifted - MOMENT), hours.has_turned(shifted)) == (False, True)
    assert str(OPENS.time())[:5] in hours.why_closed(shifted - MOMENT)
