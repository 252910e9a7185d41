"""How much of a body is kept, by path, whatever was announced."""

from io import BytesIO
from types import SimpleNamespace

import pytest

from tradehub import body_limits
from tradehub.body_limits import MOST_ANNOUNCED, MOST_ELSEWHERE, MOST_WEBHOOK


class FakeChannel:
    """Twisted's channel, as far as the bounds use it."""

    def __init__(self, path: bytes) -> None:
        self._path = path
        self.disconnecting = False
        self.written = b""
        self.transport = SimpleNamespace(write=self._write)

    def _write(self, data: bytes) -> None:
        self.written += data

    def loseConnection(self) -> None:
        self.disconnecting = True


def receive(path: bytes, announced: int | None, *chunks: bytes) -> SimpleNamespace:
    request = SimpleNamespace(channel=FakeChannel(path), content=BytesIO())
    body_limits._got_length(request, announced)
    request.content.close()  # a long one would be a file
    request.content = BytesIO()
    for chunk in chunks:
        body_limits._handle_content_chunk(request, chunk)
    request.kept = request.content.getvalue()
    return request


@pytest.mark.parametrize("path", [b"/webhook", b"/webhook/", b"/webhook/abc", b"/webhook?x=1"])
def test_a_long_webhook_body_is_cut_one_byte_past_the_limit(path: bytes) -> None:
    request = receive(path, 100_000, b"x" * 60_000, b"x" * 40_000)
    assert len(request.kept) == MOST_WEBHOOK + 1
    assert not request.channel.disconnecting


def test_the_servers_own_form_parsing_is_off() -> None:
    """It would cost a fifth of an acknowledgement, and answer a malformed form by itself."""
    assert receive(b"/webhook/abc", 10, b"0123456789")._parsePOSTFormSubmission is False


def test_a_webhook_body_within_the_limit_is_whole() -> None:
    assert receive(b"/webhook/abc", MOST_WEBHOOK, b"x" * MOST_WEBHOOK).kept == b"x" * MOST_WEBHOOK


@pytest.mark.parametrize(
    ("path", "most"), [(b"/webhook/a", MOST_ANNOUNCED), (b"/webhooks", MOST_ELSEWHERE)]
)
def test_too_much_announced_or_sent_closes_the_connection(path: bytes, most: int) -> None:
    announced = receive(path, most + 1)
    assert announced.channel.disconnecting
    assert announced.channel.written.startswith(b"HTTP/1.1 413 ")
    assert b"BODY_TOO_LARGE" in announced.channel.written
    sent = receive(path, None, b"x" * most)
    assert not sent.channel.disconnecting
    body_limits._handle_content_chunk(sent, b"x")
    assert sent.channel.disconnecting
