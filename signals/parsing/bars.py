"""When the bar that an alert speaks of closed: TradingView's `{{time}}` and `{{interval}}`.

`time` is the bar's opening, so only with the bar's length does it tell the close. Months are those
of the calendar: a bar that opens on the last day of a month (in UTC the 1st of an eastern exchange)
closes on the last day of the next one, else on the same day of it, or its last. A bar of ticks or
of a price range has no length in time.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from signals.parsing.fields import Fields
from signals.parsing.problems import shown

_INTERVAL = re.compile(r"([0-9]{0,4})\s*([A-Za-z]{0,7})", re.ASCII)
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("", "m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_MONTHS = frozenset({"mo", "mon", "month", "months"})
_TIMELESS = frozenset({"T", "R"})


@dataclass(frozen=True, slots=True)
class Interval:
    """The length of a bar: both zero where it has none."""

    length: timedelta = timedelta(0)
    months: int = 0

    def close_of(self, opened: datetime) -> datetime | None:
        """When a bar that opened then closes; None for one without a length."""
        if self.months:
            return _months_later(opened, self.months)
        return opened + self.length if self.length else None


def read_interval(text: str) -> Interval | None:
    """`5` (minutes), `30S`, `15m`, `4h`, `1D`, `W`, `3M` (months), `100T`; None for what is no
    interval. Only `m` and `M` differ: minutes and months, as TradingView writes them."""
    match = _INTERVAL.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    count, unit = int(match[1] or 1), match[2]
    if not count:
        return None
    if unit in _TIMELESS:
        return Interval()
    if unit == "M" or unit.lower() in _MONTHS:
        return Interval(months=count)
    seconds = _SECONDS.get(unit.lower())
    return None if seconds is None else Interval(timedelta(seconds=count * seconds))


def read_bar_close(fields: Fields) -> datetime | None:
    """From `time` with `interval`, or with `timeframe` where there is none. Beside a time of
    sending nobody asks for the bar's, so then its length may be any word."""
    opened = fields.moment("time")
    name = "interval" if fields.has("interval") else "timeframe"
    sent = fields.has("sent_at") or fields.has("timestamp")
    if opened is None or sent or not fields.has(name):
        return None
    text = fields.text(name, most=40)
    if text is None:
        return None
    interval = read_interval(text)
    if interval is None:
        said = shown(fields.said[name])
        fields.invalid(name, f"{said} is no length of a bar; say {{{{interval}}}}, or 15, 4h, 1D.")
        return None
    return interval.close_of(opened)


def _months_later(opened: datetime, months: int) -> datetime:
    years, month = divmod(opened.month - 1 + months, 12)
    year, month = opened.year + years, month + 1
    last = calendar.monthrange(year, month)[1]
    on_last_day = opened.day == calendar.monthrange(opened.year, opened.month)[1]
    return opened.replace(
        year=year, month=month, day=last if on_last_day else min(opened.day, last)
    )
