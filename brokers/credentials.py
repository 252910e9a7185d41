"""Credentials of a broker account: sealed at rest, opened only to build an adapter.

Bound to owner and row, so a copied text opens nowhere else. Nobody else calls `open_credentials`
than the registry.
"""

import json
from collections.abc import Mapping

from brokers.models import BrokerAccount
from tradehub.core.errors import BadInput
from tradehub.lib.crypto import open_sealed, seal

MAX_NAMES = 10
MAX_LENGTH = 8192
"""Of one value: a private key in PEM fits."""


def seal_credentials(account: BrokerAccount, credentials: Mapping[str, str]) -> str:
    """Empty for no credentials."""
    check_credentials(credentials)
    if not credentials:
        return ""
    return seal(json.dumps(dict(credentials)), context=_context(account))


def open_credentials(account: BrokerAccount) -> dict[str, str]:
    if not account.sealed_credentials:
        return {}
    opened = open_sealed(account.sealed_credentials, context=_context(account))
    return {str(name): str(value) for name, value in json.loads(opened).items()}


def check_credentials(credentials: Mapping[str, str]) -> None:
    """Raises BadInput; its text never holds a value."""
    if not isinstance(credentials, Mapping) or len(credentials) > MAX_NAMES:
        raise BadInput("The credentials are an object of names and texts.", pointer="/credentials")
    for name, value in credentials.items():
        if not isinstance(value, str) or not 0 < len(value) <= MAX_LENGTH or len(name) > 40:
            raise BadInput(
                "Each of the credentials is a text that is not empty.", pointer="/credentials"
            )


def _context(account: BrokerAccount) -> str:
    return f"brokers.BrokerAccount:{account.owner_id}:{account.pk}"
