"""Every test of Binance futures may ask for an account there."""

from typing import Any

import pytest

from tests.venues.binance_futures.books import Account
from tests.venues.binance_futures.fixtures import Desk, FuturesVenue, make_account


@pytest.fixture
def there(futures_venue: FuturesVenue) -> Account:
    """The account, as the venue has it."""
    return futures_venue.open()


@pytest.fixture
def desk(alice: Any, futures_venue: FuturesVenue, there: Account) -> Desk:
    return Desk(futures_venue, make_account(alice))


@pytest.fixture
def hedged(alice: Any, futures_venue: FuturesVenue, there: Account) -> Desk:
    """In hedge mode."""
    there.hedged = True
    return Desk(futures_venue, make_account(alice, position_mode="hedge"))
