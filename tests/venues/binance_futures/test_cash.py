"""What Binance futures booked: funding, commissions, realised profit; over the real SDK."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.types import CashKind, CashReport
from orders.cash_entries import AGAIN_AFTER, BACKFILL, EVERY, read_cash_entries
from orders.cash_summary import cash_summary
from orders.models import CashEntry, CashReading, Fill
from tests.venues.binance_futures.fixtures import KEY, Desk, FuturesVenue, make_account
from tests.venues.binance_futures.fixtures import make_futures_hub as make_hub
from tests.venues.binance_futures.income import Booking
from tests.venues.streams import pass_examination
from tradehub.testing.hub import Hub

LIMITS = {"max_order_value": "100000"}
ALERT = {"symbol": "BTCUSDT", "price": "100"}


@pytest.fixture
def hub(alice: Any, futures_venue: FuturesVenue) -> Hub:
    hub = make_hub(alice, futures_venue, LIMITS)
    pass_examination(hub.account, hub.clock.now)
    return hub


@pytest.fixture
def desk(alice: Any, futures_venue: FuturesVenue) -> Desk:
    futures_venue.open()
    return Desk(futures_venue, make_account(alice))


def all_of(desk: Desk) -> list[CashReport]:
    now = datetime.now(UTC)
    begin, found = now - timedelta(days=1), list[CashReport]()
    while begin < now:
        page = desk.broker.cash_entries(begin, now)
        found += page.reports
        assert page.until > begin
        begin = page.until
    return found


def sums(hub: Hub) -> dict[str, tuple[D, D | None]]:
    summary = cash_summary(hub.account, now=hub.clock())
    assert summary is not None
    return {f"{each.kind} {each.currency}": (each.theirs, each.ours) for each in summary.lines}


def ago(hub: Hub, at: datetime | None) -> timedelta:
    """In whole minutes: the clock goes on a little whenever it is looked at."""
    assert at is not None
    return timedelta(minutes=round((hub.clock() - at) / timedelta(minutes=1)))


def read(hub: Hub) -> CashReading:
    return read_cash_entries(hub.account, clock=hub.clock)


def test_each_kind_has_its_name_and_what_is_unknown_is_kept(desk: Desk) -> None:
    desk.place("buy", "1")
    desk.venue.pay_funding("0.01")
    desk.venue.book(KEY, "TRANSFER", "500")
    desk.venue.book(KEY, "GIFT_OF_2027", "3")
    desk.venue.set_price("BTCUSDT", "110")
    desk.place("sell", "1", reduce_only=True)
    told = {each.words: each for each in all_of(desk) if each.words != "COMMISSION"}
    fees = [each for each in all_of(desk) if each.words == "COMMISSION"]
    assert [(each.kind, each.amount, each.currency) for each in fees] == [
        (CashKind.FEE, D("-0.05"), "USDT"),
        (CashKind.FEE, D("-0.055"), "USDT"),
    ]
    assert {name: (each.kind, each.amount, each.symbol) for name, each in told.items()} == {
        "FUNDING_FEE": (CashKind.FUNDING, D("-0.01"), "BTCUSDT"),
        "TRANSFER": (CashKind.TRANSFER, D(500), ""),
        "GIFT_OF_2027": (CashKind.OTHER, D(3), ""),
        "REALIZED_PNL": (CashKind.REALIZED_PNL, D(10), "BTCUSDT"),
    }
    assert told["REALIZED_PNL"].venue_fill_id == fees[1].venue_fill_id == "BTCUSDT:2"
    assert told["REALIZED_PNL"].venue_entry_id != fees[1].venue_entry_id  # one number for both


def test_more_than_a_page_is_read_whole_also_of_one_moment(desk: Desk) -> None:
    venue, start = desk.venue, datetime.now(UTC) - timedelta(hours=2)
    for number in range(2300):
        # The first 1,200 in a millisecond of their own.
        at = start + timedelta(milliseconds=max(0, number - 1199) * 7)
        venue.booked.append(Booking(KEY, "API_REBATE", D(1), "USDT", at, number))
    assert len({each.venue_entry_id for each in all_of(desk)}) == 2300
    assert len(venue.asked("income")) <= 8


def test_the_venues_word_and_ours_side_by_side(hub: Hub, futures_venue: FuturesVenue) -> None:
    hub.send(**ALERT, action="buy", quantity=2)
    hub.clock.wait(8 * 3600)
    futures_venue.venue.pay_funding("0.01")
    futures_venue.venue.set_price("BTCUSDT", "104")
    hub.send(**{**ALERT, "price": "104"}, action="sell", quantity=2)
    assert Fill.objects.count() == 2
    hub.clock.wait(60)
    reading = read(hub)
    assert (ago(hub, reading.read_until), reading.error) == (timedelta(), "")
    assert ago(hub, reading.begins_at) == BACKFILL
    assert sums(hub) == {
        "realized_pnl USDT": (D(8), D(8)),
        "fee USDT": (D("-0.204"), D("-0.204")),
        "funding USDT": (D("-0.02"), None),
    }
    # Equity has all of it, so the daily loss counts funding too.
    wallet = futures_venue.venue.books.accounts[KEY].wallets["USDT"]
    assert wallet == 30000 + D(8) - D("0.204") - D("0.02")


def test_a_trade_that_we_do_not_know_of_is_a_difference(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    hub.send(**ALERT, action="buy", quantity=2)
    hub.clock.wait(60)
    read(hub)
    Fill.objects.all().delete()
    summary = cash_summary(hub.account, now=hub.clock())
    assert summary is not None
    assert [(each.kind, each.difference) for each in summary.lines] == [(CashKind.FEE, D("-0.1"))]


def test_what_is_told_again_is_kept_once(hub: Hub, futures_venue: FuturesVenue) -> None:
    hub.send(**ALERT, action="buy", quantity=2)
    for _ in range(3):
        futures_venue.venue.pay_funding("0.01")
        read(hub)
        hub.clock.wait(3600)
    futures_venue.venue.book(KEY, "TRANSFER", "5")
    read(hub)
    kinds = sorted(CashEntry.objects.values_list("kind", flat=True))
    assert kinds == ["fee", "funding", "funding", "funding", "transfer"]
    asked = futures_venue.venue.asked("income")[-1].params
    hours = (int(asked["endTime"]) - int(asked["startTime"])) / 3_600_000
    assert round(hours) == 7  # on from the last one, with its overlap


def test_a_reading_that_the_rate_stops_goes_on_where_it_was(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    hub.send(**ALERT, action="buy", quantity=2)
    hub.clock.wait(60)
    futures_venue.venue.fault("income", "accept", times=3)
    futures_venue.venue.fault("income", "refuse_429", retry_after=60)
    stopped = read(hub)
    assert stopped.error == "VENUE_RATE_LIMITED"
    assert ago(hub, stopped.read_until) == BACKFILL - timedelta(days=21)
    assert ago(hub, stopped.due_at) == -AGAIN_AFTER
    assert not CashEntry.objects.exists()
    hub.clock.wait(600)
    done = read(hub)
    assert (done.error, ago(hub, done.read_until)) == ("", timedelta())
    assert ago(hub, done.due_at) == -EVERY
    assert CashEntry.objects.count() == 1


def test_after_a_pause_of_months_it_says_since_when_it_is_whole(hub: Hub) -> None:
    read(hub)
    hub.clock.wait(100 * 24 * 3600)
    reading = read(hub)
    assert ago(hub, reading.begins_at) == BACKFILL
