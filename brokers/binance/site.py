"""What all accounts at one address share in a process: how far the venue's clock is off ours, and
the limits of rate that it told.

Times come in; nothing here asks anybody.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from brokers.budgeting import Limit

CLOCK_LASTS = timedelta(hours=1)
TRUSTED_FOR = timedelta(minutes=1)
"""What is old, where an exit can't wait for what is new: so long before it is asked for again."""


@dataclass
class Site:
    url: str
    limits: dict[str, dict[str, Limit]] = field(default_factory=dict)
    """By API and name; what it has not told is in the tables of `weights`."""
    _offset: timedelta | None = None
    _offset_at: datetime | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def offset(self, now: datetime) -> timedelta | None:
        """How far the venue's clock is ahead of ours; None when it must be asked."""
        with self._lock:
            if self._offset_at is None or not timedelta() <= now - self._offset_at < CLOCK_LASTS:
                return None
            return self._offset

    def set_clock(self, theirs: datetime, asked: datetime, answered: datetime) -> None:
        """`theirs` is read as the time in the middle of the question."""
        with self._lock:
            self._offset = theirs - (asked + (answered - asked) / 2)
            self._offset_at = answered

    def trust_clock(self, now: datetime) -> bool:
        """Go on with what is known, though it is old. False: nothing is."""
        with self._lock:
            if self._offset_at is None or now < self._offset_at:
                return False
            self._offset_at = now - CLOCK_LASTS + TRUSTED_FOR
            return True

    def doubt_clock(self, now: datetime) -> None:
        """It may have changed: it is asked for again."""
        with self._lock:
            if self._offset_at is not None:
                self._offset_at = min(self._offset_at, now - CLOCK_LASTS)

    def forget_clock(self) -> None:
        """It is wrong."""
        with self._lock:
            self._offset_at = None


_sites: dict[str, Site] = {}
_sites_lock = Lock()


def site_at(url: str) -> Site:
    """One for each address in a process."""
    with _sites_lock:
        return _sites.setdefault(url, Site(url))


def forget_sites() -> None:
    with _sites_lock:
        _sites.clear()
