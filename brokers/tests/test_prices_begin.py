"""Where a synthetic walk begins: at the first named price, however early somebody looks."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import User
from brokers.registry import connect
from brokers.types import OrderRequest
from tradehub.core.words import OrderSide, OrderType, TimeInForce
from tradehub.testing.builders import make_account

pytestmark = pytest.mark.django_db


def test_a_look_before_the_first_price_does_not_fix_the_start(alice: User, now: datetime) -> None:
    account = make_account(alice, now, price_source="synthetic")
    broker = connect(account, now=lambda: now)
    looked = broker.quote("ETHUSDT")
    assert looked is not None
    assert looked.last == 100
    broker.observe("ETHUSDT", Decimal(2400), now)
    named = broker.quote("ETHUSDT")
    assert named is not None
    assert named.last == 2400


def test_a_walk_that_was_traded_goes_on(alice: User, now: datetime) -> None:
    account = make_account(alice, now, price_source="synthetic")
    broker = connect(account, now=lambda: now)
    broker.submit(
        OrderRequest(
            client_order_id="first",
            symbol="ETHUSDT",
            side=OrderSide.BUY,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.GTC,
            quantity=Decimal(1),
        )
    )
    broker.observe("ETHUSDT", Decimal(2400), now + timedelta(seconds=1))
    quote = broker.quote("ETHUSDT")
    assert quote is not None
    assert quote.last == 100
