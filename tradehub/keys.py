"""The hub's own keys, made on the first run and kept under TRADEHUB_HOME with mode 0600.

Losing `keys.json` means losing every stored venue secret, so a file that can't be read stops the
start; it is never replaced. Several processes may start at once: a file appears whole or not at
all, and the first one wins.
"""

import base64
import contextlib
import json
import os
import secrets
import tempfile
from pathlib import Path

from tradehub.env import BadSetting

KEY_BYTES = 32


def hub_keys(home: Path) -> dict[str, str]:
    """SECRET_KEY, FIELD_ENCRYPTION_KEYS and INSTALL_KEY of this home."""
    path = home / "keys.json"
    found = _read(path)
    if found is None:
        write_once(path, json.dumps(_new_keys(), indent=1))
        found = _read(path)
    if found is None:
        raise BadSetting(f"{path} can't be read back. Does TRADEHUB_HOME allow writing?")
    return found


def decode_key(name: str, text: str) -> bytes:
    """32 bytes out of url-safe base64."""
    try:
        key = base64.b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadSetting(f"{name} must hold keys of 32 bytes in url-safe base64.")
    return key


def write_once(path: Path, content: str) -> None:
    """Make `path` with mode 0600 unless it exists, whole from the first moment."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)


def _new_keys() -> dict[str, str]:
    def key() -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")

    return {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "FIELD_ENCRYPTION_KEYS": key(),
        "INSTALL_KEY": key(),
    }


def _read(path: Path) -> dict[str, str] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadSetting(
            f"{path} holds this hub's keys and can't be read: restore it from a backup."
        ) from error
    if not isinstance(found, dict) or set(_new_keys()) - set(found):
        raise BadSetting(f"{path} lacks one of this hub's keys: restore it from a backup.")
    return {str(name): str(value) for name, value in found.items()}
