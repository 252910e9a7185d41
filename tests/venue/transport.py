"""One HTTP request of the scripted adapter: sent once, with its own time-outs, read to a limit.

No retry, no redirect, no kept connection. What failed says how far the request got: `NotWritten`
(not a byte left) or `NoAnswer` (it may have arrived).
"""

import http.client
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

MOST_BYTES = 4 * 1024 * 1024


class NotWritten(Exception):
    """No connection came about."""


class NoAnswer(Exception):
    """Bytes were written and no whole answer came back."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Wire:
    url: str
    connect_seconds: float
    read_seconds: float

    def call(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        written: Callable[[], None] = lambda: None,
    ) -> Answer:
        """`written` is called when every byte has left. Raises NotWritten and NoAnswer."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=self.connect_seconds
        )
        with closing(connection):
            try:
                connection.connect()
            except OSError as error:
                raise NotWritten(f"{type(error).__name__}") from error
            connection.sock.settimeout(self.read_seconds)
            try:
                connection.request(method, target, body=body, headers=dict(headers))
                written()
                with closing(connection.getresponse()) as response:
                    whole = self._read(response)
                    return Answer(response.status, dict(response.headers.items()), whole)
            except (OSError, http.client.HTTPException) as error:
                raise NoAnswer(type(error).__name__) from error

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        deadline = time.monotonic() + self.read_seconds
        parts: list[bytes] = []
        size = 0
        while part := response.read1(65536):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise NoAnswer("The answer has no end.")
            if time.monotonic() > deadline:
                raise NoAnswer("The answer comes too slowly.")
        if response.length:
            raise NoAnswer("The answer ended in the middle.")
        return b"".join(parts)
