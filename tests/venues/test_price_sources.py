"""Paper accounts whose prices are a venue's: from its feed, else asked for, and never made up."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest

from brokers import asking
from brokers.doctor import examine
from brokers.errors import OutcomeUnknown
from brokers.models import BrokerAccount
from brokers.prices.asking import forget_prices
from brokers.prices.places import FUTURES_LIVE, SPOT_LIVE, Place
from brokers.registry import connect
from brokers.services import create_account, update_account
from orders.stream_process import Poller
from tests.venues.alpaca import fixtures as at_alpaca
from tests.venues.binance.fixtures import SpotVenue, spot_venue
from tests.venues.binance_futures.fixtures import FuturesVenue, futures_venue
from tests.venues.prices import BinancePrices, FuturesPrices, feeding, told_by
from tests.venues.streams import until
from tradehub.core.errors import BadInput
from tradehub.lib.clock import utc_now
from tradehub.testing.hub import Hub, assert_books_agree, make_hub

__all__ = ["futures_venue", "spot_venue"]
pytestmark = pytest.mark.django_db(transaction=True)
LIMITS = {"max_order_value": "100000"}
BINANCE = {"price_source": "binance", "currency": "USDT", "fractional": True}
BUY = {"symbol": "BTCUSDT", "action": "buy", "quantity": "1", "price": "100"}


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_prices()
    monkeypatch.setattr("brokers.prices.shared._quiet_until", 0.0)


def hub_of(owner: Any, **options: Any) -> Hub:
    return make_hub(owner, utc_now(), LIMITS, options={**BINANCE, **options})


@pytest.fixture
def hub(alice: Any, spot_venue: SpotVenue, redis_server: str) -> Hub:
    made = hub_of(alice)
    spot_venue.venue.clock = lambda: made.clock.now
    return made


@pytest.fixture
def door(spot_venue: SpotVenue, settings: Any) -> Iterator[BinancePrices]:
    made = BinancePrices(spot_venue.venue)
    with told_by(made):
        settings.VENUE_URLS = {**settings.VENUE_URLS, "BINANCE_SPOT_STREAM_URL": made.url}
        yield made


def test_without_a_feed_the_venue_is_asked_without_a_key(hub: Hub, spot_venue: SpotVenue) -> None:
    spot_venue.venue.set_price("BTCUSDT", "120", bid="119", ask="121")
    decision = hub.send(**BUY)  # the alert's own price is not taken
    assert decision.outcome == "approved", decision.reasons
    (order,) = hub.orders()
    assert (order.status, order.average_fill_price) == ("filled", D(121))
    assert {each.key for each in spot_venue.venue.asked("prices")} == {""}
    quote = connect(hub.account, now=hub.clock).quote("BTCUSDT")
    assert quote is not None
    assert (quote.bid, quote.ask, quote.source) == (D(119), D(121), "binance")
    assert_books_agree(hub)


def test_many_accounts_are_one_question(hub: Hub, bob: Any, spot_venue: SpotVenue) -> None:
    other = hub_of(bob)
    connect(hub.account, now=hub.clock).quote("BTCUSDT")
    before = len(spot_venue.venue.asked("prices"))
    for each in (hub, other):
        assert connect(each.account, now=hub.clock).quote("BTCUSDT") is not None
    assert len(spot_venue.venue.asked("prices")) == before


def test_no_price_is_no_price(hub: Hub, spot_venue: SpotVenue) -> None:
    hub.send(**BUY)
    broker = connect(hub.account, now=hub.clock)
    assert broker.quote("FOOUSDT") is None
    broker.observe("FOOUSDT", D(5), hub.clock())
    assert broker.quote("FOOUSDT") is None
    forget_prices()
    spot_venue.server.close_door()
    assert connect(hub.account, now=hub.clock).quotes(["BTCUSDT"]) == {}
    with pytest.raises(OutcomeUnknown, match="Binance tells none of it"):
        connect(hub.account, now=hub.clock).account()


def test_a_resting_order_fills_when_the_feed_tells_its_price(
    hub: Hub, door: BinancePrices, spot_venue: SpotVenue
) -> None:
    hub.send(**{**BUY, "price": "90"}, order_type="limit")
    (order,) = hub.orders()
    assert order.status == "open"
    with feeding(hub.clock) as process:
        process.connected(SPOT_LIVE)
        before = len(spot_venue.venue.asked("prices"))
        spot_venue.venue.set_price("BTCUSDT", "91")
        until(lambda: process.price(Place(SPOT_LIVE, "BTCUSDT")) == 91)
        order.refresh_from_db()
        assert order.status == "open"
        spot_venue.venue.set_price("BTCUSDT", "89.5")
        until(lambda: hub.orders(status="filled"), "filled")
        assert len(spot_venue.venue.asked("prices")) == before, "nobody was asked"
    order.refresh_from_db()
    assert order.average_fill_price == D("89.5")
    assert_books_agree(hub)


def test_a_stop_and_a_trailing_stop_follow_the_feed(
    hub: Hub, door: BinancePrices, spot_venue: SpotVenue
) -> None:
    hub.send(**BUY, stop_loss="95", take_profit="130")
    with feeding(hub.clock) as process:
        process.connected(SPOT_LIVE)
        spot_venue.venue.set_price("BTCUSDT", "94")
        until(lambda: hub.orders(role="stop_loss", status="filled"), "stopped")
    assert not hub.position("BTCUSDT").is_open
    assert_books_agree(hub)


def test_accounts_of_several_users_share_one_subscription(
    hub: Hub, bob: Any, door: BinancePrices, spot_venue: SpotVenue
) -> None:
    other = hub_of(bob)
    for each in (hub, other):
        each.send(**{**BUY, "price": "90"}, order_type="limit")
    with feeding(hub.clock) as process:
        process.connected(SPOT_LIVE)
        until(lambda: door.listeners_of("btcusdt@bookTicker") == 1)
        spot_venue.venue.set_price("BTCUSDT", "89")
        until(lambda: hub.orders(status="filled") and other.orders(status="filled"), "both")
    assert door.accepted == 1
    subscribed = [said[2] for said in door.said if said[1] == "SUBSCRIBE"]
    assert subscribed == [["btcusdt@bookTicker", "btcusdt@miniTicker"]]


def test_a_perpetual_has_the_contracts_price(
    alice: Any, futures_venue: FuturesVenue, settings: Any, redis_server: str
) -> None:
    made = hub_of(alice)
    futures_venue.venue.clock = lambda: made.clock.now
    perpetual = {**BUY, "symbol": "BTCUSDT.P"}
    with told_by(FuturesPrices(futures_venue.venue)) as door:
        settings.VENUE_URLS = {**settings.VENUE_URLS, "BINANCE_FUTURES_STREAM_URL": door.url}
        made.send(**{**perpetual, "price": "90"}, order_type="limit")
        with feeding(made.clock) as process:
            process.connected(FUTURES_LIVE)
            until(lambda: len(door.channels()) == 2)
            assert {each[0] for each in door.said} == {"/public/stream", "/market/stream"}
            futures_venue.venue.set_price("BTCUSDT", "89")
            until(lambda: made.orders(status="filled"), "filled")
    assert made.position("BTCUSDT.P").is_open
    assert {each.key for each in futures_venue.venue.asked("prices")} == {""}


@pytest.mark.parametrize("source", ["signal", "synthetic"])
def test_an_account_with_other_prices_is_left_alone(
    source: str, alice: Any, redis_server: str
) -> None:
    made = make_hub(alice, utc_now(), LIMITS, options={"price_source": source})
    made.send(**{**BUY, "price": "90"}, order_type="limit")
    assert made.orders()
    with feeding(made.clock) as process:
        assert process.pricer.needed() == []


# ---- Alpaca ----


def test_alpacas_prices_are_for_its_customers(
    alice: Any, bob: Any, settings: Any, redis_server: str
) -> None:
    with at_alpaca.opened_alpaca() as there:
        theirs = at_alpaca.make_alpaca_hub(bob, there, settings)
        given: dict[str, Any] = {
            "kind": "paper", "environment": "paper", "label": "Paper", "now": theirs.clock(),
        }  # fmt: skip
        source = {"price_source": "alpaca"}
        with pytest.raises(BadInput, match="you have no account at Alpaca") as refused:
            create_account(owner=alice, options=source, **given)
        assert refused.value.pointer == "/options/price_source"
        assert not BrokerAccount.objects.filter(owner=alice).exists()
        account = create_account(owner=alice, **given)
        with pytest.raises(BadInput, match="you have no account at Alpaca"):
            update_account(account=account, now=theirs.clock(), actor=alice, options=source)
        mine = create_account(owner=bob, options=source, **given)
        broker = connect(mine, now=theirs.clock)
        there.venue.set_price("AAPL", "101")
        quotes = broker.quotes(["AAPL", "BTCUSD"])
        assert {symbol: each.last for symbol, each in quotes.items()} == {
            "AAPL": D(101), "BTCUSD": D(100),
        }  # fmt: skip
        # Whoever gives up the account there has no prices of it either.
        forget_prices()
        BrokerAccount.objects.filter(pk=theirs.account.pk).update(enabled=False)
        assert broker.quotes(["AAPL"]) == {}


# ---- pages, the doctor, and polling ----


def test_a_page_asks_a_worker(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_pages", True)
    assert isinstance(connect(hub.account), asking.AskingBroker)
    hub.account.options = {**hub.account.options, "price_source": "signal"}
    assert not isinstance(connect(hub.account), asking.AskingBroker)


def test_the_doctor_says_whose_prices_they_are(hub: Hub) -> None:
    told = {line.name: line.text for line in examine(hub.account, now=hub.clock)}
    assert told["prices"] == "Prices are those of Binance's live market."


def test_polling_asks_the_venue_for_what_no_feed_tells(
    hub: Hub, door: BinancePrices, spot_venue: SpotVenue
) -> None:
    """And now and then for what one does."""
    hub.send(**BUY)
    position = hub.position("BTCUSDT")
    stop: dict[str, Any] = {"stop_price": None, "targets": [], "entry": hub.orders()[0].pk}
    position.protection = {**stop, "watched": [{"price": "130", "quantity": "1"}]}
    position.save()

    class Idle:
        polls = True

    poller = Poller(Idle(), None, clock=hub.clock)  # type: ignore[arg-type]  # nobody asks it
    assert poller._told(hub.account) == {}
    with feeding(hub.clock) as process:
        process.connected(SPOT_LIVE)
        spot_venue.venue.set_price("BTCUSDT", "105")
        told = until(lambda: poller._told(hub.account))
        assert told["BTCUSDT"].last == 105
        poller._priced[hub.account.pk] -= 16
        assert poller._told(hub.account) == {}, "asked for once in a while all the same"
        assert poller._told(hub.account)
        hub.clock.wait(6)
        assert poller._told(hub.account) == {}, "the feed is mute"
