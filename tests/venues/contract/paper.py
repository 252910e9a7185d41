"""Paper in the contract suite: no wire, so no faults, and nothing happens there by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.base import Broker
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.services import create_account
from tests.venues.contract.desk import Can

KIND = "paper"
CAN = frozenset({Can.SHORTS, Can.LINKS, Can.TRAILS, Can.REDUCE_ONLY, Can.FORGETS})


_NOT_ASKED = "CAN does not name it, so no case asks paper for it"


class PaperDesk:
    symbol = "BTCUSDT"

    def __init__(self, account: BrokerAccount, now: datetime) -> None:
        self._account = account
        self._now = now
        self.broker = self.reopen()
        self.set_price("100")

    def reopen(self) -> Broker:
        return connect(self._account, now=lambda: self._now)

    def set_price(self, price: str) -> None:
        self._now += timedelta(seconds=1)
        self.broker.observe(self.symbol, Decimal(price), self._now)

    def fault(self, operation: str, kind: str, *, times: int = 1, **more: Any) -> None:
        raise NotImplementedError(_NOT_ASKED)

    def posts(self, client_order_id: str) -> int:
        raise NotImplementedError(_NOT_ASKED)

    def by_hand_order(self, side: str, quantity: str, *, limit_price: str | None = None) -> None:
        raise NotImplementedError(_NOT_ASKED)

    def fill(self, client_order_id: str, quantity: str) -> None:
        raise NotImplementedError(_NOT_ASKED)

    def lag(self, seconds: float) -> None:
        raise NotImplementedError(_NOT_ASKED)


@contextmanager
def open_desk(request: pytest.FixtureRequest) -> Iterator[PaperDesk]:
    now = request.getfixturevalue("now")
    options = {"fee_percent": "0.1", "currency": "USDT"}
    account = create_account(
        owner=request.getfixturevalue("alice"),
        kind=KIND,
        environment="paper",
        label="contract",
        options=options,
        now=now,
    )
    yield PaperDesk(account, now)
