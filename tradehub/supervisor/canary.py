"""Asks Redis for the signs of life of beat and the workers, without a Redis library: this process
stays, and its memory is counted.

Only the keys of tradehub.lib.heartbeat are read. No answer says nothing about those who leave them.
"""

import socket
import ssl
from collections.abc import Sequence
from urllib.parse import parse_qs, unquote, urlsplit


def signs_of_life(
    redis_url: str, keys: Sequence[str] = (), timeout: float = 0.5
) -> dict[str, float | None] | None:
    """Epoch seconds by key, None where it is absent; None when Redis doesn't answer."""
    try:
        with _connect(redis_url, timeout) as connection:
            for words in _greeting(redis_url):
                _ask(connection, *words)
            _ask(connection, "PING")
            found = {key: _ask(connection, "GET", key) for key in keys}
            return {key: float(value) if value else None for key, value in found.items()}
    except (OSError, ValueError):
        return None


def _connect(redis_url: str, timeout: float) -> socket.socket:
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        try:
            connection.connect(parts.path)
        except OSError:
            connection.close()
            raise
        return connection
    host = parts.hostname or "localhost"
    connection = socket.create_connection((host, parts.port or 6379), timeout)
    if parts.scheme == "rediss":
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    return connection


def _greeting(redis_url: str) -> list[tuple[str, ...]]:
    parts = urlsplit(redis_url)
    greeting: list[tuple[str, ...]] = []
    if parts.password:
        user = (unquote(parts.username),) if parts.username else ()
        greeting.append(("AUTH", *user, unquote(parts.password)))
    number = parts.path.strip("/") if parts.scheme != "unix" else ""
    number = parse_qs(parts.query).get("db", [number])[0]
    if number:
        greeting.append(("SELECT", number))
    return greeting


def _ask(connection: socket.socket, *words: str) -> bytes | None:
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word.encode()), word.encode()) for word in words]
    connection.sendall(b"".join(parts))
    answer = b""
    while answer.count(b"\r\n") < (2 if answer[:1] == b"$" and answer[:2] != b"$-" else 1):
        chunk = connection.recv(4096)
        if not chunk:
            raise OSError("Redis closed the connection")
        answer += chunk
    if answer[:1] == b"-":
        raise ValueError(answer.decode("utf-8", "replace"))
    return answer.split(b"\r\n")[1] if answer[:1] == b"$" and answer[:2] != b"$-" else None
