"""Binance USD-M futures in the contract suite: the real adapter and SDK, over sockets, at the
fake."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.venues.binance.desk import BinanceDesk
from tests.venues.binance_futures.books import Order
from tests.venues.binance_futures.fixtures import FuturesVenue, make_account, make_broker
from tests.venues.contract.desk import Can

KIND = "binance_futures"
CAN = frozenset({
    Can.FAULTS, Can.BY_HAND, Can.PARTIAL, Can.LAG, Can.REDUCE_ONLY, Can.SHORTS, Can.TRAILS,
    Can.FORGETS, Can.LISTS,
})  # fmt: skip


@contextmanager
def open_desk(request: pytest.FixtureRequest) -> Iterator[BinanceDesk]:
    there: FuturesVenue = request.getfixturevalue("futures_venue")
    there.open()
    yield BinanceDesk(there, make_account(request.getfixturevalue("alice")), make_broker, Order)
