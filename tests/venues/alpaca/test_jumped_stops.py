"""A price that jumps beyond the limit of a stop at Alpaca: the stop has triggered, can't fill, and
protects nothing. So says the position, and an exit at the market takes its place."""

from decimal import Decimal as D
from typing import Any

import pytest

from brokers.alpaca.adapter import AlpacaBroker
from brokers.errors import NotSent
from brokers.types import Instrument, OrderReport
from orders import monitoring
from orders.models import Drift
from orders.positions import queue_protection
from orders.reconciling import reconcile_now
from tests.venues.alpaca.fixtures import KEY, Alpaca, make_alpaca_hub
from tests.venues.dying import die_at_every_step, poll
from tradehub.testing.hub import Hub

COIN = {"symbol": "BTCUSD", "price": "100", "action": "buy", "quantity": "10", "stop_loss": "95"}
SHORT = {"price": "100", "action": "sell", "quantity": "10", "stop_loss": "105"}
"""Their stops reach to 85.5 (86 on the coin's step) and 107.625."""


@pytest.fixture
def hub(alice: Any, alpaca: Alpaca, settings: Any) -> Hub:
    return make_alpaca_hub(alice, alpaca, settings, {"max_order_value": "100000"})


def working(alpaca: Alpaca) -> list[str]:
    orders = alpaca.venue.accounts[KEY].orders.values()
    return [each.type for each in orders if each.working]


def exits(hub: Hub) -> list[tuple[str, str, D | None]]:
    found = hub.orders(role="exit")
    return [(each.status, each.source, each.average_fill_price) for each in found]


def traded(alpaca: Alpaca, side: str) -> D:
    fills = alpaca.venue.accounts[KEY].fills
    return sum((each.qty for each in fills if each.order.side == side), D(0))


def assert_flat(hub: Hub, alpaca: Alpaca, symbol: str) -> None:
    assert not hub.position(symbol).is_open
    assert alpaca.venue.positions(KEY) == {}
    assert working(alpaca) == []
    assert not hub.orders(status__in=["queued", "sending", "unconfirmed", "open"])
    hub.clock.wait(30)
    assert reconcile_now(hub.account, clock=hub.clock).complete
    assert not Drift.objects.exists()


def see_jump(hub: Hub, alpaca: Alpaca, symbol: str, price: str) -> None:
    """The first look at a price beyond the limit: the alarm, and the stop keeps its place."""
    assert hub.position(symbol).protected is True
    alpaca.venue.set_price(symbol, price)
    poll(hub)
    assert hub.position(symbol).protected is False
    assert len(working(alpaca)) == 1
    assert exits(hub) == []


def test_the_stop_of_a_coin_is_jumped(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**COIN)
    see_jump(hub, alpaca, "BTCUSD", "80")
    poll(hub, 3)
    assert exits(hub) == [("filled", "system", 80)]
    assert [each.status for each in hub.orders(role="stop_loss")] == ["canceled"]
    assert_flat(hub, alpaca, "BTCUSD")


@pytest.mark.parametrize(
    ("price", "stop", "fills_at", "jumps_at"),
    [("100", "105", "107.62", "107.63"), ("40", "45", "46.8", "46.81")],
)
def test_the_stop_of_a_short_is_jumped(
    hub: Hub, alpaca: Alpaca, price: str, stop: str, fills_at: str, jumps_at: str
) -> None:
    """Alpaca makes a stop limit of a stop to buy: 2.5 % above it, or 4 % below 50 dollars."""
    short = {**SHORT, "price": price, "stop_loss": stop}
    alpaca.venue.set_price("AAPL", price)
    hub.send(**short)
    alpaca.venue.set_price("AAPL", fills_at)
    poll(hub)
    assert [each.status for each in hub.orders(role="stop_loss")] == ["filled"]
    assert exits(hub) == []
    alpaca.venue.set_price("AAPL", price)
    hub.send(**short)
    see_jump(hub, alpaca, "AAPL", jumps_at)
    poll(hub, 3)
    assert exits(hub) == [("filled", "system", D(jumps_at))]
    assert_flat(hub, alpaca, "AAPL")


def test_a_stop_of_a_pair_is_jumped(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**SHORT, take_profit="90")
    assert working(alpaca) == ["limit", "stop"]
    alpaca.venue.set_price("AAPL", "120")
    poll(hub)
    assert hub.position().protected is False
    poll(hub, 3)
    assert exits(hub) == [("filled", "system", 120)]
    assert traded(alpaca, "buy") == 10
    assert_flat(hub, alpaca, "AAPL")


def test_a_long_in_shares_has_a_stop_without_a_limit(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(price="100", action="buy", quantity="10", stop_loss="95")
    alpaca.venue.change(KEY, fills_by_hand=True)
    alpaca.venue.set_price("AAPL", "50")
    for _ in range(5):
        poll(hub, 10)
    assert (working(alpaca), hub.position().protected) == (["stop"], True)


def test_a_stop_that_fills_in_its_moment_needs_no_exit(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**COIN)
    see_jump(hub, alpaca, "BTCUSD", "80")
    alpaca.venue.set_price("BTCUSD", "87")
    poll(hub, 3)
    assert exits(hub) == []
    assert [each.status for each in hub.orders(role="stop_loss")] == ["filled"]
    assert_flat(hub, alpaca, "BTCUSD")


def test_a_stop_that_fills_while_it_is_cancelled_is_not_doubled(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.send(**COIN)
    see_jump(hub, alpaca, "BTCUSD", "80")
    cancel = AlpacaBroker.cancel

    def filled_first(broker: AlpacaBroker, client_order_id: str) -> OrderReport:
        if broker.positions():
            alpaca.venue.fill(KEY, client_order_id, "9.975")
        return cancel(broker, client_order_id)

    monkeypatch.setattr(AlpacaBroker, "cancel", filled_first)
    poll(hub, 3)
    (leaving,) = hub.orders(role="exit")
    assert (leaving.status, leaving.reason) == ("canceled", "ALREADY_FLAT")
    assert not alpaca.venue.posts(leaving.client_order_id)
    assert traded(alpaca, "sell") == D("9.975")
    assert_flat(hub, alpaca, "BTCUSD")


def test_a_part_that_fills_first_makes_the_exit_smaller(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.send(**COIN)
    see_jump(hub, alpaca, "BTCUSD", "80")
    (stop,) = hub.orders(role="stop_loss")
    alpaca.venue.fill(KEY, stop.client_order_id, "4", "86")
    for _ in range(3):
        poll(hub, 3)
    assert [each.filled_quantity for each in hub.orders(role="exit")] == [D("5.975")]
    assert_flat(hub, alpaca, "BTCUSD")


def test_a_price_that_comes_back_leaves_the_stop_where_it_is(hub: Hub, alpaca: Alpaca) -> None:
    """The venue has seen no trade there."""
    hub.send(**COIN)
    alpaca.venue.change(KEY, fills_by_hand=True)
    see_jump(hub, alpaca, "BTCUSD", "80")
    alpaca.venue.set_price("BTCUSD", "99")
    for _ in range(3):
        poll(hub, 3)
        assert hub.position("BTCUSD").protected is True
    assert exits(hub) == []
    assert [each.status for each in hub.orders(role="stop_loss")] == ["open"]


def test_a_price_that_the_stop_still_reaches_is_no_jump(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**COIN)
    alpaca.venue.change(KEY, fills_by_hand=True)
    alpaca.venue.set_price("BTCUSD", "86")
    for _ in range(3):
        poll(hub, 5)
    assert (working(alpaca), hub.position("BTCUSD").protected) == (["stop_limit"], True)


def test_no_look_comes_before_its_moment_is_over(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**COIN)
    see_jump(hub, alpaca, "BTCUSD", "80")
    for _ in range(2):
        hub.clock.wait(1)
        queue_protection(hub.position("BTCUSD"), now=hub.clock())
        hub.drain()
        assert exits(hub) == []
    hub.clock.wait(1)
    hub.drain()
    assert exits(hub) == [("filled", "system", 80)]


def test_a_spread_without_a_trade_below_the_stop_is_no_jump(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**COIN)
    alpaca.venue.set_price("BTCUSD", "99", bid="80", ask="101")
    for _ in range(3):
        poll(hub, 5)
    assert hub.position("BTCUSD").protected is True
    alpaca.venue.set_price("BTCUSD", "94", bid="80", ask="101")
    poll(hub)
    assert hub.position("BTCUSD").protected is False


@pytest.mark.parametrize("age", [301, 8])
def test_a_price_that_is_old_or_older_than_the_stop_is_no_jump(
    hub: Hub, alpaca: Alpaca, age: float
) -> None:
    hub.send(**COIN)
    alpaca.venue.change(KEY, fills_by_hand=True)
    alpaca.venue.set_price("BTCUSD", "80", age=age)
    poll(hub, 5)
    poll(hub, 5)
    assert (working(alpaca), hub.position("BTCUSD").protected) == (["stop_limit"], True)


def test_the_last_look_needs_a_fresh_price_too(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**COIN)
    see_jump(hub, alpaca, "BTCUSD", "80")
    alpaca.venue.set_price("BTCUSD", "80", age=400)
    for _ in range(3):
        poll(hub, 5)
    assert exits(hub) == []
    assert hub.position("BTCUSD").protected is False
    alpaca.venue.set_price("BTCUSD", "79")
    poll(hub, 5)
    assert exits(hub) == [("filled", "system", 79)]


def test_an_exit_that_is_refused_gives_the_stop_back_and_comes_again(
    hub: Hub, alpaca: Alpaca
) -> None:
    hub.send(**COIN)
    see_jump(hub, alpaca, "BTCUSD", "80")
    alpaca.venue.fault("submit", "reject")
    poll(hub, 3)
    assert [each[0] for each in exits(hub)] == ["rejected"]
    assert working(alpaca) == ["stop_limit"]
    for _ in range(4):
        poll(hub, 5)
    assert [each[0] for each in exits(hub)] == ["rejected", "filled"]
    assert_flat(hub, alpaca, "BTCUSD")


def test_a_closed_market_keeps_the_stop_until_the_open(hub: Hub, alpaca: Alpaca) -> None:
    """It has not triggered, and an exit would not fill. The alarm does not wait."""
    hub.send(**SHORT)
    alpaca.venue.open_market(is_open=False)
    hub.clock.wait(24 * 3600)
    see_jump(hub, alpaca, "AAPL", "120")
    for _ in range(4):
        poll(hub, 5)
    assert (working(alpaca), exits(hub)) == (["stop"], [])
    assert hub.position().protected is False
    alpaca.venue.open_market(is_open=True)
    for _ in range(2):
        poll(hub, 24 * 3600)
    assert exits(hub) == [("filled", "system", 120)]
    assert_flat(hub, alpaca, "AAPL")


def test_its_reach_is_found_out_when_the_venue_can_tell_again(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its stop has a limit is not known until then."""
    told, fails = AlpacaBroker.instrument, True

    def instrument(broker: AlpacaBroker, symbol: str) -> Instrument | None:
        if fails and alpaca.venue.posts():
            raise NotSent("no route")
        return told(broker, symbol)

    monkeypatch.setattr(AlpacaBroker, "instrument", instrument)
    hub.send(**SHORT)
    assert working(alpaca) == ["stop"]
    alpaca.venue.set_price("AAPL", "120")
    poll(hub, 5)
    assert hub.position().protected is True
    fails = False
    for _ in range(3):
        poll(hub, 5)
    assert exits(hub) == [("filled", "system", 120)]
    assert_flat(hub, alpaca, "AAPL")


def test_a_stream_of_prices_notes_it_once(hub: Hub, alpaca: Alpaca) -> None:
    hub.send(**COIN)
    alpaca.venue.set_price("BTCUSD", "80")
    hub.clock.wait(1)
    quote = alpaca.broker(hub.clock).quote("BTCUSD")
    assert quote is not None
    noted = [
        monitoring.watch_prices(hub.account.pk, {"BTCUSD": quote}, hub.clock()) for _ in range(3)
    ]
    assert noted == [1, 0, 0]
    assert not monitoring.asks(hub.position("BTCUSD"), quote)
    hub.clock.wait(3)
    hub.drain()
    assert exits(hub) == [("filled", "system", 80)]
    assert_flat(hub, alpaca, "BTCUSD")


def test_a_worker_that_dies_at_any_step_is_mended(
    hub: Hub, alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = D(0)

    def enter() -> None:
        nonlocal bought
        alpaca.venue.set_price("BTCUSD", "100")
        hub.send(**COIN)
        bought += D("9.975")
        assert hub.position("BTCUSD").protected is True
        alpaca.venue.set_price("BTCUSD", "80")
        poll(hub)
        assert hub.position("BTCUSD").protected is False

    def mended() -> bool:
        return not hub.position("BTCUSD").is_open and not working(alpaca)

    def wait() -> None:
        hub.clock.wait(3)

    assert die_at_every_step(monkeypatch, hub, before=enter, move=wait, mended=mended) > 5
    assert traded(alpaca, "sell") == bought
    assert_flat(hub, alpaca, "BTCUSD")
