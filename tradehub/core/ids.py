"""Identifiers. Pure: the clock and the entropy come in as arguments.

`sortable_id` makes the opaque ids of rows: a prefix, then 26 letters and digits that sort by time
(48 bits of milliseconds, 80 bits of entropy, Crockford's base 32). `client_order_id` is
deterministic, so that a resend, a restart or a second look asks the venue about the same order.
"""

import base64
import hashlib
import hmac

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CHARS = [_ALPHABET[high] + _ALPHABET[low] for high in range(32) for low in range(32)]


def sortable_id(prefix: str, *, milliseconds: int, entropy: int) -> str:
    """`sig_` + 26 characters. `entropy` is an 80-bit number."""
    value = (milliseconds << 80) | (entropy & ((1 << 80) - 1))
    pairs = [_CHARS[(value >> shift) & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(pairs)}"


def client_order_id(*, key: bytes, origin: str, account: str, leg: str) -> str:
    """26 lower-case letters and digits: base32 of an HMAC over origin (signal), account and leg.

    With this hub's own key, so a restored copy or a second hub can't reuse an id. Short and plain
    enough for every venue (Binance 36, Alpaca 128)."""
    digest = hmac.new(key, f"{origin}|{account}|{leg}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest)[:26].decode("ascii").lower()
