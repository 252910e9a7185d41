"""Trailing stops at spot: a stop with a `trailingDelta`, in hundredths of a percent."""

from decimal import Decimal as D
from typing import Any

import pytest

from brokers.binance.parsing import order_report
from brokers.errors import OrderRejected, Unsupported
from brokers.streams.binance_spot_frames import order_of
from brokers.types import ReportStatus
from orders.models import Order
from tests.venues.binance.fixtures import (
    Desk,
    SpotVenue,
    make_account,
    make_broker,
    make_spot_hub,
)
from tests.venues.binance.sockets import telling
from tests.venues.binance.test_hub import LIMITS, held, poll, send, working
from tests.venues.binance.venue import filters
from tradehub.core.intent import Trail
from tradehub.core.words import OrderType
from tradehub.testing.hub import Hub

FIVE = Trail(percent=D(5))


@pytest.fixture
def desk(alice: Any, spot_venue: SpotVenue) -> Desk:
    spot_venue.open()
    return Desk(spot_venue, make_account(alice))


@pytest.fixture
def hub(alice: Any, spot_venue: SpotVenue) -> Hub:
    return make_spot_hub(alice, spot_venue, LIMITS)


def sent(desk: Desk) -> dict[str, str]:
    return desk.venue.asked("submit")[-1].params


def test_it_is_a_stop_with_a_delta_and_told_as_what_it_is(desk: Desk) -> None:
    desk.place("buy", "2")
    report = desk.place("sell", "1", "trailing_stop", trail=FIVE, id="trails")
    assert (sent(desk)["type"], sent(desk)["trailingDelta"]) == ("STOP_LOSS", "500")
    assert not {"stopPrice", "price", "timeInForce"} & set(sent(desk))
    broker = desk.reopen()
    (listed,) = broker.open_orders()
    for told in (report, broker.order("trails"), listed):
        assert told is not None
        assert (told.order_type, told.stop_price) == (OrderType.TRAILING_STOP, None)
        assert told.status is ReportStatus.OPEN
    assert desk.books.balance("BTC").locked == 1


@pytest.mark.parametrize(
    ("side", "prices", "turn"), [("sell", ("120", "115"), "114"), ("buy", ("80", "83"), "84")]
)
def test_it_follows_the_best_price_and_trades_at_the_market(
    desk: Desk, side: str, prices: tuple[str, ...], turn: str
) -> None:
    desk.place("buy", "2")
    desk.place(side, "1", "trailing_stop", trail=FIVE, id="trails")
    for each in prices:
        desk.venue.set_price("BTCUSDT", each)
        assert _now(desk).status is ReportStatus.OPEN
    desk.venue.set_price("BTCUSDT", turn)
    told = _now(desk)
    assert (told.status, [each.price for each in told.fills]) == (ReportStatus.FILLED, [D(turn)])


def test_it_can_be_cancelled(desk: Desk) -> None:
    desk.place("buy", "2")
    desk.place("sell", "1", "trailing_stop", trail=FIVE, id="trails")
    assert desk.broker.cancel("trails").status is ReportStatus.CANCELED
    assert desk.books.balance("BTC").locked == 0


@pytest.mark.parametrize(
    ("trail", "words"),
    [
        (Trail(percent=D("0.05")), "0.1 to 20 percent at Binance, and this one asks for 0.05"),
        (Trail(percent=D("20.1")), "0.1 to 20 percent at Binance, and this one asks for 20.1"),
        (Trail(offset=D(5)), "name it in percent"),
        (None, "needs its distance"),
    ],
)
def test_one_to_buy_that_the_pair_does_not_take_is_not_sent(
    desk: Desk, trail: Trail | None, words: str
) -> None:
    with pytest.raises(Unsupported, match=words):
        desk.place("buy", "1", "trailing_stop", trail=trail)
    assert desk.venue.asked("submit") == []


@pytest.mark.parametrize(
    ("trail", "delta"),
    [
        (Trail(percent=D("0.05")), "10"),
        (Trail(percent=D(30)), "2000"),
        (Trail(percent=D("1.234")), "123"),
        (Trail(offset=D("5")), "500"),
        (Trail(offset=D("60")), "2000"),
    ],
)
def test_one_to_sell_is_bent_to_what_the_pair_takes(desk: Desk, trail: Trail, delta: str) -> None:
    desk.place("buy", "2")
    desk.place("sell", "1", "trailing_stop", trail=trail, reduce_only=True)
    assert sent(desk)["trailingDelta"] == delta


def test_its_bounds_are_read_again_before_an_entry_is_refused_by_them(
    alice: Any, spot_venue: SpotVenue
) -> None:
    hub = make_spot_hub(alice, spot_venue, LIMITS)
    asked = Desk(spot_venue, hub.account).ask(
        "buy", "1", "trailing_stop", trail=Trail(percent=D(25))
    )
    broker = make_broker(hub.account, hub.clock)
    assert broker.instrument("BTCUSDT") is not None
    spot_venue.venue.books.markets["BTCUSDT"].filters = filters(
        TRAILING_DELTA={"minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 3000,
                        "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
    )  # fmt: skip
    hub.clock.wait(120)
    assert broker.submit(asked).status is ReportStatus.OPEN
    assert spot_venue.venue.asked("submit")[-1].params["trailingDelta"] == "2500"


def test_a_pair_without_trailing_stops_says_so_and_none_is_sent(desk: Desk) -> None:
    desk.venue.books.markets["BTCUSDT"].trails = False
    instrument = desk.broker.instrument("BTCUSDT")
    assert instrument is not None
    assert instrument.order_types is not None
    assert OrderType.TRAILING_STOP not in instrument.order_types
    assert OrderType.STOP in instrument.order_types
    with pytest.raises(Unsupported, match="takes no trailing stop of BTCUSDT"):
        desk.place("buy", "1", "trailing_stop", trail=FIVE)
    assert desk.venue.asked("submit") == []


@pytest.mark.parametrize(
    ("side", "delta", "words"),
    [
        ("SELL", "29", "Filter failure: TRAILING_DELTA"),
        ("SELL", "301", "Filter failure: TRAILING_DELTA"),
        ("BUY", "301", ""),
        ("BUY", "19", "Filter failure: TRAILING_DELTA"),
        ("BUY", "20.5", "Illegal characters"),
    ],
)
def test_the_venue_itself_has_a_bound_for_each_side(
    desk: Desk, side: str, delta: str, words: str
) -> None:
    desk.venue.books.markets["BTCUSDT"].filters = filters(
        TRAILING_DELTA={"minTrailingAboveDelta": 20, "maxTrailingAboveDelta": 400,
                        "minTrailingBelowDelta": 30, "maxTrailingBelowDelta": 300},
    )  # fmt: skip
    desk.place("buy", "2")
    params = {"symbol": "BTCUSDT", "side": side, "type": "STOP_LOSS", "quantity": "1"}
    params |= {"trailingDelta": delta, "newClientOrderId": "raw"}
    if not words:
        assert desk.broker.client.create_order(**params)["orderId"]
        return
    with pytest.raises(OrderRejected, match=words):
        desk.broker.client.create_order(**params)


def test_the_venue_itself_refuses_a_pair_without_them(desk: Desk) -> None:
    desk.venue.books.markets["BTCUSDT"].trails = False
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS", "quantity": "1"}
    with pytest.raises(OrderRejected, match="Trailing stop orders are not supported"):
        desk.broker.client.create_order(**params, trailingDelta="500", newClientOrderId="raw")


def test_a_stream_tells_it_as_what_it_is(desk: Desk) -> None:
    desk.place("buy", "2")
    desk.place("sell", "1", "trailing_stop", trail=FIVE, id="trails")
    placed = desk.books.find("BTCUSDT", client_id="trails")
    assert placed is not None
    with telling(desk.venue) as sockets:
        event = sockets._report(placed, "NEW", "NEW", ())
    told = order_report(order_of(event), ())
    assert (told.order_type, told.stop_price) == (OrderType.TRAILING_STOP, None)


def test_an_exit_by_alert_trails_and_ends_the_position(hub: Hub, spot_venue: SpotVenue) -> None:
    """Of a position without a stop: beside one nothing that sells can rest at spot."""
    send(hub, action="buy", quantity="1")
    decision = send(hub, action="exit", order_type="trailing_stop", trail_percent="5")
    assert decision.outcome == "approved", decision.reasons
    assert [(side, kind) for side, kind, *_ in working(spot_venue)] == [("SELL", "STOP_LOSS")]
    (exit_,) = hub.orders(role="exit")
    assert (exit_.order_type, exit_.status) == ("trailing_stop", "open")
    spot_venue.venue.set_price("BTCUSDT", "120")
    poll(hub)
    assert hub.position("BTCUSDT").is_open
    spot_venue.venue.set_price("BTCUSDT", "113")
    poll(hub)
    assert not hub.position("BTCUSDT").is_open
    assert (held(spot_venue), working(spot_venue)) == (0, [])


def test_an_exit_of_a_pair_without_trailing_stops_goes_at_the_market(
    hub: Hub, spot_venue: SpotVenue
) -> None:
    spot_venue.venue.books.markets["BTCUSDT"].trails = False
    send(hub, action="buy", quantity="1", stop_loss="80")
    send(hub, action="exit", order_type="trailing_stop", trail_percent="5")
    assert Order.objects.get(role="exit").order_type == "market"
    assert held(spot_venue) == 0


def test_an_entry_of_a_pair_without_them_is_denied(hub: Hub, spot_venue: SpotVenue) -> None:
    spot_venue.venue.books.markets["BTCUSDT"].trails = False
    alert = {"action": "buy", "quantity": "1", "trail_percent": "5"}
    decision = send(hub, order_type="trailing_stop", **alert)
    assert [each["code"] for each in decision.reasons] == ["UNSUPPORTED_BY_VENUE"]
    assert spot_venue.venue.asked("submit") == []


def _now(desk: Desk) -> Any:
    found = desk.broker.order("trails")
    assert found is not None
    return found
