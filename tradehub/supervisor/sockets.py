"""The listening socket that web processes share, and a look at what listens there."""

import socket

BACKLOG = 2048


class PortTaken(Exception):
    """Somebody else listens there, or the address isn't ours."""


def listen(host: str, port: int) -> socket.socket:
    """Bind once, here: children inherit the socket, so a restart of one loses no handshake."""
    if ":" in host:
        # daphne takes a socket that it is handed for an IPv4 one.
        raise PortTaken(f"HOST must be an IPv4 address or a name, not {host}.")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"TradeHub can't listen on {host} port {port}: {error.strerror or error}. "
            "Stop what runs there, or set PORT or HOST."
        ) from error
    listener.setblocking(False)
    return listener


def http_status(address: tuple[str, int], path: str, timeout: float) -> int:
    """The status that a GET answers; 0 when it doesn't. By hand: an HTTP library costs this
    process, which stays, 4 MB."""
    request = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
    try:
        with socket.create_connection(address, timeout) as connection:
            connection.sendall(request)
            words = connection.recv(64).split()
            return int(words[1]) if len(words) > 1 else 0
    except (OSError, ValueError):
        return 0
