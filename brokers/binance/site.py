"""What all accounts at one address share in a process: the clock's offset, and the address's rate.

Binance counts weights by address, not by key: who was told to wait there waits for all. Times come
in; nothing here asks anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from brokers.errors import RateLimited

CLOCK_LASTS = timedelta(hours=1)
WEIGHT_HEADER = "x-mbx-used-weight-1m"
WEIGHT_LIMIT = 6000
"""Of an address in a minute, as exchangeInfo says it."""
KEPT_FOR_ORDERS = 0.9
"""Beyond this share of the limit only orders, cancels and what they need go out until the minute
is over."""
MINUTE = timedelta(minutes=1)


@dataclass
class Site:
    url: str
    _offset: timedelta | None = None
    _offset_at: datetime | None = None
    _quiet_until: datetime | None = None
    _quiet_text: str = ""
    _weight: int = 0
    _weight_minute: datetime | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    # The clock

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

    def forget_clock(self) -> None:
        with self._lock:
            self._offset_at = None

    # The rate

    def admit(self, now: datetime, *, needed: bool) -> None:
        """Raises RateLimited while a request would only make things worse. `needed`: it is an
        order, a cancel, or a question that one of them depends on."""
        with self._lock:
            if self._quiet_until is not None and now < self._quiet_until:
                left = (self._quiet_until - now).total_seconds()
                raise RateLimited(self._quiet_text, retry_after=left, venue_code="-1003")
            if needed or self._weight_minute != _minute(now):
                return
            if self._weight > WEIGHT_LIMIT * KEPT_FOR_ORDERS:
                left = (_minute(now) + MINUTE - now).total_seconds()
                text = (
                    f"{self._weight} of the {WEIGHT_LIMIT} that Binance allows this address in a "
                    f"minute are used; the rest is kept for orders."
                )
                raise RateLimited(text, retry_after=left)

    def note(self, headers: Mapping[str, str], now: datetime) -> None:
        """What an answer says of the weight used. Requests overlap: the highest counts."""
        told = headers.get(WEIGHT_HEADER, "")
        if not told.isdigit():
            return
        with self._lock:
            minute = _minute(now)
            used = int(told)
            self._weight = used if minute != self._weight_minute else max(self._weight, used)
            self._weight_minute = minute

    def quiet(self, error: RateLimited, now: datetime) -> None:
        """The address was told to wait: a request before that ends in a ban."""
        until = now + timedelta(seconds=error.retry_after)
        with self._lock:
            if self._quiet_until is None or until > self._quiet_until:
                self._quiet_until, self._quiet_text = until, error.text

    @property
    def used_weight(self) -> int:
        return self._weight


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


_sites: dict[str, Site] = {}
_sites_lock = Lock()


def site_at(url: str) -> Site:
    """One for each address in a process."""
    with _sites_lock:
        return _sites.setdefault(url, Site(url))


def forget_sites() -> None:
    with _sites_lock:
        _sites.clear()
