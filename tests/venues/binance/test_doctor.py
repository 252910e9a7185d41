"""The account doctor at Binance: a sentence for each thing that can be wrong with a key."""

import re
from datetime import timedelta
from typing import Any

import pytest

from brokers.doctor import look_at
from brokers.models import BrokerAccount
from brokers.types import Line
from tests.venues.binance.books import Account
from tests.venues.binance.fixtures import SpotVenue, make_account
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import make_profile, make_strategy


@pytest.fixture
def there(spot_venue: SpotVenue) -> Account:
    return spot_venue.open()


@pytest.fixture
def account(alice: Any, there: Account) -> BrokerAccount:
    return make_account(alice)


def found(account: BrokerAccount) -> dict[str, Line]:
    return {line.name: line for line in look_at(account).lines}


def test_a_good_key_passes_every_line(account: BrokerAccount, there: Account) -> None:
    look = look_at(account)
    assert look.complete
    assert look.hindrances == []
    assert look.venue_account_id == str(there.uid)
    lines = found(account)
    assert {"key", "trading", "withdrawals", "address", "clock"} <= set(lines)
    assert all(line.ok for line in lines.values()), lines


def test_a_key_that_may_withdraw_is_not_traded_with(account: BrokerAccount, there: Account) -> None:
    there.can_withdraw = True
    line = found(account)["withdrawals"]
    assert (line.ok, line.hard) == (False, True)
    assert "withdraw" in line.text
    assert line.what_to_do


def test_a_key_that_may_not_trade_is_told(account: BrokerAccount, there: Account) -> None:
    there.can_trade = False
    line = found(account)["trading"]
    assert (line.ok, line.hard) == (False, True)


def test_a_key_without_an_address_is_told_and_still_trades(
    account: BrokerAccount, there: Account
) -> None:
    there.ip_restricted = False
    line = found(account)["address"]
    assert (line.ok, line.hard) == (False, False)


@pytest.mark.parametrize("seconds", [-5, 5])
def test_a_clock_that_is_five_seconds_off_is_told_and_still_trades(
    account: BrokerAccount, spot_venue: SpotVenue, seconds: int
) -> None:
    spot_venue.venue.skew = timedelta(seconds=seconds)
    line = found(account)["clock"]
    assert (line.ok, line.hard) == (False, False)
    told = re.search(r"differ by (\d+\.\d) s", line.text)
    assert told is not None
    assert 4 < float(told[1]) < 6  # the answer's own way counts in


def test_a_wrong_key_is_told(alice: Any, spot_venue: SpotVenue) -> None:
    spot_venue.open()
    for account in (make_account(alice, "unknown"), make_account(alice, secret="wrong")):
        look = look_at(account)
        assert look.complete
        (line,) = look.hindrances
        assert line.code == "BAD_CREDENTIALS"
        assert line.text.startswith("Binance spot (testnet) can't be used with this key: ")
        assert line.text.endswith(".")
        assert "Press New key" in line.what_to_do


def test_a_venue_that_does_not_answer_proves_nothing(
    account: BrokerAccount, spot_venue: SpotVenue
) -> None:
    spot_venue.venue.fault("permissions", "refuse_500")
    look = look_at(account)
    assert not look.complete
    assert look.hindrances == []
    line = look.lines[-1]
    assert line.text.startswith("Binance spot (testnet) did not tell what was asked: ")
    assert "Nothing is known to be wrong with the key" in line.what_to_do


@pytest.mark.parametrize("seconds", [-8, -3, 3, 8])
def test_a_check_asks_the_time_anew(
    account: BrokerAccount, spot_venue: SpotVenue, seconds: int
) -> None:
    assert found(account)["clock"].ok
    spot_venue.venue.skew = timedelta(seconds=seconds)
    told = re.search(r"differ by (\d+\.\d) s", found(account)["clock"].text)
    assert told is not None
    assert abs(float(told[1]) - abs(seconds)) < 1


def test_a_locked_symbol_is_told_with_the_venue_s_word(
    alice: Any, account: BrokerAccount, spot_venue: SpotVenue
) -> None:
    profile = make_profile(alice, utc_now())
    make_strategy(alice, account, profile, symbols=["BTCUSDT", "ETHUSDT"])
    assert "BTCUSDT, ETHUSDT" in found(account)["symbols"].text
    spot_venue.venue.books.markets["BTCUSDT"].status = "BREAK"
    lines = found(account)
    line = lines["locked_symbols"]
    assert (line.ok, line.hard) == (False, False)
    assert "BTCUSDT (BREAK)" in line.text
    assert "ETHUSDT" not in line.text
    assert "take the symbol from the strategy" in line.what_to_do
    assert lines["symbols"].text == "The venue trades ETHUSDT."
