"""What Binance tells of one symbol only, asked for one after another."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from brokers.binance.client import VenueClient
from brokers.binance.errors import Meaning
from brokers.errors import BrokerError

T = TypeVar("T")


def of_each(
    client: VenueClient, symbols: Iterable[str], ask: Callable[[str], Iterable[T]]
) -> list[T]:
    """Of all of them; a symbol that the venue has no more adds nothing, and spoils nothing."""
    found: list[T] = []
    for symbol in symbols:
        try:
            found += ask(symbol)
        except BrokerError as error:
            if client.meaning_of(error) is not Meaning.NO_SYMBOL:
                raise
    return found
