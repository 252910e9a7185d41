"""Takes secrets out of what is logged or shown. Pure: standard library only.

By key: a value whose name says that it is a secret is replaced whole. By shape: tokens in webhook
and welcome addresses, passwords in URLs, bearer keys and `name=secret` pairs within any text.
"""

import re
from collections.abc import Mapping
from typing import Any

MASK = "•••"

_SECRET_NAME = re.compile(
    r"(^|_)(secret|password|passwd|passphrase|token|api_?key|authorization|cookies?|credentials?"
    r"|signature|private_key|secret_key|encryption_keys?|install_key|sessionid|csrftoken)s?$"
)
_NAMES = r"(?:secret|password|passphrase|token|api_?key|signature|listenKey|access_token)"
_SHAPES = [
    (re.compile(r"(/(?:webhook|welcome)/)[^/\s?#\"'\\]+"), rf"\1{MASK}"),
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{MASK}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"), rf"\1 {MASK}"),
    (re.compile(rf"(?i)\b({_NAMES}=)[^&\s\"']+"), rf"\1{MASK}"),
    (re.compile(rf"(?i)([\"']{_NAMES}[\"']\s*:\s*)([\"'])(?:\\.|(?!\2).)*\2"), rf"\1\2{MASK}\2"),
]


def is_secret_name(name: str) -> bool:
    """`api_key`, `X-Api-Key`, `apiSecret`, `passphrase`, …"""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
    return bool(_SECRET_NAME.search(words))


def redact_text(text: str) -> str:
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def redact(value: Any) -> Any:
    """A copy of plain data (mappings, lists, text) without its secrets."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {
            key: MASK if item and is_secret_name(str(key)) else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return value
