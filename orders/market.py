"""What the venue says before a decision: read with no transaction open.

A number that can't be had is None, never a guess; whatever needs it denies.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db import DatabaseError

from brokers.base import Broker
from brokers.errors import BrokerError
from brokers.types import AccountState, Capabilities, Instrument, Quote
from tradehub.core.intent import iso
from tradehub.core.money import plain
from tradehub.core.words import OrderSide

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Market:
    capabilities: Capabilities
    account: AccountState | None
    instruments: dict[str, Instrument | None] = field(default_factory=dict)
    quotes: dict[str, Quote | None] = field(default_factory=dict)
    synced: bool = True
    """False: the venue did not tell what became of our working orders. Entries wait for that."""

    def price(self, symbol: str, side: OrderSide | None = None) -> Decimal | None:
        """The last price; for a side, the price that an order on it would meet."""
        quote = self.quotes.get(symbol)
        if quote is None:
            return None
        if side is None:
            return quote.last
        return quote.ask if side is OrderSide.BUY else quote.bid

    def quotes_json(self) -> dict[str, Any]:
        return {
            symbol: {
                "bid": plain(quote.bid),
                "ask": plain(quote.ask),
                "last": plain(quote.last),
                "at": iso(quote.at),
                "source": quote.source,
            }
            for symbol, quote in self.quotes.items()
            if quote is not None
        }


def observe_prices(
    broker: Broker, prices: Iterable[tuple[str | None, Decimal | None]], at: datetime
) -> None:
    """Tell the venue the prices that an alert named."""
    for symbol, price in prices:
        if symbol is not None and price is not None:
            try:
                broker.observe(symbol, price, at)
            except DatabaseError:
                raise
            except Exception as error:  # a price not taken is a price missing, no more
                log.warning("price_not_taken", symbol=symbol, error=name_of(error))


def read_market(broker: Broker, symbols: Iterable[str]) -> Market:
    """The account and each symbol's instrument and quote."""
    wanted = list(dict.fromkeys(symbols))
    return Market(
        broker.capabilities(),
        _account(broker),
        {symbol: read_instrument(broker, symbol) for symbol in wanted},
        _quotes(broker, wanted),
    )


def read_instrument(broker: Broker, symbol: str) -> Instrument | None:
    try:
        return broker.instrument(symbol)
    except DatabaseError:
        raise  # ours: tried again, with all the numbers
    except Exception as error:  # an exit must go out even when an adapter breaks
        log.warning("instrument_failed", symbol=symbol, error=name_of(error))
        return None


def _quotes(broker: Broker, symbols: list[str]) -> dict[str, Quote | None]:
    found: dict[str, Quote] = {}
    try:
        found = broker.quotes(symbols)
    except DatabaseError:
        raise
    except Exception as error:  # as above
        log.warning("quotes_failed", symbols=symbols[:8], error=name_of(error))
    return {symbol: found.get(symbol) for symbol in symbols}


def _account(broker: Broker) -> AccountState | None:
    try:
        return broker.account()
    except DatabaseError:
        raise
    except Exception as error:  # as above: what is missing denies entries, never exits
        log.warning("account_failed", error=name_of(error))
        return None


def name_of(error: Exception) -> str:
    """For the log: our code of a venue's error, else its type."""
    return error.code if isinstance(error, BrokerError) else type(error).__name__
