"""When a market that does not trade round the clock is open, as far as its venue told.

Pure; time comes in. What is not known counts as closed: a copy of what the venue told may be older
than a close, or than an open, and must be right on either side of both.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Hours:
    """Without times: the venue did not tell."""

    is_open: bool = False
    """When it was told."""
    opens_at: datetime | None = None
    """And this and what follows are the next ones, as they were then."""
    closes_at: datetime | None = None
    ahead: timedelta = timedelta(0)
    """How far the venue's time, which counts, is ahead of ours."""

    def has_turned(self, now: datetime) -> bool:
        """The market has opened or closed since it was told."""
        turns_at = self.closes_at if self.is_open else self.opens_at
        return turns_at is None or now + self.ahead >= turns_at

    def open_at(self, now: datetime) -> bool:
        if self.opens_at is None or self.closes_at is None:
            return False
        at = now + self.ahead
        return at < self.closes_at and (self.is_open or at >= self.opens_at)

    def surely_closed_at(self, now: datetime) -> bool:
        """For what must not be held up: here what is not known does not count as closed."""
        told = self.opens_at is not None and now + self.ahead < self.opens_at
        return told and not self.open_at(now)

    def why_closed(self, now: datetime) -> str:
        """A sentence; of a time at which it is not open."""
        if self.opens_at is None or now + self.ahead >= self.opens_at:
            return "The venue did not tell when its market opens and closes."
        return f"The market is closed until {self.opens_at:%Y-%m-%d %H:%M} UTC."
