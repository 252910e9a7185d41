"""What a Binance spot account is worth, and how it is read: requests, lists and pages."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.errors import RateLimited
from tests.venues.binance.fixtures import Desk, SpotVenue, make_account, make_broker


def test_equity_counts_what_can_be_sold_for_the_currency(desk: Desk) -> None:
    desk.books.balance("ETH").free = D(3)
    desk.books.balance("ETH").locked = D(2)
    desk.books.balance("OLDCOIN").free = D(1000)  # no pair: worth nothing here
    state = desk.broker.account()
    assert (state.equity, state.cash, state.currency) == (30_050, 30_000, "USDT")
    assert state.venue_account_id == str(desk.books.uid)
    desk.place("buy", "100", "limit", limit_price="90")
    state = desk.broker.account()
    assert (state.cash, state.buying_power) == (30_000, 21_000)
    assert [each.symbol for each in desk.broker.positions()] == ["ETHUSDT"]


def test_many_quotes_are_one_request(desk: Desk) -> None:
    desk.broker.quotes(["BTCUSDT"])
    before = len(desk.venue.notes)
    desk.venue.set_price("BTCUSDT", "100", bid="99", ask="101")
    found = desk.broker.quotes(["BTCUSDT", "ETHUSDT", "NOSUCH", "no symbol"])
    assert sorted(found) == ["BTCUSDT", "ETHUSDT"]
    assert (found["BTCUSDT"].bid, found["BTCUSDT"].ask, found["BTCUSDT"].last) == (99, 101, 100)
    assert len(desk.venue.notes) == before + 1


def test_a_listing_that_went_away_spoils_no_question(desk: Desk) -> None:
    desk.broker.quotes(["BTCUSDT", "ETHUSDT"])
    del desk.venue.books.markets["ETHUSDT"]
    assert list(desk.broker.quotes(["BTCUSDT", "ETHUSDT"])) == ["BTCUSDT"]


def test_several_working_orders_of_a_symbol_are_read_in_one_list(desk: Desk) -> None:
    ids = [f"rest{number}" for number in range(4)]
    for each in ids:
        desk.place("buy", "1", "limit", limit_price="90", id=each)
    before = len(desk.venue.notes)
    assert [x.client_order_id for x in desk.broker.reports(ids)] == ids
    assert len(desk.venue.notes) == before + 1


def test_long_histories_are_read_page_by_page(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr("brokers.binance.history.PAGE", 3)
    reports = [desk.place("buy", "1") for _ in range(7)]
    told = desk.reopen().fills(reports[0].at)
    assert [each.venue_fill_id for each in told] == [x.fills[0].venue_fill_id for x in reports]
    assert [each.client_order_id for each in told] == [x.client_order_id for x in reports]
    listed = desk.reopen().closed_orders(reports[0].at)
    assert [each.client_order_id for each in listed] == [x.client_order_id for x in reports]


def test_the_fills_of_orders_that_ended_are_asked_for_together(desk: Desk) -> None:
    """Of many orders, one question each would hardly ever be answered whole in a bad hour."""
    placed = [desk.place("buy", "1") for _ in range(7)]
    desk.place("sell", "2", reduce_only=True)
    desk.place("buy", "1", "limit", limit_price="90")
    broker = desk.reopen()
    found = broker.closed_orders(placed[0].at)
    ids = [[fill.venue_fill_id for fill in each.fills] for each in found]
    assert ids[:7] == [[fill.venue_fill_id for fill in each.fills] for each in placed]
    assert len(desk.venue.asked("fills")) == 1
    assert broker.closed_orders(placed[0].at) == found
    assert len(desk.venue.asked("fills")) == 1


def test_an_order_that_ended_long_after_it_was_placed_is_listed(
    alice: Any, spot_venue: SpotVenue
) -> None:
    at = [datetime(2026, 3, 18, 15, 0, tzinfo=UTC)]
    spot_venue.venue.clock = lambda: at[0]
    spot_venue.open()
    desk = Desk(spot_venue, make_account(alice))
    desk.broker = make_broker(desk.account, lambda: at[0])
    desk.place("buy", "1", "limit", limit_price="90", id="slow")
    at[0] += timedelta(hours=5)
    since = at[0]
    assert desk.broker.closed_orders(since) == []
    desk.venue.set_price("BTCUSDT", "89")
    assert [x.client_order_id for x in desk.broker.closed_orders(since)] == ["slow"]


def test_a_ban_is_waited_out(desk: Desk) -> None:
    desk.place("buy", "1")
    desk.venue.weight_limit = 0
    with pytest.raises(RateLimited) as limited:
        desk.place("buy", "1")
    assert limited.value.retry_after > 20
    assert desk.venue.asked("submit")[-1].taken is False
