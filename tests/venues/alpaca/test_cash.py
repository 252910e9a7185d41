"""What Alpaca booked besides trades: fees, dividends, interest, transfers; over the real SDK."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.errors import OutcomeUnknown
from brokers.types import CashKind, CashReport
from orders.cash_entries import read_cash_entries
from orders.cash_summary import cash_summary
from orders.models import CashEntry
from tests.venues.alpaca.fixtures import KEY, Alpaca, make_alpaca_hub
from tests.venues.streams import pass_examination
from tradehub.lib.clock import utc_now


def told(alpaca: Alpaca) -> list[CashReport]:
    now = utc_now()
    page = alpaca.broker().cash_entries(now - timedelta(days=1), now)
    assert page.until == now
    return list(page.reports)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("FEE", CashKind.FEE),
        ("DIV", CashKind.DIVIDEND),
        ("DIVNRA", CashKind.DIVIDEND),
        ("INT", CashKind.INTEREST),
        ("CSD", CashKind.TRANSFER),
        ("JNLC", CashKind.TRANSFER),
        ("WHATEVER", CashKind.OTHER),
    ],
)
def test_each_kind_has_its_name(alpaca: Alpaca, words: str, kind: CashKind) -> None:
    name = alpaca.venue.book(KEY, words, "-1.25", symbol="AAPL")
    (report,) = told(alpaca)
    assert (report.venue_entry_id, report.kind, report.words) == (name, kind, words)
    assert (report.amount, report.currency, report.symbol) == (D("-1.25"), "USD", "AAPL")


def test_a_fee_taken_in_coins_is_counted_in_coins(alpaca: Alpaca) -> None:
    alpaca.venue.book(KEY, "CFEE", "0", symbol="BTCUSD", qty="-0.00025", price="100")
    alpaca.venue.book(KEY, "CFEE", "-0.25", symbol="BTCUSD", qty="0")
    assert [(each.amount, each.currency) for each in told(alpaca)] == [
        (D("-0.00025"), "BTC"),
        (D("-0.25"), "USD"),
    ]


def test_what_was_not_carried_out_is_none(alpaca: Alpaca) -> None:
    alpaca.venue.book(KEY, "CSD", "100", status="canceled")
    assert told(alpaca) == []


def test_pages_and_what_was_booked_some_days_late(alpaca: Alpaca) -> None:
    late = f"{utc_now() - timedelta(days=5):%Y-%m-%d}"
    for number in range(250):
        alpaca.venue.book(KEY, "INT", str(number), day=late if number % 2 else "")
    assert sorted(each.amount for each in told(alpaca)) == [D(each) for each in range(250)]
    assert alpaca.asked("activities") == 3


def test_what_can_not_be_read_is_an_error_and_not_nothing(alpaca: Alpaca) -> None:
    alpaca.venue.book(KEY, "INT", "much")
    with pytest.raises(OutcomeUnknown):
        told(alpaca)


def test_it_is_kept_once_and_compared_with_our_fees(
    alice: Any, alpaca: Alpaca, settings: Any
) -> None:
    hub = make_alpaca_hub(alice, alpaca, settings, {"max_order_value": "100000"})
    pass_examination(hub.account, hub.clock.now)
    hub.send(symbol="BTCUSD", price="100", action="buy", quantity=1)
    alpaca.venue.book(KEY, "CFEE", "0", symbol="BTCUSD", qty="-0.0025")
    alpaca.venue.book(KEY, "DIV", "3")
    for _ in range(2):
        hub.clock.wait(3600)
        read_cash_entries(hub.account, clock=hub.clock)
    assert CashEntry.objects.count() == 2
    summary = cash_summary(hub.account, now=hub.clock())
    assert summary is not None
    found = [(each.kind, each.currency, each.theirs, each.ours) for each in summary.lines]
    assert found == [
        (CashKind.FEE, "BTC", D("-0.0025"), D("-0.0025")),
        (CashKind.DIVIDEND, "USD", D(3), None),
    ]
