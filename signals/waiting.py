"""`Prefer: wait=N`: hold the answer until the signal is final, or N seconds are over."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, close_old_connections

from signals.models import Signal
from signals.selectors import signal_json
from tradehub.core.words import SignalStatus

MAX_SECONDS = 10.0
MAX_DEFAULT_SECONDS = 2.0
FINAL = (SignalStatus.PROCESSED, SignalStatus.INVALID, SignalStatus.STALE, SignalStatus.FAILED)

_WAIT = re.compile(rb"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})")
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="waiting")


def seconds_asked(prefer: bytes | None, default: float) -> float:
    """Of the header (RFC 7240), at most 10; else the token's own, at most 2."""
    asked = _WAIT.search(prefer) if prefer else None
    if asked is not None:
        return min(float(asked[1]), MAX_SECONDS)
    return min(default, MAX_DEFAULT_SECONDS)


async def final_signal(signal_id: str, owner_id: int, seconds: float) -> dict[str, Any] | None:
    """The signal as the API shows it once it is final; None when it is not in time."""
    loop = asyncio.get_running_loop()
    deadline = time.monotonic() + seconds
    pause = 0.01
    while True:
        await asyncio.sleep(pause)
        found = await loop.run_in_executor(_readers, _read_if_final, signal_id, owner_id)
        if found is not None or time.monotonic() + pause > deadline:
            return found
        pause = min(pause * 1.5, 0.1)


def _read_if_final(signal_id: str, owner_id: int) -> dict[str, Any] | None:
    try:
        close_old_connections()
        final = Signal.objects.filter(
            pk=signal_id, owner_id=owner_id, status__in=[each.value for each in FINAL]
        )
        signal = final.first()
        return None if signal is None else signal_json(signal)
    except DatabaseError:
        return None  # the alert is stored; the sender gets the plain acknowledgement
