"""When a bar closed. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.parsing.bars import Interval, read_interval
from signals.tests.test_parsing import read, refused
from tradehub.core.intent import Intent

OPENED = datetime(2024, 1, 31, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 12, 31),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
counts = st.integers(1, 9999)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1", MINUTE),
        ("5", 5 * MINUTE),
        ("15", 15 * MINUTE),
        ("60", HOUR),
        ("240", 4 * HOUR),
        ("D", DAY),
        ("1D", DAY),
        ("W", 7 * DAY),
        ("2W", 14 * DAY),
        ("30S", timedelta(seconds=30)),
        ("15m", 15 * MINUTE),
        ("15 min", 15 * MINUTE),
        (" 1h ", HOUR),
        ("4H", 4 * HOUR),
        ("1d", DAY),
    ],
)
def test_the_length_of_a_bar(text: str, length: timedelta) -> None:
    assert read_interval(text) == Interval(length)


@pytest.mark.parametrize(("text", "months"), [("M", 1), ("1M", 1), ("12M", 12), ("1mo", 1)])
def test_a_capital_m_is_months(text: str, months: int) -> None:
    assert read_interval(text) == Interval(months=months)


@pytest.mark.parametrize("text", ["1T", "100T", "10R"])
def test_a_bar_of_ticks_or_of_a_range_has_no_close_to_tell(text: str) -> None:
    interval = read_interval(text)
    assert interval is not None
    assert interval.close_of(OPENED) is None


@pytest.mark.parametrize(
    "text", ["", "0", "0D", "-5", "1.5", "15x", "swing", "99999", "m5", "\u0665"]
)
def test_what_is_no_length(text: str) -> None:
    assert read_interval(text) is None


@pytest.mark.parametrize(
    ("opened", "months", "closes"),
    [
        ("2024-02-01", 1, "2024-03-01"),
        ("2024-12-01", 1, "2025-01-01"),
        ("2026-01-02", 1, "2026-02-02"),  # the first session of the month
        ("2024-01-31", 1, "2024-02-29"),  # 1 February in Tokyo
        ("2024-04-30", 1, "2024-05-31"),  # 1 May in Tokyo closes with it, not a day before
        ("2023-02-28", 12, "2024-02-29"),
        ("2024-01-30", 1, "2024-02-29"),
        ("2024-11-01", 3, "2025-02-01"),
    ],
)
def test_months_are_those_of_the_calendar(opened: str, months: int, closes: str) -> None:
    at = datetime.fromisoformat(f"{opened}T15:00:00Z")
    assert Interval(months=months).close_of(at) == datetime.fromisoformat(f"{closes}T15:00:00Z")


@given(moments, counts, st.sampled_from([("S", 1), ("", 60), ("h", 3600), ("D", 86400)]))
def test_a_bar_closes_its_length_after_it_opened(
    opened: datetime, count: int, unit: tuple[str, int]
) -> None:
    interval = read_interval(f"{count}{unit[0]}")
    assert interval is not None
    closes = interval.close_of(opened)
    assert closes is not None
    assert (closes - opened).total_seconds() == count * unit[1]


@given(moments, counts)
def test_a_bar_of_months_closes_in_the_right_month(opened: datetime, count: int) -> None:
    closes = Interval(months=count).close_of(opened)
    assert closes is not None
    assert (closes.year - opened.year) * 12 + closes.month - opened.month == count
    assert closes.timetz() == opened.timetz()
    on_last_day = (opened + DAY).day == 1
    assert (closes + DAY).day == 1 if on_last_day else closes.day <= opened.day


@given(moments, moments, st.integers(1, 24))
def test_a_bar_that_opens_later_never_closes_earlier(
    one: datetime, other: datetime, months: int
) -> None:
    interval = Interval(months=months)
    first, last = interval.close_of(min(one, other)), interval.close_of(max(one, other))
    assert first is not None
    assert last is not None
    assert first.date() <= last.date()


@pytest.mark.parametrize(
    ("fields", "closed"),
    [
        ({"time": "2024-01-01T12:00:00Z", "interval": "15"}, "2024-01-01T12:15:00+00:00"),
        ({"time": "2024-01-01T12:00:00Z", "interval": 15}, "2024-01-01T12:15:00+00:00"),
        ({"time": 1704110400, "timeframe": "1h"}, "2024-01-01T13:00:00+00:00"),
        ({"bar_time": "1704110400500", "interval": "1"}, "2024-01-01T12:01:00.500000+00:00"),
        (
            {"time": "2024-01-01T12:00:00Z", "interval": "5", "timeframe": "slow"},
            "2024-01-01T12:05",
        ),
        ({"time": "2024-01-01T12:00:00Z"}, None),
        ({"time": "2024-01-01T12:00:00Z", "interval": "100T"}, None),
        ({"interval": "15"}, None),
        ({"timeframe": "swing"}, None),
        ({"time": "2024-01-01T12:00:00Z", "timeframe": "swing", "timenow": 1704110400}, None),
    ],
)
def test_an_alert_of_a_bar(fields: dict[str, Any], closed: str | None) -> None:
    intent = read(**fields)
    if closed is None:
        assert intent.bar_closed_at is None
        assert "bar_closed_at" not in intent.to_json()
        return
    assert intent.bar_closed_at == datetime.fromisoformat(closed).replace(tzinfo=UTC)
    assert intent.sent_at is None
    assert Intent.from_json(intent.to_json()) == intent


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"time": "noon"}, "/time"),
        ({"time": "noon", "timenow": 1704110400}, "/time"),
        ({"time": "2024-01-01", "interval": "swing"}, "/interval"),
        ({"time": "2024-01-01", "timeframe": "0"}, "/timeframe"),
        ({"time": "2024-01-01", "interval": {"minutes": 5}}, "/interval"),
        ({"time": "2024-01-01", "interval": True}, "/interval"),
    ],
)
def test_a_bar_that_can_not_be_understood_is_refused(fields: dict[str, Any], pointer: str) -> None:
    assert refused(**fields) == ("INVALID_FIELD", pointer)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({}, 0),
        ({"timenow": "2024-01-01T11:59:00Z"}, 60),
        ({"timenow": "2024-01-01T12:00:05Z"}, 0),
        ({"time": "2024-01-01T11:40:00Z"}, 0),
        ({"time": "2024-01-01T11:40:00Z", "interval": "15"}, 300),
        ({"time": "2024-01-01T11:50:00Z", "interval": "15"}, 0),
        ({"time": "2024-01-01T11:40:00Z", "interval": "15", "sent_at": "2024-01-01T11:56"}, 240),
    ],
)
def test_the_age_of_an_alert_when_it_is_received(said: dict[str, Any], seconds: int) -> None:
    received_at = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)
    age = received_at - read(**said).aged_from(received_at)
    assert age == timedelta(seconds=seconds)
