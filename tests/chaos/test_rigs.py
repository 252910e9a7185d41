"""The venues of a run: what is traded at each can be traded there, and is told apart."""

import http.client
from decimal import Decimal
from itertools import islice

import pytest
from websockets.sync.client import connect

from tests.chaos import local, rigs
from tests.chaos.traffic import MARKET, Market, alerts
from tests.venues.alpaca.books import WORKING as AT_ALPACA
from tests.venues.alpaca.control import STATUSES as OF_ALPACA
from tests.venues.alpaca.control import AlpacaCommands
from tests.venues.binance.books import WORKING as AT_SPOT
from tests.venues.binance.control import STATUSES as OF_SPOT
from tests.venues.binance.control import SpotCommands
from tests.venues.binance_futures.books import WORKING as AT_FUTURES
from tests.venues.binance_futures.control import FuturesCommands
from tests.venues.streams import until

MARKETS = {"scripted": MARKET, **{each.kind: each.market for each in local.KINDS}}


@pytest.mark.parametrize("name", MARKETS)
def test_every_alert_has_a_quantity_of_its_own_on_the_step(name: str) -> None:
    market = MARKETS[name]
    asked = [Decimal(x.body.get("quantity", 0)) for x in islice(alerts(7, 6, market), 2000)]
    quantities = [each for each in asked if each]
    assert len(set(quantities)) == len(quantities)
    assert all(each % market.step == 0 for each in quantities)


def test_every_rig_can_be_found() -> None:
    assert set(rigs.RIGS) == set(MARKETS)
    for name in rigs.RIGS:
        assert callable(rigs.maker_of(name))


@pytest.mark.parametrize("name", MARKETS)
def test_what_is_traded_is_priced_so_that_a_tick_of_a_cent_holds_it(name: str) -> None:
    market = MARKETS[name]
    bodies = [each.body for each in islice(alerts(7, 6, market), 500)]
    named = ("stop_loss", "take_profit", "limit_price")
    prices = [Decimal(body[each]) for body in bodies for each in named if each in body]
    assert prices
    assert all(each % Decimal("0.01") == 0 for each in prices)
    assert {body["symbol"] for body in bodies} == set(market.prices)


def test_at_spot_a_sell_opens_nothing_so_no_strategy_flips() -> None:
    market: Market = local.BINANCE_SPOT.market
    assert not any("on_opposite" in each for each in market.settings)


def test_the_statuses_of_the_books_are_ours() -> None:
    assert {OF_SPOT[each] for each in AT_SPOT} == {"open", "partially_filled"}
    assert {OF_SPOT[each] for each in AT_FUTURES} == {"open", "partially_filled"}
    assert {OF_ALPACA.get(each, each) for each in AT_ALPACA} == {"open", "partially_filled"}


@pytest.mark.parametrize("kind", [SpotCommands, FuturesCommands, AlpacaCommands])
def test_a_venue_that_went_down_comes_up_at_its_address_with_its_books(
    kind: type[SpotCommands] | type[FuturesCommands] | type[AlpacaCommands],
) -> None:
    commands = kind(0)
    commands.open_account("key1", "secret")
    commands.set_price("AAAUSDT", "100")
    url = commands.ping()
    place = url.removeprefix("http://")

    def is_up() -> bool:
        connection = http.client.HTTPConnection(place, timeout=20)
        try:
            connection.request("GET", "/api/v3/time")
            return bool(connection.getresponse().read())
        except OSError:
            return False
        finally:
            connection.close()

    assert is_up()
    commands.go_down()
    assert not is_up()
    commands.come_up()
    assert is_up()
    assert commands.ping() == url
    assert commands.books("key1")["orders"] == []
    commands.go_down()


@pytest.mark.parametrize("kind", [SpotCommands, FuturesCommands, AlpacaCommands])
def test_its_sockets_go_down_with_it_and_come_up_at_their_address(
    kind: type[SpotCommands] | type[FuturesCommands] | type[AlpacaCommands],
) -> None:
    commands = kind(0)
    commands.open_account("key1", "secret")
    url = commands.sockets_url()
    with connect(url):
        pass
    commands.go_down()
    with pytest.raises(ConnectionRefusedError):
        connect(url)
    commands.come_up()
    with connect(url):
        pass
    assert commands.sockets_url() == url
    until(lambda: commands.sockets_seen() == {"connected": 2, "told": 0})
    commands.go_down()


@pytest.mark.parametrize("fault", ["drop", "silent", "mute", "late", "copies"])
def test_a_fault_of_sockets_concerns_who_is_told(fault: str) -> None:
    commands = SpotCommands(0)
    assert commands.socket_fault(fault) == 0
    commands.end_socket_fault(fault, seed=1)
    manners = commands._sockets.manners
    assert (manners.mute, manners.held, manners.copies) == (False, None, 1)
    commands.go_down()


def test_a_fault_that_was_met_is_counted() -> None:
    commands = SpotCommands(0)
    commands.mix("submit", {"refuse_500": 1.0}, seed=1, seconds=1)
    for operation in ("submit", "submit", "order"):
        commands._script.next("any", operation)
    assert commands.faults_met() == {"refuse_500": 2}
    commands.clear_faults()
    commands._script.next("any", "submit")
    assert commands.faults_met() == {"refuse_500": 2}
    commands.go_down()


def test_a_crash_is_handed_out_once() -> None:
    commands = SpotCommands(0)
    commands.crash("in_send")
    assert [commands.crash_point(), commands.crash_point()] == ["in_send", None]
    assert commands.crashes() == ["in_send"]
    commands.go_down()
