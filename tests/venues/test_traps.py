"""The fourteen things that adapters get wrong, each with the tests that would notice it here.

The list is that of our notes on the venues' APIs. Those that no other file has are tested below.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from brokers.alpaca import parsing
from brokers.errors import OrderRejected, RateLimited
from brokers.types import ReportStatus
from tests.venues.alpaca.books import Account
from tests.venues.alpaca.fixtures import KEY, SECRET, Alpaca, now_of, opened_alpaca, request
from tests.venues.alpaca.shapes import account as account_shape
from tests.venues.binance.fixtures import Desk, SpotVenue, make_account
from tests.venues.binance.shapes import answer

ROOT = Path(__file__).resolve().parent.parent.parent
SPOT, FUTURES = "tests/venues/binance", "tests/venues/binance_futures"
ALPACA, CONTRACT = "tests/venues/alpaca", "tests/venues/contract"
HERE = "tests/venues/test_traps.py"

TRAPS: Mapping[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "An order is posted again after an exception; alpaca-py does it by itself",
        (
            f"{ALPACA}/test_faults.py::test_a_fault_on_a_submit",
            f"{ALPACA}/test_faults.py::test_a_read_is_asked_once_too",
            f"{ALPACA}/test_hub.py::test_an_order_whose_answer_is_lost_is_filled_once",
            f"{SPOT}/test_client.py::test_a_redirect_is_not_followed",
            f"{SPOT}/test_hub.py::test_an_order_whose_answer_is_lost_is_found_and_sent_once",
            "orders/tests/test_unconfirmed.py::test_a_venue_without_ids_is_never_sent_an_order_twice",
        ),
    ),
    2: (
        "A client order id is taken for a promise of once; Binance frees it when the order ends",
        (
            f"{SPOT}/test_spot.py::test_the_id_of_an_ended_order_makes_a_second_one",
            f"{SPOT}/test_spot.py::test_a_duplicate_is_looked_up_and_returned",
            f"{SPOT}/test_hub.py"
            "::test_an_order_that_never_arrived_is_sent_again_after_the_settle_time",
            f"{CONTRACT}/cases.py::an_id_that_ended_is_refused_for_ever_or_known_to_be_free",
        ),
    ),
    3: (
        "Conditional futures orders have a book, ids and a cancel of their own",
        (
            f"{FUTURES}/test_futures.py::test_trap_3_every_conditional_order_goes_to_the_algo_book",
            f"{FUTURES}/test_futures.py"
            "::test_trap_3_a_conditional_order_is_looked_up_listed_and_cancelled_in_its_book",
            f"{FUTURES}/test_both_books.py"
            "::test_trap_3_an_emergency_stop_empties_both_books_and_closes",
            f"{FUTURES}/test_both_books.py"
            "::test_trap_3_a_halt_empties_both_books_of_entries_and_leaves_protection",
            f"{FUTURES}/test_both_books.py"
            "::test_trap_3_an_alert_that_cancels_all_reaches_both_books",
        ),
    ),
    4: (
        "What was bought is sold whole, though the fee was taken from it",
        (
            f"{SPOT}/test_spot.py::test_what_was_bought_less_its_fee_can_be_sold_whole",
            f"{SPOT}/test_hub.py::test_fees_count_once_and_in_money",
            f"{ALPACA}/test_trading.py::test_an_exit_of_coins_is_on_their_step",
            f"{CONTRACT}/cases.py::all_that_is_held_can_be_sold",
        ),
    ),
    5: (
        "Floats, exponents, rounding up, a step of zero, a window or a clock that is not ours",
        (
            "brokers/tests/test_binance_filters.py::test_a_quantity_is_never_rounded_up",
            "brokers/tests/test_binance_filters.py::test_zero_switches_a_bound_off",
            "brokers/tests/test_alpaca_assets.py::test_numbers_are_never_written_with_an_exponent",
            f"{ALPACA}/test_trading.py::test_every_number_on_the_wire_is_text",
            f"{SPOT}/test_client.py::test_every_signed_request_is_open_for_five_seconds",
            f"{SPOT}/test_client.py::test_the_venues_clock_is_asked_once_and_followed",
        ),
    ),
    6: (
        "A stream is trusted: it goes silent, it is not subscribed again, nothing is replayed",
        (
            "tests/venues/test_streams.py::test_silence_is_noticed_and_what_was_missed_is_found",
            "tests/venues/test_streams.py"
            "::test_a_fill_during_a_drop_is_found_when_it_is_connected_again",
            "tests/venues/test_streams.py"
            "::test_a_stream_that_is_connected_and_does_not_tell_is_found_out",
        ),
    ),
    7: (
        "The average price is read where there is none: 0 of a market order, gone from futures",
        (
            f"{HERE}::test_trap_7_a_market_order_at_spot_has_the_prices_of_its_trades",
            f"{FUTURES}/test_futures.py"
            "::test_trap_7_prices_come_from_the_trades_and_never_from_the_answer",
        ),
    ),
    8: (
        "“No need to change” and “already flat” are failures; “unknown order” is a cancel",
        (
            f"{SPOT}/test_spot.py::test_a_cancel_that_finds_nothing_tells_how_the_order_ended",
            f"{FUTURES}/test_futures.py::test_trap_8_a_close_of_what_is_flat_is_no_failure",
            f"{FUTURES}/test_futures.py::test_trap_8_an_unknown_order_is_not_a_cancelled_one",
        ),
    ),
    9: (
        "An answer of 4xx is false; an error without a code raises when it is read",
        (
            f"{HERE}::test_trap_9_what_a_refusal_carries_is_read_though_it_is_false",
            f"{ALPACA}/test_faults.py::test_how_long_a_limit_lasts_is_told",
            "brokers/tests/test_binance_errors.py"
            "::test_what_is_not_in_the_venues_own_words_is_not_certain",
        ),
    ),
    10: (
        "Alpaca: shares held for orders, cancels that are requests, fields that are gone, lag",
        (
            f"{ALPACA}/test_trading.py::test_shares_that_an_order_holds_are_not_there_for_another",
            f"{ALPACA}/test_protected.py::test_a_cancel_that_takes_its_time_is_waited_for",
            f"{HERE}::test_trap_10_an_exit_waits_for_the_cancel_of_what_holds_the_shares",
            f"{HERE}::test_trap_10_an_account_without_the_day_trade_fields_is_read",
            "brokers/tests/test_alpaca_parsing.py"
            "::test_legs_are_orders_too_and_an_order_of_several_symbols_is_none_of_ours",
            f"{CONTRACT}/doubts.py::a_venue_that_denies_at_first_is_given_its_time",
        ),
    ),
    11: (
        "ccxt drops parameters in silence",
        (f"{HERE}::test_traps_11_and_12_are_of_libraries_that_are_not_here",),
    ),
    12: (
        "OpenAlgo's close of everything; Schwab's 201 that is no acceptance",
        (f"{HERE}::test_traps_11_and_12_are_of_libraries_that_are_not_here",),
    ),
    13: (
        "Long to short in one order; the side of a position in hedge mode",
        (
            f"{ALPACA}/test_trading.py::test_no_flip_in_one_order",
            f"{ALPACA}/test_hub.py"
            "::test_a_reversal_is_two_orders_the_second_after_the_first_has_filled",
            f"{FUTURES}/test_futures.py::test_trap_13_an_exit_never_flips",
            f"{FUTURES}/test_futures.py"
            "::test_trap_13_in_hedge_mode_every_order_names_its_position",
        ),
    ),
    14: (
        "An order's id is let go after a time-out, or its state goes backwards",
        (
            "orders/tests/test_lifecycle.py"
            "::test_only_the_venue_leaves_unconfirmed_and_never_back_to_the_queue",
            "orders/tests/test_lifecycle.py::test_no_sequence_of_events_works_again_after_an_end",
        ),
    ),
}  # fmt: skip


@pytest.fixture
def desk(alice: Any, spot_venue: SpotVenue) -> Desk:
    spot_venue.open()
    return Desk(spot_venue, make_account(alice))


@pytest.fixture
def alpaca() -> Iterator[Alpaca]:
    with opened_alpaca() as found:
        yield found


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef))


def test_every_trap_has_its_tests() -> None:
    assert sorted(TRAPS) == list(range(1, 15))
    named = [name for _, names in TRAPS.values() for name in names]
    places = [each.split("::") for each in named]
    assert [f"{file}::{name}" for file, name in places if name not in functions_of(file)] == []


def test_trap_7_a_market_order_at_spot_has_the_prices_of_its_trades(desk: Desk) -> None:
    desk.venue.set_price("BTCUSDT", "101.5")
    report = desk.place("buy", "2", id="bought")
    placed = desk.books.find("BTCUSDT", client_id="bought")
    assert placed is not None
    raw = answer(placed, desk.books, "FULL", desk.venue.now())
    assert Decimal(raw["price"]) == 0
    for told in (report, desk.reopen().order("bought")):
        assert told is not None
        assert [each.price for each in told.fills] == [Decimal("101.5")]


def test_trap_9_what_a_refusal_carries_is_read_though_it_is_false(desk: Desk) -> None:
    """A `requests` response of 4xx is false: its headers and its words are read all the same."""
    desk.venue.fault("submit", "reject")
    with pytest.raises(OrderRejected, match="insufficient balance"):
        desk.place("buy", "1")
    desk.venue.fault("account", "refuse_429", retry_after=17)
    with pytest.raises(RateLimited) as limited:
        desk.broker.account()
    assert limited.value.retry_after == 17


def test_trap_10_an_exit_waits_for_the_cancel_of_what_holds_the_shares(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request(quantity="2"))
    broker.submit(request("sell", "2", "stop", stop_price="90", id="stop", tif="gtc",
                          reduce_only=True))  # fmt: skip
    alpaca.venue.change(KEY, cancel_seconds=0.3)
    assert broker.cancel("stop").status is ReportStatus.CANCELED
    broker.submit(request("sell", "2", id="sold", reduce_only=True))
    assert now_of(broker, "sold").status is ReportStatus.FILLED


def test_trap_10_an_account_without_the_day_trade_fields_is_read(alpaca: Alpaca) -> None:
    raw = account_shape(Account(KEY, SECRET), Decimal(50_000), Decimal(50_000))
    gone = ("daytrade_count", "daytrading_buying_power", "pattern_day_trader")
    assert not set(gone) & set(raw)
    assert parsing.account_state(raw, alpaca.venue.now()).equity == 50_000
    assert alpaca.broker().account().equity == 50_000


def test_traps_11_and_12_are_of_libraries_that_are_not_here() -> None:
    """Whoever adds one of them writes their tests."""
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = {re.split(r"[=\[ ;]", line, maxsplit=1)[0] for line in pinned}
    assert names & {"python-binance", "alpaca-py"} == {"python-binance", "alpaca-py"}
    assert not names & {"ccxt", "openalgo", "schwab-py"}
