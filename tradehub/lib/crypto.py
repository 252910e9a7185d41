"""Encryption of stored secrets: AES-256-GCM under a ring of keys.

The first key of FIELD_ENCRYPTION_KEYS seals, any of them opens. `context` names owner, model and
row; it is authenticated, so a sealed text that is copied to another row doesn't open there.
Nothing raised here carries a secret or a key.
"""

import base64
import hashlib
import os
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_VERSION = "v1"
_NONCE_BYTES = 12
_KEY_BYTES = 32


class SealBroken(Exception):
    """The sealed text is damaged, of another row, or sealed with a key that is not in the ring."""


@dataclass(frozen=True)
class _Key:
    id: str
    cipher: AESGCM = field(repr=False)


def seal(plaintext: str | bytes, *, context: str) -> str:
    """`v1:<key id>:<nonce and ciphertext>`; twice the same plaintext gives two texts."""
    data = plaintext.encode() if isinstance(plaintext, str) else plaintext
    key = _ring()[0]
    nonce = os.urandom(_NONCE_BYTES)
    sealed = key.cipher.encrypt(nonce, data, _bound(key.id, context))
    return f"{_VERSION}:{key.id}:{base64.urlsafe_b64encode(nonce + sealed).decode('ascii')}"


def open_sealed(sealed: str, *, context: str) -> str:
    """The plaintext. Raises SealBroken."""
    version, _, rest = sealed.partition(":")
    key_id, _, body = rest.partition(":")
    key = next((each for each in _ring() if each.id == key_id), None)
    if version != _VERSION or not body:
        raise SealBroken("This is no sealed text.")
    if key is None:
        raise SealBroken("It was sealed with a key that is not in FIELD_ENCRYPTION_KEYS.")
    try:
        data = base64.b64decode(body, altchars=b"-_", validate=True)
        if base64.urlsafe_b64encode(data).decode("ascii") != body:
            raise ValueError  # the last letter has bits that decoding drops
        opened = key.cipher.decrypt(
            data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound(key.id, context)
        )
        return opened.decode()
    except (InvalidTag, ValueError):
        # `from None`: the cause would only repeat the bytes.
        raise SealBroken("The sealed text is damaged or belongs to another row.") from None


def needs_rotation(sealed: str) -> bool:
    """Whether it was sealed under another key than the newest."""
    return bool(sealed) and not sealed.startswith(f"{_VERSION}:{_ring()[0].id}:")


def _bound(key_id: str, context: str) -> bytes:
    return f"{_VERSION}|{key_id}|{context}".encode()


def _ring() -> tuple[_Key, ...]:
    return _parsed(tuple(settings.FIELD_ENCRYPTION_KEYS))


@lru_cache(maxsize=8)
def _parsed(given: tuple[str | bytes, ...]) -> tuple[_Key, ...]:
    keys = tuple(_key(each) for each in given)
    if not keys:
        raise ValueError("FIELD_ENCRYPTION_KEYS is empty.")
    return keys


def _key(given: str | bytes) -> _Key:
    raw = given if isinstance(given, bytes) else base64.urlsafe_b64decode(given)
    if len(raw) != _KEY_BYTES:
        raise ValueError("FIELD_ENCRYPTION_KEYS must hold keys of 32 bytes in url-safe base64.")
    return _Key(hashlib.sha256(raw).hexdigest()[:8], AESGCM(raw))
