"""From an account to the adapter that speaks for it. The only importer of adapters.

An adapter is imported when an account needs it: a vendor's SDK costs tens of megabytes, and a web
process never carries one. The setting BROKER_ADAPTERS says which speaks for a kind, as
"package.adapter:factory"; the factory opens the credentials. One that keeps connections for an
account keeps them by its `sealed_credentials` too, or it would go on with a key that was replaced.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings

from brokers import asking
from brokers.base import Broker
from brokers.errors import Unsupported
from brokers.models import BrokerAccount
from brokers.types import Instrument, Line
from tradehub.core.words import BrokerKind
from tradehub.lib.clock import utc_now

BUILT = frozenset(
    {BrokerKind.PAPER, BrokerKind.BINANCE_SPOT, BrokerKind.BINANCE_FUTURES, BrokerKind.ALPACA}
)
"""The kinds that can be opened; the others are known words without an adapter yet."""

Factory = Callable[[BrokerAccount, Callable[[], datetime]], Broker]
Hook = Callable[[Broker, Mapping[str, Instrument]], list[Line]]
Weigh = Callable[[Broker], int]
Begin = Callable[[Broker], None]
Learn = Callable[[Broker, Collection[str]], None]


def connect(account: BrokerAccount, *, now: Callable[[], datetime] = utc_now) -> Broker:
    """Makes no request by itself. Raises Unsupported for a kind without an adapter.

    A process that serves pages gets a `Broker` whose questions a worker asks (`brokers.asking`):
    neither a vendor's SDK nor an opened credential is ever in it."""
    path = settings.BROKER_ADAPTERS.get(account.kind)
    if path is None:
        raise Unsupported(f"This version of TradeHub can't speak to {account.kind} yet.")
    if asking.goes_to_a_worker(account):
        return asking.AskingBroker(account)
    factory: Factory = _named(path)
    return factory(account, now)


def venue_lines(
    account: BrokerAccount, broker: Broker, instruments: Mapping[str, Instrument]
) -> list[Line]:
    """What the venue's own part of the account doctor finds: `lines(broker, instruments)` of the
    module `doctor` beside the adapter; `instruments` are those that strategies name and the venue
    trades. None where there is no such module."""
    module = _doctor_of(account)
    if module is None:
        return []
    hook: Hook = _named(f"{module}:lines")
    return hook(broker, instruments)


def look_weight(account: BrokerAccount, broker: Broker) -> int:
    """What all that the account doctor asks weighs at most, where the venue counts weights
    (`weight(broker)` of the same module); else 0."""
    module = _doctor_of(account)
    weigh: Weigh | None = getattr(import_module(module), "weight", None) if module else None
    return 0 if weigh is None else weigh(broker)


def begin_look(account: BrokerAccount, broker: Broker) -> None:
    """Before the account doctor asks: what its adapter remembers is asked for anew
    (`begin(broker)` of the same module, where there is one)."""
    module = _doctor_of(account)
    begin: Begin | None = getattr(import_module(module), "begin", None) if module else None
    if begin is not None:
        begin(broker)


def learn_symbols(account: BrokerAccount, broker: Broker, symbols: Collection[str]) -> None:
    """What is asked of one symbol after another is asked of all at once, where the venue can
    (`learn(broker, symbols)` of the same module, where there is one)."""
    module = _doctor_of(account)
    learn: Learn | None = getattr(import_module(module), "learn", None) if module else None
    if learn is not None:
        learn(broker, symbols)


def _doctor_of(account: BrokerAccount) -> str | None:
    adapter = settings.BROKER_ADAPTERS[account.kind].partition(":")[0]
    module = adapter.rpartition(".")[0] + ".doctor"
    return None if find_spec(module) is None else module


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
