"""From an account to the adapter that speaks for it. The only importer of adapters.

An adapter is imported when an account needs it: a vendor's SDK costs tens of megabytes, and a web
process should never carry one. The setting BROKER_ADAPTERS says which speaks for a kind.
"""

from collections.abc import Callable
from datetime import datetime
from importlib import import_module

from django.conf import settings

from brokers.base import Broker
from brokers.errors import Unsupported
from brokers.models import BrokerAccount
from tradehub.core.words import BrokerKind
from tradehub.lib.clock import utc_now

BUILT = frozenset({BrokerKind.PAPER})
"""The kinds that can be opened; the others are known words without an adapter yet."""

Factory = Callable[[BrokerAccount, Callable[[], datetime]], Broker]


def connect(account: BrokerAccount, *, now: Callable[[], datetime] = utc_now) -> Broker:
    """Makes no request by itself. Raises Unsupported for a kind without an adapter."""
    path = settings.BROKER_ADAPTERS.get(account.kind)
    if path is None:
        raise Unsupported(f"This version of TradeHub can't speak to {account.kind} yet.")
    return _factory(path)(account, now)


def _factory(path: str) -> Factory:
    module, _, name = path.partition(":")
    factory: Factory = getattr(import_module(module), name)
    return factory
