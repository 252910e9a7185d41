"""When a trading day begins.

Pure. A day begins at a wall-clock time in the profile's time zone, so it is 23 or 25 hours long
when the clocks change. A time that comes twice begins the day at the first; a time that is skipped
begins it as much later as the clocks were moved (02:30 becomes 03:30).
"""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones


def trading_day_start(now: datetime, timezone: str, day_starts_at: time) -> datetime:
    """The latest start that is not after `now`, in UTC."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    start = datetime.combine(today, day_starts_at, tzinfo=zone).astimezone(UTC)
    if start > now:
        yesterday = today - timedelta(days=1)
        start = datetime.combine(yesterday, day_starts_at, tzinfo=zone).astimezone(UTC)
    return start


def is_timezone(name: str) -> bool:
    return name in _names()


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
