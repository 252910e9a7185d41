"""HTTP/1.1 as cheaply as Python can: requests made of bytes, answers recognised, not understood.

The load generator shares the machine with what it measures, so what it costs is taken from there.
"""

from collections.abc import Mapping, Sequence

COUNTER = b"0000000000"
"""In a template's body: replaced by the request's number, of the same length."""


def request_template(port: int, path: str, body: str, headers: Mapping[str, str]) -> bytes:
    """A POST whose body may hold COUNTER once."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body.encode())}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", body]).encode()


class Templates:
    """Requests one after the other, each with a number of its own."""

    def __init__(self, port: int, requests: Sequence[Mapping[str, str]], first: int = 0) -> None:
        self._parts = [
            request_template(port, each["path"], each["body"], {}).split(COUNTER, 1)
            for each in requests
        ]
        self.sent = first

    def next(self) -> bytes:
        parts = self._parts[self.sent % len(self._parts)]
        self.sent += 1
        return (b"%010d" % self.sent).join(parts)


def answer_length(data: bytes) -> int | None:
    """How long the whole answer is; None while that can't be said."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    if b"transfer-encoding: chunked" in head:
        last = data.find(b"\r\n0\r\n\r\n", end)
        return None if last < 0 else last + 7
    at = head.find(b"content-length:")
    if at < 0:
        return end + 4
    return end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])


def status_of(data: bytes) -> str:
    return data[9:12].decode("ascii", "replace")
