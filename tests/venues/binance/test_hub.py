"""A hub that trades at Binance spot: from the alert to the exit, with fees taken in the coin."""

from decimal import Decimal as D
from typing import Any

import pytest

from brokers.registry import connect
from orders.models import Drift, Fill
from orders.reconciling import reconcile_now
from orders.services import replace_order
from tests.venues.binance.fixtures import KEY, SpotVenue, make_spot_hub
from tradehub.testing.hub import Hub

# The sizes that alerts name are taken as they are.
LIMITS = {"max_order_value": "100000"}
ALERT = {"symbol": "BTCUSDT", "price": "100"}


@pytest.fixture
def hub(alice: Any, spot_venue: SpotVenue) -> Hub:
    return make_spot_hub(alice, spot_venue, LIMITS)


def send(hub: Hub, **alert: Any) -> Any:
    return hub.send(**{**ALERT, **alert})


def poll(hub: Hub) -> None:
    """What a poll and the lane do after something happened at the venue."""
    from orders import syncing

    hub.clock.wait(2)
    syncing.sync_account(hub.account, clock=hub.clock)
    hub.drain()


def held(there: SpotVenue, asset: str = "BTC") -> D:
    balance = there.venue.books.accounts[KEY].balance(asset)
    return balance.free + balance.locked


def working(there: SpotVenue) -> list[tuple[str, str, D, D]]:
    orders = there.venue.books.accounts[KEY].orders
    return [(x.side, x.type, x.quantity, x.stop_price or x.price) for x in orders if x.working]


def test_an_alert_with_a_stop_is_entered_protected_and_exited(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    decision = send(hub, action="buy", quantity="0.12345", stop_loss="95")
    assert decision.outcome == "approved", decision.reasons
    (entry,) = hub.orders(role="entry")
    assert (entry.status, entry.filled_quantity) == ("filled", D("0.12345"))
    position = hub.position("BTCUSDT")
    assert position.quantity == held(spot_venue) == D("0.12332655")
    assert position.protected is True
    assert working(spot_venue) == [("SELL", "STOP_LOSS", D("0.12332"), D(95))]
    exit_ = send(hub, action="exit")
    assert exit_.outcome == "approved", exit_.reasons
    (sold,) = hub.orders(role="exit")
    assert (sold.status, sold.filled_quantity) == ("filled", D("0.12332"))
    assert working(spot_venue) == []
    position.refresh_from_db()
    assert (position.is_open, position.quantity) == (False, D("0.00000655"))
    assert held(spot_venue) == position.quantity


def test_fees_count_once_and_in_money(hub: Hub, spot_venue: SpotVenue) -> None:
    """Bought 2 at 100 and sold what was left of it at 110: less two fees of 0.1 %."""
    send(hub, action="buy", quantity="2")
    (bought,) = Fill.objects.all()
    assert (bought.fee, bought.fee_currency, bought.kept) == (D("0.002"), "BTC", D("0.002"))
    assert bought.fee_value == D("0.2")
    spot_venue.venue.set_price("BTCUSDT", "110")
    send(hub, action="exit", price="110")
    position = hub.position("BTCUSDT")
    money = held(spot_venue, "USDT") - 30_000
    assert (position.is_open, position.realized_pnl) == (False, money)
    assert money == D("1.998") * 110 * D("0.999") - 200


def test_a_stop_at_the_venue_ends_the_position(hub: Hub, spot_venue: SpotVenue) -> None:
    send(hub, action="buy", quantity="1", stop_loss="95")
    spot_venue.venue.set_price("BTCUSDT", "94")
    poll(hub)
    (stop,) = hub.orders(role="stop_loss")
    assert (stop.status, stop.filled_quantity) == ("filled", D("0.999"))
    assert not hub.position("BTCUSDT").is_open
    assert held(spot_venue) == 0


def test_what_is_too_little_to_sell_is_no_position_and_no_drift(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    send(hub, action="buy", quantity="0.12345")
    send(hub, action="exit")
    hub.clock.wait(60)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert not Drift.objects.exists()
    again = send(hub, action="buy", quantity="0.12345")
    assert again.outcome == "approved", again.reasons
    position = hub.position("BTCUSDT")
    assert position.is_open
    assert position.quantity == held(spot_venue) == D("0.1233331")
    assert position.adds == 0
    hub.clock.wait(60)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert not Drift.objects.exists()


@pytest.mark.parametrize("kind", ["accept_then_close", "accept_then_500", "truncated_json"])
def test_an_order_whose_answer_is_lost_is_found_and_sent_once(
    hub: Hub, spot_venue: SpotVenue, kind: str
) -> None:
    spot_venue.venue.fault("submit", kind, key=KEY)
    send(hub, action="buy", quantity="1")
    for _ in range(5):
        hub.sweep(5)
    (order,) = hub.orders()
    assert order.status == "filled"
    assert spot_venue.venue.posts(order.client_order_id) == 1
    assert hub.position("BTCUSDT").quantity == held(spot_venue) == D("0.999")


def test_an_order_that_never_arrived_is_sent_again_after_the_settle_time(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    spot_venue.venue.fault("submit", "close_before", key=KEY)
    send(hub, action="buy", quantity="1")
    (order,) = hub.orders()
    for _ in range(3):
        hub.sweep(4)
    assert spot_venue.venue.posts(order.client_order_id) == 1  # too early to be proof
    for _ in range(6):
        hub.sweep(5)
    order.refresh_from_db()
    assert (order.status, order.attempts) == ("filled", 2)
    assert held(spot_venue) == D("0.999")


def test_what_is_sold_by_hand_is_seen(hub: Hub, spot_venue: SpotVenue) -> None:
    from tests.venues.binance.books import Order

    send(hub, action="buy", quantity="2")
    hub.clock.wait(5)
    now = spot_venue.venue.now()
    sale = Order(0, "web_1", "BTCUSDT", "SELL", "MARKET", "GTC", D(1), now, now)
    spot_venue.venue.by_hand(KEY, sale)
    hub.clock.wait(60)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    (foreign,) = hub.orders(source="external")
    assert (foreign.client_order_id, foreign.side, foreign.status) == ("web_1", "sell", "filled")
    assert hub.position("BTCUSDT").quantity == held(spot_venue) == D("0.998")
    assert not Drift.objects.exists()


def test_what_the_account_held_before_is_taken_over_at_the_present_price(
    alice: Any, spot_venue: SpotVenue
) -> None:
    spot_venue.open(USDT="1000", ETH="3", BNB="0.000001")
    hub = make_spot_hub(alice, spot_venue, LIMITS)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    position = hub.position("ETHUSDT")
    assert (position.quantity, position.average_entry_price) == (3, 10)
    assert position.strategy_id is None
    assert not Drift.objects.exists()  # of what is too little to sell neither


@pytest.mark.parametrize(
    ("alert", "code"),
    [
        ({"action": "sell", "quantity": "1"}, "SHORT_NOT_ALLOWED"),
        ({"action": "buy", "quantity": "1", "symbol": "ETHBTC"}, "SYMBOL_UNKNOWN"),
        ({"action": "buy", "quantity": "1", "symbol": "NOSUCHUSDT"}, "SYMBOL_UNKNOWN"),
        ({"action": "buy", "quantity": "0.01"}, "ORDER_VALUE_BELOW_MIN"),
        ({"action": "buy", "quantity": "7000"}, "ORDER_QUANTITY_ABOVE_MAX"),
        (
            {"action": "buy", "quantity": "1", "time_in_force": "opg"},
            "UNSUPPORTED_BY_VENUE",
        ),
    ],
)
def test_what_the_venue_does_not_allow_is_denied_before_it_is_sent(
    alice: Any, spot_venue: SpotVenue, alert: dict[str, str], code: str
) -> None:
    hub = make_spot_hub(alice, spot_venue, {"size_limits": "deny"})
    decision = send(hub, **alert)
    assert code in [reason["code"] for reason in decision.reasons]
    assert spot_venue.venue.asked("submit") == []


def test_a_halted_market_is_closed(hub: Hub, spot_venue: SpotVenue) -> None:
    spot_venue.venue.books.markets["BTCUSDT"].status = "HALT"
    decision = send(hub, action="buy", quantity="1")
    assert [reason["code"] for reason in decision.reasons] == ["MARKET_CLOSED"]


def test_the_adapter_is_the_registered_one(hub: Hub) -> None:
    assert repr(connect(hub.account)).startswith("SpotBroker(http://127.0.0.1:")


def test_a_working_entry_is_replaced_with_one_request(hub: Hub, spot_venue: SpotVenue) -> None:
    """And where a part has filled, after its cancel, for what is left."""
    send(hub, action="buy", quantity="2", order_type="limit", limit_price="90", stop_loss="80")
    (old,) = hub.working()
    replace_order(order=old, fields={"limit_price": "95"}, actor=hub.owner, now=hub.clock())
    hub.drain()
    old.refresh_from_db()
    (new,) = hub.working()
    assert (old.status, old.reason, new.replaces_id) == ("canceled", "REPLACED", old.pk)
    assert working(spot_venue) == [("BUY", "LIMIT", D(2), D(95))]
    notes = spot_venue.venue.asked("submit", KEY)
    assert ["cancelReplaceMode" in each.params for each in notes] == [False, True]
    assert spot_venue.venue.asked("cancel", KEY) == []
    spot_venue.venue.fill(KEY, new.client_order_id, "0.5")
    replace_order(order=new, fields={"limit_price": "96"}, actor=hub.owner, now=hub.clock())
    hub.drain()
    assert ("BUY", "LIMIT", D("1.5"), D(96)) in working(spot_venue)
    assert len(hub.working(role="entry")) == 1
    spot_venue.venue.set_price("BTCUSDT", "95")
    poll(hub)
    assert held(spot_venue) == hub.position("BTCUSDT").quantity == D("1.998")
    assert hub.position("BTCUSDT").protected is True
    hub.clock.wait(60)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert not Drift.objects.exists()
