"""Stop and target of one position at Alpaca as one order of the class `oco`."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.connection import connections
from brokers.alpaca.parsing import order_report
from brokers.errors import OrderRejected, Unsupported
from brokers.pairs import stop_id_of
from brokers.types import FillReport, OrderRequest, Pairs, ReportStatus
from orders.models import Drift, Order
from orders.positions import queue_protection
from orders.reconciling import reconcile_now
from orders.streaming import Outcome, record_told
from tests.venues.alpaca import shapes
from tests.venues.alpaca.books import Order as VenueOrder
from tests.venues.alpaca.fixtures import KEY, Alpaca, make_alpaca_hub, now_of, request
from tests.venues.dying import Guard, die_at_every_step, looks_until, poll
from tradehub.testing.hub import Hub

R = ReportStatus
LIMITS = {"max_order_value": "100000"}
BUY = {"price": "100", "action": "buy", "quantity": "10", "stop_loss": "95", "take_profit": "120"}


@pytest.fixture
def hub(alice: Any, alpaca: Alpaca, settings: Any) -> Hub:
    return make_alpaca_hub(alice, alpaca, settings, LIMITS)


@pytest.fixture
def broker(alpaca: Alpaca) -> AlpacaBroker:
    """It holds ten shares."""
    broker = alpaca.broker()
    broker.submit(request("buy", "10", id="in"))
    return broker


def pair(quantity: str = "10", **more: Any) -> tuple[OrderRequest, OrderRequest]:
    given = {"tif": "gtc", "reduce_only": True, "symbol": more.get("symbol", "AAPL")}
    stop = request(
        "sell", quantity, "stop", id="t-stop", stop_price=more.get("stop", "95"), **given
    )
    return stop, request(
        "sell", quantity, "limit", id="t", limit_price=more.get("target", "120"), **given
    )


def working(alpaca: Alpaca) -> list[tuple[str, D]]:
    orders = alpaca.venue.accounts[KEY].orders.values()
    return [(each.type, each.remaining) for each in orders if each.working]


def leg_of(alpaca: Alpaca) -> VenueOrder:
    return [each for each in alpaca.venue.accounts[KEY].orders.values() if each.is_leg][-1]


def assert_flat(hub: Hub, alpaca: Alpaca) -> None:
    assert not hub.position().is_open
    assert working(alpaca) == []
    assert not hub.orders(status__in=["queued", "sending", "unconfirmed", "open"])
    hub.clock.wait(30)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert not Drift.objects.exists()
    assert not Order.objects.filter(source="external").exists()


# ---- what the venue does ----


@pytest.mark.parametrize("tells_legs", [True, False])
def test_both_rest_under_our_names_whoever_asks(
    alpaca: Alpaca, broker: AlpacaBroker, tells_legs: bool
) -> None:
    alpaca.venue.change(KEY, tells_legs=tells_legs)
    stop, target = broker.submit_pair(*pair())
    assert (stop.client_order_id, stop.status, stop.stop_price) == ("t-stop", R.OPEN, 95)
    assert (target.client_order_id, target.status, target.limit_price) == ("t", R.OPEN, 120)
    assert stop.venue_order_id == leg_of(alpaca).id
    (body,) = (each.body for each in alpaca.venue.posts("t"))
    assert (body["order_class"], body["type"], "limit_price" in body) == ("oco", "limit", False)
    for each in (broker, alpaca.broker()):
        assert {x.client_order_id for x in each.open_orders()} == {"t", "t-stop"}
        assert now_of(each, "t-stop").venue_order_id == leg_of(alpaca).id
        assert len(each.reports(["t", "t-stop"])) == 2
    assert broker.capabilities().pairs is Pairs.SHRINK


@pytest.mark.parametrize("first", ["t", "t-stop"])
def test_to_cancel_one_cancels_both(alpaca: Alpaca, broker: AlpacaBroker, first: str) -> None:
    broker.submit_pair(*pair())
    assert alpaca.broker().cancel(first).status is R.CANCELED
    assert {now_of(broker, name).status for name in ("t", "t-stop")} == {R.CANCELED}
    assert working(alpaca) == []


@pytest.mark.parametrize(
    ("price", "sold", "ended"), [("94", "t-stop", "t"), ("121", "t", "t-stop")]
)
def test_a_fill_of_either_is_told_of_the_right_one(
    alpaca: Alpaca, broker: AlpacaBroker, price: str, sold: str, ended: str
) -> None:
    broker.submit_pair(*pair())
    before = broker.account().at
    alpaca.venue.set_price("AAPL", price)
    fresh = alpaca.broker()  # remembers no leg's name
    (out,) = (each for each in fresh.fills(before) if each.side.value == "sell")
    assert (out.client_order_id, out.quantity) == (sold, 10)
    assert [each.quantity for each in now_of(alpaca.broker(), sold).fills] == [10]
    assert now_of(fresh, ended).status is R.CANCELED


def test_a_part_of_the_target_makes_the_stop_smaller(alpaca: Alpaca, broker: AlpacaBroker) -> None:
    broker.submit_pair(*pair())
    alpaca.venue.fill(KEY, "t", "4")
    assert now_of(broker, "t-stop").quantity == 6
    alpaca.venue.set_price("AAPL", "94")
    assert alpaca.venue.positions(KEY) == {}


def test_a_leg_that_the_venue_put_in_another_s_place_is_found(
    alpaca: Alpaca, broker: AlpacaBroker
) -> None:
    told, _ = broker.submit_pair(*pair())
    account, old = alpaca.venue.accounts[KEY], leg_of(alpaca)
    alpaca.venue.replace_leg(account, old)
    fresh = now_of(alpaca.broker(), "t-stop")
    assert (fresh.status, fresh.venue_order_id) == (R.OPEN, leg_of(alpaca).id)
    assert fresh.venue_order_id != told.venue_order_id


@pytest.mark.parametrize("times", [1, 2, 4])
def test_a_fill_of_a_leg_that_was_put_in_much_later_is_told_under_its_name(
    hub: Hub, alpaca: Alpaca, times: int
) -> None:
    """Each was made long after the pair: only the first one leads to it."""
    broker = alpaca.broker()
    broker.submit(request("buy", "10", id="in"))
    broker.submit_pair(*pair())
    first = leg_of(alpaca)
    for _ in range(times):
        hub.clock.wait(86400)
        alpaca.venue.replace_leg(alpaca.venue.accounts[KEY], leg_of(alpaca))
    before = alpaca.venue.now()
    alpaca.venue.set_price("AAPL", "94")
    fresh = alpaca.broker()  # remembers no leg's name
    assert [each.client_order_id for each in fresh.fills(before)] == ["t-stop"]
    asked = len(alpaca.venue.asked)
    assert [each.client_order_id for each in fresh.fills(before)] == ["t-stop"]
    assert len(alpaca.venue.asked) == asked + 1
    if times < 3:  # what took its place, and what took that one's, is told with its order
        assert alpaca.broker()._reader.order_of(first.id)["client_order_id"] == "t-stop"


def test_a_leg_whose_order_is_not_told_yet_keeps_no_wrong_name(
    alpaca: Alpaca, broker: AlpacaBroker
) -> None:
    before = broker.account().at
    broker.submit_pair(*pair())
    alpaca.venue.set_price("AAPL", "94")
    target = leg_of(alpaca).other
    assert target is not None
    target.created_at -= timedelta(minutes=1)
    fresh = alpaca.broker()
    assert [each.client_order_id for each in fresh.fills(before)][-1] == ""
    target.created_at += timedelta(minutes=1)
    assert [each.client_order_id for each in fresh.fills(before)][-1] == "t-stop"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"quantity": "2.5"}, Unsupported),
        ({"symbol": "BTCUSD"}, Unsupported),
        ({"stop": "120"}, Unsupported),
        ({"stop": "101"}, OrderRejected),
        ({"symbol": "MSFT"}, OrderRejected),
        ({"quantity": "11"}, OrderRejected),
    ],
)
def test_what_can_not_be_a_pair_is_refused(
    alpaca: Alpaca, broker: AlpacaBroker, more: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        broker.submit_pair(*pair(**more))
    assert working(alpaca) == []


def test_only_whole_shares_are_pairs(alpaca: Alpaca) -> None:
    share, coin = (alpaca.broker(fractional=True).instrument(x) for x in ("AAPL", "BTCUSD"))
    assert share is not None
    assert coin is not None
    assert (share.pair_step, coin.pair_step) == (1, None)


# ---- what the hub makes of it ----


def test_the_target_rests_and_fills(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**BUY)
    assert working(alpaca) == [("limit", 10), ("stop", 10)]
    assert hub.position().protected is True
    assert "watched" not in (hub.position().protection or {})
    alpaca.venue.set_price("AAPL", "121")
    poll(hub)
    assert [each.status for each in hub.orders(role="take_profit")] == ["filled"]
    assert_flat(hub, alpaca)


def test_the_price_jumps_over_the_stop(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**BUY)
    alpaca.venue.set_price("AAPL", "80")
    poll(hub)
    (stop,) = hub.orders(role="stop_loss")
    assert (stop.status, stop.average_fill_price) == ("filled", 80)
    assert_flat(hub, alpaca)


def test_parts_of_the_target_leave_the_pair_alone(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**BUY)
    (target,) = hub.orders(role="take_profit")
    for part, left in (("4", 6), ("1", 5)):
        alpaca.venue.fill(KEY, target.client_order_id, part)
        poll(hub)
        assert (hub.position().quantity, hub.position().protected) == (left, True)
        assert working(alpaca) == [("limit", left), ("stop", left)]
    assert len(alpaca.venue.posts()) == 2
    alpaca.venue.set_price("AAPL", "94")
    poll(hub)
    assert [each.filled_quantity for each in hub.orders(role="stop_loss")] == [5]
    assert_flat(hub, alpaca)


def test_a_stop_that_the_venue_forgot_with_a_part_is_placed_anew(hub: Hub, alpaca: Alpaca) -> None:
    """Whatever its pages say: the position is guarded by what the venue tells."""
    hub.send(**BUY)
    (target,) = hub.orders(role="take_profit")
    alpaca.venue.fill(KEY, target.client_order_id, "4")
    leg_of(alpaca).end("canceled", alpaca.venue.now())
    poll(hub)
    poll(hub)
    assert ("stop", 6) in working(alpaca)
    assert hub.position().protected is True


def test_a_short_has_its_target_below(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(price="100", action="sell", quantity="10", stop_loss="105", take_profit="90")
    assert working(alpaca) == [("limit", 10), ("stop", 10)]
    alpaca.venue.set_price("AAPL", "89")
    poll(hub)
    assert alpaca.venue.positions(KEY) == {}
    assert_flat(hub, alpaca)


def test_an_exit_at_the_market_ends_the_pair(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**BUY)
    hub.send(price="100", action="exit")
    assert alpaca.venue.positions(KEY) == {}
    assert_flat(hub, alpaca)


def test_parts_of_a_share_have_their_target_watched(hub: Hub, alpaca: Alpaca) -> None:
    hub.account.options = {"fractional": True}
    hub.account.save(update_fields=["options"])
    hub.send(**{**BUY, "quantity": "2.5"})
    assert working(alpaca) == [("stop", D("2.5"))]
    assert hub.position().protection["watched"] == [{"price": "120", "quantity": "2.5"}]  # type: ignore[index]  # it asked


def test_a_cancel_that_takes_its_time_is_waited_for(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both hold their shares until they have ended: a stop sent before would be refused."""
    monkeypatch.setattr("brokers.alpaca.adapter.LOOKS_AT_A_CANCEL", (0.0,))
    hub.send(**BUY)
    alpaca.venue.change(KEY, cancel_seconds=6)
    position = hub.position()
    assert position.protection is not None
    position.protection["targets"][0]["price"] = "125"
    position.save(update_fields=["protection"])
    queue_protection(position, now=hub.clock())
    for _ in range(6):
        poll(hub)
    assert all(each.status < 300 for each in alpaca.venue.posts())
    assert working(alpaca) == [("limit", 10), ("stop", 10)]
    assert [each.limit_price for each in hub.working(role="take_profit")] == [125]
    assert hub.position().protected is True


def test_the_stream_tells_of_a_leg_by_the_venue_s_own_id(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**BUY)
    leg = leg_of(alpaca)
    leg.end("canceled", alpaca.venue.now())
    report = order_report(shapes.order(leg))
    assert report.client_order_id != hub.orders(role="stop_loss")[0].client_order_id
    assert record_told(hub.account.pk, report, now=hub.clock()) is Outcome.RECORDED
    assert [each.status for each in hub.orders(role="stop_loss")] == ["canceled"]
    assert hub.position().protected is False


@pytest.mark.parametrize("first", ["poll", "comparison"])
@pytest.mark.parametrize("memory", ["kept", "lost"])
@pytest.mark.parametrize("days", [0, 3])
def test_a_stop_that_was_replaced_and_fills_is_ours_whoever_looks_first(
    hub: Hub, alpaca: Alpaca, first: str, memory: str, days: int
) -> None:
    hub.send(**BUY)
    hub.clock.wait(days * 86400 + 60)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    alpaca.venue.replace_leg(alpaca.venue.accounts[KEY], leg_of(alpaca))
    hub.clock.wait(3600)
    alpaca.venue.set_price("AAPL", "94")
    if memory == "lost":
        connections.close()
    if first == "poll":
        poll(hub)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    poll(hub)
    (stop,) = hub.orders(role="stop_loss")
    assert (stop.status, stop.filled_quantity) == ("filled", 10)
    assert_flat(hub, alpaca)


def test_a_stop_that_is_told_under_no_name_of_ours_stops_no_comparison(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under Alpaca's name the fill leads to a question, and the answer to our own order."""
    hub.send(**BUY)
    leg = leg_of(alpaca)
    alpaca.venue.set_price("AAPL", "94")
    real = AlpacaBroker.fills

    def under_its_own(
        self: AlpacaBroker, since: datetime, symbols: Collection[str] | None = None
    ) -> list[FillReport]:
        told = real(self, since, symbols)
        return [
            replace(each, client_order_id=leg.client_order_id)
            if each.venue_order_id == leg.id
            else each
            for each in told
        ]

    monkeypatch.setattr(AlpacaBroker, "fills", under_its_own)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    monkeypatch.undo()
    poll(hub)
    assert [each.status for each in hub.orders(role="stop_loss")] == ["filled"]
    assert_flat(hub, alpaca)


@pytest.mark.parametrize("kind", ["accept_then_close", "close_before"])
def test_a_pair_whose_answer_is_lost_is_placed_once(hub: Hub, alpaca: Alpaca, kind: str) -> None:
    alpaca.venue.fault("submit", "accept")
    alpaca.venue.fault("submit", kind)
    hub.send(**BUY)
    assert hub.position().protected is False
    for _ in range(25):
        poll(hub)
    arrived = kind != "close_before"
    assert working(alpaca) == ([("limit", 10), ("stop", 10)] if arrived else [("stop", 10)])
    assert hub.position().protected is True
    alpaca.venue.set_price("AAPL", "121")
    poll(hub)
    assert_flat(hub, alpaca)


def test_a_worker_that_dies_at_any_step_is_mended(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies between the entry and the answer to the pair; the target fills in the end."""
    guard = Guard(hub.clock, longest=60)

    def before() -> None:
        if hub.orders():
            looks_until(hub, mended)
        alpaca.venue.set_price("AAPL", "100")
        hub.deliver(**BUY)

    def mended() -> bool:
        if hub.orders(role="entry").pop().status != "filled":
            return False
        if not hub.position().is_open:
            return not working(alpaca) and not hub.orders(status__in=["queued", "sending"])
        stops = [each for each in working(alpaca) if each[0] == "stop"]
        if guard.sees(bool(stops)) and hub.position().protected:
            alpaca.venue.set_price("AAPL", "121")
        return False

    steps = die_at_every_step(monkeypatch, hub, before=before, move=lambda: None, mended=mended)
    assert steps > 6
    looks_until(hub, mended)
    assert_flat(hub, alpaca)
    targets = hub.orders(role="take_profit", time_in_force="gtc")
    stops = {each.client_order_id for each in hub.orders(role="stop_loss")}
    assert {stop_id_of(each.client_order_id) for each in targets} <= stops
