"""Random tokens of which only a hash is kept: API keys, webhook URLs, invitations.

A token has 190 bits of entropy, so one SHA-256 is enough to store it; it needs no slow hash. The
secret is shown once, when it is made; afterwards prefix and last four must do.
"""

import hashlib
import secrets
import string
from dataclasses import dataclass, field

API_KEY = "thk_"
WEBHOOK = "thw_"
INVITATION = "thi_"

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 32
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Token:
    """`prefix` and `last_four` may be shown for ever, `secret` once, `digest` is what is stored."""

    secret: str = field(repr=False)
    prefix: str
    last_four: str
    digest: bytes = field(repr=False)


def new_token(prefix: str) -> Token:
    """For example `thk_` and 32 letters and digits. The shown prefix is the kind and four more."""
    secret = prefix + "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return Token(secret, secret[: len(prefix) + _SHOWN], secret[-_SHOWN:], digest_of(secret))


def digest_of(secret: str) -> bytes:
    """SHA-256, what a token is looked up by. Any text has one, however odd."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
