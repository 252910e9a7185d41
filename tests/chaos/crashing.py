"""Workers that kill themselves in the middle of an order, whichever adapter sends it.

The venue's control port says whether, and where: before a byte of the order leaves, when all of it
is written and the answer not read, or right after the answer. For chaos runs only.
"""

import json
import os
import signal
import threading
import urllib.request
from typing import Any

from urllib3.connection import HTTPConnection

from tests.venue.faults import CrashPoint

_told = threading.local()


def install(control_url: str, paths: tuple[str, ...]) -> None:
    """Once in a process. `paths`: where orders are posted to begin with these."""
    request, getresponse = HTTPConnection.request, HTTPConnection.getresponse

    def asked(self: Any, method: str, url: str, *given: Any, **named: Any) -> Any:
        _told.point = None
        if method == "POST" and url.startswith(paths):
            _told.point = _point(control_url)
        _crash(CrashPoint.BEFORE_SEND)
        return request(self, method, url, *given, **named)

    def answered(self: Any) -> Any:
        _crash(CrashPoint.IN_SEND)
        response = getresponse(self)
        _crash(CrashPoint.AFTER_REPLY)
        return response

    HTTPConnection.request = asked  # type: ignore[method-assign]  # that is what this is for
    HTTPConnection.getresponse = answered  # type: ignore[method-assign]  # as above


def _point(control_url: str) -> str | None:
    ask = urllib.request.Request(f"{control_url}/crash_point", data=b"{}", method="POST")
    try:
        with urllib.request.urlopen(ask, timeout=2) as answer:
            point: str | None = json.loads(answer.read())["result"]
            return point
    except OSError:
        return None


def _crash(here: CrashPoint) -> None:
    """As if the machine had failed: nothing is flushed, nobody is told."""
    if getattr(_told, "point", None) == here:
        os.kill(os.getpid(), signal.SIGKILL)
