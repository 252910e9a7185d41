"""Case 10: delayed charts and symbols that the venue does not know open nothing, and none is
guessed."""

import pytest

from brokers.models import BrokerAccount
from tests.cases.conftest import MakeHub
from tests.venue.control import Control
from tests.venue.fixtures import KEY, ScriptedVenue
from tradehub.testing.hub import Hub

pytestmark = pytest.mark.django_db

LIVE_NEEDS = {"max_position_value": "100000", "max_daily_loss_amount": "50000"}


@pytest.fixture
def control(scripted_venue: ScriptedVenue) -> Control:
    return scripted_venue.control


def traded(control: Control) -> list[str]:
    return [each.body["symbol"] for each in control.posts(KEY)]


def make_live(hub: Hub) -> None:
    BrokerAccount.objects.filter(pk=hub.account.pk).update(environment="live")


@pytest.mark.parametrize("exchange", ["NASDAQ_DLY", "NASDAQ_DL"])
def test_case_10_a_delayed_chart_opens_nothing_on_a_live_account(
    make_hub: MakeHub, control: Control, exchange: str
) -> None:
    hub = make_hub(LIVE_NEEDS)
    make_live(hub)
    assert hub.codes(action="buy", quantity="1", exchange=exchange) == ["DELAYED_DATA"]
    assert hub.codes(action="buy", quantity="1", symbol=f"{exchange}:AAPL") == ["DELAYED_DATA"]
    assert traded(control) == []
    assert hub.codes(action="buy", quantity="1", symbol="NASDAQ:AAPL") == []
    assert hub.codes(action="close", exchange=exchange) == [], "an exit passes"
    assert traded(control) == ["AAPL", "AAPL"]


def test_case_10_an_unmapped_ticker_is_refused_and_a_mapped_one_is_echoed(
    make_hub: MakeHub, control: Control
) -> None:
    hub = make_hub(symbol_map={"NQ1!": "QQQ"})
    control.set_default_price(None)
    for symbol in ("QQQ", "SPY"):
        control.set_instrument(symbol, step="1", tick="0.01")
        control.set_quote(symbol, "100")
    assert hub.codes(action="buy", quantity="1", symbol="ES1!") == ["SYMBOL_UNKNOWN"]
    assert traded(control) == []
    decision = hub.send(action="buy", quantity="1", symbol="CME_MINI:NQ1!")
    assert decision.outcome == "approved", decision.reasons
    assert traded(control) == ["QQQ"]
    assert [each.symbol for each in hub.orders()] == ["QQQ"]


def test_case_10_spot_and_perpetual_are_never_mixed(make_hub: MakeHub, control: Control) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity="2", symbol="BINANCE:BTCUSDT.P")
    hub.send(action="buy", quantity="1", symbol="BINANCE:BTCUSDT")
    assert traded(control) == ["BTCUSDT.P", "BTCUSDT"]
    hub.send(action="close", symbol="BTCUSDT")
    assert control.books(KEY).positions == {"BTCUSDT.P": 2}
    assert hub.position("BTCUSDT.P").quantity == 2
    assert not hub.position("BTCUSDT").is_open
