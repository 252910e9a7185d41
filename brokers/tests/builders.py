"""Plain typed builders for tests of the venues."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from brokers.models import BrokerAccount
from brokers.paper.matching import VenueOrder
from brokers.services import create_account
from brokers.tests.stub_venue import adapter as stub
from brokers.types import OrderRequest, Quote
from tradehub.core.words import OrderSide, OrderType, TimeInForce

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
_ids = count(1)


def request(
    side: str = "buy",
    quantity: str = "10",
    order_type: str = "market",
    *,
    tif: str = "gtc",
    symbol: str = "AAPL",
    **more: Any,
) -> OrderRequest:
    named = {"limit_price", "stop_price"} & more.keys()
    prices: dict[str, Any] = {name: Decimal(more.pop(name)) for name in named}
    return OrderRequest(
        client_order_id=more.pop("id", f"order{next(_ids)}"),
        symbol=symbol,
        side=OrderSide(side),
        order_type=OrderType(order_type),
        time_in_force=TimeInForce(tif),
        quantity=Decimal(quantity),
        **prices,
        **more,
    )


def resting(*args: Any, created_at: datetime = NOW, **more: Any) -> VenueOrder:
    asked = request(*args, **more)
    return VenueOrder(asked, asked.quantity, created_at, created_at)


def quote(
    last: str, *, bid: str | None = None, ask: str | None = None, at: datetime = NOW
) -> Quote:
    return Quote("AAPL", Decimal(bid or last), Decimal(ask or last), Decimal(last), at, "signal")


def use_stub(settings: Any) -> None:
    """Accounts of the kind binance_spot are at the stub venue from now on."""
    settings.BROKER_ADAPTERS = {**settings.BROKER_ADAPTERS, "binance_spot": stub.PATH}
    stub.scripts.clear()


def open_stub_account(
    owner: Any, key: str = "k1", *, environment: str = "test", **more: Any
) -> BrokerAccount:
    """Not examined yet."""
    stub.scripts.setdefault(key, stub.Script())
    return create_account(
        owner=owner,
        kind="binance_spot",
        environment=environment,
        confirm="live",
        label=more.pop("label", f"Stub {key}"),
        credentials={"api_key": key, "api_secret": f"secret of {key}"},
        now=more.pop("now", NOW),
        **more,
    )
