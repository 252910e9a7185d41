"""A hub that trades at Binance futures: stop and target rest together, and one ends the other."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.binance.futures import FuturesBroker
from brokers.binance.seats import close_seats
from brokers.errors import OutcomeUnknown
from brokers.registry import connect
from brokers.types import OrderReport, OrderRequest
from orders import syncing
from orders.comparisons import claim_comparison, require_reconciliation
from orders.models import Drift, Fill, Position, Reconciliation
from orders.reconciling import reconcile_now
from orders.recording import makes_way, record_report
from orders.tests.test_recording import make_order
from tests.venues.binance_futures.books import Account, Algo, Order
from tests.venues.binance_futures.fixtures import KEY, FuturesVenue, make_futures_hub
from tradehub.core.words import OrderSide, OrderType, TimeInForce
from tradehub.lib.db import in_write_transaction
from tradehub.testing.builders import make_strategy, make_token
from tradehub.testing.hub import Hub

# The sizes that alerts name are taken as they are.
LIMITS = {"max_order_value": "100000"}
ALERT = {"symbol": "BTCUSDT", "price": "100"}
GUARDED = {"stop_loss": "95", "take_profit": "110"}


@pytest.fixture
def hub(alice: Any, futures_venue: FuturesVenue) -> Hub:
    return make_futures_hub(alice, futures_venue, LIMITS)


def books(there: FuturesVenue) -> Account:
    return there.venue.books.accounts[KEY]


def send(hub: Hub, **alert: Any) -> Any:
    return hub.send(**{**ALERT, **alert})


def poll(hub: Hub) -> None:
    """What a poll and the lane do after something happened at the venue."""
    hub.clock.wait(2)
    syncing.sync_account(hub.account, clock=hub.clock)
    hub.drain()


def held(there: FuturesVenue, symbol: str = "BTCUSDT") -> D:
    return sum((x.amount for (name, _), x in books(there).positions.items() if name == symbol), D())


def working(there: FuturesVenue) -> list[tuple[str, str, D, D]]:
    """Of both books: side, type, quantity, price."""
    found: list[Order | Algo] = [*books(there).orders, *books(there).algos]
    return [
        (x.side, x.type, x.quantity, x.trigger if isinstance(x, Algo) else x.price)
        for x in found
        if x.working
    ]


@pytest.mark.parametrize(
    ("action", "closing", "levels"),
    [
        ("buy", "SELL", {"stop_loss": "95", "take_profit": "110"}),
        ("sell", "BUY", {"stop_loss": "105", "take_profit": "90"}),
    ],
)
def test_an_alert_with_stop_and_target_is_entered_and_both_rest_there(
    hub: Hub, futures_venue: FuturesVenue, action: str, closing: str, levels: dict[str, str]
) -> None:
    decision = send(hub, action=action, quantity="2", **levels)
    assert decision.outcome == "approved", decision.reasons
    (entry,) = hub.orders(role="entry")
    assert (entry.status, entry.filled_quantity) == ("filled", 2)
    position = hub.position("BTCUSDT")
    assert abs(position.quantity) == abs(held(futures_venue)) == 2
    assert position.protected is True
    assert sorted(working(futures_venue)) == sorted(
        [
            (closing, "LIMIT", D(2), D(levels["take_profit"])),
            (closing, "STOP_MARKET", D(2), D(levels["stop_loss"])),
        ]
    )


def test_a_target_that_fills_ends_the_stop(hub: Hub, futures_venue: FuturesVenue) -> None:
    send(hub, action="buy", quantity="2", **GUARDED)
    futures_venue.venue.set_price("BTCUSDT", "111")
    poll(hub)
    (target,), (stop,) = hub.orders(role="take_profit"), hub.orders(role="stop_loss")
    assert (target.status, target.filled_quantity, stop.status) == ("filled", 2, "canceled")
    assert working(futures_venue) == []
    assert (held(futures_venue), hub.position("BTCUSDT").is_open) == (0, False)
    assert hub.position("BTCUSDT").realized_pnl == books(futures_venue).wallets["USDT"] - 30_000


def test_a_stop_that_fills_ends_the_target(hub: Hub, futures_venue: FuturesVenue) -> None:
    send(hub, action="buy", quantity="2", **GUARDED)
    futures_venue.venue.set_price("BTCUSDT", "94")
    poll(hub)
    (target,), (stop,) = hub.orders(role="take_profit"), hub.orders(role="stop_loss")
    assert (stop.status, stop.filled_quantity, target.status) == ("filled", 2, "canceled")
    assert working(futures_venue) == []
    assert (held(futures_venue), hub.position("BTCUSDT").is_open) == (0, False)
    fills = Fill.objects.filter(order=stop)
    assert [(each.price, each.quantity) for each in fills] == [(94, 2)]
    assert hub.position("BTCUSDT").realized_pnl == books(futures_venue).wallets["USDT"] - 30_000


@pytest.mark.parametrize(("price", "hit"), [("94", "stop_loss"), ("111", "take_profit")])
def test_what_is_hit_while_nobody_looks_is_found_after_a_restart(
    hub: Hub, futures_venue: FuturesVenue, price: str, hit: str
) -> None:
    """Days later, in a process that remembers nothing, before any order is asked about."""
    send(hub, action="buy", quantity="2", **GUARDED)
    hub.clock.wait(20 * 24 * 3600)
    futures_venue.venue.set_price("BTCUSDT", price)
    close_seats()
    hub.clock.wait(60)
    require_reconciliation(now=hub.clock())
    assert reconcile_now(hub.account, clock=hub.clock).complete
    poll(hub)
    statuses = {each.role: each.status for each in hub.orders()}
    other = {"stop_loss": "take_profit", "take_profit": "stop_loss"}[hit]
    assert statuses == {"entry": "filled", hit: "filled", other: "canceled"}
    assert (working(futures_venue), held(futures_venue)) == ([], 0)
    assert not Drift.objects.exists()
    hub.clock.wait(60)
    assert reconcile_now(hub.account, clock=hub.clock).findings == ()


def test_a_target_that_fills_in_part_leaves_a_stop_of_the_rest(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    send(hub, action="buy", quantity="2", **GUARDED)
    (target,) = hub.orders(role="take_profit")
    futures_venue.venue.fill(KEY, target.client_order_id, "0.5")
    poll(hub)
    assert hub.position("BTCUSDT").quantity == held(futures_venue) == D("1.5")
    assert ("SELL", "STOP_MARKET", D("1.5"), D(95)) in working(futures_venue)
    assert len(working(futures_venue)) == 2
    futures_venue.venue.set_price("BTCUSDT", "94")
    poll(hub)
    assert (working(futures_venue), held(futures_venue)) == ([], 0)


def test_an_exit_takes_its_protection_with_it(hub: Hub, futures_venue: FuturesVenue) -> None:
    send(hub, action="buy", quantity="2", **GUARDED)
    assert send(hub, action="exit").outcome == "approved"
    (sold,) = hub.orders(role="exit")
    assert (sold.status, sold.filled_quantity) == ("filled", 2)
    assert (working(futures_venue), held(futures_venue)) == ([], 0)


def test_a_reversal_ends_on_the_other_side(alice: Any, futures_venue: FuturesVenue) -> None:
    hub = make_futures_hub(alice, futures_venue, LIMITS, on_opposite="reverse")
    send(hub, action="buy", quantity="2", stop_loss="95")
    send(hub, action="sell", quantity="2", stop_loss="105")
    assert held(futures_venue) == hub.position("BTCUSDT").quantity == -2
    assert working(futures_venue) == [("BUY", "STOP_MARKET", D(2), D(105))]


def test_hedge_mode_is_traded_as_one_way_is(alice: Any, futures_venue: FuturesVenue) -> None:
    hub = make_futures_hub(
        alice, futures_venue, LIMITS, options={"position_mode": "hedge"}, on_opposite="reverse"
    )
    books(futures_venue).hedged = True
    send(hub, action="buy", quantity="2", **GUARDED)
    assert len(working(futures_venue)) == 2
    send(hub, action="sell", quantity="2", stop_loss="105")
    assert held(futures_venue) == hub.position("BTCUSDT").quantity == -2
    futures_venue.venue.set_price("BTCUSDT", "106")
    poll(hub)
    assert (working(futures_venue), held(futures_venue)) == ([], 0)


@pytest.mark.parametrize("kind", ["accept_then_close", "accept_then_500", "truncated_json"])
def test_a_stop_whose_answer_is_lost_protects_once(
    hub: Hub, futures_venue: FuturesVenue, kind: str
) -> None:
    futures_venue.venue.fault("submit", "accept", key=KEY)  # the entry
    futures_venue.venue.fault("submit", kind, key=KEY)
    send(hub, action="buy", quantity="2", stop_loss="95")
    for _ in range(6):
        hub.sweep(5)
    assert working(futures_venue) == [("SELL", "STOP_MARKET", D(2), D(95))]
    (stop,) = hub.orders(role="stop_loss")
    assert stop.status == "open"
    assert futures_venue.venue.posts(stop.client_order_id) == 1
    assert hub.position("BTCUSDT").protected is True


@pytest.mark.parametrize("code", ["-4028", "-4161"])
def test_a_leverage_that_can_not_be_set_refuses_the_entry(
    hub: Hub, futures_venue: FuturesVenue, code: str
) -> None:
    futures_venue.venue.fault("leverage", "reject", key=KEY, code=code, text="Not so.")
    send(hub, action="buy", quantity="1")
    (order,) = hub.orders()
    assert (order.status, order.reason) == ("rejected", "VENUE_REJECTED")
    assert "leverage" in order.reason_text
    assert futures_venue.venue.asked("submit") == []


def test_what_is_closed_by_hand_takes_the_protection_with_it(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    send(hub, action="buy", quantity="2", **GUARDED)
    hub.clock.wait(5)
    now = futures_venue.venue.now()
    sale = Order(0, "web_1", "BTCUSDT", "SELL", "MARKET", "GTC", D(2), now, now, reduce_only=True)
    futures_venue.venue.by_hand(KEY, sale)
    hub.clock.wait(60)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    poll(hub)
    assert (working(futures_venue), hub.position("BTCUSDT").is_open) == ([], False)
    assert not Drift.objects.exists()


def test_an_exit_of_what_was_closed_by_hand_had_nothing_to_do(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    """So what waits for it, as the other leg of a reversal, may go out."""
    send(hub, action="buy", quantity="2")
    now = futures_venue.venue.now()
    sale = Order(0, "web_1", "BTCUSDT", "SELL", "MARKET", "GTC", D(2), now, now, reduce_only=True)
    futures_venue.venue.by_hand(KEY, sale)
    Reconciliation.objects.update(due_at=hub.clock.now + timedelta(hours=1))
    send(hub, action="close")
    (order,) = hub.orders(role="exit")
    assert (order.status, order.reason) == ("canceled", "ALREADY_FLAT")
    assert makes_way(order)
    assert held(futures_venue) == 0
    # The books are compared at once, and then they say so too.
    assert claim_comparison(hub.account.pk, now=hub.clock())
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert not hub.position("BTCUSDT").is_open
    assert not Drift.objects.exists()


def test_a_second_strategy_keeps_what_the_first_one_s_exits_leave(
    hub: Hub, futures_venue: FuturesVenue
) -> None:
    """Target and stop both fill before anybody looks: the second one closes what is another's."""
    other = make_strategy(hub.owner, hub.account, hub.profile, "Other")
    beside = replace(hub, strategy=other, token=make_token(other))
    send(hub, action="buy", quantity="2", **GUARDED)
    send(beside, action="buy", quantity="5", stop_loss="80")
    futures_venue.venue.set_price("BTCUSDT", "111")
    futures_venue.venue.set_price("BTCUSDT", "94")
    assert held(futures_venue) == 3
    poll(hub)
    quantities = {
        each.strategy_id: each.quantity for each in Position.objects.filter(symbol="BTCUSDT")
    }
    assert quantities == {hub.strategy.pk: 0, other.pk: 3}
    assert working(futures_venue) == [("SELL", "STOP_MARKET", D(3), D(80))]
    hub.clock.wait(60)
    assert reconcile_now(hub.account, clock=hub.clock).findings == ()


def test_a_stop_closes_the_whole_position_while_one_strategy_alone_holds_it(
    alice: Any, futures_venue: FuturesVenue
) -> None:
    hub = make_futures_hub(alice, futures_venue, LIMITS, options={"stops": "close_position"})
    other = make_strategy(hub.owner, hub.account, hub.profile, "Other")
    beside = replace(hub, strategy=other, token=make_token(other))
    send(hub, action="buy", quantity="2", stop_loss="95")
    assert hub.orders(role="stop_loss")[0].closes_all
    send(beside, action="buy", quantity="3", stop_loss="90")
    assert sorted(working(futures_venue)) == [
        ("SELL", "STOP_MARKET", D(2), D(95)),
        ("SELL", "STOP_MARKET", D(3), D(90)),
    ]
    stops = [(x.quantity, x.status, x.closes_all) for x in hub.orders(role="stop_loss")]
    assert sorted(stops) == [(2, "canceled", True), (2, "open", False), (3, "open", False)]
    assert all(each.protected for each in Position.objects.all())
    futures_venue.venue.set_price("BTCUSDT", "94")
    poll(hub)
    quantities = {each.strategy_id: each.quantity for each in Position.objects.all()}
    assert quantities == {hub.strategy.pk: 0, other.pk: 3}
    assert held(futures_venue) == 3


@pytest.mark.parametrize("lost", [False, True])
def test_a_stop_on_its_way_while_another_strategy_enters_is_placed_anew_at_once(
    alice: Any, futures_venue: FuturesVenue, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """It was asked for while one strategy alone held the symbol; a stream tells of the other's
    fill before its answer. `lost`: no answer comes, and the stop is found later."""
    limits = {**LIMITS, "on_unprotected": "close"}
    hub = make_futures_hub(alice, futures_venue, limits, options={"stops": "close_position"})
    other = make_strategy(hub.owner, hub.account, hub.profile, "Other")
    beside = replace(hub, strategy=other, token=make_token(other))
    submit = FuturesBroker.submit

    def meanwhile(broker: FuturesBroker, request: OrderRequest) -> OrderReport:
        report = submit(broker, request)
        if request.closes_all:
            monkeypatch.setattr(FuturesBroker, "submit", submit)
            fill_beside(beside, broker)
            if lost:
                raise OutcomeUnknown("closed")
        return report

    monkeypatch.setattr(FuturesBroker, "submit", meanwhile)
    send(hub, action="buy", quantity="2", stop_loss="95")
    if lost:
        assert [each.status for each in hub.orders(role="stop_loss")] == ["unconfirmed"]
        hub.sweep()
    assert working(futures_venue) == [("SELL", "STOP_MARKET", D(2), D(95))]
    stops = [(x.status, x.closes_all) for x in hub.orders(role="stop_loss")]
    assert stops == [("canceled", True), ("open", False)]
    assert not hub.orders(role="exit"), "its stop worked all the while"


def fill_beside(hub: Hub, broker: FuturesBroker) -> None:
    """An entry of another strategy fills; a stream tells it, which does not hold the lane."""
    entry = make_order(hub, symbol="BTCUSDT", quantity=3, status="open")
    request = OrderRequest(
        client_order_id=entry.client_order_id,
        symbol="BTCUSDT",
        side=OrderSide.BUY,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=D(3),
    )
    report = broker.submit(request)
    in_write_transaction(lambda: record_report(hub.account.pk, entry.pk, report, now=hub.clock()))


@pytest.mark.parametrize("mode", ["one_way", "hedge"])
def test_a_second_strategy_against_the_account_is_denied(
    alice: Any, futures_venue: FuturesVenue, mode: str
) -> None:
    hub = make_futures_hub(alice, futures_venue, LIMITS, options={"position_mode": mode})
    books(futures_venue).hedged = mode == "hedge"
    other = make_strategy(hub.owner, hub.account, hub.profile, "Other")
    beside = replace(hub, strategy=other, token=make_token(other))
    send(hub, action="buy", quantity="2")
    decision = send(beside, action="sell", quantity="1")
    assert [each["code"] for each in decision.reasons] == ["OPPOSITE_HELD"]
    assert send(beside, action="buy", quantity="1").outcome == "approved"
    assert held(futures_venue) == 3


@pytest.mark.parametrize(
    ("alert", "code"),
    [
        ({"action": "buy", "quantity": "1", "symbol": "BTCUSDC"}, "SYMBOL_UNKNOWN"),
        ({"action": "buy", "quantity": "1", "symbol": "NOSUCHUSDT"}, "SYMBOL_UNKNOWN"),
        ({"action": "buy", "quantity": "0.04"}, "ORDER_VALUE_BELOW_MIN"),
        ({"action": "buy", "quantity": "1", "time_in_force": "opg"}, "UNSUPPORTED_BY_VENUE"),
    ],
)
def test_what_the_venue_does_not_allow_is_denied_before_it_is_sent(
    alice: Any, futures_venue: FuturesVenue, alert: dict[str, str], code: str
) -> None:
    hub = make_futures_hub(alice, futures_venue, {"size_limits": "deny"})
    decision = send(hub, **alert)
    assert code in [reason["code"] for reason in decision.reasons]
    assert futures_venue.venue.asked("submit") == []


def test_the_adapter_is_the_registered_one(hub: Hub) -> None:
    assert repr(connect(hub.account)).startswith("FuturesBroker(http://127.0.0.1:")
