"""Stop and target of one position at Binance spot as one order list."""

from datetime import datetime, timedelta
from decimal import Decimal as D
from functools import partial
from typing import Any

import pytest

from brokers.binance.order_lists import pair_params
from brokers.binance.spot import SpotBroker
from brokers.errors import BrokerError, NotSent, OrderRejected, OutcomeUnknown, Unsupported
from brokers.pairs import stop_id_of
from brokers.types import OrderRequest, Pairs, ReportStatus
from orders.models import Drift, Order
from orders.reconciling import reconcile_now
from orders.recording import record_report
from tests.venues.binance.fixtures import KEY, Desk, SpotVenue, make_account, make_spot_hub
from tests.venues.dying import Guard, die_at_every_step, looks_until, poll
from tradehub.lib.db import in_write_transaction
from tradehub.testing.hub import Hub

R = ReportStatus
LIMITS = {"max_order_value": "100000"}
BUY = {"symbol": "BTCUSDT", "price": "100", "action": "buy", "quantity": "1", "stop_loss": "95",
       "take_profit": "110"}  # fmt: skip
PAIR = [("STOP_LOSS", D("0.999"), D(95)), ("LIMIT_MAKER", D("0.999"), D(110))]


@pytest.fixture
def hub(alice: Any, spot_venue: SpotVenue) -> Hub:
    return make_spot_hub(alice, spot_venue, LIMITS)


@pytest.fixture
def desk(alice: Any, spot_venue: SpotVenue) -> Desk:
    """It holds 1 BTC, less the fee."""
    spot_venue.open()
    desk = Desk(spot_venue, make_account(alice))
    desk.place("buy", "1")
    return desk


def pair(desk: Desk, quantity: str = "0.999", **prices: str) -> tuple[OrderRequest, OrderRequest]:
    stop, limit = prices.get("stop", "95"), prices.get("target", "110")
    target = desk.ask("sell", quantity, "limit", limit_price=limit, reduce_only=True)
    name = {"stop_price": stop, "reduce_only": True, "id": stop_id_of(target.client_order_id)}
    return desk.ask("sell", quantity, "stop", **name), target


def working(there: SpotVenue) -> list[tuple[str, D, D]]:
    orders = there.venue.books.accounts[KEY].orders
    return [(x.type, x.rest, x.stop_price or x.price) for x in orders if x.working]


def free_and_locked(there: SpotVenue) -> tuple[D, D]:
    balance = there.venue.books.accounts[KEY].balance("BTC")
    return balance.free, balance.locked


def watched(hub: Hub) -> list[Any]:
    return (hub.position("BTCUSDT").protection or {}).get("watched", [])


def assert_flat(hub: Hub, there: SpotVenue) -> None:
    assert not hub.position("BTCUSDT").is_open
    assert sum(free_and_locked(there)) < D("0.00001")
    assert working(there) == []
    assert not hub.orders(status__in=["queued", "sending", "unconfirmed", "open"])
    hub.clock.wait(30)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert not Drift.objects.exists()


# ---- what the venue does ----


def test_both_rest_and_hold_the_quantity_once(desk: Desk, spot_venue: SpotVenue) -> None:
    stop, target = pair(desk)
    told = desk.broker.submit_pair(stop, target)
    assert [(each.client_order_id, each.status, each.stop_price, each.limit_price)
            for each in told] == [(stop.client_order_id, R.OPEN, D(95), None),
                                  (target.client_order_id, R.OPEN, None, D(110))]  # fmt: skip
    assert free_and_locked(spot_venue) == (0, D("0.999"))
    assert {each.client_order_id for each in desk.broker.open_orders()} == {
        stop.client_order_id,
        target.client_order_id,
    }
    assert desk.broker.capabilities().pairs is Pairs.END


@pytest.mark.parametrize("first", [0, 1])
def test_to_cancel_one_cancels_both(desk: Desk, spot_venue: SpotVenue, first: int) -> None:
    names = [each.client_order_id for each in pair(desk)]
    desk.broker.submit_pair(*pair_of(desk, names))
    assert desk.broker.cancel(names[first]).status is R.CANCELED
    assert desk.broker.cancel(names[1 - first]).status is R.CANCELED
    assert free_and_locked(spot_venue) == (D("0.999"), 0)


def pair_of(desk: Desk, names: list[str]) -> tuple[OrderRequest, OrderRequest]:
    target = desk.ask("sell", "0.999", "limit", limit_price="110", reduce_only=True, id=names[1])
    stop = desk.ask("sell", "0.999", "stop", stop_price="95", reduce_only=True, id=names[0])
    return stop, target


@pytest.mark.parametrize(("price", "sold"), [("94", 0), ("111", 1)])
def test_one_that_is_met_ends_the_other(
    desk: Desk, spot_venue: SpotVenue, price: str, sold: int
) -> None:
    told = desk.broker.submit_pair(*pair(desk))
    spot_venue.venue.set_price("BTCUSDT", price)
    now = desk.broker.reports([each.client_order_id for each in told])
    assert [each.status for each in now][sold] is R.FILLED
    assert [each.status for each in now][1 - sold] is R.EXPIRED
    assert sum(free_and_locked(spot_venue)) == 0


def test_the_first_part_of_the_target_ends_the_stop(desk: Desk, spot_venue: SpotVenue) -> None:
    """As the venue's own list of what triggers what says (its FIX API)."""
    stop, target = desk.broker.submit_pair(*pair(desk))
    spot_venue.venue.fill(KEY, target.client_order_id, "0.2")
    now = desk.broker.reports([stop.client_order_id, target.client_order_id])
    assert [each.status for each in now] == [R.EXPIRED, R.PARTIALLY_FILLED]
    assert working(spot_venue) == [("LIMIT_MAKER", D("0.799"), D(110))]


@pytest.mark.parametrize("prices", [{"target": "99"}, {"stop": "101"}, {"target": "100"}])
def test_prices_on_the_wrong_side_are_refused(desk: Desk, prices: dict[str, str]) -> None:
    with pytest.raises(OrderRejected) as refused:
        desk.broker.submit_pair(*pair(desk, **prices))
    assert refused.value.venue_code == "-2010"
    assert desk.broker.open_orders() == []


def test_what_the_symbol_does_not_allow_is_not_sent(desk: Desk, spot_venue: SpotVenue) -> None:
    spot_venue.venue.books.markets["BTCUSDT"].oco = False
    desk.reopen()
    with pytest.raises(Unsupported):
        desk.broker.submit_pair(*pair(desk))
    instrument = desk.broker.instrument("BTCUSDT")
    assert instrument is not None
    assert instrument.pair_step is None


def test_a_pair_that_took_too_long_to_prepare_does_not_leave(
    desk: Desk, spot_venue: SpotVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then somebody may have been told that it never arrived."""
    both, client, judged = pair(desk), desk.broker.client, desk.broker._fitting._judged
    late, now = [timedelta(0)], client.now

    def slowly(request: OrderRequest) -> Any:
        late[0] += timedelta(seconds=6)
        return judged(request)

    monkeypatch.setattr(client, "now", lambda: now() + late[0])
    monkeypatch.setattr(desk.broker._fitting, "_judged", slowly)
    with pytest.raises(NotSent, match="too long"):
        desk.broker.submit_pair(*both)
    assert spot_venue.venue.posts(both[1].client_order_id) == 0
    monkeypatch.undo()
    desk.broker.submit_pair(*both)
    assert working(spot_venue) == PAIR


def test_a_buy_has_its_stop_above(desk: Desk) -> None:
    target = desk.ask("buy", "1", "limit", limit_price="90", id="t")
    stop = desk.ask("buy", "1", "stop", stop_price="105", id="t-stop")
    sent = pair_params(stop, target)
    assert (sent["aboveType"], sent["aboveStopPrice"]) == ("STOP_LOSS", "105")
    assert (sent["belowType"], sent["belowPrice"]) == ("LIMIT_MAKER", "90")
    assert all(len(value) <= 36 for name, value in sent.items() if name.endswith("ClientOrderId"))


# ---- what the hub makes of it ----


def test_the_target_rests_and_fills(hub: Hub, spot_venue: SpotVenue) -> None:
    hub.send(**BUY)
    assert working(spot_venue) == PAIR
    assert (hub.position("BTCUSDT").protected, watched(hub)) == (True, [])
    spot_venue.venue.set_price("BTCUSDT", "110.5")
    poll(hub)
    assert [each.status for each in hub.orders(role="take_profit")] == ["filled"]
    assert [each.status for each in hub.orders(role="stop_loss")] == ["expired"]
    assert_flat(hub, spot_venue)


def test_the_price_jumps_over_the_stop(hub: Hub, spot_venue: SpotVenue) -> None:
    hub.send(**BUY)
    spot_venue.venue.set_price("BTCUSDT", "80")
    poll(hub)
    assert [each.status for each in hub.orders(role="stop_loss")] == ["filled"]
    assert [each.status for each in hub.orders(role="take_profit")] == ["expired"]
    assert_flat(hub, spot_venue)


def test_a_part_of_the_target_gives_the_rest_its_stop_back(hub: Hub, spot_venue: SpotVenue) -> None:
    hub.send(**BUY)
    (target,) = hub.orders(role="take_profit")
    spot_venue.venue.set_price("BTCUSDT", "109.99")
    spot_venue.venue.fill(KEY, target.client_order_id, "0.2")
    spot_venue.venue.set_price("BTCUSDT", "109.5")
    poll(hub)
    assert working(spot_venue) == [("STOP_LOSS", D("0.799"), D(95))]
    assert hub.position("BTCUSDT").protected is True
    assert watched(hub) == [{"price": "110", "quantity": "0.799"}]
    spot_venue.venue.set_price("BTCUSDT", "111")
    poll(hub)
    assert_flat(hub, spot_venue)


def test_an_entry_in_parts_moves_the_pair(hub: Hub, spot_venue: SpotVenue) -> None:
    hub.send(**BUY, order_type="limit", limit_price="99")
    (entry,) = hub.orders(role="entry")
    for part, held in (("0.4", "0.3996"), ("0.6", "0.999")):
        spot_venue.venue.fill(KEY, entry.client_order_id, part)
        poll(hub)
        resting = [each for each in working(spot_venue) if each[0] != "LIMIT"]
        assert resting == [("STOP_LOSS", D(held), D(95)), ("LIMIT_MAKER", D(held), D(110))]
        assert hub.position("BTCUSDT").protected is True
    spot_venue.venue.set_price("BTCUSDT", "111")
    poll(hub)
    assert_flat(hub, spot_venue)


def test_a_pair_that_is_refused_leaves_the_stop_and_a_watch(
    hub: Hub, spot_venue: SpotVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The price has passed the target before the pair arrives."""
    real = spot_venue.venue.books.place

    def place(account: Any, order: Any, now: datetime) -> None:
        real(account, order, now)
        if order.type == "MARKET" and order.buys:
            spot_venue.venue.set_price("BTCUSDT", "111")

    monkeypatch.setattr(spot_venue.venue.books, "place", place)
    hub.send(**BUY)
    assert working(spot_venue) == [("STOP_LOSS", D("0.999"), D(95))]
    (target,) = hub.orders(role="take_profit")
    assert (target.status, "-2010" in target.reason_text) == ("rejected", True)
    assert hub.position("BTCUSDT").protected is True
    assert watched(hub) == [{"price": "110", "quantity": "0.999"}]
    poll(hub)
    assert_flat(hub, spot_venue)


def test_a_symbol_without_lists_has_its_target_watched(hub: Hub, spot_venue: SpotVenue) -> None:
    spot_venue.venue.books.markets["BTCUSDT"].oco = False
    hub.send(**BUY)
    assert working(spot_venue) == [("STOP_LOSS", D("0.999"), D(95))]
    assert watched(hub) == [{"price": "110", "quantity": "0.999"}]
    assert not hub.orders(role="take_profit")


def test_several_targets_are_watched_and_the_last_one_too(hub: Hub, spot_venue: SpotVenue) -> None:
    targets = [{"price": "110", "fraction": "0.5"}, {"price": "120", "fraction": "0.5"}]
    hub.send(**{**BUY, "take_profit": targets})
    assert working(spot_venue) == [("STOP_LOSS", D("0.999"), D(95))]
    spot_venue.venue.set_price("BTCUSDT", "111")
    poll(hub)
    # One is left, of all that is held: it rests beside the stop that comes back.
    assert working(spot_venue) == [
        ("STOP_LOSS", D("0.4995"), D(95)),
        ("LIMIT_MAKER", D("0.4995"), D(120)),
    ]
    spot_venue.venue.set_price("BTCUSDT", "121")
    poll(hub)
    assert_flat(hub, spot_venue)


def test_an_exit_at_the_market_takes_both_with_it(hub: Hub, spot_venue: SpotVenue) -> None:
    hub.send(**BUY)
    hub.send(symbol="BTCUSDT", price="100", action="exit")
    assert_flat(hub, spot_venue)


@pytest.mark.parametrize("kind", ["accept_then_close", "close_before"])
def test_a_pair_whose_answer_is_lost_is_placed_once(
    hub: Hub, spot_venue: SpotVenue, kind: str
) -> None:
    spot_venue.venue.fault("submit", "accept", key=KEY)
    spot_venue.venue.fault("submit", kind, key=KEY)
    hub.send(**BUY)
    assert hub.position("BTCUSDT").protected is False
    for _ in range(20):
        poll(hub)
    arrived = kind != "close_before"
    assert working(spot_venue) == (PAIR if arrived else PAIR[:1])
    assert hub.position("BTCUSDT").protected is True
    (target,) = hub.orders(role="take_profit")
    assert target.status == ("open" if arrived else "denied")
    assert len(watched(hub)) == (not arrived)
    spot_venue.venue.set_price("BTCUSDT", "111")
    poll(hub)
    assert_flat(hub, spot_venue)


@pytest.mark.parametrize("leg", [0, 1])
@pytest.mark.parametrize("answer", [OutcomeUnknown, NotSent, OrderRejected])
def test_a_leg_that_was_told_before_the_answer_proves_the_other(
    hub: Hub,
    spot_venue: SpotVenue,
    monkeypatch: pytest.MonkeyPatch,
    leg: int,
    answer: type[BrokerError],
) -> None:
    """Whatever the answer says then: the venue has taken both."""
    real, sent = SpotBroker.submit_pair, []

    def told_first(self: SpotBroker, *pair: OrderRequest) -> Any:
        told = real(self, *pair)
        sent.append(told)
        order = Order.objects.get(client_order_id=told[leg].client_order_id)
        news = partial(record_report, order.account_id, order.pk, told[leg], now=hub.clock())
        in_write_transaction(news)
        raise answer("no answer that fits")

    monkeypatch.setattr(SpotBroker, "submit_pair", told_first)
    hub.send(**BUY)
    roles = ["stop_loss", "take_profit"]
    found = [hub.orders(role=each)[-1].status for each in roles]
    assert (found.pop(leg), found) == ("open", ["unconfirmed"])
    for _ in range(3):
        poll(hub)
    assert (working(spot_venue), len(sent)) == (PAIR, 1)
    assert [hub.orders(role=each)[-1].status for each in roles] == ["open", "open"]
    assert hub.position("BTCUSDT").protected is True
    spot_venue.venue.set_price("BTCUSDT", "111")
    poll(hub)
    assert_flat(hub, spot_venue)


def test_a_pair_that_could_not_leave_leaves_with_the_next_look(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    spot_venue.venue.fault("submit", "accept", key=KEY)
    spot_venue.venue.fault("submit", "refuse_429", key=KEY)
    hub.send(**BUY)
    hub.clock.wait(60)
    for _ in range(3):
        poll(hub, 31)
    assert working(spot_venue) == PAIR
    assert hub.position("BTCUSDT").protected is True


@pytest.mark.parametrize("price", ["111", "94"])
def test_a_worker_that_dies_at_any_step_of_placing_is_mended(
    hub: Hub, spot_venue: SpotVenue, monkeypatch: pytest.MonkeyPatch, price: str
) -> None:
    """It dies between the entry and the answer to the pair, and what follows is mended."""
    guard = Guard(hub.clock, longest=60)

    def before() -> None:
        if hub.orders():
            looks_until(hub, mended)
        spot_venue.venue.set_price("BTCUSDT", "100")
        hub.deliver(**BUY)

    def mended() -> bool:
        position = hub.position("BTCUSDT")
        if not position.is_open:
            return not working(spot_venue)
        stops = [each for each in working(spot_venue) if each[0] == "STOP_LOSS"]
        if guard.sees(bool(stops)) and position.protected:
            spot_venue.venue.set_price("BTCUSDT", price)
        return False

    steps = die_at_every_step(monkeypatch, hub, before=before, move=lambda: None, mended=mended)
    assert steps > 6
    looks_until(hub, mended)
    assert_flat(hub, spot_venue)


def test_a_worker_that_dies_at_any_step_after_a_part_is_mended(
    hub: Hub, spot_venue: SpotVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target has filled in part, so its stop has ended."""
    guard = Guard(hub.clock, longest=30)

    def before() -> None:
        spot_venue.venue.set_price("BTCUSDT", "100")
        hub.send(**BUY)
        assert working(spot_venue) == PAIR

    def part() -> None:
        target = hub.orders(role="take_profit", status="open")[-1]
        spot_venue.venue.fill(KEY, target.client_order_id, "0.2")

    def mended() -> bool:
        position = hub.position("BTCUSDT")
        if not position.is_open:
            return not working(spot_venue)
        stops = [each[1] for each in working(spot_venue) if each[0] == "STOP_LOSS"]
        if guard.sees(bool(stops)):
            assert stops == [position.quantity]
            spot_venue.venue.set_price("BTCUSDT", "111")
        return False

    steps = die_at_every_step(monkeypatch, hub, before=before, move=part, mended=mended)
    assert steps > 6
    looks_until(hub, mended)
    assert_flat(hub, spot_venue)
