"""Bounds of a request's body, kept at the socket: daphne reads a whole body before the app runs.

A webhook body is cut at one byte more than the limit, so that the webhook sees that it is too
long, answers 413 and logs it for its owner; what follows is dropped as it arrives and costs no
memory. Beyond MOST_ANNOUNCED the connection is closed. The server's own form parsing is off, since
nobody reads what it finds and it answers malformed forms by itself.
"""

from typing import Any

from daphne.http_protocol import WebRequest

MOST_WEBHOOK = 64 * 1024
MOST_ANNOUNCED = 64 * 1024 * 1024
MOST_ELSEWHERE = 4 * 1024 * 1024

_PROBLEM = (
    b'{"type":"/help/reasons/BODY_TOO_LARGE","title":"Body too large","status":413,'
    b'"detail":"The body is larger than this server reads.","code":"BODY_TOO_LARGE"}'
)
_TOO_LARGE = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/problem+json\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_PROBLEM), _PROBLEM)
)


def is_webhook(path: bytes) -> bool:
    return path == b"/webhook" or path.startswith((b"/webhook/", b"/webhook?"))


def bounds(path: bytes) -> tuple[int, int]:
    """How many bytes are kept, and how many end the connection."""
    if is_webhook(path):
        return MOST_WEBHOOK + 1, MOST_ANNOUNCED
    return MOST_ELSEWHERE, MOST_ELSEWHERE


def limit_bodies() -> None:
    """Put the bounds into daphne's request class; once."""
    if WebRequest.gotLength is not _got_length:
        WebRequest.gotLength = _got_length
        WebRequest.handleContentChunk = _handle_content_chunk


_plain_got_length = WebRequest.gotLength


def _got_length(request: Any, length: int | None) -> None:
    request._kept, request._most = bounds(request.channel._path)
    request._received = 0
    request._parsePOSTFormSubmission = False  # Twisted sets it anew for each request
    _plain_got_length(request, None if length is None else min(length, request._kept))
    if length is not None and length > request._most:
        _refuse(request)


def _handle_content_chunk(request: Any, data: bytes) -> None:
    room = request._kept - request._received
    request._received += len(data)
    if room > 0:
        request.content.write(data[:room])
    if request._received > request._most:
        _refuse(request)


def _refuse(request: Any) -> None:
    channel = request.channel
    if channel is not None and not channel.disconnecting:
        channel.transport.write(_TOO_LARGE)
        channel.loseConnection()
