"""The past of a symbol at Binance USD-M futures, asked for span by span: no question about it may
span more than a week, and no answer has more than a page.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from brokers.binance.answers import list_of, parsed
from brokers.binance.parsing import Raw, milliseconds
from brokers.errors import OutcomeUnknown

WINDOW = timedelta(days=7) - timedelta(minutes=1)
"""The longest time that one question may span."""
MILLISECOND = timedelta(milliseconds=1)
SHORTEST = timedelta(milliseconds=2)


def past(
    question: Callable[..., Any],
    symbol: str,
    *,
    since: datetime,
    now: datetime,
    number: str,
    most: int,
) -> Iterator[Raw]:
    """Oldest first, in the order of `number`. A page of `most` may have left something out,
    whichever end it begins at: its span is halved."""
    spans = [(since, since + WINDOW)]
    while spans:
        start, end = spans.pop()
        asked = {"startTime": milliseconds(start), "endTime": milliseconds(end)}
        page = list_of(question(symbol=symbol, limit=most, **asked))
        if len(page) >= most:
            if end - start < SHORTEST:
                text = f"Binance has more of {symbol} at one time than it tells at once."
                raise OutcomeUnknown(text)
            middle = start + (end - start) / 2
            spans += [(middle + MILLISECOND, end), (start, middle)]
            continue
        yield from sorted(page, key=lambda raw: parsed(partial(_number, raw, number)))
        if not spans and end < now:
            spans.append((end + MILLISECOND, end + WINDOW))


def _number(raw: Raw, name: str) -> int:
    return int(raw[name])
