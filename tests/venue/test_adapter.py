"""ScriptedBroker beside the contract suite: id policies, lags and disorder."""

from datetime import timedelta

import pytest

from brokers.errors import OrderRejected, OutcomeUnknown, Unsupported
from brokers.tests.builders import request
from brokers.types import ClientIds, ReportStatus
from tests.venue.faults import FaultKind as F
from tests.venue.fixtures import KEY, ScriptedVenue
from tradehub.lib.clock import utc_now


@pytest.fixture
def venue(scripted_venue: ScriptedVenue) -> ScriptedVenue:
    scripted_venue.open()
    scripted_venue.control.set_default_price("100")
    return scripted_venue


def test_an_id_that_is_free_again_makes_a_second_order(venue: ScriptedVenue) -> None:
    venue.control.set_rules(KEY, id_policy="unique_while_open")
    broker = venue.broker(client_ids="unique_while_open")
    assert broker.capabilities().client_ids is ClientIds.UNIQUE_WHILE_OPEN
    broker.submit(request(id="x", quantity="1"))
    broker.submit(request(id="x", quantity="1"))
    resting = broker.submit(request("buy", "1", "limit", id="x", limit_price="50"))
    assert broker.submit(request("buy", "9", "limit", id="x", limit_price="60")) == resting
    assert venue.control.books(KEY).client_ids == ["x", "x", "x"]


def test_a_venue_without_ids_reports_none_and_is_asked_by_its_own(venue: ScriptedVenue) -> None:
    venue.control.set_rules(KEY, id_policy="none")
    broker = venue.broker(client_ids="none")
    sent = broker.submit(request("buy", "1", "limit", id="x", limit_price="50"))
    assert sent.client_order_id == "x"
    (listed,) = broker.open_orders()
    assert (listed.client_order_id, listed.venue_order_id) == ("", sent.venue_order_id)
    with pytest.raises(Unsupported):
        broker.order("x")
    asked = broker.order(sent.venue_order_id)
    assert asked == listed
    assert broker.cancel(sent.venue_order_id).status is ReportStatus.CANCELED
    assert broker.closed_orders(utc_now() - timedelta(minutes=1))[0].status == "canceled"


def test_a_duplicate_that_cannot_be_looked_up_is_unknown(venue: ScriptedVenue) -> None:
    venue.control.set_rules(KEY, order_lag=60)
    broker = venue.broker()
    broker.submit(request(id="x"))
    with pytest.raises(OutcomeUnknown) as again:
        broker.submit(request(id="x"))
    assert again.value.venue_code == "DUPLICATE_CLIENT_ID"
    assert venue.control.books(KEY).client_ids == ["x"]


def test_what_lags_is_invisible_and_then_there(venue: ScriptedVenue) -> None:
    venue.control.set_rules(KEY, order_lag=60, fill_lag=60, position_lag=60)
    broker = venue.broker()
    start = utc_now() - timedelta(seconds=1)
    filled = broker.submit(request(id="x", quantity="2"))
    broker.submit(request("buy", "1", "limit", id="y", limit_price="50"))
    assert broker.order("x") is None
    with pytest.raises(OrderRejected):
        broker.cancel("y")
    assert broker.open_orders() == broker.closed_orders(start) == broker.fills(start) == []
    assert broker.positions() == []
    venue.control.set_rules(KEY, order_lag=0, fill_lag=0, position_lag=0)
    assert broker.order("x") == filled
    assert broker.closed_orders(start) == [filled]
    assert [each.client_order_id for each in broker.open_orders()] == ["y"]
    assert broker.fills(start) == list(filled.fills)
    assert broker.positions()[0].quantity == 2


def test_disorder_doubles_and_turns_lists_around(venue: ScriptedVenue) -> None:
    broker = venue.broker()
    start = utc_now() - timedelta(seconds=1)
    for name in "abc":
        broker.submit(request(id=name, quantity="1"))
    venue.control.set_rules(KEY, duplicates=True, shuffled=True)
    fills = [each.client_order_id for each in broker.fills(start)]
    assert fills == ["c", "b", "a", "c", "b", "a"]
    news = [(each.client_order_id, each.status) for each in broker.closed_orders(start)]
    assert news == [
        *((name, ReportStatus.OPEN) for name in "cba"),
        *((name, ReportStatus.FILLED) for name in "cba"),
    ]


def test_partial_and_late_fills_by_hand(venue: ScriptedVenue) -> None:
    broker = venue.broker()
    venue.control.set_rules(KEY, fills_by_hand=True)
    broker.submit(request(id="x", quantity="10"))
    venue.control.fill(KEY, "x", "4", price="99.5")
    part = broker.order("x")
    assert part is not None
    assert (part.status, part.filled_quantity) == (ReportStatus.PARTIALLY_FILLED, 4)
    assert broker.cancel("x").status is ReportStatus.CANCELED
    venue.control.fill(KEY, "x", "1")
    late = broker.order("x")
    assert late is not None
    assert (late.status, late.filled_quantity, len(late.fills)) == (ReportStatus.CANCELED, 5, 2)
    assert broker.positions()[0].quantity == 5
    assert venue.control.books(KEY).positions == {"AAPL": 5}


def test_changes_by_hand_with_and_without_a_trace(venue: ScriptedVenue) -> None:
    broker = venue.broker()
    start = utc_now() - timedelta(seconds=1)
    assert venue.control.change_position(KEY, "AAPL", "-3", price="100") is None
    assert broker.fills(start) == broker.closed_orders(start) == []
    order_id = venue.control.change_position(KEY, "AAPL", "5", price="90", visible=True)
    (trace,) = broker.closed_orders(start)
    assert (trace.venue_order_id, trace.client_order_id) == (order_id, "")
    assert [each.venue_order_id for each in broker.fills(start)] == [order_id]
    assert [(each.quantity, each.average_price) for each in broker.positions()] == [(2, 90)]
    placed = venue.control.place_by_hand(
        KEY, symbol="AAPL", side="sell", quantity="2", type="limit", limit_price="200"
    )
    assert [each.venue_order_id for each in broker.open_orders()] == [placed]
    venue.control.end_order(KEY, placed, "expired")
    assert broker.open_orders() == []


def test_a_fault_may_be_for_one_account_only(venue: ScriptedVenue) -> None:
    other = venue.open("other")
    venue.control.fault("*", F.CLOSE_BEFORE, account=KEY)
    assert venue.broker(other).account().cash == 100000
    with pytest.raises(OutcomeUnknown):
        venue.broker().account()
