"""The doctor's sentences about an Alpaca account, each from what Alpaca really tells."""

import re
from datetime import timedelta
from typing import Any

import pytest

from brokers.alpaca.doctor import lines
from brokers.doctor import look_at
from brokers.types import Line
from tests.venues.alpaca.fixtures import KEY, Alpaca, make_alpaca_hub
from tradehub.testing.hub import Hub


def found(alpaca: Alpaca) -> dict[str, Line]:
    return {each.name: each for each in lines(alpaca.broker(), {})}


def test_a_healthy_account_has_nothing_against_it(alpaca: Alpaca) -> None:
    told = found(alpaca)
    assert all(each.ok for each in told.values())
    assert list(told) == ["account status", "trading", "short sales", "crypto", "margin", "clock",
                          "market hours"]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "name", "words", "hard"),
    [
        ({"status": "ONBOARDING"}, "account status", "ONBOARDING", True),
        ({"trading_blocked": True}, "trading", "blocked trading", True),
        ({"account_blocked": True}, "trading", "blocked the account", True),
        ({"trade_suspended_by_user": True}, "trading", "You have suspended", True),
        ({"maintenance_margin": "60000"}, "margin", "10000 USD below the maintenance", False),
    ],
)
def test_what_hinders(
    alpaca: Alpaca, changes: dict[str, Any], name: str, words: str, hard: bool
) -> None:
    alpaca.venue.change(KEY, **changes)
    line = found(alpaca)[name]
    assert (line.ok, line.hard) == (False, hard)
    assert words in line.text
    assert line.what_to_do


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"shorting_enabled": False}, "short sales", "may not sell short"),
        ({"crypto_status": "INACTIVE"}, "crypto", "Crypto is INACTIVE"),
    ],
)
def test_what_to_know(alpaca: Alpaca, changes: dict[str, Any], name: str, words: str) -> None:
    alpaca.venue.change(KEY, **changes)
    line = found(alpaca)[name]
    assert line.ok
    assert words in line.text
    assert line.what_to_do


@pytest.mark.parametrize(("skew", "words"), [(5, "s behind"), (-5, "s ahead of")])
def test_a_clock_that_is_off(alpaca: Alpaca, skew: int, words: str) -> None:
    alpaca.venue.skew = timedelta(seconds=skew)
    line = found(alpaca)["clock"]
    assert not line.ok
    told = re.search(rf"(\d+\.\d) {words}", line.text)
    assert told is not None
    assert 4 < float(told[1]) < 6  # the answer's own way counts in


def test_a_closed_market(alpaca: Alpaca) -> None:
    alpaca.venue.open_market(is_open=False)
    assert "opens at" in found(alpaca)["market hours"].text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "word"),
    [({"tradable": False}, "not tradable"), ({"status": "inactive"}, "inactive")],
)
@pytest.mark.parametrize("symbol", ["AAPL", "BTCUSD"])
def test_a_locked_symbol_is_told_with_alpaca_s_word(
    alice: Any, alpaca: Alpaca, settings: Any, changes: dict[str, Any], word: str, symbol: str
) -> None:
    account = make_alpaca_hub(alice, alpaca, settings, symbols=[symbol, "MSFT"]).account
    for name, value in changes.items():
        setattr(alpaca.venue.assets[symbol], name, value)
    lines = {each.name: each for each in look_at(account).lines}
    line = lines["locked_symbols"]
    assert (line.ok, line.hard) == (False, False)
    assert f"{symbol} ({word})" in line.text
    assert "take the symbol from the strategy" in line.what_to_do
    assert lines["symbol"].text.startswith("MSFT is traded, ")
    alpaca.venue.assets[symbol].tradable, alpaca.venue.assets[symbol].status = True, "active"
    assert "locked_symbols" not in {each.name for each in look_at(account).lines}


def of_symbols(hub: Hub) -> dict[str, Line]:
    told = [each for each in look_at(hub.account).lines if each.name == "symbol"]
    return {each.text.removeprefix("This account can't trade ").split()[0].rstrip(":"): each
            for each in told}  # fmt: skip


@pytest.mark.django_db
def test_each_symbol_of_a_strategy_has_its_rules(alice: Any, alpaca: Alpaca, settings: Any) -> None:
    hub = make_alpaca_hub(alice, alpaca, settings, symbols=["AAPL", "BTCUSD", "MSFT", "TSLA"])
    alpaca.venue.assets["MSFT"].shortable = False
    alpaca.venue.assets["TSLA"].fractionable = False
    alpaca.venue.assets["TSLA"].borrow_status = "hard_to_borrow"
    alpaca.venue.set_price("TSLA", "100")
    lines = of_symbols(hub)
    assert all(each.ok and each.what_to_do for each in lines.values())
    for symbol, words in {
        "AAPL": ("trailing stop orders", "It may be sold short.", "option fractional",
                 "The least is 1, in steps of 1."),
        "MSFT": ("Alpaca does not sell it short.",),
        "TSLA": ("whole shares only", "hard to borrow"),
        "BTCUSD": ("by market, limit and stop limit orders", "a stop is sent as a stop limit",
                   "A stop can rest there.", "steps of 0.0001, and worth 10 USD."),
    }.items():  # fmt: skip
        for each in words:
            assert each in lines[symbol].text
    hub.account.options = {"fractional": True}
    hub.account.save(update_fields=["options"])
    alpaca.venue.change(KEY, shorting_enabled=False)
    told = of_symbols(hub)["AAPL"].text
    assert "Parts of a share are traded, for the day." in told
    assert "as the account may not" in told


@pytest.mark.django_db
def test_a_coin_is_not_told_as_traded_while_crypto_is_inactive(
    alice: Any, alpaca: Alpaca, settings: Any
) -> None:
    hub = make_alpaca_hub(alice, alpaca, settings, symbols=["AAPL", "BTCUSD"])
    alpaca.venue.change(KEY, crypto_status="INACTIVE")
    lines = of_symbols(hub)
    line = lines["BTCUSD"]
    assert (line.ok, line.hard, line.code) == (False, False, "UNSUPPORTED_BY_VENUE")
    assert "crypto is INACTIVE" in line.text
    assert "Sign the crypto agreement" in line.what_to_do
    assert lines["AAPL"].ok
