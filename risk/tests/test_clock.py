"""When a trading day begins, also when the clocks change. No database."""

from datetime import UTC, datetime, time

import pytest

from risk.clock import is_timezone, trading_day_start

NEW_YORK = "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "starts", "expected"),
    [
        ("2026-03-18 15:00", "UTC", "00:00", "2026-03-18 00:00"),
        ("2026-03-18 00:00", "UTC", "00:00", "2026-03-18 00:00"),
        ("2026-03-17 23:59", "UTC", "00:00", "2026-03-17 00:00"),
        ("2026-03-18 02:00", NEW_YORK, "00:00", "2026-03-17 04:00"),
        ("2026-03-18 20:59", NEW_YORK, "17:00", "2026-03-17 21:00"),
        ("2026-03-18 21:00", NEW_YORK, "17:00", "2026-03-18 21:00"),
        # 8 March 2026: 02:00 becomes 03:00. The day before began at UTC-5, this one too.
        ("2026-03-08 12:00", NEW_YORK, "00:00", "2026-03-08 05:00"),
        ("2026-03-09 03:59", NEW_YORK, "00:00", "2026-03-08 05:00"),
        ("2026-03-09 04:00", NEW_YORK, "00:00", "2026-03-09 04:00"),
        # 02:30 does not exist on that day: it begins at 03:30, UTC-4.
        ("2026-03-08 07:29", NEW_YORK, "02:30", "2026-03-07 07:30"),
        ("2026-03-08 07:30", NEW_YORK, "02:30", "2026-03-08 07:30"),
        # 1 November 2026: 01:30 comes twice; the day begins at the first, and stays begun.
        ("2026-11-01 05:29", NEW_YORK, "01:30", "2026-10-31 05:30"),
        ("2026-11-01 05:30", NEW_YORK, "01:30", "2026-11-01 05:30"),
        ("2026-11-01 06:15", NEW_YORK, "01:30", "2026-11-01 05:30"),
        ("2026-11-01 06:30", NEW_YORK, "01:30", "2026-11-01 05:30"),
        # Cairo skips midnight itself on 24 April 2026.
        ("2026-04-24 12:00", "Africa/Cairo", "00:00", "2026-04-23 22:00"),
        ("2026-03-18 15:00", "Asia/Kolkata", "09:15", "2026-03-18 03:45"),
    ],
)
def test_day_start(now: str, zone: str, starts: str, expected: str) -> None:
    found = trading_day_start(utc(now), zone, time.fromisoformat(starts))
    assert found == utc(expected)
    assert found.tzinfo is UTC


def test_names_of_time_zones() -> None:
    assert is_timezone("Europe/Zurich")
    assert not is_timezone("Mars/Olympus")
    assert not is_timezone("../etc/passwd")
    assert not is_timezone("")
