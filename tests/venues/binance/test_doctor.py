"""The account doctor at Binance: a sentence for each thing that can be wrong with a key."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.binance.weights import Api, look_weight
from brokers.doctor import look_at
from brokers.errors import OrderRejected
from brokers.models import BrokerAccount
from brokers.types import Line, OrderRequest, ReportStatus
from tests.venues.binance.books import Account
from tests.venues.binance.fixtures import SpotVenue, make_account, make_broker
from tests.venues.binance.venue import filters
from tradehub.core.words import OrderSide, OrderType, TimeInForce
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


def of_symbols(account: BrokerAccount) -> list[Line]:
    return [line for line in look_at(account).lines if line.name == "symbol"]


def traded(account: BrokerAccount) -> list[str]:
    return [line.text for line in of_symbols(account) if line.ok]


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
    assert [each.split()[0] for each in traded(account)] == ["BTCUSDT", "ETHUSDT"]
    spot_venue.venue.books.markets["BTCUSDT"].status = "BREAK"
    lines = found(account)
    line = lines["locked_symbols"]
    assert (line.ok, line.hard) == (False, False)
    assert "BTCUSDT (BREAK)" in line.text
    assert "ETHUSDT" not in line.text
    assert "take the symbol from the strategy" in line.what_to_do
    assert [each.split()[0] for each in traded(account)] == ["ETHUSDT"]


def trade_two(alice: Any, account: BrokerAccount) -> None:
    make_strategy(alice, account, make_profile(alice, utc_now()), symbols=["BTCUSDT", "ETHUSDT"])


def test_each_symbol_of_a_strategy_has_its_order_types_and_minimums(
    alice: Any, account: BrokerAccount, spot_venue: SpotVenue
) -> None:
    trade_two(alice, account)
    spot_venue.venue.books.markets["ETHUSDT"].filters = filters(
        LOT_SIZE={"minQty": "0.02", "maxQty": "700", "stepSize": "0.01"},
        MARKET_LOT_SIZE={"minQty": "0", "maxQty": "90", "stepSize": "0"},
        NOTIONAL=None, MIN_NOTIONAL={"minNotional": "12.5", "applyToMarket": True,
                                     "avgPriceMins": 5},
    )  # fmt: skip
    btc, eth = of_symbols(account)
    assert btc.text.startswith("BTCUSDT is traded, by market, limit, stop")
    assert "The least is 0.00001, in steps of 0.00001, and worth 5 USDT." in btc.text
    assert "The least is 0.02, in steps of 0.01, and worth 12.5 USDT." in eth.text
    assert "The most of one order is 700, 90 at the market." in eth.text
    for line in (btc, eth):
        assert line.ok
        assert "A stop can rest there." in line.text
        assert line.what_to_do


def test_a_symbol_of_which_no_stop_can_rest_is_told(
    alice: Any, account: BrokerAccount, spot_venue: SpotVenue
) -> None:
    trade_two(alice, account)
    market = spot_venue.venue.books.markets["BTCUSDT"]
    market.types = tuple(each for each in market.types if not each.startswith("STOP"))
    btc, eth = of_symbols(account)
    assert (btc.ok, btc.hard, btc.code) == (False, False, "UNSUPPORTED_BY_VENUE")
    assert btc.text.startswith("BTCUSDT is traded, by market and limit orders.")
    assert "No stop can rest there" in btc.text
    assert btc.what_to_do
    assert eth.ok


@pytest.mark.parametrize(
    ("sets", "has", "words"),
    [
        ((("MARGIN", "TRD_GRP_004"),), ("SPOT",), "MARGIN or TRD_GRP_004"),
        ((("SPOT",), ("TRD_GRP_004",)), ("SPOT",), "TRD_GRP_004"),
        ((("SPOT",), ("TRD_GRP_004", "TRD_GRP_005")), ("SPOT", "TRD_GRP_005"), ""),
        ((), ("SPOT",), ""),
    ],
)
def test_a_pair_that_the_account_is_not_permitted_is_told_and_refused_by_the_venue(
    alice: Any,
    account: BrokerAccount,
    spot_venue: SpotVenue,
    there: Account,
    sets: tuple[tuple[str, ...], ...],
    has: tuple[str, ...],
    words: str,
) -> None:
    """One of each set is needed: `permissionSets` of exchangeInfo, `permissions` of the account."""
    trade_two(alice, account)
    spot_venue.venue.books.markets["BTCUSDT"].permission_sets = sets
    there.permissions = has
    btc, eth = of_symbols(account)
    assert eth.ok
    assert (btc.ok, btc.hard) == (not words, False)
    broker = make_broker(account)
    request = OrderRequest("once", "BTCUSDT", OrderSide.BUY, OrderType.MARKET, TimeInForce.GTC,
                           Decimal(1))  # fmt: skip
    if not words:
        assert broker.submit(request).status is ReportStatus.FILLED
        return
    assert f"wants the permission {words}, and the account has SPOT." in btc.text
    assert "take the symbol from the strategy" in btc.what_to_do
    with pytest.raises(OrderRejected, match="not permitted for this account"):
        broker.submit(request)


def test_rules_of_all_symbols_are_asked_for_at_once_and_weigh_what_is_taken(
    alice: Any, account: BrokerAccount, spot_venue: SpotVenue, there: Account
) -> None:
    venue = spot_venue.venue
    names = [f"COIN{number}" for number in range(25)]
    for each in names:
        venue.add_market(each, "USDT", "10")
    there.balance("BTC").free = Decimal(1)
    symbols = [f"{each}USDT" for each in names]
    make_strategy(alice, account, make_profile(alice, utc_now()), symbols=symbols)
    before = int(venue.weigh(0)["X-MBX-USED-WEIGHT-1M"])
    lines = look_at(account).lines
    weighed = int(venue.weigh(0)["X-MBX-USED-WEIGHT-1M"]) - before
    assert weighed <= look_weight(Api.SPOT) <= weighed + 5
    assert len([each for each in lines if each.name == "symbol"]) == 20
    assert "Of 25 symbols that strategies name 20 were looked at." in found(account)["symbols"].text
