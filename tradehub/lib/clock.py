"""The one place that reads the clock; rules and services take `now` as an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Aware UTC."""
    return datetime.now(UTC)
