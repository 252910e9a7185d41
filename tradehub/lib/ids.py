"""New row ids: `tradehub.core.ids` fed with the clock and with entropy.

Ids made by one process never go backwards, so rows of one millisecond sort as they were made.
"""

import secrets
import threading
import time

from tradehub.core.ids import sortable_id

_lock = threading.Lock()
_last = (0, 0)


def new_id(prefix: str) -> str:
    """For example `sig_01jd2y…`: opaque, unique, and in the order of creation."""
    global _last
    with _lock:
        milliseconds = time.time_ns() // 1_000_000
        if milliseconds > _last[0]:
            _last = (milliseconds, secrets.randbits(79))
        else:
            # A small random step keeps the order and stays unguessable.
            _last = (_last[0], _last[1] + 1 + secrets.randbits(40))
        return sortable_id(prefix, milliseconds=_last[0], entropy=_last[1])
