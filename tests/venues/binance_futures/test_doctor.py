"""The account doctor at Binance futures: a sentence for each thing that can be wrong."""

import re
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.doctor import look_at
from brokers.models import BrokerAccount
from brokers.types import Line
from tests.venues.binance_futures.books import Account, Position
from tests.venues.binance_futures.fixtures import Desk, FuturesVenue, make_account
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import make_profile, make_strategy


@pytest.fixture
def account(alice: Any, there: Account) -> BrokerAccount:
    return make_account(alice)


def found(account: BrokerAccount) -> dict[str, Line]:
    return {line.name: line for line in look_at(account).lines}


def of_symbols(account: BrokerAccount) -> list[Line]:
    return [line for line in look_at(account).lines if line.name == "symbol"]


def traded(account: BrokerAccount) -> list[str]:
    return [line.text for line in of_symbols(account) if line.ok]


def test_a_good_key_passes_every_line(account: BrokerAccount, there: Account) -> None:
    look = look_at(account)
    assert look.complete
    assert look.hindrances == []
    assert look.venue_account_id == there.alias
    lines = found(account)
    expected = {"key", "trading", "withdrawals", "address", "clock", "position_mode", "margin"}
    assert expected | {"stops"} <= set(lines)
    assert all(line.ok for line in lines.values()), lines


def test_a_key_that_may_withdraw_is_not_traded_with(account: BrokerAccount, there: Account) -> None:
    there.can_withdraw = True
    line = found(account)["withdrawals"]
    assert (line.ok, line.hard, bool(line.what_to_do)) == (False, True, True)


def test_a_key_that_may_not_trade_futures_is_told(account: BrokerAccount, there: Account) -> None:
    there.can_trade = False
    line = found(account)["trading"]
    assert (line.ok, line.hard) == (False, True)
    assert "Enable Futures" in line.what_to_do


@pytest.mark.parametrize(("hedged", "option"), [(True, "one_way"), (False, "hedge")])
def test_another_position_mode_than_the_options_keeps_entries_away(
    alice: Any, there: Account, hedged: bool, option: str
) -> None:
    there.hedged = hedged
    line = found(make_account(alice, position_mode=option))["position_mode"]
    assert (line.ok, line.hard) == (False, True)
    assert "hedge" in line.text
    assert "position_mode" in line.what_to_do


@pytest.mark.parametrize(("mode", "hard"), [("isolated", True), ("cross", False)])
def test_multi_assets_mode_is_told(alice: Any, there: Account, mode: str, hard: bool) -> None:
    there.multi_assets = True
    line = found(make_account(alice, margin_mode=mode))["margin"]
    assert (line.ok, line.hard) == (False, hard)
    assert "multi-assets" in line.text


def test_both_sides_of_a_symbol_are_told(alice: Any, there: Account) -> None:
    there.hedged = True
    there.positions["BTCUSDT", "LONG"] = Position(D(2), D(100))
    there.positions["BTCUSDT", "SHORT"] = Position(D(-1), D(100))
    line = found(make_account(alice, position_mode="hedge"))["both_sides"]
    assert (line.ok, line.hard) == (False, False)
    assert "BTCUSDT" in line.text


@pytest.mark.parametrize("seconds", [-5, 5])
def test_a_clock_that_is_five_seconds_off_is_told_and_still_trades(
    account: BrokerAccount, futures_venue: FuturesVenue, seconds: int
) -> None:
    futures_venue.venue.skew = timedelta(seconds=seconds)
    line = found(account)["clock"]
    assert (line.ok, line.hard) == (False, False)
    told = re.search(r"differ by (\d+\.\d) s", line.text)
    assert told is not None
    assert 4 < float(told[1]) < 6  # the answer's own way counts in


def test_a_wrong_key_is_told(alice: Any, there: Account) -> None:
    for account in (make_account(alice, "unknown"), make_account(alice, secret="wrong")):
        look = look_at(account)
        assert look.complete
        (line,) = look.hindrances
        assert line.code == "BAD_CREDENTIALS"


@pytest.mark.parametrize("operation", ["permissions", "config", "balance", "account"])
def test_a_venue_that_does_not_answer_proves_nothing(
    account: BrokerAccount, futures_venue: FuturesVenue, operation: str
) -> None:
    futures_venue.venue.fault(operation, "refuse_500")
    look = look_at(account)
    assert not look.complete
    assert look.hindrances == []


def test_a_locked_symbol_is_told_with_the_venue_s_word(
    alice: Any, account: BrokerAccount, futures_venue: FuturesVenue
) -> None:
    profile = make_profile(alice, utc_now())
    make_strategy(alice, account, profile, symbols=["BTCUSDT", "ETHUSDT"])
    assert [each.split()[0] for each in traded(account)] == ["BTCUSDT", "ETHUSDT"]
    futures_venue.venue.books.markets["BTCUSDT"].status = "SETTLING"
    lines = found(account)
    line = lines["locked_symbols"]
    assert (line.ok, line.hard) == (False, False)
    assert "BTCUSDT (SETTLING)" in line.text
    assert "ETHUSDT" not in line.text
    assert "take the symbol from the strategy" in line.what_to_do
    assert [each.split()[0] for each in traded(account)] == ["ETHUSDT"]


def test_each_symbol_of_a_strategy_has_its_order_types_and_minimums(
    alice: Any, account: BrokerAccount, futures_venue: FuturesVenue
) -> None:
    profile = make_profile(alice, utc_now())
    make_strategy(alice, account, profile, symbols=["BTCUSDT", "ETHUSDT"])
    market = futures_venue.venue.books.markets["ETHUSDT"]
    market.types = tuple(each for each in market.types if "STOP" not in each)
    btc, eth = of_symbols(account)
    assert btc.ok
    assert btc.text.startswith("BTCUSDT is traded, by market, limit, stop, stop limit and trailing")
    assert "The least is 0.001, in steps of 0.001, and worth 5 USDT." in btc.text
    assert "A stop can rest there." in btc.text
    assert (eth.ok, eth.hard, bool(eth.what_to_do)) == (False, False, True)
    assert "No stop can rest there" in eth.text


def test_the_algo_book_is_asked_and_its_answer_told(
    account: BrokerAccount, futures_venue: FuturesVenue, there: Account
) -> None:
    desk = Desk(futures_venue, account)
    desk.place("buy", "1")
    desk.place("sell", "1", "stop", stop_price="95", id="stop", reduce_only=True)
    line = found(account)["stops"]
    assert line.ok
    assert "The book answers: 1 of BTCUSDT work there." in line.text


def test_an_account_without_an_algo_book_sends_no_entry(
    account: BrokerAccount, there: Account
) -> None:
    there.has_algos = False
    look = look_at(account)
    assert look.complete
    (line,) = look.hindrances
    assert (line.name, line.code) == ("stops", "UNSUPPORTED_BY_VENUE")
    assert "Order type not supported for this endpoint." in line.text
    assert "manage.py drill" in line.what_to_do
    assert not found(account)["holdings"].ok


def test_an_algo_book_that_is_only_busy_proves_nothing(
    account: BrokerAccount, futures_venue: FuturesVenue
) -> None:
    futures_venue.venue.fault("open_orders", "refuse_500")
    look = look_at(account)
    assert (look.complete, look.hindrances) == (False, [])
