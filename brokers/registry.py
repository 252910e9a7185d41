"""From an account to the adapter that speaks for it. The only importer of adapters.

An adapter is imported when an account needs it: a vendor's SDK costs tens of megabytes, and a web
process should never carry one.
"""

from collections.abc import Callable
from datetime import datetime

from brokers.base import Broker
from brokers.errors import Unsupported
from brokers.models import BrokerAccount
from tradehub.core.words import BrokerKind
from tradehub.lib.clock import utc_now

BUILT = frozenset({BrokerKind.PAPER})
"""The kinds that can be opened; the others are known words without an adapter yet."""


def connect(account: BrokerAccount, *, now: Callable[[], datetime] = utc_now) -> Broker:
    """Makes no request by itself. Raises Unsupported for a kind without an adapter."""
    adapter = _ADAPTERS.get(account.kind)
    if adapter is None:
        raise Unsupported(f"This version of TradeHub can't speak to {account.kind} yet.")
    return adapter(account, now)


def _paper(account: BrokerAccount, now: Callable[[], datetime]) -> Broker:
    from brokers.paper.adapter import PaperBroker

    return PaperBroker(account.pk, account.options, now)


_ADAPTERS: dict[str, Callable[[BrokerAccount, Callable[[], datetime]], Broker]] = {
    BrokerKind.PAPER: _paper,
}
