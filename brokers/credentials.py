"""Credentials of a broker account: sealed at rest, opened only to build an adapter.

Bound to owner and row, so a copied text opens nowhere else. Nobody else calls `open_credentials`
than an adapter's factory, and that in a worker, a stream or a command: a process that serves pages
asks a worker instead (`brokers.asking`) and can't open them.
"""

import json
from collections.abc import Mapping, Sequence

from brokers.asking import serves_pages
from brokers.errors import BadCredentials
from brokers.models import BrokerAccount
from tradehub.core.errors import BadInput
from tradehub.lib.crypto import open_sealed, seal

MAX_NAMES = 10
MAX_LENGTH = 8192
"""Of one value: a private key in PEM fits."""


def seal_credentials(account: BrokerAccount, credentials: Mapping[str, str]) -> str:
    """Empty for no credentials."""
    if not credentials:
        return ""
    return seal(json.dumps(dict(credentials)), context=credentials_context(account))


def open_credentials(account: BrokerAccount) -> dict[str, str]:
    if serves_pages():
        raise RuntimeError("Credentials are not opened in a process that serves pages.")
    if not account.sealed_credentials:
        return {}
    opened = open_sealed(account.sealed_credentials, context=credentials_context(account))
    return {str(name): str(value) for name, value in json.loads(opened).items()}


def open_key(account: BrokerAccount, venue: str) -> tuple[str, str]:
    """Key and secret as they may stand in a header, without what was pasted along. Raises
    BadCredentials, without a word of them."""
    given = open_credentials(account)
    key, secret = (given.get(name, "").strip() for name in ("api_key", "api_secret"))
    fit = all(each and each.isascii() and each.isprintable() for each in (key, secret))
    if not fit or " " in key:
        text = f"The account has no key and secret (api_key, api_secret) that {venue} makes."
        raise BadCredentials(text)
    return key, secret


def check_credentials(credentials: Mapping[str, str], required: Sequence[str] = ()) -> None:
    """`required`: the names of all that the kind of account takes; empty takes any. Raises
    BadInput; its text never holds a value."""
    if not isinstance(credentials, Mapping) or len(credentials) > MAX_NAMES:
        raise BadInput("The credentials are an object of names and texts.", pointer="/credentials")
    for name, value in credentials.items():
        if not isinstance(value, str) or not 0 < len(value) <= MAX_LENGTH or len(name) > 40:
            raise BadInput(
                "Each of the credentials is a text that is not empty.", pointer="/credentials"
            )
    for name in required:
        if name not in credentials:
            text = f"This kind of account needs {' and '.join(required)}."
            raise BadInput(text, code="MISSING_FIELD", pointer=f"/credentials/{name}")
    for name in credentials:
        if required and name not in required:
            text = f"This kind of account takes {' and '.join(required)}, and nothing else."
            raise BadInput(text, code="UNSUPPORTED_FIELD", pointer="/credentials")


def credentials_context(account: BrokerAccount) -> str:
    return f"brokers.BrokerAccount:{account.owner_id}:{account.pk}"
