"""Stop and target of one position at Binance spot where its owner wants targets to be watched, or
has several: the stop rests."""

from datetime import datetime
from decimal import Decimal as D
from typing import Any

import pytest

from orders import syncing
from orders.models import Drift, Position
from orders.reconciling import reconcile_now
from tests.venues.binance.fixtures import KEY, SpotVenue, make_spot_hub
from tests.venues.dying import die_at_every_step, poll
from tradehub.testing.hub import Hub

LIMITS = {"max_order_value": "100000"}
BUY = {"symbol": "BTCUSDT", "price": "100", "action": "buy", "quantity": "1", "stop_loss": "95"}


@pytest.fixture
def hub(alice: Any, spot_venue: SpotVenue) -> Hub:
    made = make_spot_hub(alice, spot_venue, LIMITS)
    made.account.options = {"targets": "watch"}
    made.account.save(update_fields=["options"])
    return made


def free_and_locked(there: SpotVenue) -> tuple[D, D]:
    balance = there.venue.books.accounts[KEY].balance("BTC")
    return balance.free, balance.locked


def working(there: SpotVenue) -> list[tuple[str, D, D]]:
    orders = there.venue.books.accounts[KEY].orders
    return [(x.type, x.quantity, x.stop_price or x.price) for x in orders if x.working]


def assert_flat(hub: Hub, there: SpotVenue) -> None:
    assert not hub.position("BTCUSDT").is_open
    assert sum(free_and_locked(there)) < D("0.00001")
    assert working(there) == []
    assert not hub.orders(status__in=["queued", "sending", "unconfirmed", "open"])
    hub.clock.wait(30)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert not Drift.objects.exists()


def test_the_price_goes_to_the_target(hub: Hub, spot_venue: SpotVenue) -> None:
    hub.send(**BUY, take_profit="110")
    assert working(spot_venue) == [("STOP_LOSS", D("0.999"), D(95))]
    assert hub.position("BTCUSDT").protected is True
    spot_venue.venue.set_price("BTCUSDT", "109.99")
    poll(hub)
    assert working(spot_venue) == [("STOP_LOSS", D("0.999"), D(95))]
    spot_venue.venue.set_price("BTCUSDT", "110.5")
    poll(hub)
    (target,) = hub.orders(role="take_profit")
    assert (target.status, target.average_fill_price) == ("filled", D("110.5"))
    assert_flat(hub, spot_venue)


def test_the_first_of_two_targets_leaves_the_rest_guarded(hub: Hub, spot_venue: SpotVenue) -> None:
    targets = [{"price": "110", "fraction": "0.5"}, {"price": "120", "fraction": "0.5"}]
    hub.send(**BUY, take_profit=targets)
    spot_venue.venue.set_price("BTCUSDT", "111")
    poll(hub)
    assert working(spot_venue) == [("STOP_LOSS", D("0.4995"), D(95))]
    assert hub.position("BTCUSDT").protected is True
    spot_venue.venue.set_price("BTCUSDT", "90")
    poll(hub)
    assert_flat(hub, spot_venue)


def test_a_rest_that_could_not_be_guarded_goes_with_the_target(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    """Half of it at the stop's price is worth less than the 5 USDT that Binance takes."""
    targets = [{"price": "110", "fraction": "0.5"}, {"price": "120", "fraction": "0.5"}]
    hub.send(**{**BUY, "quantity": "0.1"}, take_profit=targets)
    spot_venue.venue.set_price("BTCUSDT", "111")
    poll(hub)
    assert_flat(hub, spot_venue)


def test_stop_and_watch_follow_an_entry_that_fills_in_parts(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    hub.send(**BUY, order_type="limit", limit_price="99", take_profit="110")
    (entry,) = hub.orders(role="entry")
    for part, held in (("0.4", "0.3996"), ("0.6", "0.999")):
        spot_venue.venue.fill(KEY, entry.client_order_id, part)
        poll(hub)
        stops = [each for each in working(spot_venue) if each[0] == "STOP_LOSS"]
        assert stops == [("STOP_LOSS", D(held), D(95))]
        (watched,) = hub.position("BTCUSDT").protection["watched"]  # type: ignore[index]  # it asked
        assert watched == {"price": "110", "quantity": held}
    spot_venue.venue.set_price("BTCUSDT", "111")
    poll(hub)
    assert_flat(hub, spot_venue)


def test_the_price_jumps_over_the_stop(hub: Hub, spot_venue: SpotVenue) -> None:
    hub.send(**BUY, take_profit="110")
    spot_venue.venue.set_price("BTCUSDT", "80")
    poll(hub)
    assert [each.status for each in hub.orders(role="stop_loss")] == ["filled"]
    assert not hub.orders(role="take_profit")
    assert_flat(hub, spot_venue)


def test_the_price_falls_below_the_stop_before_it_can_rest(
    hub: Hub, spot_venue: SpotVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Binance refuses a stop that would trigger at once: what it was for is done at the market."""
    real = spot_venue.venue.books.place

    def place(account: Any, order: Any, now: datetime) -> None:
        real(account, order, now)
        if order.type == "MARKET" and order.buys:
            spot_venue.venue.set_price("BTCUSDT", "94")

    monkeypatch.setattr(spot_venue.venue.books, "place", place)
    hub.send(**BUY, take_profit="110")
    (stop,) = hub.orders(role="stop_loss")
    assert (stop.status, "trigger immediately" in stop.reason_text) == ("rejected", True)
    (out,) = hub.orders(role="exit")
    assert (out.status, out.source) == ("filled", "system")
    assert_flat(hub, spot_venue)


def test_a_target_in_doubt_that_filled_gets_no_stop_beside_it(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    """The owner has coins besides: the stop would sell those."""
    own = spot_venue.venue.books.accounts[KEY].balance("BTC")
    own.free += 5
    hub.send(**BUY, take_profit="110")
    spot_venue.venue.set_price("BTCUSDT", "111")
    spot_venue.venue.fault("submit", "accept_then_close", key=KEY)
    for _ in range(8):
        poll(hub)
    assert working(spot_venue) == []
    assert len(hub.orders(role="stop_loss")) == 1
    assert (own.free, own.locked) == (5, 0)
    assert not Position.objects.get(strategy=hub.strategy).is_open


@pytest.mark.parametrize("kind", ["accept_then_close", "close_before"])
def test_a_target_whose_answer_is_lost_is_taken_once(
    hub: Hub, spot_venue: SpotVenue, kind: str
) -> None:
    hub.send(**BUY, take_profit="110")
    spot_venue.venue.set_price("BTCUSDT", "111")
    spot_venue.venue.fault("submit", kind, key=KEY)
    poll(hub)
    if kind == "close_before":
        assert working(spot_venue) == [("STOP_LOSS", D("0.999"), D(95))]
    for _ in range(15):
        poll(hub, 5)
    sold = [each for each in hub.orders(role="take_profit") if each.status == "filled"]
    assert len(sold) == 1
    assert_flat(hub, spot_venue)


def test_a_worker_that_dies_at_any_step_is_mended(
    hub: Hub, spot_venue: SpotVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enter() -> None:
        spot_venue.venue.set_price("BTCUSDT", "100")
        hub.send(**BUY, take_profit="110")
        assert hub.position("BTCUSDT").protected is True

    def mended() -> bool:
        if hub.position("BTCUSDT").is_open:
            assert working(spot_venue), "it has no stop"
            return False
        return not working(spot_venue)

    def meet() -> None:
        spot_venue.venue.set_price("BTCUSDT", "111")

    assert die_at_every_step(monkeypatch, hub, before=enter, move=meet, mended=mended) > 10
    assert_flat(hub, spot_venue)


@pytest.mark.parametrize("waiting", ["entry", "exit"])
def test_nothing_leaves_behind_a_target_in_doubt_though_its_stop_is_back(
    hub: Hub, spot_venue: SpotVenue, waiting: str
) -> None:
    """The owner holds more coins than the position, so the venue would sell them as well."""
    spot_venue.open(USDT="30000", BTC="5")
    hub.send(
        **BUY,
        take_profit=[{"price": "110", "fraction": "0.5"}, {"price": "120", "fraction": "0.5"}],
    )
    before = sum(free_and_locked(spot_venue))
    spot_venue.venue.set_price("BTCUSDT", "111")
    if waiting == "entry":
        hub.deliver(symbol="ETHUSDT", price="10", action="buy", quantity="5")
    else:
        hub.deliver(symbol="BTCUSDT", price="111", action="exit")
    spot_venue.venue.books.accounts[KEY].order_lag = 5
    spot_venue.venue.fault("submit", "accept_then_close", key=KEY)
    syncing.sync_account(hub.account, clock=hub.clock)
    hub.drain()
    (target,) = hub.orders(role="take_profit")
    assert target.status == "unconfirmed"
    assert len(working(spot_venue)) == 1
    other = "BTCUSDT" if waiting == "exit" else "ETHUSDT"
    assert not hub.orders(role=waiting, symbol=other, submitted_at__isnull=False)
    for _ in range(20):
        poll(hub, 4)
    (left,) = hub.orders(role=waiting, symbol=other)
    assert left.status == "filled"
    if waiting == "exit":
        assert before - sum(free_and_locked(spot_venue)) == D("0.999")
