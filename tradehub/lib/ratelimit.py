"""A throttle in memory: so many requests a minute for each key.

Per process; with N web processes a key may reach N times its limit. A window begins with the first
request and is a minute long.
"""

import math
import threading
import time

WINDOW_SECONDS = 60.0
MAX_KEYS = 50_000


class Throttle:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, key: str, per_minute: int) -> int:
        """0 when the request may pass, else the whole seconds to wait."""
        moment = time.monotonic()
        with self._lock:
            began, used = self._windows.get(key, (moment, 0))
            if moment - began >= WINDOW_SECONDS:
                began, used = moment, 0
            if used >= per_minute:
                return max(1, math.ceil(began + WINDOW_SECONDS - moment))
            if len(self._windows) >= MAX_KEYS:
                self._windows.clear()
            self._windows[key] = (began, used + 1)
            return 0
