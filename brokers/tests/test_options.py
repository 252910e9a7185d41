"""Options of a paper account: what is stored, what is refused and where."""

from decimal import Decimal
from typing import Any

import pytest

from brokers.options import (
    ALPACA_OPTIONS,
    BINANCE_SPOT_OPTIONS,
    change_paper_options,
    read_options,
    read_paper_options,
)
from tradehub.core.errors import BadInput


def test_defaults_are_those_of_the_contract() -> None:
    assert read_paper_options({}).to_json() == {
        "starting_cash": "100000",
        "currency": "USD",
        "fee_percent": "0",
        "slippage_percent": "0",
        "allow_short": True,
        "leverage": "1",
        "fractional": False,
        "market_hours": False,
        "price_source": "signal",
        "fill_limit": None,
        "sizing_capital": None,
    }


def test_what_is_stored_reads_back_the_same() -> None:
    options = read_paper_options({"fee_percent": "0.10", "fill_limit": 3, "currency": "eur"})
    assert options.fee_percent == Decimal("0.1")
    assert options.currency == "EUR"
    assert read_paper_options(options.to_json()) == options


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("fee_percent", "-0.1", "INVALID_FIELD"),
        ("fee_percent", 0.1, "INVALID_FIELD"),
        ("slippage_percent", "NaN", "INVALID_FIELD"),
        ("starting_cash", "0", "INVALID_FIELD"),
        ("starting_cash", None, "INVALID_FIELD"),
        ("leverage", "0.5", "INVALID_FIELD"),
        ("allow_short", "yes", "INVALID_FIELD"),
        ("currency", "U$", "INVALID_FIELD"),
        ("fill_limit", "0", "INVALID_FIELD"),
        ("price_source", "moon", "INVALID_FIELD"),
        ("price_source", ["signal"], "INVALID_FIELD"),
        ("market_hours", True, "UNSUPPORTED_FIELD"),
        ("stop_loss", "5", "UNSUPPORTED_FIELD"),
    ],
)
def test_a_wrong_option_is_named(name: str, value: Any, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_paper_options({name: value})
    assert (refused.value.code, refused.value.pointer) == (code, f"/options/{name}")


@pytest.mark.parametrize("source", ["signal", "binance", "alpaca", "synthetic"])
def test_whose_prices_a_paper_account_may_have(source: str) -> None:
    assert read_paper_options({"price_source": source}).price_source == source


def test_a_change_keeps_the_rest_and_never_what_the_ledger_began_with() -> None:
    stored = read_paper_options({"leverage": "2", "starting_cash": "500"}).to_json()
    changed = change_paper_options(stored, {"fee_percent": "1", "starting_cash": "500.00"})
    assert (changed.leverage, changed.fee_percent) == (2, 1)
    with pytest.raises(BadInput, match="starting_cash is fixed"):
        change_paper_options(stored, {"starting_cash": "501"})


@pytest.mark.parametrize("table", [BINANCE_SPOT_OPTIONS, ALPACA_OPTIONS])
def test_targets_rest_unless_they_are_to_be_watched(table: Any) -> None:
    assert read_options({}, table)["targets"] == "rest"
    assert read_options({"targets": "watch"}, table)["targets"] == "watch"
    with pytest.raises(BadInput) as refused:
        read_options({"targets": "both"}, table)
    assert refused.value.pointer == "/options/targets"
